"""Causal language models run in this process with the transformers library."""

from __future__ import annotations

import hashlib
import inspect
import logging
import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.scorer import Token, TokenScore
from sdpo_gym.task import Message

try:
    import torch
    import transformers
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "torch") from error

from sdpo_gym.policies.pretrained import (
    check_chat_template,
    chosen_model,
    context_length,
    cut_at_stop,
    decode,
    end_token_ids,
    load_pretrained,
    render_chat,
    room_for_answer,
    template_digest,
)
from sdpo_gym.policies.score_model import score_tokens, tokens_of
from sdpo_gym.policies.trainable import (
    ALL_LINEAR,
    add_lora,
    checkpoint_gradients,
    has_adapter,
    load_weights,
    save_weights,
)

_log = logging.getLogger(__name__)

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

    capabilities = frozenset(
        {Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.SEED, Capability.SCORE, Capability.TRAIN}
    )

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
        check_chat_template(tokenizer, name)
        if batch_tokens is not None and batch_tokens < 1:
            raise UsageError(f"batch_tokens must be at least 1, got {batch_tokens}")
        self.model, self.tokenizer = model, tokenizer
        self._name, self._revision = name, revision
        self._template_options = dict(template_options or {})
        self._batch_tokens = batch_tokens or _default_batch_tokens(model)
        self._context = context_length(model.config, tokenizer)
        self._end_ids = end_token_ids(model.generation_config, tokenizer)
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
        return render_chat(self.tokenizer, messages, self._template_options, self._name)

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

    def tokens(self, text: str, *, ended: bool) -> list[Token]:
        """Return the tokens of a completion's text, and the end token if the completion ``ended`` with one.

        They are those that the tokenizer makes of the text, which may be others than were sampled; of several end
        tokens it is the tokenizer's own.
        """
        own = self.tokenizer.eos_token_id
        end = own if own in self._end_ids else min(self._end_ids, default=None)
        return tokens_of(self.tokenizer, text, end if ended else None)

    def score(
        self, chats: Sequence[Sequence[Message]], tokens: Sequence[int], *, temperature: float = 1.0, top: int = 5
    ) -> list[TokenScore]:
        """Return for each token how likely it is after each chat and the tokens before it.

        Args:
            chats: what may have been asked.
            tokens: ids of the completion's tokens.
            temperature: logits are divided by it; 0 counts as 1.
            top: how many of the likeliest tokens after each chat are among the candidates.

        Raises:
            PolicyError: a chat and the tokens exceed the context, the chat template refuses a chat, or the model
                computes no numbers.
        """
        prompts = [self.render(chat) for chat in chats]
        longest = max(map(len, prompts), default=0) + len(tokens)
        if self._context is not None and longest > self._context:
            raise PolicyError(
                f"the longest chat and the completion have {longest:,} tokens together, and the context of "
                f"{self._name!r} is {self._context:,}",
                permanent=True,
            )
        with torch.no_grad(), self.autocast():
            scores = score_tokens(
                self.model,
                self.tokenizer,
                prompts,
                tokens,
                temperature=temperature,
                top=top,
                prefill_options=self._forward_options,
            )
        if not all(math.isfinite(value) for score in scores for value in score.logprobs):
            raise PolicyError(f"{self._name!r} computes probabilities that are no numbers; try dtype float32")
        return scores

    def describe(self) -> dict[str, Any]:
        """Return the model's name, revision and a fingerprint of its weights, and all that shapes its answers."""
        return {
            "policy": "transformers",
            "model": self._name,
            "revision": self._revision,
            "weights": fingerprint(self.model),
            "dtype": str(self.compute_dtype or self.model.dtype).removeprefix("torch."),
            "device": self.model.device.type,
            "context": self._context,
            "end_token_ids": sorted(self._end_ids),
            "chat_template_sha256": template_digest(self.tokenizer),
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
        limit = room_for_answer(len(prompt), self._context, sampling.max_tokens, self._name)
        return _Row(index, prompt, limit, request.seed)

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
        return Completion(
            cut_at_stop(decode(self.tokenizer, row.ids[:-1] if ended else row.ids), stop),
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
        text = decode(self.tokenizer, tail[::-1])
        return any(s in text for s in stop)


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
    rollouts: str | None = None,
    rollout_options: Mapping[str, Any] | None = None,
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
        rollouts: what samples in place of the model here: ``vllm``, which then follows its weights.
        rollout_options: options ``dtype`` and ``engine`` of policy ``vllm``; the dtype is by default this model's.

    Raises:
        UsageError: there is no such model, it does not load, it has no chat template, or an option is wrong.
        OutageError: the hub cannot be reached and the model is not in its cache.
    """
    name = chosen_model("transformers", argument, model, dtype, template_options)
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used: {str(error).splitlines()[0]}") from error
    number = getattr(torch, dtype or ("float32" if place.type == "cpu" else "bfloat16"))
    if lora_rank is None and not (lora_alpha is None and lora_targets is None):
        raise UsageError("lora_alpha and lora_targets shape an adapter, and lora_rank, which makes one, is not set")
    if rollouts not in (None, "vllm"):
        raise UsageError(f"unknown rollouts {rollouts!r}: only 'vllm' can sample in place of the model")
    if rollouts is None and rollout_options is not None:
        raise UsageError("rollout_options are for rollouts='vllm', which is not set")

    def load(source: str, options: Mapping[str, Any]) -> tuple[Any, Any]:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        return transformers.AutoModelForCausalLM.from_pretrained(source, dtype=number, **options), tokenizer

    (loaded, tokenizer), revision = load_pretrained(name, load)
    loaded.to(place)
    if gradient_checkpointing:
        checkpoint_gradients(loaded)
    if lora_rank is not None:
        loaded = add_lora(loaded, lora_rank, lora_alpha, ALL_LINEAR if lora_targets is None else lora_targets)
    settings: dict[str, Any] = {
        "name": name,
        "revision": revision,
        "batch_tokens": batch_tokens,
        "template_options": template_options,
    }
    if rollouts is None:
        return TransformersPolicy(loaded.eval(), tokenizer, **settings)
    from sdpo_gym.policies.vllm_rollouts import VllmRollouts, make_engine

    chosen = {"dtype": str(number).removeprefix("torch."), **(rollout_options or {})}
    return VllmRollouts(loaded.eval(), tokenizer, make_engine(name, chosen, template_options), **settings)


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


def fingerprint(model: Any) -> str:
    """Return a sha256 over the beginning of every parameter: cheap, and different after any training."""
    total = hashlib.sha256()
    for name, parameter in model.named_parameters():
        total.update(f"{name}{tuple(parameter.shape)}".encode())
        values = parameter.detach().flatten()[:_FINGERPRINT_VALUES].float().cpu()
        total.update(values.numpy().tobytes())
    return total.hexdigest()
