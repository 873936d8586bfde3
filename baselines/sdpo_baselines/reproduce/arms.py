"""What is run: arms, profiles and grid from TOML files that are committed before the runs, made into jobs."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion

ARMS_FILE, GRID_FILE, SETTINGS_FILE, CLAIMS_FILE = "arms.toml", "grid.toml", "settings.toml", "claims.toml"
FIRST_TUNING_WORLD = 100

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: what it is called in the files.
        title: what it is called in tables and plots: short.
        note: what else a table should say of it.
        agent: name of the agent.
        tuned_as: the arm whose learning rate it has: itself, if the sweep has it.
        train: fields of TrainConfig beyond those of every arm.
        options: options of the environment, for training and for evaluation.
        agent_options: options of the agent beyond those of every arm.
    """

    name: str
    title: str
    note: str
    agent: str
    tuned_as: str
    train: Table
    options: Table
    agent_options: Table


@dataclass(frozen=True)
class Part:
    """Some arms in some families and worlds."""

    families: tuple[str, ...]
    arms: tuple[str, ...]
    worlds: tuple[int, ...]
    probe: bool = False
    discovery: bool = False


@dataclass(frozen=True)
class Job:
    """One process.

    Attributes:
        id: ``family/arm/world-000``; unique, and the directory that the job has below the output.
        kind: ``train``, ``probe`` or ``search``: which function of the worker does it.
        family: which family of worlds.
        arm: name of the arm; of other kinds, what the job is called.
        world: number of the world.
        arguments: what that function gets, JSON-able.
        steps: how many steps it has, 1 if they cannot be followed.
        after: ids of jobs whose results it needs.
    """

    id: str
    kind: str
    family: str
    arm: str
    world: int
    arguments: Table
    steps: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """What the sweep tries.

    Attributes:
        families: where.
        worlds: tuning worlds.
        select: ``last`` or ``mean``: which figure of a curve chooses.
        rates: learning rates by arm, the same number for each.
    """

    families: tuple[str, ...]
    worlds: tuple[int, ...]
    select: str
    rates: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Choice:
    """A learning rate, and where it comes from: the family in whose tuning worlds it was chosen."""

    rate: float
    family: str


