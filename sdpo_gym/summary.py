"""What a run comes to: scores with intervals, in all and by kind of task, and counts of what happened."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.card import EnvCard
from sdpo_gym.majority import maj_at_k
from sdpo_gym.records import Result
from sdpo_gym.stats import Estimate, ks_up_to, mean_over_tasks, pass_at_k
from sdpo_gym.task import MetaValue

_MOST_KINDS = 10  # more different values of a meta key than this make no table
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LADDER = ("easy", "medium", "hard")


@dataclass(frozen=True)
class TaskEntry:
    """What a summary needs to know of a task."""

    task_id: str
    digest: str
    meta: Mapping[str, MetaValue]


@dataclass(frozen=True)
class Part:
    """The scores of some of the tasks.

    Attributes:
        tasks: how many tasks they are.
        attempts: attempts at them that ended with a verdict.
        scores: ``avg@k`` and ``pass@k``, k at most the smallest number of attempts at one of all scored tasks, where
            the judge records answers ``maj@k`` for k from 3, and the means of the environment's further scores.
    """

    tasks: int
    attempts: int
    scores: Mapping[str, Estimate]


@dataclass(frozen=True)
class Summary:
    """What a run comes to; without clocks, so that a continued run and an uninterrupted one give the same.

    Attributes:
        env: name of the task set.
        split: part of the data.
        revision: where the data come from.
        window: range that the tasks were chosen by.
        data_digest: sha256 of the whole task set.
        notices: what a reader must know.
        policy: name of the policy, and of its model or script if it has one.
        isolation: level that programs were judged under, or levels; None if none were run.
        turns: most turns of an attempt.
        sampling: how completions were sampled, as in ``run.json``.
        headline: the metric that ``avg@k`` is the mean of.
        tasks: tasks evaluated.
        left_out: tasks of the set that no recorded completion is for.
        unscored: evaluated tasks at which every attempt ended in an outage; they are in no score.
        attempts: attempts that ended with a verdict.
        errors: attempts that ended in an outage; they are in no score.
        smallest_n: least number of attempts with a verdict at a scored task.
        largest_n: greatest such number.
        scores: see Part.
        by_turn: success by turn: the share of attempts that had passed by turn t, for t from 1 to the last turn that
            any attempt took; empty where attempts have one turn only.
        by: meta key, then its value, then the scores of these tasks.
        outcomes: attempts by outcome, in the card's order.
        directory: where the run lies; not part of ``summary.json``.
    """

    env: str
    split: str
    revision: str
    window: str
    data_digest: str
    notices: tuple[str, ...]
    policy: str
    isolation: str | None
    turns: int
    sampling: Mapping[str, Any]
    headline: str
    tasks: int
    left_out: int
    unscored: int
    attempts: int
    errors: int
    smallest_n: int
    largest_n: int
    scores: Mapping[str, Estimate]
    by_turn: tuple[Estimate, ...]
    by: Mapping[str, Mapping[str, Part]]
    outcomes: Mapping[str, int]
    directory: Path

    @property
    def error_rate(self) -> float:
        """Share of attempts that ended in an outage."""
        return self.errors / max(1, self.attempts + self.errors)

    def to_json(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        table = asdict(self)
        del table["directory"]
        return {**table, "error_rate": self.error_rate}


def summarise(
    results: Iterable[Result],
    entries: Sequence[TaskEntry],
    card: EnvCard,
    *,
    directory: Path,
    run: Mapping[str, Any],
    notices: Iterable[str] = (),
    left_out: int = 0,
    lower_bounds: Collection[str] = (),
) -> Summary:
    """Sum up a run; the order of ``results`` makes no difference.

    Args:
        results: how the attempts ended; those at tasks not in ``entries`` are ignored.
        entries: the tasks evaluated, in order.
        card: the environment's.
        directory: where the run lies.
        run: what ``run.json`` holds.
        notices: what a reader must know; empty ones are dropped.
        left_out: tasks of the set that no recorded completion is for.
        lower_bounds: scores that are lower bounds only and are left out.
    """
    by_task: dict[str, list[Result]] = {entry.digest: [] for entry in entries}
    errors = 0
    outcomes: Counter[str] = Counter()
    for result in sorted(results, key=lambda r: r.key):
        if result.task_digest not in by_task:
            continue
        if result.outcome is None:
            errors += 1
        else:
            by_task[result.task_digest].append(result)
            outcomes[result.outcome] += 1
    scored = [entry for entry in entries if by_task[entry.digest]]
    sizes = [len(by_task[entry.digest]) for entry in scored] or [0]
    smallest = min(sizes)
    further = [name for name in card.scores if name != card.headline and name not in lower_bounds]

    def part(some: Collection[TaskEntry]) -> Part:
        groups = [by_task[entry.digest] for entry in some]
        return Part(len(groups), sum(map(len, groups)), _scores(groups, smallest, card, further))

    data = run["data"]
    return Summary(
        env=data["name"],
        split=data["split"],
        revision=data["revision"],
        window=data["window"],
        data_digest=data["digest"],
        notices=tuple(notice for notice in notices if notice),
        policy=" ".join(run["policy"][key] for key in ("name", "model", "script") if run["policy"].get(key)),
        isolation=", ".join(sorted({s["isolation"] for s in run["sessions"] if s["isolation"]})) or None,
        turns=run["turns"],
        sampling=run["sampling"],
        headline=card.headline,
        tasks=len(entries),
        left_out=left_out,
        unscored=len(entries) - len(scored),
        attempts=sum(outcomes.values()),
        errors=errors,
        smallest_n=smallest,
        largest_n=max(sizes),
        scores=part(scored).scores,
        by_turn=_by_turn([by_task[entry.digest] for entry in scored], run["turns"]),
        by={key: {kind: part(some) for kind, some in kinds.items()} for key, kinds in _kinds(scored).items()},
        outcomes={outcome: outcomes[outcome] for outcome in card.outcomes if outcomes[outcome]},
        directory=directory,
    )


def _scores(
    groups: Sequence[Sequence[Result]], smallest_n: int, card: EnvCard, further: Sequence[str]
) -> dict[str, Estimate]:
    """Estimate every score over some tasks, each with its results.

    All attempts at a task enter ``avg@k``, also where a task has more than k of them: the expectation is the same and
    the estimate better.
    """
    if not groups:
        return {}
    in_scores = card.headline in card.scores
    values = [fmean(r.scores[card.headline] if in_scores else r.reward or 0.0 for r in group) for group in groups]
    per_task = {f"avg@{smallest_n}": (values, card.reward_range)}
    for k in ks_up_to(smallest_n):
        chances = [pass_at_k(len(group), sum(r.passed for r in group), k) for group in groups]
        per_task[f"pass@{k}"] = (chances, (0.0, 1.0))
    if any(r.answer is not None for group in groups for r in group):
        for k in ks_up_to(smallest_n):
            if k > 2:  # of one or two attempts none outvotes another
                votes = [maj_at_k([(r.answer, r.passed) for r in group], k) for group in groups]
                per_task[f"maj@{k}"] = (votes, (0.0, 1.0))
    for name in further:
        values = [fmean(r.scores[name] for r in group) for group in groups]
        per_task[name] = (values, _bounds(values))
    estimates = {name: mean_over_tasks(values, bounds) for name, (values, bounds) in per_task.items()}
    return {name: estimate for name, estimate in estimates.items() if estimate}


def _by_turn(groups: Sequence[Sequence[Result]], turns: int) -> tuple[Estimate, ...]:
    """Estimate the share of attempts that had passed by each turn, with the task as the unit of sampling."""
    if turns == 1 or not groups:
        return ()
    last = max(r.turns for group in groups for r in group)
    shares = ([fmean(r.passed and r.turns <= turn for r in group) for group in groups] for turn in range(1, last + 1))
    return tuple(estimate for share in shares if (estimate := mean_over_tasks(share)))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    """Cards give no range for further scores: shares are recognised by lying in [0, 1]."""
    return (0.0, 1.0) if all(0 <= value <= 1 for value in values) else (float("-inf"), float("inf"))


def _kinds(entries: Sequence[TaskEntry]) -> dict[str, dict[str, list[TaskEntry]]]:
    """Sort tasks by each meta key that tells few kinds apart, such as difficulty or platform."""
    kinds: dict[str, dict[str, list[TaskEntry]]] = {}
    for key in entries[0].meta if entries else ():
        values = [entry.meta.get(key) for entry in entries]
        names = {value for value in values if isinstance(value, str) and not _DATE.match(value)}
        if names != set(values) or not 2 <= len(names) <= min(_MOST_KINDS, len(entries) - 1):
            continue
        ordered = sorted(names, key=lambda name: (_LADDER.index(name) if name in _LADDER else len(_LADDER), name))
        kinds[key] = {name: [entry for entry in entries if entry.meta[key] == name] for name in ordered}
    return kinds
