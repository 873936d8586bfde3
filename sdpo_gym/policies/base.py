"""The policy interface: requests in, completions out, in whatever order they finish."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from sdpo_gym.completion import Completion
from sdpo_gym.task import Message


class Capability(StrEnum):
    """What a policy can do beyond text; a command that lacks one ends with exit code 2 and names it."""

    TOKEN_IDS = "token_ids"
    LOGPROBS = "logprobs"
    SEED = "seed"
    SCORE = "score"
    TRAIN = "train"


class PolicyError(RuntimeError):
    """One request failed for good (after retries): an outage, never an empty completion.

    Args:
        message: what went wrong.
        permanent: whether this request can never be answered, such as one whose prompt is longer than the context;
            such an error says nothing of how the policy or its server is.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True)
class Request:
    """One completion asked for.

    Attributes:
        messages: the chat so far.
        task_id: which task it belongs to.
        attempt: index of the attempt at that task, from 0.
        turn: index of the turn within the attempt, from 0.
        seed: seed of this request's random numbers, see :func:`request_seed`.
    """

    messages: tuple[Message, ...]
    task_id: str
    attempt: int = 0
    turn: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Sampling:
    """How to sample.

    Attributes:
        n: attempts per task (the runner's business; a policy answers each request once).
        temperature: 0 means greedy.
        top_p: nucleus mass in (0, 1].
        max_tokens: most tokens a completion may have.
        stop: strings that end a completion; they are not part of its text.
    """

    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be at least 1, got {self.n}")
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be >= 0 (0 is greedy) and finite, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must lie in (0, 1], got {self.top_p}")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if "" in self.stop:
            raise ValueError("a stop string must not be empty: it would end every completion at its start")


class Policy(Protocol):
    """Answers chats.

    Attributes:
        capabilities: what it can do beyond text.
    """

    capabilities: frozenset[Capability]

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        """Yield ``(index of the request, completion or error)`` in order of completion, each index once."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return what ``run.json`` records of this policy: JSON-able, no secrets."""
        ...

    def close(self) -> None:
        """Release what it holds; may be called twice."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A policy whose completions lie ready: it decides how many attempts each task gets."""

    def recorded(self) -> Mapping[str, int]:
        """Return the number of completions by task id; the runner leaves every other task out."""
        ...


def request_seed(run_seed: int, task_digest: str, attempt: int, turn: int) -> int:
    """Derive a request's 63-bit seed from the run's seed, so that it depends on nothing but these four values."""
    text = f"{run_seed}:{task_digest}:{attempt}:{turn}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
