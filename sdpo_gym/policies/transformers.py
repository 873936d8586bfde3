"""Causal language models run in this process with the transformers library."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import math
import random
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import MissingExtraError, OutageError, UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.task import Message

try:
    import huggingface_hub
    import torch
    import transformers
    from jinja2 import TemplateError
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "torch") from error

from sdpo_gym.policies.trainable import (
    ALL_LINEAR,
    add_lora,
    checkpoint_gradients,
    has_adapter,
    load_weights,
    save_weights,
)

_log = logging.getLogger(__name__)

_DTYPES = ("float32", "bfloat16", "float16")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_HUB_PROBE_S = 5.0
_CPU_BATCH_TOKENS = 16_384
_FINGERPRINT_VALUES = 1024  # of each parameter; every training step moves some of them

_Result = tuple[int, Completion | PolicyError]


@dataclass
class _Row:
    """One request in the making."""

    index: int
    prompt: tuple[int, ...]
    limit: int  # most tokens that it may have
    seed: int
    done: bool = False

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was sampled."""
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.uniforms = random.Random(self.seed)


class TransformersPolicy:
    """Samples from a causal language model with a chat template.

    Rows are batched with left padding, longest prompts first, and leave the batch as they finish. Each row draws from
    its own generator, seeded with its request's seed, so its completion does not depend on the batch around it beyond
    the rounding of the model's logits: with float32 on a CPU they differ in the last bits between batch shapes, which
    changes a token only where a draw falls within about 1e-6 of the border between two. With bfloat16 the rounding is
    so coarse that completions in different batches often part within some tens of tokens. Models whose rotary
    frequencies change with the longest row of a batch (LongRoPE, dynamic NTK) are exact in batches of one only.

    Only temperature and top-p shape the distribution; other sampling settings that a model ships with are not used.
    ``render`` and ``generate`` use one set of chat-template options, which ``describe`` records.

    Args:
        model: a causal language model, on its device, in evaluation mode.
        tokenizer: its tokenizer, with a chat template.
        name: what ``describe`` calls it.
        revision: the commit that it was loaded from, if any.
        batch_tokens: most tokens, padding and room for the answer included, that a batch may hold; a row that is longer
            goes alone. None chooses by the memory that is free.
        template_options: further variables of the chat template, such as ``{"enable_thinking": False}``.

    Attributes:
        model: the model; training changes its weights in place.
        tokenizer: its tokenizer.
        compute_dtype: what matrices are multiplied in where weights are kept more precisely, see
            :func:`~sdpo_gym.policies.trainable.make_precise`; None for the weights' own.

    Raises:
        UsageError: there is no chat template or key-value cache, or ``batch_tokens`` is below 1.
    """

    capabilities = frozenset({Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.SEED, Capability.TRAIN})

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str,
        revision: str | None = None,
        batch_tokens: int | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        if tokenizer.chat_template is None:
            raise UsageError(
                f"model {name!r} has no chat template, so a chat cannot be put to it: use an instruction-tuned model, "
                "or add a file chat_template.jinja to the model's directory"
            )
        if batch_tokens is not None and batch_tokens < 1:
            raise UsageError(f"batch_tokens must be at least 1, got {batch_tokens}")
        self.model, self.tokenizer = model, tokenizer
        self._name, self._revision = name, revision
        self._template_options = dict(template_options or {})
        self._batch_tokens = batch_tokens or _default_batch_tokens(model)
        self._context = _context_length(model, tokenizer)
        self._end_ids = _end_ids(model, tokenizer)
        self._special_ids = frozenset(tokenizer.all_special_ids)
        self.compute_dtype: Any = None
        whole = model.get_base_model() if has_adapter(model) else model
        accepted = inspect.signature(whole.forward).parameters
        if "past_key_values" not in accepted:
            raise UsageError(f"model {name!r} takes no key-value cache, which sampling from it here needs")
        self._takes_positions = "position_ids" in accepted
        self._forward_options = {"use_cache": True} | ({"logits_to_keep": 1} if "logits_to_keep" in accepted else {})

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the token ids of a chat, up to where the assistant's next turn begins.

        Raises:
            PolicyError: the model's chat template refuses this chat.
        """
        try:
            text = self.tokenizer.apply_chat_template(
                [{"role": m.role, "content": m.content} for m in messages],
                tokenize=False,
                add_generation_prompt=True,
                **self._template_options,
            )
        except TemplateError as error:
            message = f"the chat template of {self._name!r} refuses this chat: {error}"
            raise PolicyError(message, permanent=True) from error
        # The template writes the start token itself.
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context in which this model computes: in ``compute_dtype``, if that is set."""
        if self.compute_dtype is None:
            return nullcontext()
        return torch.autocast(self.model.device.type, self.compute_dtype)  # type: ignore[no-any-return]

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[_Result]:
        """Yield completions as their rows finish.

        ``max_tokens`` is capped by what the model's context leaves; a prompt that fills the context is an error of its
        request and comes last. Generation ends at any end token that the model's generation config or tokenizer names,
        and at the first token that completes a stop string, which is cut from the text while ``token_ids`` keep all
        that was sampled. Where memory runs out, a batch is halved and sampled again.
        """
        rows, refused = [], []
        for index, request in enumerate(requests):
            try:
                rows.append(self._row(index, request, sampling))
            except PolicyError as error:
                refused.append((index, error))
        rows.sort(key=lambda row: len(row.prompt), reverse=True)
        batches = deque(_batches(rows, self._batch_tokens))
        while batches:
            batch = batches.popleft()
            try:
                yield from self._run(batch, sampling)
            except torch.cuda.OutOfMemoryError:
                left = [row for row in batch if not row.done]
            else:
                continue
            torch.cuda.empty_cache()
            if len(left) == 1:
                yield left[0].index, PolicyError(f"out of memory with one prompt of {len(left[0].prompt)} tokens")
                continue
            _log.warning("out of memory with a batch of %d rows; halving it", len(left))
            for row in left:
                row.restart()
            middle = (len(left) + 1) // 2
            batches.extendleft([left[middle:], left[:middle]])
        yield from refused

    def describe(self) -> dict[str, Any]:
        """Return the model's name, revision and a fingerprint of its weights, and all that shapes its answers."""
        template = json.dumps(self.tokenizer.chat_template, sort_keys=True)
        return {
            "policy": "transformers",
            "model": self._name,
            "revision": self._revision,
            "weights": _fingerprint(self.model),
            "dtype": str(self.compute_dtype or self.model.dtype).removeprefix("torch."),
            "device": self.model.device.type,
            "context": self._context,
            "end_token_ids": sorted(self._end_ids),
            "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest(),
            "template_options": self._template_options,
        }

    def save_weights(self, directory: Path) -> None:
        """Write what training changes, the whole model or its adapter, with the tokenizer; the directory exists."""
        save_weights(self.model, self.tokenizer, directory)

    def load_weights(self, directory: Path) -> None:
        """Put what :meth:`save_weights` wrote into the model, in place and bit for bit.

        Raises:
            UsageError: it is of another model, or cannot be read.
        """
        load_weights(self.model, directory)

    def close(self) -> None:
        """Give the model's memory back."""
        self.model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _row(self, index: int, request: Request, sampling: Sampling) -> _Row:
        prompt = self.render(request.messages)
        room = sampling.max_tokens if self._context is None else self._context - len(prompt)
        if room < 1:
            raise PolicyError(
                f"the prompt has {len(prompt)} tokens and the context of {self._name!r} is {self._context}: "
                "no room is left for an answer",
                permanent=True,
            )
        return _Row(index, prompt, min(sampling.max_tokens, room), request.seed)

    def _run(self, rows: list[_Row], sampling: Sampling) -> Iterator[_Result]:
        device = self.model.device
        width = max(len(row.prompt) for row in rows)
        padding = [width - len(row.prompt) for row in rows]
        padded = [[0] * pad + list(row.prompt) for pad, row in zip(padding, rows, strict=True)]
        ids = torch.tensor(padded, device=device)
        mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in padding], device=device)
        cache: Any = None
        while True:
            logits, cache = self._forward(ids, mask, cache)
            uniforms = [row.uniforms.random() for row in rows]
            tokens, logprobs = sample(logits, uniforms, sampling.temperature, sampling.top_p)
            going = []
            for i, (row, token, logprob) in enumerate(zip(rows, tokens.tolist(), logprobs.tolist(), strict=True)):
                row.ids.append(token)
                row.logprobs.append(logprob)
                result = self._finished(row, sampling.stop)
                if result is None:
                    going.append(i)
                else:
                    row.done = True
                    yield row.index, result
            if not going:
                return
            if len(going) < len(rows):
                rows = [rows[i] for i in going]
                kept = torch.tensor(going, device=device)
                tokens, mask = tokens[kept], mask[kept]
                cache.reorder_cache(kept)
            ids = tokens[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=-1)

    def _forward(self, ids_BT: Any, mask_BS: Any, cache: Any) -> tuple[Any, Any]:
        """Return the logits of the next token and the grown cache."""
        options = dict(self._forward_options)
        if self._takes_positions:
            options["position_ids"] = (mask_BS.cumsum(-1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :]
        # Not inference_mode: the same weights may be trained afterwards.
        with torch.no_grad(), self.autocast():
            out = self.model(input_ids=ids_BT, attention_mask=mask_BS, past_key_values=cache, **options)
        return out.logits[:, -1], out.past_key_values

    def _finished(self, row: _Row, stop: Sequence[str]) -> Completion | PolicyError | None:
        if not math.isfinite(row.logprobs[-1]):
            return PolicyError(f"{self._name!r} computes probabilities that are no numbers; try dtype float32")
        ended = row.ids[-1] in self._end_ids
        if not ended and not self._ends_in_stop(row.ids, stop):
            if len(row.ids) < row.limit:
                return None
            reason = FinishReason.LENGTH
        else:
            reason = FinishReason.STOP
        text = self._decode(row.ids[:-1] if ended else row.ids)
        for start in sorted(found for s in stop if (found := text.find(s)) >= 0)[:1]:
            text = text[:start]
        return Completion(
            text,
            reason,
            prompt_token_ids=row.prompt,
            token_ids=tuple(row.ids),
            logprobs=tuple(row.logprobs),
            usage=Usage(len(row.prompt), len(row.ids)),
        )

    def _ends_in_stop(self, ids: Sequence[int], stop: Sequence[str]) -> bool:
        if not stop:
            return False
        # A token that shows is at least one byte, so this tail holds any stop string that the last token completes.
        length = max(len(s.encode()) for s in stop) + 4
        shown = (i for i in reversed(ids) if i not in self._special_ids)
        tail = [i for i, _ in zip(shown, range(length), strict=False)]
        text = self._decode(tail[::-1])
        return any(s in text for s in stop)

    def _decode(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)


def make(
    argument: str,
    *,
    model: str | None = None,
    dtype: str | None = None,
    device: str | None = None,
    batch_tokens: int | None = None,
    template_options: Mapping[str, Any] | None = None,
    lora_rank: int | None = None,
    lora_alpha: float | None = None,
    lora_targets: str | Sequence[str] | None = None,
    gradient_checkpointing: bool = False,
) -> TransformersPolicy:
    """Make ``transformers:MODEL`` (a directory or the name of a hub model), or ``transformers`` with option ``model``.

    Args:
        argument: the model, or empty.
        model: the model, if ``argument`` is empty.
        dtype: ``float32``, ``bfloat16`` or ``float16``; by default bfloat16 on a GPU, else float32.
        device: such as ``cpu`` or ``cuda:1``; by default the GPU if there is one.
        batch_tokens: see :class:`TransformersPolicy`.
        template_options: see :class:`TransformersPolicy`.
        lora_rank: train an adapter of this rank instead of the model's own weights; needs peft.
        lora_alpha: see :func:`~sdpo_gym.policies.trainable.add_lora`.
        lora_targets: see there.
        gradient_checkpointing: whether training keeps no activations within layers: about a third more time for much
            less memory.

    Raises:
        UsageError: there is no such model, it does not load, it has no chat template, or an option is wrong.
        OutageError: the hub cannot be reached and the model is not in its cache.
    """
    if argument and model and argument != model:
        raise UsageError(f"two models are named, {argument!r} and {model!r}; keep one")
    name = argument or model
    if not name:
        raise UsageError("policy 'transformers' needs a model: transformers:DIRECTORY or transformers:HUB_NAME")
    if dtype is not None and dtype not in _DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}: use one of {', '.join(_DTYPES)}")
    if not isinstance(template_options, Mapping | None):
        raise UsageError(
            f"template_options must be a table, such as {{enable_thinking=false}}, got {template_options!r}"
        )
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error
    number = getattr(torch, dtype or ("float32" if place.type == "cpu" else "bfloat16"))
    if lora_rank is None and not (lora_alpha is None and lora_targets is None):
        raise UsageError("lora_alpha and lora_targets shape an adapter, and lora_rank, which makes one, is not set")
    loaded, tokenizer, revision = _load(name, number)
    loaded.to(place)
    if gradient_checkpointing:
        checkpoint_gradients(loaded)
    if lora_rank is not None:
        loaded = add_lora(loaded, lora_rank, lora_alpha, ALL_LINEAR if lora_targets is None else lora_targets)
    return TransformersPolicy(
        loaded.eval(),
        tokenizer,
        name=name,
        revision=revision,
        batch_tokens=batch_tokens,
        template_options=template_options,
    )


