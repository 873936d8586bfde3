"""A run as its tasks see it: one number for each task, by a metric that can be named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.discovery import read_trails
from sdpo_gym.errors import UsageError
from sdpo_gym.majority import maj_at_k
from sdpo_gym.options import suggestion
from sdpo_gym.records import RUN_FILE, Result, check_finished, load_results, load_run
from sdpo_gym.stats import Estimate, mean_over_tasks, pass_at_k
from sdpo_gym.training.directory import METRICS_FILE
from sdpo_gym.training.summary import best_step_of

AVERAGE = "avg"
_AT_K = re.compile(r"(pass|maj|discovery)@([1-9]\d{0,5})")


class Kind(StrEnum):
    """What made a run: an evaluation (or judging one again), a training or a search."""

    EVAL = "eval"
    TRAIN = "train"
    DISCOVERY = "discovery"


class Which(StrEnum):
    """Which evaluation of a training run counts: the last, the best, or the mean of all after step 0."""

    LAST = "last"
    BEST = "best"
    MEAN = "mean"


@dataclass(frozen=True)
class ScoredRun:
    """One number for each task of a run.

    Attributes:
        directory: where the run lies.
        kind: what made it.
        record: its ``run.json``.
        metric: what the numbers are, such as ``avg@4``.
        values: by task; evaluations and searches name a task by its digest, training runs by the digest of the held-out
            set and its place there.
        bounds: least and greatest value that a task can have.
        attempts: attempts with a verdict; for searches, how many ended.
        errors: attempts that ended in an outage, which are in no number; for searches, those that did not end.
        smallest_n: least number of attempts, or searches, at a task.
        largest_n: greatest such number.
    """

    directory: Path
    kind: Kind
    record: Mapping[str, Any]
    metric: str
    values: Mapping[str, float]
    bounds: tuple[float, float]
    attempts: int
    errors: int
    smallest_n: int
    largest_n: int

    @property
    def mean(self) -> Estimate | None:
        """The mean over all its tasks, None if none has a number."""
        return mean_over_tasks(list(self.values.values()), self.bounds)


def kind_of(record: Mapping[str, Any], run: Path) -> Kind:
    """Return what made a run.

    Raises:
        UsageError: if it is none of the three; it names file and field.
    """
    kind = record.get("kind", Kind.EVAL)
    if kind not in list(Kind):
        raise UsageError(f"{run / RUN_FILE}: field 'kind' is {kind!r}; this takes runs of eval, train and discover")
    return Kind(kind)


def load_scored(run: Path, metric: str = AVERAGE, which: Which = Which.LAST) -> ScoredRun:
    """Read a run's numbers.

    Args:
        run: directory of the run.
        metric: ``avg`` (of the card's headline), ``pass@K``, ``maj@K``, ``discovery@K`` (searches only, where ``avg``
            stands for discovery at their greatest k), or one of the environment's scores.
        which: of a training run.

    Raises:
        UsageError: if it is no finished run, or has no such metric; it names the file and the field.
    """
    record = load_run(run)
    kind = kind_of(record, run)
    check_finished(run)
    try:
        match kind:
            case Kind.EVAL:
                return _evaluation(run, record, metric)
            case Kind.TRAIN:
                return _training(run, record, metric, which)
            case Kind.DISCOVERY:
                return _discovery(run, record, metric)
    except KeyError as error:
        raise UsageError(f"{run / RUN_FILE} lacks the field {error.args[0]!r}; was the file altered?") from error


def attempts_by_task(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Return the attempts with a verdict by task digest, tasks in the order of their ids."""
    by_task: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: (r.task_id, r.key)):
        if result.outcome is not None:
            by_task.setdefault(result.task_digest, []).append(result)
    return by_task


def _evaluation(run: Path, record: Mapping[str, Any], metric: str) -> ScoredRun:
    results = load_results(run).values()
    by_task = attempts_by_task(results)
    sizes = [len(group) for group in by_task.values()] or [0]
    name, bounds = (f"{metric}@{min(sizes)}" if metric == AVERAGE else metric), (0.0, 1.0)
    card = record["env"]["card"]
    at_k = _AT_K.fullmatch(metric)
    if metric == AVERAGE or metric in card["scores"]:
        score = card["headline"] if metric == AVERAGE else metric
        in_scores = score in card["scores"]
        values = {
            task: fmean(r.scores[score] if in_scores else r.reward or 0.0 for r in group)
            for task, group in by_task.items()
        }
        reach = tuple(card["reward_range"]) if score == card["headline"] else (0.0, 1.0)
        bounds = (min([reach[0], *values.values()]), max([reach[1], *values.values()]))
    elif at_k and at_k[1] != "discovery":
        values = _at_k(run, by_task, at_k[1], int(at_k[2]))
    else:
        raise _no_metric(run, metric, [AVERAGE, "pass@K", "maj@K", *card["scores"]])
    attempts = sum(sizes)
    return ScoredRun(
        run, Kind.EVAL, record, name, values, bounds, attempts, len(results) - attempts, min(sizes), max(sizes)
    )