@dataclass(frozen=True)
class Design:
    """The files of a design directory, read and checked.

    Attributes:
        directory: where they lie.
        targets: arms whose final accuracy the others are to come up to, and whose difference to them is shown; the
            first is the main one.
        digests: sha256 of each file, by name.
    """

    directory: Path
    arms: Mapping[str, Arm]
    families: Mapping[str, Table]
    groups: Mapping[str, tuple[str, ...]]
    group_titles: Mapping[str, str]
    profiles: Mapping[str, tuple[Part, ...]]
    grid: Grid
    settings: Mapping[str, Mapping[str, float]]
    discovery: Table
    probe: Table
    train: Table
    agent: Table
    agents: Mapping[str, Table]
    targets: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)

    def profile(self, name: str) -> tuple[Part, ...]:
        """Return the parts of a profile; raises UsageError if there is no such."""
        return self.profiles[_known(name, self.profiles, "profile")]

    def choice(self, family: str, arm: str) -> Choice:
        """Return the learning rate of an arm: its family's, else the one of the first family of the grid.

        Raises:
            UsageError: if the sweep has not chosen one yet.
        """
        tuned = self.arms[arm].tuned_as
        for place in (family, *self.grid.families):
            if tuned in self.settings.get(place, {}):
                return Choice(self.settings[place][tuned], place)
        raise UsageError(
            f"{self.directory / SETTINGS_FILE} has no learning rate for arm {tuned!r} in family {family!r}; "
            "run `make sweep` first"
        )

    def jobs(self, profile: str, weights: str, only: str | None = None) -> list[Job]:
        """Return the jobs of a profile, world by world, so that what is done first can be compared first.

        With ``only``, the jobs that those need are among them.

        Args:
            profile: name of the profile.
            weights: digest of the weights that all start from; a run from others is not taken for done.
            only: pattern (as of file names) that a job's id must fit.
        """
        found: dict[str, Job] = {}
        for part in self.profile(profile):
            for job in self._part(part, weights):
                found.setdefault(job.id, job)
        jobs = sorted(found.values(), key=lambda job: (job.world, tuple(self.families).index(job.family)))
        if only is not None:
            needed = {job.id for job in jobs if fnmatchcase(job.id, only)}
            for job in jobs:
                needed |= set(job.after) if job.id in needed else set()
            jobs = [job for job in jobs if job.id in needed]
        return jobs

    def sweep_jobs(self, weights: str, only: str | None = None) -> list[Job]:
        """Return the jobs of the sweep."""
        jobs = [
            self._train_job(family, arm, world, rate, weights, name=f"{arm}/lr-{rate:g}")
            for world in self.grid.worlds
            for family in self.grid.families
            for arm, rates in self.grid.rates.items()
            for rate in rates
        ]
        return [job for job in jobs if only is None or fnmatchcase(job.id, only)]

    def _part(self, part: Part, weights: str) -> Iterator[Job]:
        for world in part.worlds:
            for family in part.families:
                for arm in part.arms:
                    yield self._train_job(family, arm, world, self.choice(family, arm).rate, weights)
                if part.probe:
                    yield from self._probe_jobs(family, world, weights)
                if part.discovery:
                    yield from self._search_jobs(family, world, weights)

    def _probe_jobs(self, family: str, world: int, weights: str) -> Iterator[Job]:
        base = {key: value for key, value in self.probe.items() if key != "kinds"}
        for name, kind in self.probe["kinds"].items():
            yield self._job("probe", family, f"probe-{name}", world, {**base, **kind}, weights)

    def _search_jobs(self, family: str, world: int, weights: str) -> Iterator[Job]:
        """Yield one job for each search; the first chooses the tasks, so the others come after it."""
        choosing = ("hard", "hard_attempts", "limit")
        base = {key: value for key, value in self.discovery.items() if key not in (*choosing, "searches")}
        first: Job | None = None
        for name, search in self.discovery["searches"].items():
            arguments = {**base, "method": search["method"], "method_options": search.get("options", {})}
            if first is None:
                arguments |= {key: self.discovery[key] for key in choosing}
            else:
                arguments["tasks_of"] = first.id
            job = self._job("search", family, f"search-{name}", world, arguments, weights, (first.id,) if first else ())
            first = first or job
            yield job

    def _job(
        self, kind: str, family: str, name: str, world: int, arguments: Table, weights: str, after: tuple[str, ...] = ()
    ) -> Job:
        table = self.families[family]
        config = {
            **arguments,
            "env": table["env"],
            "policy": self.train["policy"],
            "seed": world,
            "options": {**table.get("options", {}), **arguments.get("options", {}), "world": world},
        }
        tasks_of = config.pop("tasks_of", None)
        return Job(
            id=f"{family}/{name}/world-{world:03d}",
            kind=kind,
            family=family,
            arm=name,
            world=world,
            arguments={"config": config, "weights": weights} | ({"tasks_of": tasks_of} if tasks_of else {}),
            steps=1,
            after=after,
        )

    def _train_job(
        self, family: str, arm_name: str, world: int, rate: float, weights: str, name: str | None = None
    ) -> Job:
        arm, table = self.arms[arm_name], self.families[family]
        config = {
            **self.train,
            **table.get("train", {}),
            **arm.train,
            "env": table["env"],
            "agent": arm.agent,
            "seed": world,
            "options": {**table.get("options", {}), **arm.options, "world": world},
            "agent_options": {
                **self.agent,
                **self.agents.get(arm.agent, {}),
                **arm.agent_options,
                "learning_rate": rate,
            },
        }
        return Job(
            id=f"{family}/{name or arm_name}/world-{world:03d}",
            kind="train",
            family=family,
            arm=arm_name,
            world=world,
            arguments={"config": config, "weights": weights},
            steps=int(config["steps"]),
        )


def read_design(directory: Path) -> Design:
    """Read a design directory.

    Raises:
        UsageError: if a file is missing, no TOML, or names what does not exist.
    """
    tables: dict[str, Table] = {}
    digests: dict[str, str] = {}
    for name in (ARMS_FILE, GRID_FILE, SETTINGS_FILE, CLAIMS_FILE):
        path = directory / name
        try:
            data = path.read_bytes()
            tables[name] = tomllib.loads(data.decode())
        except FileNotFoundError:
            if name != SETTINGS_FILE:  # which the sweep has yet to write
                raise UsageError(
                    f"{path} does not exist; run this in the repository, or give --board DIRECTORY"
                ) from None
            tables[name], data = {}, b""
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from None
        if data:
            digests[name] = hashlib.sha256(data).hexdigest()
    return _design(directory, tables, digests)