def sample(logits_BV: Any, uniforms: Sequence[float], temperature: float, top_p: float) -> tuple[Any, Any]:
    """Draw one token for each row, by inverting the cumulative distribution in the order of the vocabulary.

    Args:
        logits_BV: next-token logits, ``[rows, vocabulary]``.
        uniforms: one number in [0, 1) for each row; unused if ``temperature`` is 0.
        temperature: 0 takes the most likely token.
        top_p: draws from the smallest set of most likely tokens with at least this mass.

    Returns:
        The tokens ``[rows]``, and their natural log-probabilities ``[rows]`` under the temperature before top-p (for
        temperature 0: without temperature), in float64.
    """
    logits_BV = logits_BV.double()
    if temperature == 0:
        logprobs_BV = logits_BV.log_softmax(-1)
        tokens_B1 = logits_BV.argmax(-1, keepdim=True)
    else:
        logprobs_BV = (logits_BV / temperature).log_softmax(-1)
        probs_BV = logprobs_BV.exp()
        if top_p < 1:
            ranked_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
            inside_BV = ranked_BV.cumsum(-1) - ranked_BV < top_p
            probs_BV = probs_BV * torch.zeros_like(inside_BV).scatter(-1, order_BV, inside_BV)
        # In vocabulary order, so that a rounding that swaps two ranks changes no draw.
        cumulative_BV = probs_BV.cumsum(-1)
        uniforms_B1 = torch.tensor(uniforms, dtype=torch.float64, device=logits_BV.device)[:, None]
        tokens_B1 = torch.searchsorted(cumulative_BV, uniforms_B1 * cumulative_BV[:, -1:], right=True)
        # Only logits that are no numbers can lead outside; their log-probability tells.
        tokens_B1 = tokens_B1.clamp(max=logits_BV.shape[-1] - 1)
    return tokens_B1[:, 0], logprobs_BV.gather(-1, tokens_B1)[:, 0]


