"""What a judge says of an attempt: a reward, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What kind of end an attempt came to."""

    PASSED = "passed"
    FAILED = "failed"
    BAD_FORMAT = "bad_format"
    TRUNCATED = "truncated"  # the output was cut AND nothing in it can be judged


@dataclass(frozen=True)
class Verdict:
    """A judge's finding on one completion.

    Attributes:
        reward: finite, within the range that the environment's card declares.
        feedback: what the model may be told; never empty on a failure, empty on success.
        status: passed, failed, bad_format or truncated.
        outcome: one of the outcomes that the card declares (``accepted``, ``wrong_answer`` ...).
        scores: further figures; the same keys on every verdict of an environment.
        detail: per-test records and times, JSON-able, for people and records, never for the model. Where attempts at a
            task can give the same answer, ``detail["answer"]`` holds it as a text that is equal for answers that count
            as the same, or None where there is none to be read; maj@k is then shown.

    Raises:
        ValueError: if the reward is not finite, or feedback and status contradict each other.
    """

    reward: float
    feedback: str
    status: Status
    outcome: str
    scores: Mapping[str, float] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not math.isfinite(self.reward):
            raise ValueError(f"a verdict's reward must be finite, got {self.reward!r}; an outage is a JudgeError")
        if self.status is Status.PASSED and self.feedback:
            raise ValueError(f"a passed verdict carries no feedback, got {self.feedback[:80]!r}")
        if self.status is not Status.PASSED and not self.feedback.strip():
            raise ValueError(f"a verdict with status {self.status.value!r} needs feedback that says why")

    @property
    def passed(self) -> bool:
        """Whether the attempt solved the task."""
        return self.status is Status.PASSED
