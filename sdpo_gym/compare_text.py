"""A comparison as text, at most 100 columns wide, that ends in plain words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from sdpo_gym.compare import Comparison, Pair
from sdpo_gym.paired import PairedDifference
from sdpo_gym.report import WIDTH, table
from sdpo_gym.scored import Kind, ScoredRun

_MOST_DIFFERENCES = 6
_LONGEST_NAME = 28


def render(comparison: Comparison) -> str:
    """Return what was compared, the figures of each run and of each pair, what differs, and the conclusion."""
    blocks = [_runs(comparison), _pairs(comparison)]
    blocks += [_filled(note) for note in _notes(comparison)]
    blocks += ["\n".join(_filled(line) for line in _conclusion(comparison))]
    return "\n\n".join(blocks)


def _runs(comparison: Comparison) -> str:
    rows = []
    for letter, name, run in _lettered(comparison):
        mean = run.mean
        n = f"{run.smallest_n}" if run.smallest_n == run.largest_n else f"{run.smallest_n}-{run.largest_n}"
        interval = (
            "-" if mean is None or mean.low is None or mean.high is None else f"[{mean.low:.3f}, {mean.high:.3f}]"
        )
        value = "-" if mean is None else f"{mean.value:.3f}"
        total = run.attempts + run.errors
        errors = f"{run.errors:,} ({run.errors / total:.1%})" if run.errors else "0"
        rows.append([letter, _cut(name), f"{len(run.values):,}", n, errors, run.metric, value, interval])
    head = ["", "run", "tasks", "n", "errors", "metric", "value", "95 % interval"]
    return table(head, rows, numeric=(2, 3, 4, 6, 7))


def _pairs(comparison: Comparison) -> str:
    several = len(comparison.pairs) > 1
    rows = []
    for pair in comparison.pairs:
        d = pair.difference
        low_high = "-" if d.low is None or d.high is None else f"[{d.low:+.3f}, {d.high:+.3f}]"
        cells = [f"A - {_letter(pair.other)}", f"{d.tasks:,}", f"{d.value:+.3f}", low_high, _p(d.p_value)]
        cells += [_p(pair.adjusted)] if several else []
        cells += [f"{d.won:,}", f"{d.lost:,}", f"{d.tied:,}", "-" if d.detectable is None else f"{d.detectable:.3f}"]
        rows.append(cells)
    head = ["pair", "tasks", "difference", "95 % interval", "p", *(["p (Holm)"] if several else [])]
    head += ["won", "lost", "tied", "detectable"]
    return table(head, rows, numeric=range(1, len(head)))


def _notes(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        both = f"A and {_letter(pair.other)}"
        if pair.measured:
            yield f"Note: {both} were measured differently: {'; '.join(pair.measured)}."
        if pair.first_only or pair.other_only:
            yield (
                f"Note: {both} are compared over the {pair.difference.tasks:,} tasks at which both have a verdict; "
                f"left out are {pair.first_only:,} of A and {pair.other_only:,} of {_letter(pair.other)}."
            )
        if pair.subject:
            listed = list(pair.subject[:_MOST_DIFFERENCES])
            if more := len(pair.subject) - len(listed):
                listed.append(f"and {more} more")
            yield f"{both} differ in: {'; '.join(listed)}."
    if len(comparison.pairs) > 1:
        yield "Note: each interval is that of its pair alone; Holm's correction is for all p-values together."
    if comparison.runs[0].kind is Kind.TRAIN and any("(best" in run.metric for run in comparison.runs):
        yield "Note: the best of several evaluations is biased upwards, and more so the more there are."
    if any(run.errors for run in comparison.runs):
        yield (
            "Note: attempts that ended in an outage are in no figure; if outages are more frequent at hard tasks, a "
            "run with many of them looks better than it is."
        )


def _conclusion(comparison: Comparison) -> Iterator[str]:
    for pair in comparison.pairs:
        yield "Conclusion: " + _verdict(pair, _letter(pair.other), len(comparison.pairs))


def _verdict(pair: Pair, other: str, pairs: int) -> str:
    d = pair.difference
    if d.tasks == 1:
        return f"A and {other} have one task in common, which says nothing about other tasks."
    p = f"p = {_p(d.p_value)}".replace("= <", "< ")
    if pairs > 1:
        p += f", {_p(pair.adjusted)} with Holm's correction for {pairs} comparisons"
    counts = (
        f"At {d.tasks:,} common tasks A does better at {d.won:,}, worse at {d.lost:,} and equally well at {d.tied:,}."
    )
    if pair.is_significant:
        better, worse = ("A", other) if d.value > 0 else (other, "A")
        return f"{better} scores higher than {worse} by {abs(d.value):.3f}{_between(d)} ({p}). {counts}"
    if d.won == d.lost == 0:
        return f"A and {other} score the same at each of {d.tasks:,} common tasks."
    told = f"A and {other} cannot be told apart: the difference of {d.value:+.3f} may be chance ({p}). {counts}"
    if d.detectable is None:
        return told
    return (
        f"{told} A comparison this precise finds a true difference of {d.detectable:.3f} in 80 of 100 cases; a smaller "
        f"one may well exist and go unseen. To see smaller ones, evaluate more tasks, or more attempts per task."
    )


def _between(d: PairedDifference) -> str:
    if d.low is None or d.high is None:
        return ""
    low, high = sorted((abs(d.low), abs(d.high)))
    return f", with 95 % confidence by {low:.3f} to {high:.3f}"


def _lettered(comparison: Comparison) -> Iterator[tuple[str, str, ScoredRun]]:
    for place, (name, run) in enumerate(zip(comparison.names, comparison.runs, strict=True)):
        yield _letter(place), name, run


def _letter(place: int) -> str:
    """Return A to Z, then A1, B1 ..."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else "..." + name[-(_LONGEST_NAME - 3) :]


def _p(p_value: float) -> str:
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
