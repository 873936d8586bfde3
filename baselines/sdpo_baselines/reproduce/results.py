"""The results of a profile in one family, condensed: curves, not attempts. What report and plots are made of."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sdpo_baselines.reproduce import curves
from sdpo_baselines.reproduce.arms import Arm, Design, Job
from sdpo_baselines.reproduce.curves import Curve, Worlds
from sdpo_baselines.reproduce.runner import DONE_FILE, Failure
from sdpo_baselines.reproduce.worker import RUN_DIRECTORY
from sdpo_gym.errors import UsageError

FORMAT = 1
CURVES_FILE = "curves.json"
_PLAIN = ("profile", "family", "title", "titles", "notes", "settings")


@dataclass(frozen=True)
class Search:
    """One way to search at test time, on the hard tasks of one world.

    Attributes:
        method: name of the search.
        world: number of the world.
        k: most attempts at a task.
        attempts: by task and repetition, which attempt solved it first; None if none of k did.
        seconds: time of all of them together, None where it was not taken in one go.
    """

    method: str
    world: int
    k: int
    attempts: tuple[int | None, ...]
    seconds: float | None

    def found_by(self, k: int) -> float:
        """Return the share of tasks solved within k attempts: discovery@k."""
        return sum(a is not None and a <= k for a in self.attempts) / len(self.attempts)

    @property
    def mean_attempts(self) -> float:
        """Mean number of attempts up to the first success, or k where there was none: too low for hard tasks."""
        return sum(self.k if a is None else a for a in self.attempts) / len(self.attempts)


@dataclass(frozen=True)
class Probe:
    """Accuracy before any training in one world, without and with what the teacher is told.

    Attributes:
        kind: of feedback.
        world: number of the world.
        told: ``feedback`` or ``solution``.
        without: accuracy of answers to the question alone, over the attempts for which there is something to tell.
        given: accuracy with it.
    """

    kind: str
    world: int
    told: str
    without: float
    given: float


@dataclass(frozen=True)
class Results:
    """What a profile found in one family.

    Attributes:
        profile: name of the profile.
        family: name of the family.
        title: of the family.
        runs: curves by arm and world.
        titles: of arms, groups (``group:NAME``) and searches (``search:NAME``).
        groups: arms that tables and plots put side by side.
        targets: arms that the others are compared with; the first is the main one.
        notes: what a table should say of an arm beside its title.
        settings: by arm its learning rate and in which family's tuning worlds that was chosen.
        searches: searches at test time by method and world.
        probes: by kind, world and what is told.
        failures: jobs that did not end well.
        facts: machine, versions, digests, setting of a run.
    """

    profile: str
    family: str
    title: str
    runs: Mapping[str, Worlds]
    titles: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    targets: tuple[str, ...]
    notes: Mapping[str, str]
    settings: Mapping[str, Mapping[str, Any]]
    searches: Mapping[str, Mapping[int, Search]] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()
    failures: tuple[Failure, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def group(self, name: str) -> list[str]:
        """Return the arms of a group that have a curve."""
        return [arm for arm in self.groups.get(name, ()) if self.runs.get(arm)]


def collect(design: Design, profile: str, family: str, jobs: Sequence[Job], out: Path,
            failures: Iterable[Failure] = ()) -> Results:  # fmt: skip
    """Read what the finished jobs of a family left; jobs that are not finished are passed over."""
    runs: dict[str, dict[int, Curve]] = {}
    searches: dict[str, dict[int, Search]] = {}
    probes = []
    mine = [job for job in jobs if job.family == family]
    for job in mine:
        try:
            done = json.loads((out / job.id / DONE_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        if job.kind == "train":
            path = out / job.id / RUN_DIRECTORY / "metrics.jsonl"
            curve = curves.read_curve(path, job.arm, job.world, done.get("stopped"))
            runs.setdefault(job.arm, {})[job.world] = curves.from_json(curves.to_json(curve))  # as it is published
        elif job.kind == "search" and done["attempts"]:
            method = job.arm.removeprefix("search-")
            found = Search(method, job.world, done["k"], tuple(done["attempts"]), done["seconds"])
            searches.setdefault(method, {})[job.world] = found
        elif job.kind == "probe":
            kind = job.arm.removeprefix("probe-")
            for told, gap in done["gaps"].items():
                probes.append(Probe(kind, job.world, told, gap["without"], gap["given"]))
    arms = {name: design.arms[name] for name in runs}
    return Results(
        profile=profile,
        family=family,
        title=str(design.families[family]["title"]),
        runs=runs,
        titles=_titles(design, arms, searches),
        groups=design.groups,
        targets=design.targets,
        notes={name: arm.note for name, arm in arms.items() if arm.note},
        settings={name: _setting(design, family, name) for name in arms},
        searches=searches,
        probes=tuple(probes),
        failures=tuple(f for f in failures if f.job.startswith(f"{family}/")),
        facts=_facts(design, mine),
    )


def write_results(results: Results, path: Path) -> None:
    """Write results as JSON."""
    data = {
        "format": FORMAT,
        **{name: getattr(results, name) for name in _PLAIN},
        "groups": results.groups,
        "targets": results.targets,
        "facts": results.facts,
        "failures": [vars(failure) for failure in results.failures],
        "probes": [vars(probe) for probe in results.probes],
        "searches": [vars(s) for worlds in results.searches.values() for _, s in sorted(worlds.items())],
        "runs": [curves.to_json(c) for worlds in results.runs.values() for _, c in sorted(worlds.items())],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def read_results(path: Path) -> Results:
    """Read what :func:`write_results` wrote.

    Raises:
        UsageError: if the file is not there or is none of ours.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise UsageError(f"{path} has format {data['format']!r}; this version reads {FORMAT}")
        runs: dict[str, dict[int, Curve]] = {}
        for run in data["runs"]:
            curve = curves.from_json(run)
            runs.setdefault(curve.arm, {})[curve.world] = curve
        searches: dict[str, dict[int, Search]] = {}
        for found in data["searches"]:
            search = Search(**{**found, "attempts": tuple(found["attempts"])})
            searches.setdefault(search.method, {})[search.world] = search
        return Results(
            **{name: data[name] for name in _PLAIN},
            facts=data["facts"],
            targets=tuple(data["targets"]),
            groups={name: tuple(arms) for name, arms in data["groups"].items()},
            runs=runs,
            searches=searches,
            probes=tuple(Probe(**probe) for probe in data["probes"]),
            failures=tuple(Failure(**failure) for failure in data["failures"]),
        )
    except UsageError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read as results of a reproduction: {error!r:.200}") from None


