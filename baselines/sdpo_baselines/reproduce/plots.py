"""The pictures of a reproduction: PNG and SVG, one column wide, readable in grey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdpo_baselines.reproduce.curves import Axis, Point, Worlds, on_grid
from sdpo_baselines.reproduce.results import Results, Search
from sdpo_gym.plots.style import STYLES, band, figure, logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {
    Axis.GENERATIONS: "generations (attempts made in training)",
    Axis.UPDATES: "updates (optimizer steps)",
    Axis.FLOPS: "training compute ($10^{12}$ FLOPs)",
    Axis.SECONDS: "training time (s, one core)",
}
SCALE = {Axis.FLOPS: 1e-12}
ACCURACY = "held-out accuracy"


def draw_all(results: Results, directory: Path) -> list[str]:
    """Draw every picture that the results have data for, and return the names, without suffix, in order.

    Args:
        results: what is drawn.
        directory: gets ``NAME.png`` and ``NAME.svg``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = []
    main = _styled(results, "main")
    if main:
        for axis in Axis:
            with figure(directory, f"accuracy_{axis}", len(main)) as axes:
                _curves(axes, main, axis, ACCURACY)
            names.append(f"accuracy_{axis}")
    if taught := [arm for arm in results.group("main") if _has(results.runs[arm], _teacher)]:
        with figure(directory, "teacher", 2 * len(taught)) as axes:
            for i, arm in enumerate(taught):
                worlds, title = results.runs[arm], results.titles[arm]
                of = f"{title}: " if len(taught) > 1 else ""
                _curve(axes, f"{of}student", worlds, Axis.GENERATIONS, STYLES[(2 * i + 2) % 6])
                _curve(axes, f"{of}teacher", worlds, Axis.GENERATIONS, STYLES[(2 * i + 3) % 6], _teacher)
            _label(axes, LABELS[Axis.GENERATIONS], ACCURACY)
        names.append("teacher")
    for name, value, label in (
        ("length", _length, "answer length (tokens)"),
        ("entropy", _entropy, "entropy (nats per token)"),
    ):
        if shown := {arm: entry for arm, entry in main.items() if _has(entry[1], value)}:
            with figure(directory, name, len(shown)) as axes:
                _curves(axes, shown, Axis.GENERATIONS, label, value)
            names.append(name)
    for group in results.groups:
        styled = _styled(results, group)
        if group != "main" and len(styled) > 1 and (styled.keys() - set(results.groups.get("main", ()))):
            with figure(directory, f"group_{group}", len(styled)) as axes:
                _curves(axes, styled, Axis.GENERATIONS, ACCURACY)
            names.append(f"group_{group}")
    if results.searches:
        with figure(directory, "discovery", len(results.searches)) as axes:
            _discovery(axes, results)
        names.append("discovery")
    return names


_Styled = dict[str, tuple[str, Worlds, dict[str, Any]]]


def _styled(results: Results, group: str) -> _Styled:
    """Return title, runs and style of the arms of a group that were run; a style belongs to the place in the group."""
    return {
        arm: (results.titles[arm], results.runs[arm], STYLES[i % len(STYLES)])
        for i, arm in enumerate(results.groups.get(group, ()))
        if results.runs.get(arm)
    }


def _curves(
    axes: Axes,
    styled: _Styled,
    axis: Axis,
    label: str,
    value: Callable[[Point], float | None] = lambda point: point.avg,
) -> None:
    for title, worlds, style in styled.values():
        _curve(axes, title, worlds, axis, style, value)
    _label(axes, LABELS[axis], label)


def _curve(
    axes: Axes,
    title: str,
    worlds: Worlds,
    axis: Axis,
    style: Mapping[str, Any],
    value: Callable[[Point], float | None] = lambda point: point.avg,
) -> None:
    """Draw the mean over worlds, and a band from the lowest world to the highest."""
    evaluations = max(sum(value(point) is not None for point in curve.points) for curve in worlds.values())
    every = max(1, 40 // max(1, evaluations - 1))  # a marker for each evaluation, where they are at even distances
    grid, rows = on_grid(worlds, axis, value)
    x = [at * SCALE.get(axis, 1.0) for at in grid]
    _band(axes, x, rows, title, style, markevery=every)


def _band(
    axes: Axes, x: Sequence[float], rows: Sequence[Sequence[float]], title: str, style: Mapping[str, Any], **more: Any
) -> None:
    columns = list(zip(*rows, strict=True))
    ends = ([min(c) for c in columns], [max(c) for c in columns]) if len(rows) > 1 else None
    band(axes, x, [sum(c) / len(c) for c in columns], ends, title, style, **more)


def _discovery(axes: Axes, results: Results) -> None:
    most = 1
    for i, (method, worlds) in enumerate(sorted(results.searches.items())):
        k = min(search.k for search in worlds.values())
        most = max(most, k)
        ks = _powers(k)
        rows = [[search.found_by(at) for at in ks] for search in _in_order(worlds)]
        _band(axes, ks, rows, results.titles.get(f"search:{method}", method), STYLES[(i + 2) % len(STYLES)])
    logarithmic(axes, _powers(most))
    _label(axes, "attempts k", "solved within k attempts", start=None)


def _in_order(worlds: Mapping[int, Search]) -> list[Search]:
    return [search for _, search in sorted(worlds.items())]


def _powers(k: int) -> list[int]:
    powers = [1 << i for i in range(k.bit_length())]
    return powers if powers[-1] == k else [*powers, k]


def _label(axes: Axes, x: str, y: str, start: float | None = 0.0) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0)
    if start is not None:
        axes.set_xlim(left=start)


def _has(worlds: Worlds, value: Callable[[Point], float | None]) -> bool:
    return any(value(point) is not None for curve in worlds.values() for point in curve.points)


def _teacher(point: Point) -> float | None:
    return point.teacher


def _length(point: Point) -> float | None:
    return point.length


def _entropy(point: Point) -> float | None:
    return point.training.get("entropy")
