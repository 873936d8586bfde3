"""Confirming a result file: the stored completions of its run are judged again and must come to the same figures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.backend import JudgeBackend
from sdpo_gym.directories import flat, shown
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.leaderboard.results import read_result
from sdpo_gym.leaderboard.submit import result_of_run
from sdpo_gym.rejudge import RejudgeConfig, rejudge

# Names, and what is true of the machine that judged: these may differ.
_FREE = (
    "name",
    "note",
    "model.name",
    "date",
    "machine",
    "versions",
    "isolation",
    "judge.judged_with",
    "attempts.sha256",
)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Verification:
    """What came of judging again.

    Attributes:
        differences: one line for each figure that the file has otherwise; empty if it is confirmed.
        judged: attempts that were judged again; None for a training run, which keeps no held-out completions, so that
            only what follows from its ``metrics.jsonl`` was confirmed.
        changed: verdicts that came out otherwise than in the stored run.
    """

    differences: tuple[str, ...]
    judged: int | None
    changed: int


def verify(file: Path, attempts: Path, *, out: Path | None = None, backend: str = JudgeBackend.LOCAL) -> Verification:
    """Judge the stored completions of a result's run again, and compare.

    Args:
        file: the result file.
        attempts: run directory with ``run.json`` and ``attempts.jsonl``; for a training run with ``metrics.jsonl``.
        out: where the verdicts go, so that an interrupted verification can go on; without it they are not kept.
        backend: where judging happens, see :class:`~sdpo_gym.backend.JudgeBackend`.

    Raises:
        UsageError: if the file is no result, or the directory no finished run on data that are still the same.
        OutageError: if data or sandbox cannot be reached, or some completions could not be judged.
    """
    stated = read_result(file).data
    stored = result_of_run(attempts)
    if stated["kind"] != stored["kind"]:
        raise UsageError(f"{file}: kind: is {stated['kind']!r}, but {attempts} holds a run of kind {stored['kind']!r}")
    differences = []
    if (found := stored["attempts"]["sha256"]) != (said := stated["attempts"]["sha256"]):
        differences.append(f"attempts.sha256: file {said}, {attempts / stored['attempts']['file']} {found}")
    if stated["kind"] == "train":
        return Verification((*differences, *_differences(stated, stored)), None, 0)
    with tempfile.TemporaryDirectory(prefix="sdpo-gym-verify-") as scratch:
        directory = out or Path(scratch) / "rejudged"
        again = rejudge(RejudgeConfig(attempts, directory, judge_backend=backend))
        if unjudged := again.summary.errors - again.unanswered:
            raise OutageError(f"{unjudged:,} completions could not be judged; the same command tries again")
        judged = result_of_run(directory)
    return Verification((*differences, *_differences(stated, judged)), again.judged, sum(again.changes.values()))


def _differences(stated: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    left, right = _by_field(stated), _by_field(found)
    for field in dict.fromkeys([*left, *right]):
        if any(field == free or field.startswith(f"{free}.") for free in _FREE):
            continue
        was, now = left.get(field), right.get(field)
        if isinstance(was, int | float) and isinstance(now, int | float) and abs(was - now) <= _ROUNDING:
            continue
        if was != now:
            yield f"{field}: file {shown(was)}, judged again {shown(now)}"


def _by_field(result: Mapping[str, Any]) -> dict[str, Any]:
    tasks = {task["id"]: task for task in result["tasks"]}
    return flat({**result, "tasks": {}}) | flat({f"tasks[{name}]": task for name, task in tasks.items()})
