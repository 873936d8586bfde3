"""What searches came to: discovery@k, attempts until success, and the differences between methods, task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.records import iter_rows, load_run
from sdpo_gym.report import table
from sdpo_gym.stats import (
    Estimate,
    discovery_at_k,
    ks_up_to,
    mean_attempts,
    mean_difference,
    median_attempts,
)

SELECTION = "selection"  # stands in rows where a search has the name of its method


@dataclass(frozen=True)
class Trail:
    """How far one search came.

    Attributes:
        task_id: which task.
        task_digest: its digest.
        seed: index of the search at its task.
        attempts: attempts that ended with a verdict.
        solved_at: the attempt that solved the task, from 1; None if none has.
    """

    task_id: str
    task_digest: str
    seed: int
    attempts: int
    solved_at: int | None

    def has_ended(self, k: int) -> bool:
        """Tell whether it solved its task or made k attempts; otherwise it was interrupted, or an outage ended it."""
        return self.solved_at is not None or self.attempts >= k


@dataclass(frozen=True)
class Selected:
    """A candidate among the tasks, with its base pass rate as fresh attempts estimate it.

    Attributes:
        task_id: which task.
        task_digest: its digest.
        attempts: how many there were.
        solved: how many of them solved the task.
        below: the rate below which a task is chosen.
    """

    task_id: str
    task_digest: str
    attempts: int
    solved: int
    below: float

    @property
    def rate(self) -> float:
        """The share of attempts that solved the task."""
        return self.solved / self.attempts

    @property
    def chosen(self) -> bool:
        """Whether searches are made at this task."""
        return self.rate < self.below


@dataclass(frozen=True)
class Found:
    """The searches at one task.

    Attributes:
        task_id: which task.
        task_digest: its digest.
        times: for each search that ended the attempt that solved the task, from 1, or None for one that made k in vain.
        unfinished: searches that an outage ended; they are in no figure.
        mean_attempts: attempts until success, truncated at k; None if no search ended.
    """

    task_id: str
    task_digest: str
    times: tuple[int | None, ...]
    unfinished: int
    mean_attempts: float | None


@dataclass(frozen=True)
class Discovery:
    """What a run of searches comes to; without clocks.

    Attributes:
        env: name of the task set.
        data_digest: sha256 of the whole task set.
        policy: name of the policy, and of its model or script if it has one.
        method: name of the search.
        method_options: its resolved options.
        sampling: how it sampled.
        k: most attempts of a search.
        seeds: searches per task.
        searches: searches that ended.
        unfinished: searches that an outage ended; they are in no figure.
        attempts: attempts with a verdict, those of interrupted searches and of the selection not counted.
        errors: outages on the way; they count as no attempt.
        discovery: ``discovery@j`` for j the powers of two up to k, and k.
        mean_attempts: attempts until success, truncated at k.
        median_attempts: likewise; a value of k says that it is at least that.
        tasks: the searches, task by task.
        selection: where tasks were chosen by their base pass rate, every candidate; otherwise empty.
        directory: where the run lies; not part of ``summary.json``.
    """

    env: str
    data_digest: str
    policy: str
    method: str
    method_options: Mapping[str, Any]
    sampling: Mapping[str, Any]
    k: int
    seeds: int
    searches: int
    unfinished: int
    attempts: int
    errors: int
    discovery: Mapping[str, Estimate]
    mean_attempts: Estimate | None
    median_attempts: Estimate | None
    tasks: tuple[Found, ...]
    selection: tuple[Selected, ...]
    directory: Path

    def to_json(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        made = asdict(self)
        del made["directory"]
        return made


@dataclass(frozen=True)
class Difference:
    """How two runs differ, over the tasks that both searched at: the first less the second.

    Attributes:
        first: directory of the first run.
        second: directory of the second run.
        methods: their methods.
        k: the smaller of their k, at which both are truncated.
        by_task: difference of the mean number of attempts, truncated at k, by task id.
        attempts: its mean over tasks, with an interval; below 0 where the first needs fewer.
        discovery: difference of discovery@k, with an interval; above 0 where the first solves more.
    """

    first: Path
    second: Path
    methods: tuple[str, str]
    k: int
    by_task: Mapping[str, float]
    attempts: Estimate
    discovery: Estimate


def read_trails(run: Path) -> dict[tuple[str, int], Trail]:
    """Read how far each search of a run came, by task digest and seed; one that was begun anew counts as of then."""
    trails: dict[tuple[str, int], Trail] = {}
    for row in iter_rows(run):
        if row.get("method") == SELECTION:
            continue
        digest, seed, attempt = row["task_digest"], row["seed"], row["attempt"]
        trail = trails.get((digest, seed))
        if trail is None or (attempt == 0 and row["turn"] == 0):
            trail = Trail(row["task_id"], digest, seed, 0, None)
        if row["done"]:
            solved_at = attempt + 1 if row["status"] == "passed" else None
            trail = replace(trail, attempts=attempt + 1, solved_at=solved_at)
        trails[digest, seed] = trail
    return trails


def read_selection(run: Path) -> dict[tuple[str, int], bool]:
    """Read whether each attempt of a run's selection solved its task, by task digest and index; outages left out."""
    rows = (row for row in iter_rows(run) if row.get("method") == SELECTION)
    return {(row["task_digest"], row["attempt"]): row["status"] == "passed" for row in rows if row["done"]}


