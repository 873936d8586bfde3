"""What a training run comes to: accuracy on held-out tasks before, at its best, at its end, and on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.stats import Estimate, mean_over_tasks
from sdpo_gym.training.watch import Alarm


@dataclass(frozen=True)
class TrainSummary:
    """What ``summary.json`` holds.

    Attributes:
        env: what was trained on.
        agent: name of the agent.
        preset: name of the preset, if one was used.
        steps: steps made.
        planned: steps asked for.
        k: attempts per task in each evaluation.
        initial: held-out avg@k before the first step.
        best: the greatest after a step, with the step; chosen among ``evaluations``, so biased upwards.
        best_step: see ``best``.
        last: that after the last step that was evaluated.
        last_step: see ``last``.
        mean: the mean over all evaluations after step 0; of each task first, so that its interval is one over tasks.
        evaluations: how many evaluations there were after step 0.
        teacher: the teacher's avg at the last evaluation that measured it; None if none did.
        stopped: the alarm that ended the run, None if none did.
        totals: ``generations``, ``updates``, ``seconds`` and ``flops`` of training, without evaluations.
        directory: where the run lies; not part of ``summary.json``.
    """

    env: str
    agent: str
    preset: str | None
    steps: int
    planned: int
    k: int
    initial: Estimate | None
    best: Estimate | None
    best_step: int | None
    last: Estimate | None
    last_step: int | None
    mean: Estimate | None
    evaluations: int
    teacher: Estimate | None
    stopped: Alarm | None
    totals: Mapping[str, float]
    directory: Path

    def to_json(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        table = asdict(self)
        del table["directory"]
        return table


def best_step_of(evaluations: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the first step with the greatest avg among rows of evaluations, step 0 aside; None if there is none."""
    later = [row for row in evaluations if row["step"] > 0]
    return max(later, key=lambda row: (row["eval"]["avg"], -row["step"]))["step"] if later else None


def estimate_of(part: Mapping[str, Any]) -> Estimate:
    """Return the estimate in an evaluation's record."""
    return Estimate(part["avg"], part["low"], part["high"])


def mean_of(evaluations: Sequence[Mapping[str, Any]], bounds: tuple[float, float]) -> Estimate | None:
    """Return the mean over evaluations, step 0 aside, with its interval over tasks."""
    columns = zip(*(row["eval"]["values"] for row in evaluations if row["step"] > 0), strict=True)
    known = ([value for value in column if value is not None] for column in columns)
    return mean_over_tasks([fmean(values) for values in known if values], bounds)
