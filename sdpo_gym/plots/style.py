"""How pictures look, and the files that they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sdpo_gym.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMN_INCHES = 3.4
PLOT_INCHES, LEGEND_LINE_INCHES = 2.1, 0.15

# Colours from Okabe and Ito's set, ordered so that neighbours differ in grey and in dashes; no two share a marker.
STYLES: Sequence[dict[str, Any]] = (
    {"color": "#000000", "linestyle": "-", "marker": "o"},
    {"color": "#9a9a9a", "linestyle": "--", "marker": "s"},
    {"color": "#0072b2", "linestyle": "-", "marker": "^"},
    {"color": "#d55e00", "linestyle": (0, (4, 1, 1, 1)), "marker": "D"},
    {"color": "#009e73", "linestyle": ":", "marker": "v"},
    {"color": "#cc79a7", "linestyle": (0, (6, 2)), "marker": "P"},
)
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++")
_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.3,
    "grid.color": "#d8d8d8",
    "hatch.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "svg.hashsalt": "sdpo_gym",
    "svg.fonttype": "path",
}


def check_can_draw() -> None:
    """Say so if matplotlib is missing, before hours of runs rather than after them.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "board")


@contextmanager
def figure(
    directory: Path, name: str, entries: int, *, columns: int = 2, height: float = PLOT_INCHES
) -> Iterator[Axes]:
    """Give axes to draw on, and write them with a legend below to ``NAME.png`` and ``NAME.svg``.

    Args:
        directory: made if it is not there.
        name: of the files.
        entries: how many the legend will have, for its height.
        columns: of the legend.
        height: of the axes, in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UsageError: the files cannot be written.
    """
    check_can_draw()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = (entries + columns - 1) // columns
    with mpl.rc_context(cast("Any", _RC)):
        drawn = Figure(figsize=(COLUMN_INCHES, height + LEGEND_LINE_INCHES * lines), layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.add_subplot()
        yield axes
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            drawn.legend(
                handles, labels, loc="outside lower center", ncols=columns, frameon=False, handlelength=3.4,
                columnspacing=1.0, labelspacing=0.25, borderpad=0.1,
            )  # fmt: skip
        try:
            directory.mkdir(parents=True, exist_ok=True)
            drawn.savefig(directory / f"{name}.png", dpi=200, metadata={"Software": None})
            drawn.savefig(directory / f"{name}.svg", metadata={"Date": None, "Creator": None})
        except OSError as error:
            raise UsageError(f"cannot write {directory / name}.png and .svg: {error.strerror}; give --out") from error


def band(
    axes: Axes,
    x: Sequence[float],
    middle: Sequence[float],
    ends: tuple[Sequence[float], Sequence[float]] | None,
    title: str,
    style: Mapping[str, Any],
    **more: Any,
) -> None:
    """Draw a curve, and around it a shaded band with these lower and upper ends, if it has one."""
    axes.plot(x, middle, label=title, **style, **more)
    if ends is None:
        return
    low, high = ends
    axes.fill_between(x, low, high, color=style["color"], alpha=0.13, linewidth=0)


def logarithmic(axes: Axes, ks: Sequence[int]) -> None:
    """Set out the x axis for numbers of attempts: powers of two, each labelled."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.minorticks_off()


def as_title(name: str) -> str:
    """Return a name for a legend: matplotlib reads formulas between dollars, and hides ``_`` at the start."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def legend_columns(titles: Sequence[str]) -> int:
    """Return how many titles fit beside each other."""
    return 2 if max(map(len, titles), default=0) <= 16 else 1