def summarise(
    directory: Path, tasks: Sequence[tuple[str, str]], *, seeds: int, selected: Sequence[Selected] = ()
) -> Discovery:
    """Sum up a run.

    Args:
        directory: where it lies.
        tasks: id and digest of each task that was searched at, in order.
        seeds: searches per task.
        selected: the candidates that tasks were chosen from.
    """
    run = load_run(directory)
    k: int = run["k"]
    trails = read_trails(directory)
    found = [_found(task_id, digest, trails, seeds, k) for task_id, digest in tasks]
    times = [each.times for each in found if each.times]
    ended = [trail for trail in trails.values() if trail.seed < seeds and trail.has_ended(k)]
    of_policy = run["policy"]
    return Discovery(
        env=run["data"]["name"],
        data_digest=run["data"]["digest"],
        policy=" ".join(of_policy[key] for key in ("name", "model", "script") if of_policy.get(key)),
        method=run["method"]["name"],
        method_options=run["method"]["options"],
        sampling=run["sampling"],
        k=k,
        seeds=seeds,
        searches=sum(len(each.times) for each in found),
        unfinished=sum(each.unfinished for each in found),
        attempts=sum(trail.attempts for trail in ended),
        errors=sum(row["error"] is not None for row in iter_rows(directory)),
        discovery={f"discovery@{j}": e for j in ks_up_to(k) if (e := discovery_at_k(times, j))},
        mean_attempts=mean_attempts(times, k),
        median_attempts=median_attempts(times, k),
        tasks=tuple(found),
        selection=tuple(selected),
        directory=directory,
    )


def _found(task_id: str, digest: str, trails: Mapping[tuple[str, int], Trail], seeds: int, k: int) -> Found:
    ended = [t for seed in range(seeds) if (t := trails.get((digest, seed))) and t.has_ended(k)]
    times = tuple(trail.solved_at for trail in ended)
    mean = _mean_attempts(times, k) if times else None
    return Found(task_id, digest, times, seeds - len(ended), mean)


def compare_discoveries(runs: Sequence[Path]) -> list[Difference]:
    """Compare each of several runs with each later one, paired by task.

    Of runs with different k, what the longer searches found later than the smaller k does not count. Pairing takes the
    differences between tasks out of the intervals, which treat the task as the unit of sampling.

    Raises:
        UsageError: if there are fewer than two, one is no run of searches, they are of different environments or
            policies, or two have no task in common.
    """
    if len(runs) < 2:
        raise UsageError(f"a comparison needs at least two runs, got {len(runs)}")
    return [_difference(first, second) for first, second in combinations(runs, 2)]


def _difference(first: Path, second: Path) -> Difference:
    records = [_load_discovery_run(path) for path in (first, second)]
    for key in ("env.name", "env.options", "policy"):
        was, now = (_at(record, key) for record in records)
        if was != now:
            raise UsageError(f"{first} and {second} cannot be compared: {key} is {was} in one and {now} in the other")
    k = min(record["k"] for record in records)
    mine, its = (_times(path, record["k"]) for path, record in zip((first, second), records, strict=True))
    common = [digest for digest in mine if digest in its]
    made = [[_mean_attempts(side[digest][1], k) for digest in common] for side in (mine, its)]
    solved = [[_share(side[digest][1], k) for digest in common] for side in (mine, its)]
    attempts = mean_difference(made[0], made[1], width=float(k - 1))
    discovery = mean_difference(solved[0], solved[1])
    if attempts is None or discovery is None:
        raise UsageError(f"{first} and {second} have no task in common whose searches have ended")
    return Difference(
        first,
        second,
        (records[0]["method"]["name"], records[1]["method"]["name"]),
        k,
        {mine[digest][0]: a - b for digest, a, b in zip(common, *made, strict=True)},
        attempts,
        discovery,
    )


