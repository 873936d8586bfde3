"""Best of k: independent attempts until one solves the task, the baseline of every search."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import Policy, Sampling
from sdpo_gym.rollout import Attempt
from sdpo_gym.search import attempts_in_order
from sdpo_gym.task import Task


class BestOfK:
    """Asks the same question again and again; attempts know nothing of each other."""

    def __init__(self, policy: Policy, batch: int) -> None:
        self._policy, self._batch = policy, batch

    def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
        """Yield attempts without end; up to ``batch`` - 1 of those made behind a success are never yielded."""
        for start in count(0, self._batch):
            yield from attempts_in_order(self._policy, judge, task, range(start, start + self._batch), sampling, seed)

    def describe(self) -> dict[str, Any]:
        """Return the options."""
        return {"batch": self._batch}

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


def make(policy: Policy, *, seed: int, temperature: float, batch: int = 16) -> BestOfK:
    """Make the search ``best_of_k``.

    Args:
        policy: answers; it needs no capability.
        seed: not used; every search has a seed of its own.
        temperature: of sampling.
        batch: attempts that the policy is asked for at a time. It changes how fast attempts come, not which ones.

    Raises:
        UsageError: if ``batch`` is below 1, or the temperature is 0, at which all attempts are the same.
    """
    if batch < 1:
        raise UsageError(f"option batch must be at least 1, got {batch}")
    if temperature == 0:
        raise UsageError("best_of_k at temperature 0 makes the same attempt again and again; give a higher temperature")
    return BestOfK(policy, batch)
