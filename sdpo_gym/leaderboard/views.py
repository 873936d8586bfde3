"""What the pages show of the entries: rows of tables, facts, and numbers as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdpo_gym.leaderboard.ranking import Standing
from sdpo_gym.leaderboard.results import Entry
from sdpo_gym.paired import PairedDifference

_MOST_RIVALS = 20


@dataclass(frozen=True)
class Row:
    """A run in a table.

    Attributes:
        entry: the run.
        standing: its rank.
        url: of its page, from the site's root.
        setting: short name of what it may be compared with: the window, told apart where that does not suffice.
        best: greatest accuracy after a step, of a training run.
        last: that of the last evaluation, of a training run.
        mean: that over all evaluations, of a training run.
        solved: ``pass@k`` with the greatest k, and its name.
    """

    entry: Entry
    standing: Standing
    url: str
    setting: str
    best: Mapping[str, Any] | None
    last: Mapping[str, Any] | None
    mean: Mapping[str, Any] | None
    solved: tuple[str, Mapping[str, Any]] | None

    @property
    def data(self) -> Mapping[str, Any]:
        """What the result file holds."""
        return self.entry.data

    @property
    def title(self) -> str:
        """What the run is called where there is no column for the agent."""
        return title_of(self.entry)

    @property
    def rank(self) -> str:
        """The rank as text; runs that tie have an equals sign."""
        if self.standing.rank is None:
            return "-"
        return f"{'=' if self.standing.is_tied else ''}{self.standing.rank}"

    @property
    def window(self) -> str:
        """The window, or a word for its absence."""
        return self.data["data"]["window"] or "all"


def title_of(entry: Entry) -> str:
    """Return the model's name, with the agent of a training run."""
    training = entry.data["training"]
    return f"{entry.data['model']['name']} ({training['agent']})" if training else str(entry.data["model"]["name"])


def rows_of(entries: Sequence[Entry], found: Mapping[str, Standing]) -> list[Row]:
    """Return the rows of an environment's table: the newest setting first, in it by rank and score."""
    names = _setting_names(entries)
    newest = {name: max(e.data["date"] for e in entries if names[e.setting] == name) for name in names.values()}
    rows = []
    for entry in entries:
        training = entry.data["training"] or {}
        passes = [
            (int(key[5:]), score) for key, score in entry.data["scores"].items() if re.fullmatch(r"pass@\d+", key)
        ]
        k, solved = max(passes, key=lambda item: item[0]) if passes else (0, None)
        rows.append(
            Row(
                entry,
                found[entry.name],
                f"runs/{entry.alias}/{entry.name}.html",
                names[entry.setting],
                training.get("best"),
                training.get("last"),
                training.get("mean"),
                (f"pass@{k}", solved) if solved else None,
            )
        )
    behind = len(rows) + 1  # those without a rank
    rows.sort(key=lambda row: (row.standing.rank or behind, -row.entry.score["value"], row.entry.name))
    rows.sort(key=lambda row: newest[row.setting], reverse=True)
    return rows


def _setting_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Name every setting by its window; where one window has several settings, by card and data too."""
    windows: dict[str, list[Entry]] = {}
    for entry in {e.setting: e for e in entries}.values():
        windows.setdefault(entry.data["data"]["window"] or "all", []).append(entry)
    names = {}
    for window, some in windows.items():
        for number, entry in enumerate(sorted(some, key=lambda e: e.data["date"], reverse=True)):
            digests = f"card {entry.data['env']['card_digest'][:6]}, data {entry.data['data']['digest'][:6]}"
            names[entry.setting] = window if len(some) == 1 else f"{window} ({number + 1}: {digests})"
    return names


def rivals_of(row: Row, rows: Sequence[Row]) -> list[tuple[Row, PairedDifference]]:
    """Return the runs that stand nearest to a run, in their order, with the paired difference to each."""
    near = [other for other in rows if other.entry.name in row.standing.versus]
    near.sort(key=lambda other: abs(other.entry.score["value"] - row.entry.score["value"]))
    kept = {other.entry.name for other in near[:_MOST_RIVALS]}
    return [(other, row.standing.versus[other.entry.name]) for other in rows if other.entry.name in kept]


def facts_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what a run's page says of how it was made."""
    data = entry.data
    tasks, attempts, machine = data["data"], data["attempts"], data["machine"]
    yield "environment", f"{data['env']['alias']} ({data['env']['title']})"
    yield "window", tasks["window"] or "none"
    of = (
        f"all {tasks['count']:,}"
        if tasks["evaluated"] == tasks["count"]
        else f"{tasks['evaluated']:,} of {tasks['count']:,}"
    )
    yield "tasks", f"{of} of {tasks['name']}, split {tasks['split']}, revision {tasks['revision']}"
    n = f"n = {attempts['smallest_n']}"
    if attempts["largest_n"] != attempts["smallest_n"]:
        n = f"n from {attempts['smallest_n']} to {attempts['largest_n']}"
    yield "attempts", f"{attempts['count']:,} with a verdict, {n}"
    yield (
        "errors",
        f"{attempts['errors']:,} attempts ended in an outage ({attempts['error_rate']:.1%}); they are in no score",
    )
    yield "sampling", _listed(data["sampling"]) + (f", up to {data['turns']} turns" if data["turns"] > 1 else "")
    yield "seeds", _listed(data["seeds"])
    yield "date", data["date"]
    yield (
        "judge",
        data["judge"]["version"]
        + (f", on {_listed(data['judge']['judged_with'])}" if data["judge"]["judged_with"] else ""),
    )
    yield "isolation", data["isolation"] or "none (no program is run)"
    factor = "unknown" if machine["factor"] is None else f"{machine['factor']:.2f}"
    yield "machine factor", f"{factor} (CPU time of a fixed workload over that of the reference)"
    yield "machine", _listed({key: value for key, value in machine.items() if key != "factor"}) or "unknown"
    yield "versions", _listed(data["versions"])
    yield "policy", _listed(data["policy"])
    yield "weights", data["model"]["weights"] or "unknown"
    if data["env"]["options"]:
        yield "options", _listed(data["env"]["options"])
    yield "card digest", data["env"]["card_digest"]
    yield "data digest", tasks["digest"]
    yield "attempts digest", f"{attempts['sha256']} (answers and verdicts in {attempts['file']}, without clocks)"
    if training := data["training"]:
        yield "trained on", f"tasks with digest {training['data_digest']}"
        yield "training settings", _listed(training["settings"])


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in values.items() if value not in (None, [], {}, ""))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_listed(value)})"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number(value: float | None) -> str:
    """Return a score as text."""
    return "-" if value is None else f"{value:.3f}"


def interval(estimate: Mapping[str, Any] | PairedDifference | None, sign: str = "") -> str:
    """Return an interval as text, empty where there is none."""
    if estimate is None:
        return ""
    low, high = (estimate["low"], estimate["high"]) if isinstance(estimate, Mapping) else (estimate.low, estimate.high)
    return "" if low is None or high is None else f"[{low:{sign}.3f}, {high:{sign}.3f}]"


def signed(value: float) -> str:
    """Return a difference as text."""
    return f"{value:+.3f}"
