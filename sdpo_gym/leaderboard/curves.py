"""Where the lines of a learning curve lie in a picture; the templates draw them as SVG, in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sdpo_gym.leaderboard.results import Entry
from sdpo_gym.leaderboard.views import title_of

WIDTH, HEIGHT = 640.0, 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 12.0, 44.0
MOST_LINES = 6


@dataclass(frozen=True)
class Tick:
    """A place on an axis, with its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A run's curve.

    Attributes:
        title: the model and the agent.
        points: of the line, as SVG's ``points``.
        band: the 95 % interval as a polygon; empty where there is none.
        markers: where the evaluations lie.
    """

    title: str
    points: str
    band: str
    markers: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """A picture of learning curves: held-out accuracy over the attempts made in training.

    Attributes:
        lines: at most ``MOST_LINES``.
        left_out: how many more runs there are.
        x_ticks: of generations.
        y_ticks: of accuracy.
    """

    lines: tuple[Line, ...]
    left_out: int
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM


def chart_of(entries: Sequence[Entry]) -> Chart | None:
    """Return the picture of the training runs among ``entries``, in their order; None if there is none."""
    runs = [entry for entry in entries if entry.is_training]
    if not runs:
        return None
    curves = [entry.data["training"]["curve"] for entry in runs[:MOST_LINES]]
    points = [point for curve in curves for point in curve]
    x_end = max(point["generations"] for point in points) or 1.0
    heights = [value for p in points for value in (p["avg"], p["high"]) if value is not None]
    y_ticks = _ticks(min(0.0, *(p["avg"] for p in points)), max(heights))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def x(value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * value / x_end, 1)

    def y(value: float) -> float:
        inside = min(max(value, y_low), y_high)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (inside - y_low) / (y_high - y_low), 1)

    lines = []
    for entry, curve in zip(runs, curves, strict=False):
        places = tuple((x(p["generations"]), y(p["avg"])) for p in curve)
        ends = [p for p in curve if p["low"] is not None and p["high"] is not None]
        upper = [(x(p["generations"]), y(p["high"])) for p in ends]
        lower = [(x(p["generations"]), y(p["low"])) for p in reversed(ends)]
        lines.append(Line(title_of(entry), _joined(places), _joined([*upper, *lower]), places))
    return Chart(
        tuple(lines),
        len(runs) - len(lines),
        tuple(Tick(x(at), f"{at:,.0f}") for at in _ticks(0.0, x_end) if at <= x_end),
        tuple(Tick(y(at), f"{at:.2f}") for at in y_ticks),
    )


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers at even distances that enclose ``low`` and ``high``."""
    raw = max(high - low, 1e-9) / (most - 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, max(last, first + 1) + 1)]
