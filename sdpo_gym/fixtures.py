"""Cases that an environment's judge must decide as they say: rows of its ``fixtures.jsonl``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.data.rows import Row, read_rows
from sdpo_gym.errors import UsageError
from sdpo_gym.options import choice


class Expectation(StrEnum):
    """What a fixture's completion must come to."""

    FULL_REWARD = "full_reward"  # passed, with the highest reward of the card
    ZERO_REWARD = "zero_reward"  # failed, with the lowest reward of the card, and feedback
    MALFORMED = "malformed"  # status bad_format, the lowest reward, and feedback


@dataclass(frozen=True)
class Fixture:
    """One case.

    Attributes:
        where: its file and line, for messages.
        task_id: a task of the sample set.
        completion: the answer.
        expect: what it must come to.
        outcome: the outcome that the verdict must have; empty if any will do.
    """

    where: str
    task_id: str
    completion: Completion
    expect: Expectation
    outcome: str


_KEYS = frozenset({"task_id", "completion", "finish_reason", "expect", "outcome"})


def read_fixtures(path: Path) -> list[Fixture]:
    """Read objects with ``task_id, completion, expect`` and, if wanted, ``finish_reason, outcome``, one a line.

    Raises:
        UsageError: naming file, line and field, if a row is not so.
    """
    return [_fixture(row) for row in read_rows(path)[0]]


def _fixture(row: Row) -> Fixture:
    if unknown := row.fields.keys() - _KEYS:
        raise UsageError(f"{row.where}: unknown field {min(unknown)!r}; a fixture has {', '.join(sorted(_KEYS))}")
    completion = row.fields.get("completion")
    if not isinstance(completion, str):
        raise UsageError(f"{row.where}: field 'completion' must be a text, got {completion!r:.80}")
    reason = choice(FinishReason, f"'finish_reason' of {row.where}", row.fields.get("finish_reason", "stop"))
    expect = choice(Expectation, f"'expect' of {row.where}", row.text("expect"))
    outcome = row.text("outcome") if "outcome" in row.fields else ""
    return Fixture(row.where, row.text("task_id"), Completion(completion, reason), expect, outcome)