def _mean_attempts(times: Sequence[int | None], k: int) -> float:
    return fmean(k if time is None else min(time, k) for time in times)


def _share(times: Sequence[int | None], k: int) -> float:
    return fmean(time is not None and time <= k for time in times)


def _times(run: Path, k: int) -> dict[str, tuple[str, list[int | None]]]:
    by_task: dict[str, tuple[str, list[int | None]]] = {}
    for trail in read_trails(run).values():
        if trail.has_ended(k):
            by_task.setdefault(trail.task_digest, (trail.task_id, []))[1].append(trail.solved_at)
    return by_task


def _load_discovery_run(path: Path) -> dict[str, Any]:
    run = load_run(path)
    if run.get("kind") != "discovery":
        raise UsageError(f"{path} is no run of `sdpo-gym discover`")
    return run


def _at(record: Mapping[str, Any], key: str) -> Any:
    value: Any = record
    for part in key.split("."):
        value = value[part]
    return value


def render(found: Discovery) -> str:
    """Return the result as text: discovery@k and attempts with 95 % intervals, and the searches task by task."""
    blocks = [_head(found)]
    rows = [[name, f"{e.value:.3f}", _interval(e, 3)] for name, e in found.discovery.items()]
    for name, estimate in (("mean", found.mean_attempts), ("median", found.median_attempts)):
        if estimate:
            least = ">= " if name == "median" and estimate.value >= found.k else ""
            label = f"{name} attempts, at most {found.k}"
            rows.append([label, f"{least}{estimate.value:.1f}", _interval(estimate, 1)])
    if rows:
        blocks.append(table(["figure", "value", "95 % interval"], rows, numeric=(1, 2)))
    blocks.append(_tasks(found))
    return "\n\n".join(blocks)


def _head(found: Discovery) -> str:
    facts = {
        "method": f"{found.method}, k = {found.k}",
        "tasks": f"{len(found.tasks):,}, {found.seeds} searches at each",
        "attempts": f"{found.attempts:,}",
        "errors": f"{found.errors:,} (no attempts)" if found.errors else "0",
        "run": str(found.directory),
    }
    if found.unfinished:
        facts["unfinished"] = f"{found.unfinished:,} searches that an outage ended, in no figure"
    if found.selection:
        made = sum(each.attempts for each in found.selection)
        chosen = sum(each.chosen for each in found.selection)
        facts["selection"] = (
            f"{chosen:,} of {len(found.selection):,} tasks have a pass rate below {found.selection[0].below:g} in "
            f"{found.selection[0].attempts} attempts each ({made:,} in all, none of them counts in a search)"
        )
    return "\n".join([f"{found.env}: {found.policy}", *(f"  {name:<12}{fact}" for name, fact in facts.items())])


def _tasks(found: Discovery) -> str:
    rates = {each.task_digest: each for each in found.selection}
    head = ["task", *(["base pass rate"] if rates else []), "solved", "mean attempts", "attempts of each search"]
    rows = []
    for each in found.tasks:
        solved = sum(time is not None for time in each.times)
        row = [each.task_id]
        if rates:
            row.append(f"{rates[each.task_digest].rate:.3f}")
        row.append(f"{solved} of {len(each.times)}")
        row.append("-" if each.mean_attempts is None else f"{each.mean_attempts:.1f}")
        row.append(_shortened(each.times, found.k) or "-")
        rows.append(row)
    return table(head, rows, numeric=range(1, len(head) - 1))


def _shortened(times: Iterable[int | None], k: int) -> str:
    counts = Counter(f">{k}" if time is None else str(time) for time in times)
    ordered = sorted(counts.items(), key=lambda item: (item[0].startswith(">"), len(item[0]), item[0]))
    shown = [f"{time} ({count}x)" if count > 1 else time for time, count in ordered]
    return " ".join(shown[:8]) + (" ..." if len(shown) > 8 else "")


def _interval(estimate: Estimate, digits: int) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"[{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
