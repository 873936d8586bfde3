"""Pictures of evaluations and searches: pass@k, discovery@k, outcomes, lengths, times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sdpo_gym.discovery import read_trails
from sdpo_gym.plots.style import HATCHES, STYLES, band, figure, legend_columns, logarithmic
from sdpo_gym.records import load_attempts
from sdpo_gym.stats import Estimate, discovery_at_k, ks_up_to, mean_over_tasks, pass_at_k

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NO_VERDICT = "no verdict (outage)"
_BINS = 24
_LEAST_SECONDS = 1e-3  # shorter times are drawn as this, for the axis is logarithmic
_MARKER_EVERY = 3  # bins
_BAR_INCHES = 0.11
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EvalRun:
    """What pictures need of an evaluation.

    Attributes:
        title: what it is called in the legend.
        tasks: attempts with a verdict and how many of them passed, one pair per task.
        outcomes: attempts by outcome.
        lengths: tokens of each completion, or characters where tokens are unknown.
        unit: ``tokens`` or ``characters``.
        generate: seconds that each answer took.
        judge: seconds that each verdict took.
    """

    title: str
    tasks: Sequence[tuple[int, int]]
    outcomes: Mapping[str, int]
    lengths: Floats
    unit: str
    generate: Floats
    judge: Floats


@dataclass(frozen=True)
class SearchRun:
    """What pictures need of a run of searches.

    Attributes:
        title: what it is called in the legend.
        times: for each task the discovery times of its searches, None for one in vain.
        k: most attempts of a search.
    """

    title: str
    times: Sequence[Sequence[int | None]]
    k: int


def read_eval(run: Path, title: str) -> EvalRun:
    """Read an evaluation.

    Raises:
        UsageError: if a line of its attempts is no row; it names the file and the line.
    """
    columns = ("task_digest", "done", "status", "outcome", "error", "tokens", "completion", "times.generate_s",
               "times.judge_s")  # fmt: skip
    table = load_attempts(run, columns)
    ended = table[table["done"].astype(bool) & table["error"].isna()]
    passed = (ended["status"] == "passed").groupby(ended["task_digest"])
    outcomes = Counter(ended["outcome"])
    if lost := int(table["error"].notna().sum()):
        outcomes[NO_VERDICT] = lost
    tokens = [each["completion"] for each in table["tokens"].dropna()]
    known = any(tokens)
    return EvalRun(
        title,
        list(zip(passed.size(), passed.sum(), strict=True)),
        outcomes,
        np.array(tokens if known else [len(text) for text in table["completion"].dropna()], dtype=np.float64),
        "tokens" if known else "characters",
        _numbers(table["times.generate_s"]),
        _numbers(table["times.judge_s"]),
    )


def _numbers(column: pd.Series[Any]) -> Floats:
    return np.asarray(column.dropna(), dtype=np.float64)


def read_searches(run: Path, record: Mapping[str, Any], title: str) -> SearchRun:
    """Read a run of searches; one that did not end is left out.

    Raises:
        UsageError: if a line of its attempts is no row; it names the file and the line.
    """
    k: int = record["k"]
    times: dict[str, list[int | None]] = {}
    for trail in read_trails(run).values():
        if trail.has_ended(k):
            times.setdefault(trail.task_digest, []).append(trail.solved_at)
    return SearchRun(title, list(times.values()), k)


def draw_pass(runs: Sequence[EvalRun], directory: Path) -> bool:
    """Draw pass@k over k with 95 % bands over tasks; False where no run has two attempts at every task."""
    curves = []
    for place, run in enumerate(runs):
        least = min((n for n, _ in run.tasks), default=0)
        if least > 1:
            ks = ks_up_to(least)
            found = [mean_over_tasks([pass_at_k(n, c, k) for n, c in run.tasks]) for k in ks]
            curves.append((place, run.title, ks, [e for e in found if e]))
    return _draw_at_k(curves, directory, "pass_at_k", "pass@k")


def draw_discovery(runs: Sequence[SearchRun], directory: Path) -> bool:
    """Draw discovery@k over k with 95 % bands over tasks; False where no search ended."""
    curves = []
    for place, run in enumerate(runs):
        if run.times:
            ks = ks_up_to(run.k)
            found = [discovery_at_k(run.times, k) for k in ks]
            curves.append((place, run.title, ks, [e for e in found if e]))
    return _draw_at_k(curves, directory, "discovery_at_k", "discovery@k")


def _draw_at_k(
    curves: Sequence[tuple[int, str, Sequence[int], Sequence[Estimate]]], directory: Path, name: str, label: str
) -> bool:
    if not curves:
        return False
    with figure(directory, name, len(curves), columns=legend_columns([title for _, title, _, _ in curves])) as axes:
        for place, title, ks, found in curves:
            known = [(k, e) for k, e in zip(ks, found, strict=True) if e.low is not None and e.high is not None]
            band(axes, ks, [e.value for e in found], None, title, STYLES[place % len(STYLES)])
            low, high = [e.low or 0.0 for _, e in known], [e.high or 0.0 for _, e in known]
            axes.fill_between(
                [k for k, _ in known], low, high, color=STYLES[place % len(STYLES)]["color"], alpha=0.13, linewidth=0
            )
        logarithmic(axes, max((ks for _, _, ks, _ in curves), key=len))
        axes.set_xlabel("attempts k")
        axes.set_ylabel(f"{label} (band: 95 %)")
        axes.set_ylim(bottom=0)
    return True


def draw_outcomes(runs: Sequence[EvalRun], directory: Path) -> bool:
    """Draw the share of attempts by outcome, the most frequent first; False where there is no attempt."""
    total: Counter[str] = Counter()
    for run in runs:
        total.update({outcome: count / sum(run.outcomes.values()) for outcome, count in run.outcomes.items()})
    if not total:
        return False
    outcomes = [outcome for outcome, _ in total.most_common()]
    height = 0.55 + len(outcomes) * (_BAR_INCHES * len(runs) + 0.07)
    with figure(
        directory, "outcomes", len(runs), columns=legend_columns([run.title for run in runs]), height=height
    ) as axes:
        thick = 0.8 / len(runs)
        for place, run in enumerate(runs):
            attempts = sum(run.outcomes.values())
            shares = [run.outcomes.get(outcome, 0) / max(1, attempts) for outcome in outcomes]
            at = [i - 0.4 + thick * (place + 0.5) for i in range(len(outcomes))]
            axes.barh(
                at, shares, thick, label=f"{run.title} ({attempts:,} attempts)", facecolor=_fill(place),
                edgecolor="black", linewidth=0.5, hatch=HATCHES[place % len(HATCHES)],
            )  # fmt: skip
        axes.set_yticks(range(len(outcomes)), [outcome.replace("_", " ") for outcome in outcomes])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_axisbelow(True)
        axes.set_xlabel("share of attempts")
        axes.set_xlim(left=0)
    return True


def draw_lengths(runs: Sequence[EvalRun], directory: Path) -> bool:
    """Draw how long completions are; False where there is none. Runs in other units than the first are left out."""
    with_any = [(place, run) for place, run in enumerate(runs) if run.lengths.size]
    units = [run.unit for _, run in with_any]
    shown = [(place, run.title, np.maximum(run.lengths, 1)) for place, run in with_any if run.unit == units[0]]
    return bool(shown) and _histogram(shown, directory, "lengths", f"length of a completion ({units[0]})")


def draw_times(runs: Sequence[EvalRun], directory: Path) -> list[str]:
    """Draw how long answers and verdicts took, and return the names of the pictures; replayed answers take no time."""
    names = []
    for name, label in (("generate", "time to answer (s)"), ("judge", "time to judge (s)")):
        shown = [
            (place, run.title, np.maximum(times, _LEAST_SECONDS))
            for place, run in enumerate(runs)
            if (times := getattr(run, name)).size and times.max() > _LEAST_SECONDS
        ]
        if shown and _histogram(shown, directory, f"times_{name}", label):
            names.append(f"times_{name}")
    return names


def _histogram(shown: Sequence[tuple[int, str, Floats]], directory: Path, name: str, label: str) -> bool:
    """Draw the shares of attempts over a logarithmic axis, since lengths and times have long tails."""
    together = np.concatenate([values for _, _, values in shown])
    edges = 10 ** np.histogram_bin_edges(np.log10(together), _BINS)
    with figure(directory, name, len(shown), columns=legend_columns([title for _, title, _ in shown])) as axes:
        for place, title, values in shown:
            _outline(axes, values, edges, title, place)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        axes.set_ylabel("share of attempts")
        axes.set_ylim(bottom=0)
    return True


def _outline(axes: Axes, values: Floats, edges: Floats, title: str, place: int) -> None:
    """Draw a histogram as steps, so that runs which overlap are all to be seen, with the run's dashes and markers."""
    counts, _ = np.histogram(values, edges)
    shares = counts / values.size
    style = STYLES[place % len(STYLES)]
    axes.stairs(shares, edges, color=style["color"], linestyle=style["linestyle"], linewidth=1.1)
    some = slice(place % _MARKER_EVERY, None, _MARKER_EVERY)
    middles = np.sqrt(edges[:-1] * edges[1:])
    axes.plot(middles[some], shares[some], color=style["color"], marker=style["marker"], linestyle="none")
    axes.plot([], [], label=f"{title} (median {np.median(values):.3g})", **style)


def _fill(place: int) -> str:
    """Return greys that go with the hatches: they stay apart in print."""
    return ("#4d4d4d", "#ffffff", "#bdbdbd", "#ededed", "#8c8c8c", "#d9d9d9")[place % 6]
