"""Whether one run is better than others: the same tasks, the same judge, paired by task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.directories import flat, plain, shown
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EXECUTION_OPTIONS
from sdpo_gym.paired import PairedDifference, holm, paired_difference
from sdpo_gym.records import RUN_FILE
from sdpo_gym.scored import AVERAGE, Kind, ScoredRun, Which, load_scored

# What two runs must have in common for a difference to be one of models and not of tasks or judges.
_MEASURED = {
    Kind.EVAL: ("env.name", "env.card_digest", "env.options", "data.name", "data.split", "data.window", "data.digest"),
    Kind.TRAIN: (
        "env.name",
        "env.card_digest",
        "env.options",
        "settings.eval_options",
        *(f"data.eval.{field}" for field in ("name", "split", "window", "digest", "evaluated")),
    ),
    Kind.DISCOVERY: ("env.name", "env.card_digest", "env.options", "data.name", "data.split", "data.digest"),
}
# What is rather the subject of a comparison: said, not refused.
_SUBJECT = {
    Kind.EVAL: ("policy", "sampling", "turns", "seed"),
    Kind.TRAIN: ("policy", "agent", "settings"),
    Kind.DISCOVERY: ("policy", "method", "sampling", "k", "seed"),
}
_CARD = "env.card_digest"


@dataclass(frozen=True)
class Pair:
    """How the first run differs from another one.

    Attributes:
        other: its place among the runs.
        difference: the first less the other.
        adjusted: the p-value after Holm's correction for all pairs; the same where there is one pair.
        first_only: tasks that only the first has.
        other_only: tasks that only the other has.
        measured: what differs of tasks and judge, one line each; empty unless that was allowed.
        subject: what else differs: policy, sampling, settings, isolation and versions of what programs ran on.
    """

    other: int
    difference: PairedDifference
    adjusted: float
    first_only: int
    other_only: int
    measured: tuple[str, ...]
    subject: tuple[str, ...]

    @property
    def is_significant(self) -> bool:
        """Whether the difference is told from chance, counting all pairs."""
        one_pair = self.adjusted == self.difference.p_value
        return self.difference.is_significant if one_pair else self.adjusted < 0.05


@dataclass(frozen=True)
class Comparison:
    """Runs, each compared with the first.

    Attributes:
        runs: in the order given.
        names: a name for each, see :func:`unique_names`.
        pairs: the first with each other one.
    """

    runs: tuple[ScoredRun, ...]
    names: tuple[str, ...]
    pairs: tuple[Pair, ...]


def compare(
    runs: Sequence[Path], *, metric: str = AVERAGE, which: Which = Which.LAST, allow_different: bool = False
) -> Comparison:
    """Compare the first run with each other one, paired by task.

    Args:
        runs: run directories of evaluations (also judged again), of training runs, or of searches.
        metric: see :func:`~sdpo_gym.scored.load_scored`.
        which: evaluation of training runs.
        allow_different: whether to compare runs of other tasks or judges, over the tasks that they have in common.

    Raises:
        UsageError: if there are fewer than two, one is given twice, is no finished run or lacks the metric, they are of
            different kinds, have no task in common, or were measured differently and ``allow_different`` is not set; it
            says which differ.
    """
    names = _names(runs)
    scored = [load_scored(run, metric, which) for run in runs]
    first = scored[0]
    found = []
    for other in scored[1:]:
        if other.kind is not first.kind:
            raise UsageError(
                f"{first.directory} is of kind {first.kind.value!r} and {other.directory} of kind "
                f"{other.kind.value!r}; their tasks cannot be paired"
            )
        measured = tuple(_differences(first, other, _MEASURED[first.kind]))
        if measured and not allow_different:
            raise UsageError(
                f"{first.directory / RUN_FILE} and {other.directory / RUN_FILE} were measured differently: "
                f"{'; '.join(measured)}; give --allow-different to compare them over their common tasks all the same"
            )
        found.append((other, measured))
    if first.kind is Kind.DISCOVERY and metric == AVERAGE and len({run.metric for run in scored}) > 1:
        k = min(run.record["k"] for run in scored)
        return compare(runs, metric=f"discovery@{k}", which=which, allow_different=allow_different)
    differences = [_difference(first, other) for other, _ in found]
    adjusted = holm([each.p_value for each in differences])
    pairs = [
        Pair(
            place,
            difference,
            p_value,
            len(first.values.keys() - other.values.keys()),
            len(other.values.keys() - first.values.keys()),
            measured,
            (*_differences(first, other, _SUBJECT[first.kind]), *_judging(first, other)),
        )
        for place, ((other, measured), difference, p_value) in enumerate(
            zip(found, differences, adjusted, strict=True), 1
        )
    ]
    return Comparison(tuple(scored), names, tuple(pairs))


def _names(runs: Sequence[Path]) -> tuple[str, ...]:
    if len(runs) < 2:
        raise UsageError(f"a comparison needs at least two runs, got {len(runs)}")
    return unique_names(runs)


def unique_names(runs: Sequence[Path]) -> tuple[str, ...]:
    """Return for each directory as much of its path as tells it from the others, without what all of them end in.

    Raises:
        UsageError: if one is given twice.
    """
    paths = [run.resolve() for run in runs]
    for place, path in enumerate(paths):
        if path in paths[:place]:
            raise UsageError(f"run {runs[place]} is given twice; leave it out once")
    longest = max((len(path.parts) for path in paths), default=0)
    ends: list[tuple[str, ...]] = []
    for length in range(1, longest + 1):
        ends = [path.parts[-length:] for path in paths]
        if len(set(ends)) == len(ends):
            break
    while len(ends) > 1 and min(map(len, ends)) > 1 and len({end[-1] for end in ends}) == 1:
        ends = [end[:-1] for end in ends]
    return tuple("/".join(end) for end in ends)


def _difference(first: ScoredRun, other: ScoredRun) -> PairedDifference:
    bounds = min(first.bounds[0], other.bounds[0]), max(first.bounds[1], other.bounds[1])
    try:
        return paired_difference(first.values, other.values, bounds)
    except ValueError as error:
        raise UsageError(
            f"{first.directory} and {other.directory} have no task in common that both have a verdict at ({error})"
        ) from error


def _differences(first: ScoredRun, other: ScoredRun, keys: Sequence[str]) -> Iterator[str]:
    was, now = (_described(run.record, keys) for run in (first, other))
    for key in dict.fromkeys([*was, *now]):
        if was.get(key) == now.get(key):
            continue
        yield _differs(key, was.get(key), now.get(key))
        if key == _CARD:
            yield from _card_fields(first.record, other.record)


def _judging(first: ScoredRun, other: ScoredRun) -> Iterator[str]:
    was, now = _judged_under(first.record), _judged_under(other.record)
    for key in dict.fromkeys([*was, *now]):
        if was.get(key) != now.get(key):
            yield _differs(key, was.get(key), now.get(key))


def _differs(key: str, was: Any, now: Any) -> str:
    if key.endswith(("digest", "sha256")):
        was, now = str(was)[:12], str(now)[:12]
    return f"{key} is {shown(was)} and {shown(now)}"


def _card_fields(first: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    cards = [record["env"].get("card", {}) for record in (first, other)]
    fields = [key for key in dict.fromkeys([*cards[0], *cards[1]]) if cards[0].get(key) != cards[1].get(key)]
    if fields:
        yield f"of the card, {', '.join(fields)}"


def _described(record: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the fields under ``keys`` as flat keys; without what says only where and how fast it was done."""
    fields: dict[str, Any] = {}
    for key, value in flat(plain(record)).items():
        below = any(key == each or key.startswith(f"{each}.") for each in keys)
        if below and value != {} and key.rpartition(".")[2] not in EXECUTION_OPTIONS:
            fields[key] = value
    return fields


def _judged_under(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return under what the sessions of a run judged, which can shift verdicts where time or memory are limited."""
    sessions: Sequence[Mapping[str, Any]] = record.get("sessions", ())
    fields = {"isolation": {str(session.get("isolation")) for session in sessions}}
    for session in sessions:
        for name, version in session.get("judged_with", {}).items():
            fields.setdefault(f"judged_with.{name}", set()).add(str(version))
    return {key: ", ".join(sorted(values)) for key, values in fields.items()}
