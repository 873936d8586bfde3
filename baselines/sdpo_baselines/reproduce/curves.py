"""Curves of training runs: read from ``metrics.jsonl``, cut, crossed, and averaged over worlds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from sdpo_gym.errors import UsageError
from sdpo_gym.stats import Estimate, mean_over_tasks

# Figures of training steps that a point carries as means over the steps since the evaluation before it.
TRAINING = ("entropy", "length_mean", "reward_mean", "bad_format_fraction", "teacher_gap", "feedback_used_fraction",
            "solution_used_fraction", "reprompt_fraction", "grad_norm")  # fmt: skip
# Figures of training steps that are summed over the run, by what they begin with.
SUMMED = ("seconds_", "flops_", "tokens_")


class Axis(StrEnum):
    """What a run may be charged for."""

    GENERATIONS = "generations"
    UPDATES = "updates"
    FLOPS = "flops"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Point:
    """An evaluation on the held-out tasks.

    Attributes:
        step: batches trained on before it.
        generations: attempts made in training.
        updates: optimizer steps.
        seconds: time of training, without evaluations.
        flops: of training, generation included.
        avg: held-out accuracy (avg@n).
        length: mean tokens of a held-out answer, None where unknown.
        teacher: held-out accuracy of the teacher, as the trainer measures it; None where it does not.
        training: see ``TRAINING``; empty at step 0.
    """

    step: int
    generations: float
    updates: float
    seconds: float
    flops: float
    avg: float
    length: float | None
    teacher: float | None
    training: Mapping[str, float]

    def on(self, axis: Axis) -> float:
        """Return where the point lies on an axis."""
        return float(getattr(self, axis.value))


@dataclass(frozen=True)
class Curve:
    """One run: an arm in a world.

    Attributes:
        arm: name of the arm.
        world: number of the world, which is the seed of the run too.
        points: evaluations by step; the first is of step 0, and there is another.
        totals: sums over the run of the figures that begin with one of ``SUMMED``.
        stopped: the alarm that ended it before its time, None if it ran to its end.
    """

    arm: str
    world: int
    points: tuple[Point, ...]
    totals: Mapping[str, float]
    stopped: str | None = None

    @property
    def initial(self) -> float:
        """Accuracy before training."""
        return self.points[0].avg

    @property
    def last(self) -> float:
        """Accuracy at the end."""
        return self.points[-1].avg

    @property
    def best(self) -> float:
        """Greatest accuracy of the evaluations after step 0 (chosen on the held-out tasks: too high by the noise)."""
        return max(point.avg for point in self.points[1:])

    @property
    def mean(self) -> float:
        """Mean accuracy of the evaluations after step 0."""
        return fmean(point.avg for point in self.points[1:])

    def end(self, axis: Axis) -> float:
        """Return where the curve ends on an axis."""
        return self.points[-1].on(axis)

    def at(self, axis: Axis, x: float) -> float:
        """Return the accuracy at ``x``, between two evaluations by linear interpolation.

        Raises:
            ValueError: if the run did not get there.
        """
        end = self.end(axis)
        if not 0 <= x <= end * (1 + 1e-9):
            raise ValueError(f"{self.arm} in world {self.world} has {axis} from 0 to {end:g}, not {x:g}")
        for left, right in zip(self.points, self.points[1:], strict=False):
            if x <= right.on(axis):
                width = right.on(axis) - left.on(axis)
                share = (x - left.on(axis)) / width if width else 1.0
                return left.avg + share * (right.avg - left.avg)
        return self.last

    def reach(self, axis: Axis, target: float) -> float | None:
        """Return where the curve, its points joined by lines, first comes up to ``target``; None if it never does."""
        if self.initial >= target:
            return self.points[0].on(axis)
        for left, right in zip(self.points, self.points[1:], strict=False):
            if right.avg >= target:
                share = (target - left.avg) / (right.avg - left.avg)
                return left.on(axis) + share * (right.on(axis) - left.on(axis))
        return None


# Curves of one arm by world.
Worlds = Mapping[int, Curve]


def read_curve(path: Path, arm: str, world: int, stopped: str | None = None) -> Curve:
    """Read the curve of a run from its ``metrics.jsonl``.

    Of several lines about one step the last counts, and a torn last line is passed over, since a run may have been
    killed and resumed.

    Raises:
        UsageError: if the file is not there, is damaged before its end, or has no two evaluations.
    """
    steps: dict[int, dict[str, Any]] = {}
    evaluations: dict[int, dict[str, Any]] = {}
    for row in _rows(path):
        (evaluations if "eval" in row else steps)[int(row["step"])] = row
    if len(evaluations) < 2 or 0 not in evaluations:
        raise UsageError(f"{path} has evaluations at steps {sorted(evaluations)}; need step 0 and at least one more")
    points, before = [], -1
    for step in sorted(evaluations):
        since = [row for s, row in steps.items() if before < s <= step]
        points.append(_point(evaluations[step], since))
        before = step
    totals: dict[str, float] = {}
    for row in steps.values():
        for key, value in row.items():
            if key.startswith(SUMMED) and _finite(value):
                totals[key] = totals.get(key, 0.0) + float(value)
    return Curve(arm, world, tuple(points), totals, stopped)


def to_json(curve: Curve) -> dict[str, Any]:
    """Return a curve as plain data, with six significant digits."""
    return {
        "arm": curve.arm,
        "world": curve.world,
        "stopped": curve.stopped,
        "totals": {key: _rounded(value) for key, value in sorted(curve.totals.items())},
        "points": [
            {key: _rounded(value) for key, value in vars(point).items() if key != "training"}
            | {"training": {key: _rounded(value) for key, value in point.training.items()}}
            for point in curve.points
        ],
    }


def from_json(data: Mapping[str, Any]) -> Curve:
    """Return a curve from what :func:`to_json` made."""
    points = tuple(Point(**point) for point in data["points"])
    return Curve(data["arm"], data["world"], points, data["totals"], data["stopped"])


def estimate(values: Iterable[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Estimate | None:
    """Return the mean over worlds with its 95 % t interval; None if there is no value.

    One world, or the same value in every one of them, gives no interval: neither says how far another would lie.
    """
    return mean_over_tasks([round(value, 9) for value in values], bounds)  # so that equal ones are, whatever the sums


def paired(left: Worlds, right: Worlds, measure: Callable[[Curve], float | None]) -> dict[int, float]:
    """Return ``measure(left) - measure(right)`` for every world that both have a value in."""
    differences = {}
    for world in sorted(left.keys() & right.keys()):
        a, b = measure(left[world]), measure(right[world])
        if a is not None and b is not None:
            differences[world] = a - b
    return differences


def paired_at(left: Worlds, right: Worlds, axis: Axis) -> dict[int, float]:
    """Return by world the difference in accuracy where the shorter of the two runs ends on an axis."""
    differences = {}
    for world in sorted(left.keys() & right.keys()):
        a, b = left[world], right[world]
        x = min(a.end(axis), b.end(axis))
        differences[world] = a.at(axis, x) - b.at(axis, x)
    return differences


@dataclass(frozen=True)
class Reach:
    """What an arm needs for another's final accuracy, in one world.

    Attributes:
        target: the other's last accuracy.
        needed: where the arm first comes up to it; None if it never does.
        budget: what the other spent in all.
        own: where the other itself first came up to its last accuracy: at or before ``budget``.
        learned: whether the target lies above the accuracy before training; if not, reaching it says nothing.
    """

    target: float
    needed: float | None
    budget: float
    own: float
    learned: bool

    @property
    def share(self) -> float | None:
        """What is needed as a share of the other's budget; None where it is not reached or says nothing."""
        return self.needed / self.budget if self.learned and self.needed is not None else None


