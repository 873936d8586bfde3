"""Learning curves of training runs: held-out accuracy or any other column of ``metrics.jsonl``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.plots.style import STYLES, band, figure, legend_columns
from sdpo_gym.scored import load_metrics
from sdpo_gym.task import digest_of
from sdpo_gym.training.directory import METRICS_FILE, identity

ACCURACY = "eval.avg"


class Axis(StrEnum):
    """What a run may be charged for."""

    STEP = "step"
    GENERATIONS = "generations"
    UPDATES = "updates"
    SECONDS = "seconds"
    FLOPS = "flops"


_LABELS = {
    Axis.STEP: "step",
    Axis.GENERATIONS: "generations (attempts made in training)",
    Axis.UPDATES: "updates (optimizer steps)",
    Axis.SECONDS: "training time (s)",
    Axis.FLOPS: "training compute (FLOPs)",
}


@dataclass(frozen=True)
class Curve:
    """A column of a training run, or of several that differ in nothing but their seed.

    Attributes:
        title: what it is called in the legend.
        x: where on the axis.
        middle: the values; of several runs their mean.
        ends: of one run the 95 % interval over tasks, where the column has one; of several their least and greatest.
    """

    title: str
    x: Sequence[float]
    middle: Sequence[float]
    ends: tuple[Sequence[float], Sequence[float]] | None


def read_curves(
    runs: Sequence[tuple[Path, str, Mapping[str, Any]]], column: str = ACCURACY, axis: Axis = Axis.GENERATIONS
) -> list[Curve]:
    """Read a column of each training run; runs that differ in nothing but their seed become one curve.

    Args:
        runs: for each its directory, its title and its ``run.json``.
        column: a field of the rows of ``metrics.jsonl``; ``eval.avg`` is a field within a field.
        axis: what to draw it over.

    Raises:
        UsageError: if a file cannot be read, or has no such column or axis; it names the file and the column.
    """
    groups: dict[str, list[tuple[str, dict[float, Mapping[str, Any]]]]] = {}
    for run, title, record in runs:
        rows = _rows(run, column, axis)
        groups.setdefault(_but_for_the_seed(record), []).append((title, rows))
    return [
        _of_one(*group[0], column, axis) if len(group) == 1 else _of_several(group, column, axis)
        for group in groups.values()
    ]


def draw_curves(curves: Sequence[Curve], directory: Path, column: str, axis: Axis) -> bool:
    """Draw learning curves; False where there is none."""
    if not curves:
        return False
    with figure(directory, "curves", len(curves), columns=legend_columns([c.title for c in curves])) as axes:
        for place, curve in enumerate(curves):
            every = max(1, len(curve.x) // 12)
            band(
                axes, curve.x, curve.middle, curve.ends, curve.title, STYLES[place % len(STYLES)], markevery=every
            )  # fmt: skip
        axes.set_xlabel(_LABELS[axis])
        axes.set_ylabel("held-out accuracy" if column == ACCURACY else column)
        axes.set_xlim(left=0)
        if column == ACCURACY:
            axes.set_ylim(bottom=0)
    return True


def _rows(run: Path, column: str, axis: Axis) -> dict[float, Mapping[str, Any]]:
    """Return the rows that have the column, by step; of several rows of a step the last counts."""
    path = run / METRICS_FILE
    rows = load_metrics(run)
    known: set[str] = {name for row in rows for name in _columns(row)}
    for name in (column, axis.value):
        if name not in known:
            raise UsageError(
                f"{path} has no column {name!r}{suggestion(name, known)}; it has {', '.join(sorted(known))}"
            )
    return {row["step"]: row for row in rows if _value(row, column) is not None and _value(row, axis) is not None}


def _of_one(title: str, rows: Mapping[float, Mapping[str, Any]], column: str, axis: Axis) -> Curve:
    taken = [rows[step] for step in sorted(rows)]
    ends = None
    if column.endswith(".avg"):
        low, high = (column.removesuffix("avg") + end for end in ("low", "high"))
        middle = [_number(row, column) for row in taken]
        known = [
            (m if (a := _value(row, low)) is None else a, m if (b := _value(row, high)) is None else b)
            for row, m in zip(taken, middle, strict=True)
        ]
        ends = [a for a, _ in known], [b for _, b in known]
    return Curve(title, [_number(row, axis) for row in taken], [_number(row, column) for row in taken], ends)


def _of_several(group: Sequence[tuple[str, Mapping[float, Mapping[str, Any]]]], column: str, axis: Axis) -> Curve:
    """Average over the steps that all runs have."""
    steps = sorted(set.intersection(*(set(rows) for _, rows in group)))
    values = [[_number(rows[step], column) for _, rows in group] for step in steps]
    return Curve(
        f"{group[0][0]} and {len(group) - 1} more seeds" if len(group) > 2 else f"{group[0][0]} and 1 more seed",
        [fmean(_number(rows[step], axis) for _, rows in group) for step in steps],
        [fmean(each) for each in values],
        ([min(each) for each in values], [max(each) for each in values]),
    )


def _but_for_the_seed(record: Mapping[str, Any]) -> str:
    return digest_of({key: value for key, value in identity(record).items() if key != "settings.seed"})


def _columns(row: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _columns(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}"


def _value(row: Mapping[str, Any], column: str) -> float | None:
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _number(row: Mapping[str, Any], column: str) -> float:
    value = _value(row, column)
    assert value is not None, "rows without the column were left out"
    return value
