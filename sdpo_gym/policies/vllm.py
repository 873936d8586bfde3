"""Causal language models run by vLLM."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.vllm_engine import Engine  # first: it says which extra is missing
from sdpo_gym.task import Message

# isort: split
import transformers
import vllm
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind

from sdpo_gym.policies.pretrained import (
    check_chat_template,
    chosen_model,
    cut_at_stop,
    decode,
    end_token_ids,
    load_pretrained,
    render_chat,
    room_for_answer,
    template_digest,
)

_CPU_CACHE_BYTES = 4 << 30  # of keys and values; vLLM itself would take nearly all memory
_FINGERPRINT_BYTES = 1 << 20  # of each file, from both ends

# Engine arguments that this policy sets itself.
_OURS = frozenset(
    {"model", "tokenizer", "revision", "tokenizer_revision", "dtype", "logprobs_mode", "worker_extension_cls"}
    | {"enable_prefix_caching", "disable_log_stats", "use_tqdm_on_load"}
)

_Result = tuple[int, Completion | PolicyError]


class VllmPolicy:
    """Samples from a causal language model with a chat template, run by vLLM in processes of its own.

    Requests are batched continuously and share keys and values of common prefixes. Each draws from a generator of its
    own, seeded with its request's seed. How logits are rounded depends on the batch, so a completion depends on its
    seed alone up to that: in float32 a token changes only where a draw falls within about 1e-6 of a border; in bfloat16
    completions in different batches often part within some tens of tokens.

    Only temperature and top-p shape the distribution; other sampling settings that a model ships with are not used.

    Args:
        engine: runs the model.
        tokenizer: the model's tokenizer, with a chat template.
        name: what ``describe`` calls the model.
        end_ids: tokens that end an answer.
        described: what else ``describe`` tells.
        template_options: further variables of the chat template, such as ``{"enable_thinking": False}``.
    """

    capabilities = frozenset({Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.SEED})

    def __init__(
        self,
        engine: Engine,
        tokenizer: Any,
        *,
        name: str,
        end_ids: frozenset[int],
        described: Mapping[str, Any] | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._engine, self._tokenizer, self._name = engine, tokenizer, name
        self._end_ids = end_ids
        self._described = dict(described or {})
        self._template_options = dict(template_options or {})
        self._asked = 0

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the token ids of a chat, up to where the assistant's next turn begins.

        Raises:
            PolicyError: the model's chat template refuses this chat.
        """
        return render_chat(self._tokenizer, messages, self._template_options, self._name)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[_Result]:
        """Yield completions as they finish; closing the iterator ends the others.

        ``max_tokens`` is capped by what the context leaves; a prompt that fills the context is an error of its request
        and comes last. Generation ends at any end token that the model's generation config or tokenizer names, and at
        the first token that completes a stop string, which is cut from the text while ``token_ids`` keep all that was
        sampled. If the engine ends, every request without an answer is an error, now and from then on.
        """
        waiting: dict[str, tuple[int, tuple[int, ...]]] = {}
        refused: list[_Result] = []
        try:
            for index, request in enumerate(requests):
                name = str(self._asked)
                self._asked += 1
                try:
                    prompt = self.render(request.messages)
                    limit = room_for_answer(len(prompt), self._engine.context, sampling.max_tokens, self._name)
                    self._engine.add(name, prompt, self._parameters(sampling, limit, request.seed))
                    waiting[name] = index, prompt
                except PolicyError as error:
                    refused.append((index, error))
            while waiting:
                try:
                    outputs = self._engine.step()
                except PolicyError as error:
                    refused += [(index, error) for index, _ in waiting.values()]
                    waiting.clear()
                    break
                for output in outputs:
                    if output.request_id in waiting:  # not one that was given up before
                        index, prompt = waiting.pop(output.request_id)
                        yield index, self._answer(prompt, output.outputs[0], sampling.stop)
            yield from refused
        finally:
            self._engine.abort(list(waiting))

    def update_weights(self, weights: Iterable[tuple[str, Any]]) -> None:
        """Load weights into the running engine, in place; what is asked afterwards is answered by them.

        Args:
            weights: every tensor of the model under the name that it has in its checkpoint, see :meth:`Engine.load`.

        Raises:
            UsageError: they are of another model.
            PolicyError: the engine has ended.
        """
        self._engine.load(weights)

    def describe(self) -> dict[str, Any]:
        """Return the model's name, revision and a fingerprint of its files, and all that shapes its answers."""
        return {
            "policy": "vllm",
            "model": self._name,
            **self._described,
            "context": self._engine.context,
            "end_token_ids": sorted(self._end_ids),
            "chat_template_sha256": template_digest(self._tokenizer),
            "template_options": self._template_options,
        }

    def close(self) -> None:
        """End the engine and its processes, which gives their memory back."""
        self._engine.close()

    def _parameters(self, sampling: Sampling, limit: int, seed: int) -> Any:
        return vllm.SamplingParams(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=limit,
            seed=seed,
            stop=list(sampling.stop),
            stop_token_ids=sorted(self._end_ids),
            logprobs=0,  # the sampled token's alone
            detokenize=bool(sampling.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _answer(self, prompt: tuple[int, ...], sampled: Any, stop: Sequence[str]) -> Completion | PolicyError:
        if sampled.finish_reason not in set(FinishReason):
            return PolicyError(f"vLLM ended a request with {sampled.finish_reason!r}")
        ids = tuple(sampled.token_ids)
        logprobs = tuple(by_token[token].logprob for by_token, token in zip(sampled.logprobs, ids, strict=True))
        if not all(float("-inf") < value < float("inf") for value in logprobs):
            return PolicyError(f"{self._name!r} computes probabilities that are no numbers; try dtype float32")
        reason = FinishReason(sampled.finish_reason)
        ended = reason is FinishReason.STOP and ids[-1] in self._end_ids
        return Completion(
            cut_at_stop(decode(self._tokenizer, ids[:-1] if ended else ids), stop),
            reason,
            prompt_token_ids=prompt,
            token_ids=ids,
            logprobs=logprobs,
            usage=Usage(len(prompt), len(ids)),
        )


def make(
    argument: str,
    *,
    model: str | None = None,
    dtype: str | None = None,
    template_options: Mapping[str, Any] | None = None,
    engine: Mapping[str, Any] | None = None,
) -> VllmPolicy:
    """Make ``vllm:MODEL`` (a directory or the name of a hub model), or ``vllm`` with option ``model``.

    Args:
        argument: the model, or empty.
        model: the model, if ``argument`` is empty.
        dtype: ``float32``, ``bfloat16`` or ``float16``; by default bfloat16 on a GPU, else float32.
        template_options: see :class:`VllmPolicy`.
        engine: further engine arguments under vLLM's own names, such as ``max_model_len``, ``tensor_parallel_size``,
            ``gpu_memory_utilization``.

    Raises:
        UsageError: there is no such model, vLLM cannot run it, it has no chat template, or an option is wrong.
        OutageError: the hub cannot be reached and the model is not in its cache.
    """
    name = chosen_model("vllm", argument, model, dtype, template_options)
    further = dict(engine or {})
    _check_arguments(further)
    number = dtype or ("float32" if current_platform.is_cpu() else "bfloat16")
    if current_platform.is_cpu():
        further.setdefault("kv_cache_memory_bytes", _CPU_CACHE_BYTES)
        # vLLM 0.32 winds a seeded generator back after a part of a prompt, which generators on a CPU cannot.
        further.setdefault("enable_chunked_prefill", False)

    def load(source: str, options: Mapping[str, Any]) -> tuple[Engine, Any, frozenset[int]]:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        check_chat_template(tokenizer, name)
        end_ids = end_token_ids(_generation_config(source, options), tokenizer)
        revision = options.get("revision")
        started = Engine(
            {"model": source, "revision": revision, "tokenizer_revision": revision, "dtype": number, **further}
        )
        return started, tokenizer, end_ids

    (started, tokenizer, end_ids), revision = load_pretrained(name, load)
    return VllmPolicy(
        started,
        tokenizer,
        name=name,
        end_ids=end_ids,
        described={
            "revision": revision,
            "weights": None if revision else _fingerprint(Path(name).expanduser()),
            "dtype": number,
            "device": current_platform.device_type,
            "vllm": vllm.__version__,
            "engine": dict(engine or {}),
        },
        template_options=template_options,
    )


def _check_arguments(given: Mapping[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(vllm.EngineArgs)} - _OURS
    for key in given:
        if key in _OURS:
            raise UsageError(f"engine argument {key!r} is set by policy 'vllm' itself; leave it out")
        if key not in known:
            raise UsageError(f"vLLM {vllm.__version__} has no engine argument {key!r}{suggestion(key, known)}")


def _generation_config(source: str, options: Mapping[str, Any]) -> Any:
    try:
        return transformers.GenerationConfig.from_pretrained(source, **options)
    except OSError:  # there is none; as transformers does when it loads the model
        config = transformers.AutoConfig.from_pretrained(source, **options)
        return transformers.GenerationConfig.from_model_config(config)


def _fingerprint(directory: Path) -> str:
    """Return a sha256 over both ends of every file of weights: cheap, and different after any training."""
    total = hashlib.sha256()
    for file in sorted(path for path in directory.iterdir() if path.suffix in (".safetensors", ".bin")):
        size = file.stat().st_size
        total.update(f"{file.name}:{size}".encode())
        with file.open("rb") as opened:
            total.update(opened.read(_FINGERPRINT_BYTES))
            opened.seek(max(0, size - _FINGERPRINT_BYTES))
            total.update(opened.read(_FINGERPRINT_BYTES))
    return total.hexdigest()