def _titles(design: Design, arms: Mapping[str, Arm], searches: Iterable[str]) -> dict[str, str]:
    titles = {name: arm.title for name, arm in arms.items()}
    titles |= {f"group:{name}": design.group_titles.get(name, name) for name in design.groups}
    for name in searches:
        titles[f"search:{name}"] = str(design.discovery["searches"][name].get("title", name))
    return titles


def _setting(design: Design, family: str, arm: str) -> dict[str, Any]:
    choice = design.choice(family, arm)
    return {
        "learning_rate": choice.rate,
        "chosen_in": choice.family,
        "chosen_for": design.arms[arm].tuned_as,
        "options": dict(design.arms[arm].agent_options),
    }


def _facts(design: Design, jobs: Sequence[Job]) -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in ("sdpo-gym", "torch", "transformers", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    grid = design.grid
    return {
        "design": dict(design.digests),
        "train": dict(design.train),
        "agent": dict(design.agent),
        "agents": {name: dict(options) for name, options in design.agents.items()},
        "screen": _screen(design) if any(job.kind == "search" for job in jobs) else "",
        "weights": next((job.arguments["weights"] for job in jobs), ""),
        "sweep": {
            "families": grid.families,
            "worlds": grid.worlds,
            "select": grid.select,
            "rates": {arm: list(rates) for arm, rates in grid.rates.items()},
        },
        "versions": versions,
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "processor": _processor()},
    }


def _screen(design: Design) -> str:
    table = design.discovery
    return (
        f"Hard: of the first {table['limit']} held-out tasks those of which fewer than {table['hard']:.0%} of "
        f"{table['hard_attempts']} fresh attempts pass."
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