def reach(arm: Worlds, other: Worlds, axis: Axis) -> dict[int, Reach]:
    """Return by world what ``arm`` needs on an axis for the last accuracy of ``other``."""
    found = {}
    for world in sorted(arm.keys() & other.keys()):
        a, b = arm[world], other[world]
        own = b.reach(axis, b.last)
        assert own is not None, "a curve reaches its own end"
        found[world] = Reach(b.last, a.reach(axis, b.last), b.end(axis), own, b.last > b.initial)
    return found


def on_grid(
    worlds: Worlds,
    axis: Axis,
    value: Callable[[Point], float | None] = lambda point: point.avg,
    count: int = 41,
) -> tuple[list[float], list[list[float]]]:
    """Return a grid on an axis and every world's values on it, its points joined by lines.

    The grid covers what all worlds have; worlds without any value are left out, and without any the grid is empty.
    """
    series = [
        [(point.on(axis), v) for point in curve.points if (v := value(point)) is not None]
        for _, curve in sorted(worlds.items())
    ]
    series = [points for points in series if points]
    if not series:
        return [], []
    start, end = max(points[0][0] for points in series), min(points[-1][0] for points in series)
    grid = np.linspace(start, end, count)
    rows = [np.interp(grid, [x for x, _ in points], [y for _, y in points]).tolist() for points in series]
    return grid.tolist(), rows


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            if number == len(lines):
                break
            raise UsageError(f"{path}, line {number} is not JSON: {line!r:.60}") from None
        rows.append(row)
    return rows


def _point(row: Mapping[str, Any], since: Sequence[Mapping[str, Any]]) -> Point:
    figures = row["eval"]
    teacher = row.get("teacher_eval") or {}
    means = {}
    for key in TRAINING:
        values = [float(step[key]) for step in since if _finite(step.get(key))]
        if values:
            means[key] = fmean(values)
    return Point(
        step=int(row["step"]),
        generations=float(row["generations"]),
        updates=float(row["updates"]),
        seconds=float(row["seconds"]),
        flops=float(row["flops"]),
        avg=float(figures["avg"]),
        length=_number(figures.get("length")),
        teacher=_number(teacher.get("avg")),
        training=means,
    )


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
