"""All pictures that some runs have data for."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from sdpo_gym.compare import unique_names
from sdpo_gym.errors import UsageError
from sdpo_gym.plots.attempts import (
    draw_discovery,
    draw_lengths,
    draw_outcomes,
    draw_pass,
    draw_times,
    read_eval,
    read_searches,
)
from sdpo_gym.plots.curves import ACCURACY, Axis, draw_curves, read_curves
from sdpo_gym.plots.style import STYLES, as_title, check_can_draw
from sdpo_gym.records import check_finished, load_run
from sdpo_gym.scored import Kind, kind_of


class Picture(StrEnum):
    """What can be drawn."""

    CURVES = "curves"
    PASS = "pass"
    DISCOVERY = "discovery"
    OUTCOMES = "outcomes"
    LENGTHS = "lengths"
    TIMES = "times"


def draw(
    runs: Sequence[Path],
    directory: Path,
    *,
    pictures: Sequence[Picture] = (),
    column: str = ACCURACY,
    axis: Axis = Axis.GENERATIONS,
) -> list[Path]:
    """Draw pictures of runs, all runs of a kind into one, and return the files.

    Args:
        runs: run directories, up to six of a kind.
        directory: gets ``NAME.png`` and ``NAME.svg``.
        pictures: which; without any, all that the runs have data for.
        column: of learning curves, see :func:`~sdpo_gym.plots.curves.read_curves`.
        axis: of learning curves.

    Raises:
        UsageError: if a run is given twice, is no finished run, or has no data for a picture that was asked for.
        MissingExtraError: if matplotlib or pandas is not installed.
    """
    check_can_draw()
    kinds: dict[Kind, list[int]] = {kind: [] for kind in Kind}
    records = [load_run(run) for run in runs]
    titles = [as_title(name) for name in unique_names(runs)]
    for place, (run, record) in enumerate(zip(runs, records, strict=True)):
        kinds[kind_of(record, run)].append(place)
        check_finished(run)
    if crowded := [kind for kind, places in kinds.items() if len(places) > len(STYLES) and kind is not Kind.TRAIN]:
        raise UsageError(
            f"more than {len(STYLES)} runs of kind {crowded[0].value!r} in one picture cannot be told apart"
        )
    evaluations = [read_eval(runs[i], titles[i]) for i in kinds[Kind.EVAL]]
    searches = [read_searches(runs[i], records[i], titles[i]) for i in kinds[Kind.DISCOVERY]]
    trained = [(runs[i], titles[i], records[i]) for i in kinds[Kind.TRAIN]]
    drawn: list[str] = []
    for picture in pictures or list(Picture):
        match picture:
            case Picture.CURVES:
                curves = read_curves(trained, column, axis)
                if len(curves) > len(STYLES):
                    raise UsageError(f"{len(curves)} learning curves in one picture cannot be told apart; draw fewer")
                names = ["curves"] if draw_curves(curves, directory, column, axis) else []
            case Picture.PASS:
                names = ["pass_at_k"] if draw_pass(evaluations, directory) else []
            case Picture.DISCOVERY:
                names = ["discovery_at_k"] if draw_discovery(searches, directory) else []
            case Picture.OUTCOMES:
                names = ["outcomes"] if draw_outcomes(evaluations, directory) else []
            case Picture.LENGTHS:
                names = ["lengths"] if draw_lengths(evaluations, directory) else []
            case Picture.TIMES:
                names = draw_times(evaluations, directory)
        if not names and pictures:
            raise UsageError(
                f"{', '.join(map(str, runs))}: no data for the picture {picture.value!r}; {_NEEDS[picture]}"
            )
        drawn += names
    if not drawn:
        raise UsageError(f"{', '.join(map(str, runs))}: nothing to draw, no attempt has ended")
    return [directory / f"{name}.{suffix}" for name in drawn for suffix in ("png", "svg")]


_NEEDS = {
    Picture.CURVES: "it needs training runs",
    Picture.PASS: "it needs evaluations with at least two attempts at every task",
    Picture.DISCOVERY: "it needs runs of `sdpo-gym discover`",
    Picture.OUTCOMES: "it needs evaluations",
    Picture.LENGTHS: "it needs evaluations",
    Picture.TIMES: "it needs evaluations that measured times; replaying and judging again do not measure all",
}