def _design(directory: Path, tables: Mapping[str, Table], digests: Mapping[str, str]) -> Design:
    table = tables[ARMS_FILE]
    arms = _arms(table["arms"])
    families, groups = table["families"], {name: tuple(names) for name, names in table["groups"].items()}
    for name, names in groups.items():
        for arm in names:
            _known(arm, arms, f"arm of group {name}")
    profiles = {}
    for name, profile in table["profiles"].items():
        parts = []
        for data in profile["parts"]:
            part = Part(
                tuple(data["families"]), tuple(data["arms"]), tuple(data["worlds"]),
                bool(data.get("probe")), bool(data.get("discovery")),
            )  # fmt: skip
            for arm in part.arms:
                _known(arm, arms, f"arm of profile {name}")
            for family in part.families:
                _known(family, families, f"family of profile {name}")
            if any(not 0 <= world < FIRST_TUNING_WORLD for world in part.worlds):
                raise UsageError(
                    f"profile {name} has worlds {list(part.worlds)}; worlds from {FIRST_TUNING_WORLD} on are for tuning"
                )
            parts.append(part)
        profiles[name] = tuple(parts)
    return Design(
        directory=directory,
        arms=arms,
        families=families,
        groups=groups,
        group_titles=table.get("group_titles", {}),
        profiles=profiles,
        grid=_grid(tables[GRID_FILE], arms, families),
        settings={
            family: {arm: float(chosen["learning_rate"]) for arm, chosen in chosen_arms.items()}
            for family, chosen_arms in tables[SETTINGS_FILE].items()
        },
        discovery=table.get("discovery", {}),
        probe=table.get("probe", {}),
        train=table["train"],
        agent=table.get("agent", {}),
        agents=table.get("agents", {}),
        targets=tuple(_known(name, arms, "target") for name in table.get("targets", ())),
        digests=digests,
    )


def _arms(tables: Mapping[str, Table]) -> dict[str, Arm]:
    arms: dict[str, Arm] = {}
    for name, table in tables.items():  # an arm comes after the one that it changes
        base = arms[_known(str(table["as"]), arms, f"`as` of arm {name}")] if "as" in table else None
        if base is None and not table.get("tuned"):
            raise UsageError(f"arm {name} is neither `tuned` nor has it the settings of another (`as`)")
        arms[name] = Arm(
            name=name,
            title=table["title"],
            note=table.get("note", ""),
            agent=base.agent if base else table["agent"],
            tuned_as=name if base is None or table.get("tuned") else base.tuned_as,
            train={**(base.train if base else {}), **table.get("train", {})},
            options={**(base.options if base else {}), **table.get("options", {})},
            agent_options={**(base.agent_options if base else {}), **table.get("agent_options", {})},
        )
    return arms


def _grid(table: Table, arms: Mapping[str, Arm], families: Mapping[str, Table]) -> Grid:
    worlds = tuple(table["worlds"])
    if any(world < FIRST_TUNING_WORLD for world in worlds):
        raise UsageError(f"the grid has worlds {list(worlds)}; worlds below {FIRST_TUNING_WORLD} are for reports")
    for family in table["families"]:
        _known(family, families, "family of the grid")
    if table["select"] not in ("last", "mean"):
        raise UsageError(f"the grid selects by 'last' or 'mean', not by {table['select']!r}")
    rates = table["learning_rates"]
    for arm in rates:
        if arm != "default":
            _known(arm, arms, "arm of the grid")
    tuned = [arm.name for arm in arms.values() if arm.tuned_as == arm.name]
    by_arm = {arm: tuple(sorted(float(rate) for rate in rates.get(arm, rates["default"]))) for arm in tuned}
    if len({len(found) for found in by_arm.values()}) > 1:
        raise UsageError(
            "every arm must have the same number of learning rates in the grid, got "
            + ", ".join(f"{len(found)} for {arm}" for arm, found in by_arm.items())
        )
    return Grid(tuple(table["families"]), worlds, table["select"], by_arm)


def _known(name: str, names: Mapping[str, object] | Sequence[str], what: str) -> str:
    if name not in names:
        raise UsageError(f"no {what} is called {name!r}; there are {', '.join(names)}{suggestion(name, names)}")
    return name
