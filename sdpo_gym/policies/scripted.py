"""Policies without a model: the right answer, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling

_KINDS = ("gold", "empty")


class ScriptedPolicy:
    """Answers every request from ``gold``, or with the empty text where ``gold`` is None."""

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, gold: Callable[[str], str | None] | None) -> None:
        self._gold = gold

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        """Yield the answers in the order of the requests; ``sampling`` changes nothing.

        Raises:
            UsageError: if no right answer is known for a task.
        """
        for index, request in enumerate(requests):
            text = "" if self._gold is None else self._gold(request.task_id)
            if text is None:
                raise UsageError(
                    f"task {request.task_id!r} has no completion known to be right, so scripted:gold cannot answer it; "
                    "use a task set with known answers, such as DATA=sample"
                )
            yield index, Completion(text)

    def describe(self) -> dict[str, Any]:
        """Return the name and which script it is."""
        return {"policy": "scripted", "script": "empty" if self._gold is None else "gold"}

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def make(argument: str, *, gold: Callable[[str], str | None] | None = None) -> ScriptedPolicy:
    """Make ``scripted:gold`` or ``scripted:empty``.

    Raises:
        UsageError: ``argument`` is neither, or is ``gold`` where no ``gold`` is given.
    """
    if argument not in _KINDS:
        choices = " or ".join(f"scripted:{kind}" for kind in _KINDS)
        raise UsageError(f"policy 'scripted' knows no script {argument!r}: use {choices}")
    if argument == "empty":
        return ScriptedPolicy(None)
    if gold is None:
        raise UsageError("policy 'scripted:gold' needs a task set that knows right answers, and was given none")
    return ScriptedPolicy(gold)
