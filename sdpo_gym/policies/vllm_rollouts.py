"""A policy that is trained with transformers and sampled with vLLM, which follows its weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.options import check_types, suggestion
from sdpo_gym.policies.base import PolicyError, Request, Sampling
from sdpo_gym.policies.trainable import adapter_is_off, whole_weights
from sdpo_gym.policies.transformers import TransformersPolicy, fingerprint
from sdpo_gym.policies.vllm import VllmPolicy, make


class VllmRollouts(TransformersPolicy):
    """Samples with vLLM; everything else is done with the model in this process.

    Before it samples, the engine gets the weights that the model has at that moment (its adapter merged in, or a
    teacher's that have been put in for a while), unless they are those that it has. Log-probabilities are vLLM's, which
    rounds otherwise than the model here: an agent corrects for that with truncated importance sampling.

    Args:
        model: see :class:`TransformersPolicy`.
        tokenizer: see there.
        engine: samples; it has the model's weights, and the same chat-template options.
        **settings: see :class:`TransformersPolicy`.
    """

    def __init__(self, model: Any, tokenizer: Any, engine: VllmPolicy, **settings: Any) -> None:
        super().__init__(model, tokenizer, **settings)
        self._engine = engine
        self._sent = self._state()

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        """Yield completions as they finish, see :meth:`VllmPolicy.generate`."""
        state = self._state()
        if state != self._sent:
            self._sent = ()  # what the engine has is not known until it has all
            try:
                self._engine.update_weights(whole_weights(self.model))
            except PolicyError as error:
                for index in range(len(requests)):
                    yield index, error
                return
            self._sent = state
        yield from self._engine.generate(requests, sampling)

    def describe(self) -> dict[str, Any]:
        """Return what the model's policy tells, and the engine under ``rollouts``."""
        return {**super().describe(), "rollouts": self._engine.describe()}

    def close(self) -> None:
        """End the engine, and give the model's memory back."""
        self._engine.close()
        super().close()

    def _state(self) -> tuple[Any, ...]:
        return fingerprint(self.model), adapter_is_off(self.model)


def make_engine(name: str, options: Mapping[str, Any], template_options: Mapping[str, Any] | None) -> VllmPolicy:
    """Make the engine for the model ``name`` with options of policy ``vllm``.

    Raises:
        UsageError: vLLM cannot run the model, or an option is wrong.
    """
    known = ("dtype", "engine")
    for key in options:
        if key not in known:
            raise UsageError(f"rollout_options has no {key!r}{suggestion(key, known)}; known: {', '.join(known)}")
    check_types(make, dict(options))
    return make(name, template_options=template_options, **options)
