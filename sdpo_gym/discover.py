"""How many attempts a search needs until it solves a task, recorded so that it can be continued and compared.

A run makes one search for each task and seed; each ends with its first success or after k attempts. An outage is no
attempt: it is recorded, made again, and after a few in a row ends its search without a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sdpo_gym.backend import JudgeBackend
from sdpo_gym.discovery import SELECTION, Discovery, Selected, Trail, read_selection, read_trails, summarise
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.evaluate import RUNS
from sdpo_gym.options import choice, suggestion
from sdpo_gym.preparing import Observer, Prepared, Writer, prepared
from sdpo_gym.records import SUMMARY_FILE, RunDirectory, config_digest
from sdpo_gym.rollout import rollout
from sdpo_gym.search import Search, load_search
from sdpo_gym.task import Task, TaskSet
from sdpo_gym.training.presets import load_preset
from sdpo_gym.training.seeds import derive

MAX_OUTAGES = 5  # in a row at one attempt, then its search is given up
_SELECTION_ROUNDS = 3


@dataclass(frozen=True)
class DiscoverConfig:
    """What to search. None means the default that the environment's card or the preset brings.

    Attributes:
        env: alias or name of the environment.
        method: name of the search: ``sdpo``, ``best_of_k``, ``multi_turn`` or a third party's.
        tasks: ids of the tasks to search at.
        hard: instead of naming tasks, those whose base pass rate is estimated to be below this.
        hard_attempts: fresh attempts per task that the base pass rate is estimated with, from seeds of their own.
        k: most attempts of a search.
        seeds: searches per task.
        policy: ``name`` or ``name:argument``; without it ``openai`` if there is a base URL, ``transformers`` if there
            is a model.
        model: model directory or hub id.
        base_url: of an OpenAI-compatible server.
        preset: name or path of a training preset of agent ``sdpo``: its sampling, its options of agent and policy, and
            its ``n``, under those given here.
        temperature: see Sampling.
        top_p: see Sampling.
        max_tokens: see Sampling.
        data: ``hub`` (the default), ``sample`` or a path.
        split: part of the data.
        limit: with ``hard``, only the first so many tasks are candidates.
        out: run directory; without it ``runs/discover/<env>/<method>-<first 8 of the config digest>``.
        seed: the run's seed.
        method_options: options of the search.
        options: options of the environment.
        policy_options: options of the policy.
        judge_backend: where judging happens, see :class:`JudgeBackend`; a run may be continued with another one.

    Raises:
        UsageError: if a number is out of range, or tasks are both named and to be chosen, or neither.
    """

    env: str
    method: str = "sdpo"
    tasks: Sequence[str] = ()
    hard: float | None = None
    hard_attempts: int = 64
    k: int = 64
    seeds: int = 5
    policy: str | None = None
    model: str | None = None
    base_url: str | None = None
    preset: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    data: str | None = None
    split: str | None = None
    limit: int | None = None
    out: Path | None = None
    seed: int = 0
    method_options: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    policy_options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: str = JudgeBackend.LOCAL

    def __post_init__(self) -> None:
        choice(JudgeBackend, "judge_backend", self.judge_backend)
        for name in ("k", "seeds", "hard_attempts", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        if self.hard is not None and not 0 < self.hard <= 1:
            raise UsageError(f"hard must be a pass rate in (0, 1], got {self.hard}")
        if self.tasks and self.hard is not None:
            raise UsageError(
                "tasks are both named and to be chosen by their pass rate (hard); leave out one of the two"
            )
        if not self.tasks and self.hard is None:
            raise UsageError(
                "no task is named: name some (--task ID), or let --hard P choose those with pass rates below P"
            )
        if self.limit is not None and self.tasks:
            raise UsageError("limit is about the candidates of hard; leave it out where tasks are named")


@runtime_checkable
class SearchObserver(Observer, Protocol):
    """An observer that hears of searches as a whole, too."""

    def end(self, trail: Trail) -> None:
        """Hear how a search ended."""
        ...


def discover(config: DiscoverConfig, observer: Observer | None = None) -> Discovery:
    """Search at tasks and write a run directory; searches that ended there already are not made again.

    One that was interrupted begins anew, as what it had learned is gone. On resume there may be other ``seeds``.

    Raises:
        UsageError: if anything about ``config`` is wrong, the run directory holds or allows something else, or no task
            is hard.
        OutageError: if data, server or sandbox cannot be reached, or 50 attempts in a row end in an outage.
    """
    config = _with_preset(config)
    with prepared(config, "a search") as ready:
        positions = _positions(config, ready.tasks)
        temperature = ready.sampling.temperature
        search = load_search(
            config.method, ready.policy, config.method_options, seed=config.seed, temperature=temperature
        )
        try:
            run = _record(config, ready, search)
            default = RUNS / "discover" / ready.env.alias / f"{config.method}-{config_digest(run)[:8]}"
            with RunDirectory(config.out or default, run) as directory:
                return _Job(config, ready, search, directory, observer).run(positions)
        finally:
            search.close()


def _with_preset(config: DiscoverConfig) -> DiscoverConfig:
    if config.preset is None:
        return config
    preset = load_preset(config.preset)
    if config.method != "sdpo" or preset.agent != "sdpo":
        raise UsageError(
            f"preset {config.preset!r} is of agent {preset.agent!r} and the method is {config.method!r}; "
            "a search takes presets of agent 'sdpo' for method 'sdpo' only"
        )
    own = {key: preset.train[key] for key in ("n",) if key in preset.train}
    sampling: dict[str, Any] = {
        key: preset.train.get(key) if getattr(config, key) is None else getattr(config, key)
        for key in ("temperature", "top_p", "max_tokens")
    }
    return replace(
        config,
        method_options={**preset.agent_options, **own, **config.method_options},
        policy_options={**preset.policy_options, **config.policy_options},
        **sampling,
    )


def _positions(config: DiscoverConfig, tasks: TaskSet) -> list[int]:
    """Return the positions of the named tasks, or of the candidates."""
    places = {task_id: i for i, task_id in enumerate(tasks.ids)}
    for task_id in config.tasks:
        if task_id not in places:
            raise UsageError(
                f"{tasks.name} has no task {task_id!r}{suggestion(task_id, places)}; "
                f"it has {len(places):,} tasks, the first is {next(iter(places), '')!r}"
            )
    chosen = [places[task_id] for task_id in dict.fromkeys(config.tasks)] or list(places.values())[: config.limit]
    return chosen


def _record(config: DiscoverConfig, ready: Prepared, search: Search) -> dict[str, Any]:
    hard = None if config.hard is None else {"below": config.hard, "attempts": config.hard_attempts}
    (session,) = ready.record["sessions"]
    return {
        **ready.record,
        "kind": "discovery",
        "method": {"name": config.method, "options": search.describe()},
        "k": config.k,
        "tasks": list(dict.fromkeys(config.tasks)) or None,
        "hard": hard,
        "limit": config.limit,
        "sessions": [{**session, "seeds": config.seeds}],
    }


class _Job:
    """One session of a run."""

    def __init__(
        self,
        config: DiscoverConfig,
        ready: Prepared,
        search: Search,
        directory: RunDirectory,
        observer: Observer | None,
    ) -> None:
        self._config, self._ready, self._tasks = config, ready, ready.tasks
        self._search, self._directory, self._observer = search, directory, observer
        self._writer = Writer(directory, observer)

    def run(self, positions: Sequence[int]) -> Discovery:
        config = self._config
        selected: list[Selected] = []
        if config.hard is not None:
            selected = self._select(positions, config.hard)
            positions = [p for p, each in zip(positions, selected, strict=True) if each.rate < config.hard]
            if not positions:
                lowest = min(selected, key=lambda each: each.rate)
                raise UsageError(
                    f"none of {len(selected):,} tasks has a pass rate below {config.hard}: the lowest is "
                    f"{lowest.rate:.3f} ({lowest.task_id}); give a higher one, or more tasks"
                )
        chosen = [(task.id, task.digest) for task in (self._tasks[p] for p in positions)]
        wanted = [(p, digest, seed) for p, (_, digest) in zip(positions, chosen, strict=True) for seed in self._seeds()]
        trails = read_trails(self._directory.path)
        ended = {key: trail for key, trail in trails.items() if trail.has_ended(config.k)}
        earlier = sum((digest, seed) in ended for _, digest, seed in wanted)
        if self._observer:
            self._observer.phase(self._directory.path, "searching", "search", earlier, len(wanted))
        for position, digest, seed in wanted:
            if (digest, seed) not in ended:
                trail = self._search_one(self._tasks[position], seed)
                if isinstance(self._observer, SearchObserver):
                    self._observer.end(trail)
        found = summarise(self._directory.path, chosen, seeds=config.seeds, selected=selected)
        self._directory.write_json(SUMMARY_FILE, found.to_json())
        return found

    def _seeds(self) -> range:
        return range(self._config.seeds)

    def _search_one(self, task: Task, seed: int) -> Trail:
        trail = Trail(task.id, task.digest, seed, 0, None)
        outages = 0
        own_seed = derive(self._config.seed, "search", seed)
        attempts = self._search.attempts(task, self._ready.judge, self._ready.sampling, own_seed)
        try:
            for attempt in attempts:
                if attempt.index != trail.attempts:
                    raise RuntimeError(
                        f"method {self._config.method!r} made attempt {attempt.index} where {trail.attempts} was due"
                    )
                for turn in attempt.turns:
                    self._writer.write(turn, method=self._config.method, seed=seed)
                if attempt.verdict is None:
                    outages += 1
                    if outages >= MAX_OUTAGES or attempt.turns[-1].permanent:
                        break
                    continue
                outages = 0
                made = trail.attempts + 1
                trail = replace(trail, attempts=made, solved_at=made if attempt.verdict.passed else None)
                if trail.has_ended(self._config.k):
                    break
        finally:
            close: Callable[[], None] | None = getattr(attempts, "close", None)
            if close:
                close()
        return trail

    def _select(self, positions: Sequence[int], below: float) -> list[Selected]:
        """Estimate the base pass rate of each candidate with fresh attempts, which no search uses."""
        wanted = self._config.hard_attempts
        digests = {p: self._tasks[p].digest for p in positions}

        def missing(made: Mapping[tuple[str, int], bool]) -> Iterator[tuple[int, int]]:
            return ((p, a) for p in positions for a in range(wanted) if (digests[p], a) not in made)

        made = read_selection(self._directory.path)
        if self._observer:
            earlier = sum((digests[p], a) in made for p in positions for a in range(wanted))
            total = wanted * len(positions)
            self._observer.phase(self._directory.path, "estimating base pass rates", "answer", earlier, total)
        for _ in range(_SELECTION_ROUNDS):
            if plan := list(missing(made)):
                rollout(
                    self._tasks,
                    plan,
                    self._ready.policy,
                    self._ready.judge,
                    self._ready.sampling,
                    on_turn=lambda turn: self._writer.write(turn, method=SELECTION, seed=None),
                    seed=derive(self._config.seed, SELECTION),
                )
                made = read_selection(self._directory.path)
        if left := sum(1 for _ in missing(made)):
            raise OutageError(
                f"{left:,} of the attempts that base pass rates are estimated with ended in an outage "
                f"{_SELECTION_ROUNDS} times; the same command continues the run in {self._directory.path}"
            )
        ids = {p: self._tasks.ids[p] for p in positions}
        return [
            Selected(ids[p], digests[p], wanted, sum(made[digests[p], a] for a in range(wanted)), below)
            for p in positions
        ]
