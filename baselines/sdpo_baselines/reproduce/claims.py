"""The paper's claims, each held against the interval of one figure: yes, no or unresolved.

A claim is data (``claims.toml``, committed before the runs): a figure that has one value in every world, and a rule.
With the 95 % t interval of that figure's mean over worlds:

========  =========================  ================================  ==========
rule      yes                        no                                else
========  =========================  ================================  ==========
above b   the interval is above b    it is at or below b               unresolved
below b   it is below b              it is at or above b               unresolved
within b  it lies within [-b, b]     it lies wholly outside of it      unresolved
========  =========================  ================================  ==========

Where there are fewer than two worlds, or a figure says nothing in one of them, there is no interval and the claim is
unresolved. Claims are judged one by one; the intervals are not widened for their number.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from statistics import fmean

from sdpo_baselines.reproduce.arms import CLAIMS_FILE
from sdpo_baselines.reproduce.curves import Axis, Curve, estimate, paired, paired_at, reach
from sdpo_baselines.reproduce.results import Results
from sdpo_gym.errors import UsageError
from sdpo_gym.stats import Estimate


class Answer(StrEnum):
    """What the data say of a claim."""

    YES = "yes"
    NO = "no"
    UNRESOLVED = "unresolved"


class Rule(StrEnum):
    """Where the figure must lie for the claim to hold."""

    ABOVE = "above"
    BELOW = "below"
    WITHIN = "within"


@dataclass(frozen=True)
class Claim:
    """One sentence of the paper, and what decides on it here.

    Attributes:
        id: short name.
        says: the claim in words.
        source: where it is made.
        measure: name of the figure, see ``MEASURES``.
        arm: which arm (or, for searches, which search).
        than: which other, if the figure compares two; ``best:GROUP`` is the arm of a group that ends highest on the
            mean over the worlds of the report, which is in its favour.
        axes: where runs of unlike cost are cut to be compared; one row in the table for each.
        rule: see the module.
        bound: see the module.
    """

    id: str
    says: str
    source: str
    measure: str
    arm: str
    rule: Rule
    bound: float
    than: str | None = None
    axes: tuple[Axis, ...] = ()


@dataclass(frozen=True)
class Judged:
    """A claim with its answer.

    Attributes:
        claim: the claim.
        axis: at what equal cost, None where that is not asked.
        values: the figure by world.
        estimate: mean over worlds and interval, None without any value.
        answer: what follows.
        note: why there is no better answer, or what the values are cut at.
    """

    claim: Claim
    axis: Axis | None
    values: Mapping[int, float]
    estimate: Estimate | None
    answer: Answer
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """Values by world; ``censored`` if some are only bounds from below, ``void`` if some world says nothing."""

    values: Mapping[int, float]
    censored: bool = False
    void: str = ""


def read_claims(directory: Path) -> list[Claim]:
    """Read the claims of a design directory.

    Raises:
        UsageError: if a claim is none that can be judged.
    """
    path = directory / CLAIMS_FILE
    claims = []
    for table in tomllib.loads(path.read_text(encoding="utf-8"))["claim"]:
        try:
            claim = Claim(**{**table, "rule": Rule(table["rule"]), "axes": tuple(map(Axis, table.get("axes", ())))})
        except (TypeError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: claim {table.get('id', '?')!r}: {error}") from None
        if claim.measure not in MEASURES:
            raise UsageError(
                f"{path}: claim {claim.id!r} has measure {claim.measure!r}; there are {', '.join(MEASURES)}"
            )
        claims.append(claim)
    return claims


def judge_claims(claims: list[Claim], results: Results) -> list[Judged]:
    """Judge every claim, on every axis it names."""
    judged = []
    for claim in claims:
        for axis in claim.axes or (None,):
            judged.append(_judge(claim, axis, results))
    return judged


def answer(found: Estimate | None, rule: Rule, bound: float) -> Answer:
    """Return what an interval says of a rule; see the module for the table."""
    if found is None or found.low is None or found.high is None:
        return Answer.UNRESOLVED
    low, high = found.low, found.high
    if rule is Rule.WITHIN:
        if -bound <= low and high <= bound:
            return Answer.YES
        return Answer.NO if low > bound or high < -bound else Answer.UNRESOLVED
    if rule is Rule.BELOW:
        low, high, bound = -high, -low, -bound
    if low > bound:
        return Answer.YES
    return Answer.NO if high <= bound else Answer.UNRESOLVED


def _judge(claim: Claim, axis: Axis | None, results: Results) -> Judged:
    note = ""
    if claim.than is not None and claim.than.startswith("best:"):
        arms = results.group(claim.than.removeprefix("best:"))
        best = max(arms, key=lambda arm: fmean(curve.last for curve in results.runs[arm].values()), default=claim.than)
        claim = replace(claim, than=best)
        note = f"against {results.titles[best]}" if len(arms) > 1 else ""
    sides = results.searches if claim.measure in _OF_SEARCHES else results.runs
    missing = [name for name in (claim.arm, claim.than) if name is not None and not sides.get(name)]
    if missing:
        return Judged(claim, axis, {}, None, Answer.UNRESOLVED, f"not run: {', '.join(missing)}")
    figure = MEASURES[claim.measure](claim, axis, results)
    found = estimate(figure.values.values())
    if figure.void:
        return Judged(claim, axis, figure.values, found, Answer.UNRESOLVED, figure.void)
    said = answer(found, claim.rule, claim.bound)
    notes = [note] if note else []
    if figure.censored:  # the values are at least these: they may show that it is not low, but not that it is
        notes.append("not reached in some world, where it counts as 1")
        if claim.rule is not Rule.ABOVE and said is Answer.YES:
            said = Answer.UNRESOLVED
    if len(figure.values) < 2:
        notes.append("fewer than two worlds")
    return Judged(claim, axis, figure.values, found, said, "; ".join(notes))


Measure = Callable[[Claim, Axis | None, Results], Figure]


def _of_curve(measure: Callable[[Curve], float | None]) -> Measure:
    """Make a figure of a curve: the arm's own, or its difference to the other's in the same world."""

    def figure(claim: Claim, axis: Axis | None, results: Results) -> Figure:
        left = results.runs[claim.arm]
        if claim.than is not None:
            return Figure(paired(left, results.runs[claim.than], measure))
        values = {world: measure(curve) for world, curve in sorted(left.items())}
        return Figure({world: value for world, value in values.items() if value is not None})

    return figure


def _accuracy(claim: Claim, axis: Axis | None, results: Results) -> Figure:
    if axis is None or claim.than is None:
        raise UsageError(f"claim {claim.id!r} needs `than` and `axes`")
    return Figure(paired_at(results.runs[claim.arm], results.runs[claim.than], axis))


def _share(claim: Claim, axis: Axis | None, results: Results) -> Figure:
    """Share of the other's budget that the arm needs for the other's last accuracy; at least 1 if not reached."""
    if axis is None or claim.than is None:
        raise UsageError(f"claim {claim.id!r} needs `than` and `axes`")
    found = reach(results.runs[claim.arm], results.runs[claim.than], axis)
    void = [world for world, r in found.items() if not r.learned]
    values = {world: 1.0 if r.share is None else r.share for world, r in found.items() if r.learned}
    censored = any(r.share is None for r in found.values() if r.learned)
    note = f"{claim.than} ended no higher than it began in world {', '.join(map(str, void))}" if void else ""
    return Figure(values, censored, note)


def _length(curve: Curve) -> float | None:
    return curve.points[-1].length


def _entropy(curve: Curve) -> float | None:
    return curve.points[-1].training.get("entropy")


def _teacher_gain(curve: Curve) -> float | None:
    first, last = curve.points[0].teacher, curve.points[-1].teacher
    return None if first is None or last is None else last - first


def _over_first_teacher(curve: Curve) -> float | None:
    first = curve.points[0].teacher
    return None if first is None else curve.last - first


def _attempts_ratio(claim: Claim, axis: Axis | None, results: Results) -> Figure:
    assert claim.than is not None
    left, right = results.searches[claim.arm], results.searches[claim.than]
    return Figure({w: left[w].mean_attempts / right[w].mean_attempts for w in sorted(left.keys() & right.keys())})


def _discovery(claim: Claim, axis: Axis | None, results: Results) -> Figure:
    assert claim.than is not None
    left, right = results.searches[claim.arm], results.searches[claim.than]
    values = {}
    for world in sorted(left.keys() & right.keys()):
        k = min(left[world].k, right[world].k)
        values[world] = left[world].found_by(k) - right[world].found_by(k)
    return Figure(values)


MEASURES: Mapping[str, Measure] = {
    "accuracy": _accuracy,  # difference at equal cost
    "share": _share,
    "last": _of_curve(lambda curve: curve.last),
    "mean": _of_curve(lambda curve: curve.mean),
    "best": _of_curve(lambda curve: curve.best),
    "gain": _of_curve(lambda curve: curve.last - curve.initial),
    "drop": _of_curve(lambda curve: curve.best - curve.last),
    "length": _of_curve(_length),
    "entropy": _of_curve(_entropy),
    "teacher_gain": _of_curve(_teacher_gain),
    "over_first_teacher": _of_curve(_over_first_teacher),
    "attempts_ratio": _attempts_ratio,
    "discovery": _discovery,
}
UNSIGNED = frozenset({"share", "attempts_ratio"})  # figures that are no differences
_OF_SEARCHES = frozenset({"attempts_ratio", "discovery"})
