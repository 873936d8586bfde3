"""Models as the transformers library stores them: finding one, its chat template, its end tokens, its context."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx

from sdpo_gym.errors import MissingExtraError, OutageError, UsageError
from sdpo_gym.policies.base import PolicyError
from sdpo_gym.task import Message

try:
    import huggingface_hub
    from jinja2 import TemplateError
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "torch") from error

_log = logging.getLogger(__name__)

DTYPES = ("float32", "bfloat16", "float16")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_HUB_PROBE_S = 5.0

Loaded = TypeVar("Loaded")


def chosen_model(policy: str, argument: str, model: str | None, dtype: str | None, template_options: object) -> str:
    """Return the name of the model that a policy is asked for, once its common options are found to be sound.

    Args:
        policy: the policy's name, for messages.
        argument: what stands behind the colon of ``POLICY:MODEL``, or empty.
        model: the model as an option.
        dtype: None or one of ``DTYPES``.
        template_options: None or a table.

    Raises:
        UsageError: if there are two models or none, or an option is wrong.
    """
    if argument and model and argument != model:
        raise UsageError(f"two models are named, {argument!r} and {model!r}; keep one")
    name = argument or model
    if not name:
        raise UsageError(f"policy {policy!r} needs a model: {policy}:DIRECTORY or {policy}:HUB_NAME")
    if dtype is not None and dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}: use one of {', '.join(DTYPES)}")
    if not isinstance(template_options, Mapping | None):
        raise UsageError(
            f"template_options must be a table, such as {{enable_thinking=false}}, got {template_options!r}"
        )
    return name


def load_pretrained(name: str, load: Callable[[str, Mapping[str, Any]], Loaded]) -> tuple[Loaded, str | None]:
    """Load a model from a directory or the hub, which gives a commit as well.

    Args:
        name: a directory, or the name of a hub model.
        load: called with the directory or the hub's name, and the options of ``from_pretrained`` that say where to
            look; what it raises is told as one of the below.

    Raises:
        UsageError: there is no such model, or it does not load.
        OutageError: the hub cannot be reached and the model is not in its cache.
    """
    is_directory = Path(name).expanduser().is_dir()
    if not is_directory and not _HUB_ID.fullmatch(name):
        raise UsageError(f"model directory {name!r} does not exist; give a directory or the name of a hub model")
    source = str(Path(name).expanduser()) if is_directory else name
    # Asked once here, because the library itself tries six times for half a minute.
    offline = not is_directory and not _hub_answers()
    options: dict[str, Any] = {"local_files_only": is_directory or offline}
    revision = None
    try:
        if not is_directory:
            # The cache keeps files under their commit; naming it keeps all that follows at one commit.
            config = huggingface_hub.hf_hub_download(name, "config.json", local_files_only=offline)
            options["revision"] = revision = Path(config).parent.name
        return load(source, options), revision
    except UsageError:
        raise
    except Exception as error:  # a broken directory fails in as many ways as there are file formats
        chain = list(_causes(error))
        hub = huggingface_hub.errors
        outages = (hub.LocalEntryNotFoundError, hub.HfHubHTTPError, ConnectionError, TimeoutError)
        if any(isinstance(e, hub.RepositoryNotFoundError) for e in chain):  # gated ones too
            raise UsageError(
                f"{name!r} is neither a directory here nor a hub model that you may read (check the spelling, "
                "or log in with `hf auth login`)"
            ) from error
        if not is_directory and any(isinstance(e, outages) for e in chain):
            raise OutageError(
                f"hub model {name!r} cannot be fetched from {huggingface_hub.constants.ENDPOINT} and is not in its "
                "cache; check the network, or give a directory"
            ) from error
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UsageError(f"model {name!r} does not load: {reason}") from error


def check_chat_template(tokenizer: Any, name: str) -> None:
    """Raise UsageError if the model ``name`` has no chat template."""
    if tokenizer.chat_template is None:
        raise UsageError(
            f"model {name!r} has no chat template, so a chat cannot be put to it: use an instruction-tuned model, "
            "or add a file chat_template.jinja to the model's directory"
        )


def render_chat(tokenizer: Any, messages: Sequence[Message], options: Mapping[str, Any], name: str) -> tuple[int, ...]:
    """Return the token ids of a chat, up to where the assistant's next turn begins.

    Args:
        tokenizer: with a chat template.
        messages: the chat.
        options: further variables of the template.
        name: of the model, for the error.

    Raises:
        PolicyError: the chat template refuses this chat.
    """
    try:
        text = tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in messages],
            tokenize=False,
            add_generation_prompt=True,
            **options,
        )
    except TemplateError as error:
        message = f"the chat template of {name!r} refuses this chat: {error}"
        raise PolicyError(message, permanent=True) from error
    # The template writes the start token itself.
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def room_for_answer(prompt: int, context: int | None, wanted: int, name: str) -> int:
    """Return how many tokens an answer may have, at most ``wanted``.

    Args:
        prompt: tokens of the prompt.
        context: most tokens that the model ``name`` can see, None for no limit.
        wanted: tokens asked for.
        name: of the model, for the error.

    Raises:
        PolicyError: the prompt fills the context.
    """
    if context is None:
        return wanted
    if prompt >= context:
        raise PolicyError(
            f"the prompt has {prompt} tokens and the context of {name!r} is {context}: no room is left for an answer",
            permanent=True,
        )
    return min(wanted, context - prompt)


def decode(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of sampled tokens, without special ones and exactly as they were written."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """Return what stands before the first of the stop strings, all of the text if there is none."""
    return text[: min((found for s in stop if (found := text.find(s)) >= 0), default=len(text))]


def template_digest(tokenizer: Any) -> str:
    """Return a sha256 of the chat template."""
    return hashlib.sha256(json.dumps(tokenizer.chat_template, sort_keys=True).encode()).hexdigest()


def context_length(config: Any, tokenizer: Any) -> int | None:
    """Return the most tokens that a model of this configuration can see, or None if it has no limit."""
    limit = getattr(config.get_text_config(), "max_position_embeddings", None)
    if limit is None and tokenizer.model_max_length < 1e9:  # transformers writes 1e30 for "unknown"
        limit = tokenizer.model_max_length
    return None if limit is None else int(limit)


def end_token_ids(generation_config: Any, tokenizer: Any) -> frozenset[int]:
    """Return all tokens that end an answer: those of the generation config, and the tokenizer's own."""
    configured = generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)


def _hub_answers() -> bool:
    endpoint = huggingface_hub.constants.ENDPOINT
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(endpoint, timeout=_HUB_PROBE_S)
    except httpx.HTTPError:
        _log.warning("%s cannot be reached; looking in its cache only", endpoint)
        return False
    return True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