def _batches(rows: Sequence[_Row], budget: int) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for row in rows:
        longer = [*batch, row]
        width = max(len(r.prompt) for r in longer) + max(r.limit for r in longer)
        if batch and width * len(longer) > budget:
            yield batch
            batch = [row]
        else:
            batch = longer
    if batch:
        yield batch


def _load(name: str, dtype: Any) -> tuple[Any, Any, str | None]:
    """Load model and tokenizer from a directory or the hub, which gives a commit as well."""
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
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **options)
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
    return model, tokenizer, revision


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


def _context_length(model: Any, tokenizer: Any) -> int | None:
    """Return the most tokens that the model can see, or None if it has no limit."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is None and tokenizer.model_max_length < 1e9:  # transformers writes 1e30 for "unknown"
        limit = tokenizer.model_max_length
    return None if limit is None else int(limit)


def _end_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)


def _default_batch_tokens(model: Any) -> int:
    """Return how many tokens of keys and values fit into 60% of the free GPU memory."""
    if model.device.type != "cuda":
        return _CPU_BATCH_TOKENS
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token_bytes = 2 * config.num_hidden_layers * heads * head_size * model.dtype.itemsize
    free_bytes, _ = torch.cuda.mem_get_info(model.device)
    return max(1, int(0.6 * free_bytes / token_bytes))


def _fingerprint(model: Any) -> str:
    """Return a sha256 over the beginning of every parameter: cheap, and different after any training."""
    total = hashlib.sha256()
    for name, parameter in model.named_parameters():
        total.update(f"{name}{tuple(parameter.shape)}".encode())
        values = parameter.detach().flatten()[:_FINGERPRINT_VALUES].float().cpu()
        total.update(values.numpy().tobytes())
    return total.hexdigest()
