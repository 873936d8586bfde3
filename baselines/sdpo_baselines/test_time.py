"""Test-time SDPO: the policy learns from the feedback on its failed attempts at the very task it is to solve.

Hübotter et al. 2026, arXiv:2601.20802, section 5. Every search starts from the initial weights; after each batch of
attempts without a success the self-teacher, which sees the feedback, corrects the policy.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

from sdpo_gym.agent import Agent, TrainablePolicy, load_agent
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import Capability, Policy, Sampling
from sdpo_gym.rollout import Attempt, Group
from sdpo_gym.search import attempts_in_order
from sdpo_gym.task import Task


class TestTimeSDPO:
    """Attempts in batches, with updates of the policy between them."""

    __test__ = False  # for pytest, which takes it for a test by its name

    def __init__(self, policy: Policy, agent: Agent, n: int, memory: int, updates: int) -> None:
        self._policy, self._agent = policy, agent
        self._n, self._memory, self._updates = n, memory, updates
        self._initial = tempfile.TemporaryDirectory(prefix="sdpo-initial-")
        try:
            agent.save(Path(self._initial.name))
        except OSError as error:
            self._initial.cleanup()
            raise UsageError(
                f"the initial weights cannot be kept in {tempfile.gettempdir()}: {error.strerror or error}; let TMPDIR "
                "name a directory with more room"
            ) from error
        self._is_initial = True

    def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
        """Yield attempts without end, starting from the initial weights and learning behind each batch."""
        self._restore()
        recent: deque[Attempt] = deque(maxlen=max(self._memory, self._n))
        for start in count(0, self._n):
            for attempt in attempts_in_order(self._policy, judge, task, range(start, start + self._n), sampling, seed):
                yield attempt
                if attempt.verdict is not None:
                    recent.append(attempt)
            self._is_initial = False
            for _ in range(self._updates):
                self._agent.update([Group(task, tuple(recent))])

    def describe(self) -> dict[str, Any]:
        """Return the options, the agent's among them."""
        return {"n": self._n, "memory": self._memory, "updates": self._updates, "agent": self._agent.describe()}

    def close(self) -> None:
        """Give the policy its initial weights back."""
        if Path(self._initial.name).exists():
            self._restore()
            self._initial.cleanup()

    def _restore(self) -> None:
        if not self._is_initial:
            self._agent.load(Path(self._initial.name))
            self._is_initial = True


def make(
    policy: Policy,
    *,
    seed: int,
    temperature: float,
    n: int = 16,
    memory: int = 0,
    updates: int = 1,
    **options: object,
) -> TestTimeSDPO:
    """Make the search ``sdpo``.

    Args:
        policy: answers and learns; it needs the capability ``train``.
        seed: of the agent.
        temperature: of sampling, by which student and teacher are tempered as well.
        n: attempts between updates (16 in the paper; 8 and 32 do much the same there). With 1, the feedback is all that
            the teacher has.
        memory: updates learn from the last so many attempts, also from those of earlier batches; 0 for the last batch.
            An agent that makes one step per update does not weigh them for being older than the policy is by now.
        updates: updates after each batch.
        **options: of the agent ``sdpo``.

    Raises:
        UsageError: if the policy cannot be trained, or an option is wrong.
    """
    for name, value, least in (("n", n, 1), ("memory", memory, 0), ("updates", updates, 1)):
        if value < least:
            raise UsageError(f"option {name} must be at least {least}, got {value}")
    if 0 < memory < n:
        raise UsageError(f"option memory must be at least n = {n}, or 0 for the last batch alone, got {memory}")
    if Capability.TRAIN not in policy.capabilities:
        raise UsageError(
            f"method 'sdpo' changes the policy's weights, and this policy ({type(policy).__name__}) lacks the "
            f"capability {Capability.TRAIN.value!r}: use one that has it, such as transformers, or another method"
        )
    if temperature == 0 and n > 1:
        raise UsageError(f"at temperature 0 all n = {n} attempts of a batch are the same; give n=1 or a temperature")
    trainable = cast("TrainablePolicy", policy)
    agent = load_agent("sdpo", trainable, options, seed=seed, temperature=temperature, group_size=n)
    return TestTimeSDPO(policy, agent, n, memory, updates)