def _at_k(run: Path, by_task: Mapping[str, Sequence[Result]], name: str, k: int) -> dict[str, float]:
    if short := [group[0] for group in by_task.values() if len(group) < k]:
        raise UsageError(
            f"{run} has no {name}@{k}: {len(short):,} of its {len(by_task):,} tasks have fewer attempts with a "
            f"verdict, the first is {short[0].task_id!r}"
        )
    if name == "pass":
        return {task: pass_at_k(len(group), sum(r.passed for r in group), k) for task, group in by_task.items()}
    if not any(r.answer is not None for group in by_task.values() for r in group):
        raise UsageError(
            f"{run} has no maj@{k}: no verdict's detail has the field 'answer', either because answers cannot be the "
            "same in its environment or because the run is older (sdpo-gym rejudge adds it)"
        )
    return {task: maj_at_k([(r.answer, r.passed) for r in group], k) for task, group in by_task.items()}


def _training(run: Path, record: Mapping[str, Any], metric: str, which: Which) -> ScoredRun:
    path = run / METRICS_FILE
    if metric != AVERAGE:
        raise _no_metric(path, metric, [AVERAGE])
    rows = [row for row in load_metrics(run) if "eval" in row]
    later = [row for row in rows if row["step"] > 0]
    if not later:
        raise UsageError(f"{path} has no row with the field 'eval' after step 0; train on, or compare other runs")
    best = best_step_of(rows)
    taken = {
        Which.LAST: later[-1:],
        Which.BEST: [row for row in later if row["step"] == best],
        Which.MEAN: later,
    }[which]
    columns = zip(*(row["eval"]["values"] for row in taken), strict=True)
    known = ([value for value in column if value is not None] for column in columns)
    held_out = record["data"]["eval"]["digest"]
    values = {f"{held_out}/{place}": fmean(column) for place, column in enumerate(known) if column}
    n = taken[-1]["eval"]["n"]
    errors = sum(row["eval"]["errors"] for row in taken)
    asked = len(taken) * record["data"]["eval"]["evaluated"] * record["settings"]["eval_n"]
    where = f"{len(later)} evaluations" if which is Which.MEAN else f"step {taken[-1]['step']}"
    reach = record["env"]["card"]["reward_range"]
    return ScoredRun(
        run, Kind.TRAIN, record, f"avg@{n} ({which}, {where})", values, (reach[0], reach[1]), asked - errors, errors, n,
        record["settings"]["eval_n"],
    )  # fmt: skip


def _discovery(run: Path, record: Mapping[str, Any], metric: str) -> ScoredRun:
    most = record["k"]
    at_k = _AT_K.fullmatch(metric)
    if metric != AVERAGE and not (at_k and at_k[1] == "discovery" and int(at_k[2]) <= most):
        raise _no_metric(run, metric, [f"discovery@K with K up to {most}"])
    k = int(at_k[2]) if at_k else most
    times: dict[str, list[int | None]] = {}
    trails = read_trails(run).values()
    for trail in trails:
        if trail.has_ended(most):
            times.setdefault(trail.task_digest, []).append(trail.solved_at)
    values = {task: fmean(time is not None and time <= k for time in found) for task, found in times.items()}
    sizes = [len(found) for found in times.values()] or [0]
    ended = sum(sizes)
    return ScoredRun(
        run, Kind.DISCOVERY, record, f"discovery@{k}", values, (0.0, 1.0), ended, len(trails) - ended, min(sizes),
        max(sizes),
    )  # fmt: skip


def load_metrics(run: Path) -> list[dict[str, Any]]:
    """Read the rows of a training run's ``metrics.jsonl``.

    Raises:
        UsageError: if it cannot be read, or a line is no row; it names file and line.
    """
    path = run / METRICS_FILE
    rows = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            row["step"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}, line {number}: not a row of metrics ({type(error).__name__}: {error})"
            ) from error
        rows.append(row)
    return rows


def _no_metric(where: Path, metric: str, there_are: Sequence[str]) -> UsageError:
    return UsageError(f"{where} has no metric {metric!r}{suggestion(metric, there_are)}; it has {', '.join(there_are)}")
