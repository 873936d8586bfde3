"""The main job: what a policy scores on an environment, recorded so that it can be continued, read and judged again."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from sdpo_gym.backend import JudgeBackend, judge_for
from sdpo_gym.card import EnvCard
from sdpo_gym.env import close_judge
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.judge import Judge, JudgeError
from sdpo_gym.options import choice
from sdpo_gym.policies.base import Policy, Recorded, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.records import FORMAT, SUMMARY_FILE, Result, RunDirectory, config_digest, row_of, to_json
from sdpo_gym.registry import ResolvedEnv, resolve
from sdpo_gym.rollout import Turn, rollout
from sdpo_gym.sandbox.machine import machine_factor
from sdpo_gym.summary import Summary, TaskEntry, summarise
from sdpo_gym.task import TaskSet
from sdpo_gym.verdict import Verdict

SAMPLE, HUB = "sample", "hub"
RUNS = Path("runs")
MAX_ERRORS_IN_A_ROW = 50

# Options that change how fast and where judging happens, not what it finds: recorded, but free to change on resume.
EXECUTION_OPTIONS = frozenset({"isolation", "workers"})


@dataclass(frozen=True)
class EvalConfig:
    """What to evaluate. None means the default that the environment's card or the choice of policy brings.

    Attributes:
        env: alias or name of the environment.
        policy: ``name`` or ``name:argument``; without it, ``openai`` if there is a base URL, ``transformers`` if there
            is a model, otherwise the environment's recorded sample completions.
        model: model directory or hub id.
        base_url: of an OpenAI-compatible server.
        n: attempts per task; for recorded completions the most that are taken of a task.
        temperature: see Sampling.
        top_p: see Sampling.
        max_tokens: see Sampling.
        turns: most turns of an attempt.
        data: ``hub``, ``sample`` or a path; without it ``sample`` for recorded sample completions, else ``hub``.
        split: part of the data.
        limit: only the first so many tasks.
        out: run directory; without it ``runs/<env>/<policy>-<first 8 of the config digest>``.
        seed: the run's seed.
        options: options of the environment.
        policy_options: options of the policy, such as ``{"concurrency": 4}``; what they change shows in its
            ``describe()``.
        judge_backend: where judging happens, see :class:`JudgeBackend`; a run may be continued with another one.
    """

    env: str
    policy: str | None = None
    model: str | None = None
    base_url: str | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    turns: int | None = None
    data: str | None = None
    split: str | None = None
    limit: int | None = None
    out: Path | None = None
    seed: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    policy_options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: str = JudgeBackend.LOCAL

    def __post_init__(self) -> None:
        choice(JudgeBackend, "judge_backend", self.judge_backend)
        for name in ("limit", "turns", "n"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")


class Observer(Protocol):
    """Watches an evaluation."""

    def begin(self, directory: Path, earlier: Sequence[Result], total: int) -> None:
        """Hear where the run lies, which attempts were made before, and how many there will be in all."""
        ...

    def turn(self, turn: Turn) -> None:
        """Hear of a turn that has been recorded; called from another thread than ``begin``."""
        ...


def evaluate(config: EvalConfig, observer: Observer | None = None) -> Summary:
    """Evaluate a policy on an environment and write a run directory; what that holds already is not done again.

    Raises:
        UsageError: if anything about ``config`` is wrong, or the run directory holds or allows something else.
        OutageError: if data, server or sandbox cannot be reached, or 50 attempts in a row end in an outage.
    """
    env = resolve(config.env)
    chosen = choose(config, env)
    tasks = env.tasks(config.split, chosen.data, **config.options)
    policy = load_policy(
        chosen.policy,
        model=config.model,
        base_url=config.base_url,
        gold=lambda task_id: tasks.gold(tasks.by_id(task_id)),
        **config.policy_options,
    )
    try:
        judge = judge_for(env, {"split": tasks.split, "data": chosen.data, **config.options}, config.judge_backend)
        try:
            return _evaluate(config, env, chosen, tasks, policy, judge, observer)
        finally:
            close_judge(judge)
    finally:
        policy.close()


@dataclass(frozen=True)
class Choice:
    """Which data and which policy a configuration comes to.

    Attributes:
        data: ``hub``, ``sample`` or a path.
        policy: ``name`` or ``name:argument``.
        notice: what the reader of the result must know of this choice; empty where nothing.
        own_recording: whether the policy replays the environment's own recording, which holds completions of all
            sample tasks, also where an alias stands for some of them.
    """

    data: str
    policy: str
    notice: str = ""
    own_recording: bool = False


def choose(config: EvalConfig, env: ResolvedEnv) -> Choice:
    """Choose data and policy; without policy and model the network is never touched.

    Raises:
        UsageError: if there is nothing to fall back to.
    """
    named = config.policy or (config.base_url and "openai") or (config.model and "transformers")
    if named:
        return Choice(config.data or HUB, named)
    if config.data not in (None, SAMPLE):
        raise UsageError(
            f"data {config.data!r} needs a policy: give MODEL=<directory or hub id> or POLICY=<name:argument> "
            "(recorded completions exist for the sample set only)"
        )
    if env.spec.recorded is None:
        raise UsageError(
            f"environment {env.alias!r} has no recorded completions; give MODEL=<directory or hub id> or "
            "POLICY=<name:argument>"
        )
    notice = (
        "Without MODEL and POLICY, recorded completions were replayed: they show what verdicts look like, not what a "
        f"model can do. To evaluate a model: make eval ENV={env.alias} MODEL=<directory or hub id> DATA=hub"
    )
    return Choice(SAMPLE, f"replay:{env.spec.recorded()}", notice, own_recording=True)


def _evaluate(
    config: EvalConfig,
    env: ResolvedEnv,
    chosen: Choice,
    tasks: TaskSet,
    policy: Policy,
    judge: Judge,
    observer: Observer | None,
) -> Summary:
    card = env.spec.card
    name = chosen.policy.partition(":")[0]
    counts = policy.recorded() if isinstance(policy, Recorded) else None
    sampling, n = _sampling(config, card, counts)
    turns = _turns(config, card, counts)
    positions, left_out = _positions(config, tasks, counts, may_hold_others=chosen.own_recording)
    data_digest = tasks.digest  # first of all: tasks loaded from now on know their digests
    entries = {position: entry_of(tasks, position) for position in positions}
    run: dict[str, Any] = {
        "format": FORMAT,
        "env": env_record(env, config.options),
        "data": {
            "choice": _located(chosen.data),
            "name": tasks.name,
            "split": tasks.split,
            "revision": tasks.revision,
            "window": tasks.window,
            "is_sample": tasks.is_sample,
            "digest": data_digest,
            "count": len(tasks),
        },
        "policy": {**policy.describe(), "name": name},
        "sampling": {"n": n} if counts is not None else {**vars(sampling), "n": n},
        "turns": turns,
        "seed": config.seed,
        "limit": config.limit,
        "sessions": [session(judge, config.options)],
    }
    out = config.out or RUNS / env.alias / f"{name}-{config_digest(run)[:8]}"

    def attempts_at(position: int) -> int:
        if counts is None:
            return sampling.n
        recorded = counts[entries[position].task_id]
        return recorded if n is None else min(recorded, n)

    with RunDirectory(out, run) as directory:
        finished = {key: result for key, result in directory.results.items() if result.error is None}
        plan = [(p, a) for p in positions for a in range(attempts_at(p)) if (entries[p].digest, a) not in finished]
        if observer:
            observer.begin(out, list(finished.values()), len(finished) + len(plan))
        rollout(
            tasks,
            plan,
            policy,
            judge,
            sampling,
            on_turn=_Recorder(directory, observer),
            seed=config.seed,
            max_turns=turns,
            check=verdict_check(card),
        )
        summary = summarise(
            directory.results.values(),
            list(entries.values()),
            card,
            directory=out,
            run=directory.run,
            notices=(tasks.notice, chosen.notice),
            left_out=left_out,
            lower_bounds=lower_bounds(judge),
        )
        directory.write_json(SUMMARY_FILE, summary.to_json())
    return summary


def _located(data: str) -> str:
    """Return a choice of data as it can be followed from any directory."""
    path = Path(data)
    return str(path.resolve()) if data not in (HUB, SAMPLE) and path.exists() else data


class _Recorder:
    """Writes turns down as they end; gives up when nothing but outages come, permanent errors aside."""

    def __init__(self, directory: RunDirectory, observer: Observer | None) -> None:
        self._directory, self._observer = directory, observer
        self._errors_in_a_row = 0

    def __call__(self, turn: Turn) -> None:
        self._directory.append(row_of(turn, time.time()))
        if self._observer:
            self._observer.turn(turn)
        if not turn.permanent:
            self._errors_in_a_row = self._errors_in_a_row + 1 if turn.error else 0
        if self._errors_in_a_row >= MAX_ERRORS_IN_A_ROW:
            raise OutageError(
                f"{self._errors_in_a_row} attempts in a row ended in an outage, the last with: {turn.error}; "
                f"the same command continues the run in {self._directory.path}"
            )


def _sampling(config: EvalConfig, card: EnvCard, counts: Mapping[str, int] | None) -> tuple[Sampling, int | None]:
    """Return how to sample, and the n to record (None: as many as were recorded)."""
    given = {k: getattr(config, k) for k in ("temperature", "top_p", "max_tokens") if getattr(config, k) is not None}
    if counts is not None:
        if given:
            raise UsageError(f"recorded completions are not sampled; leave out {', '.join(given)}")
        return card.sampling, config.n
    n = config.n or card.sampling.n
    try:
        return replace(card.sampling, n=n, **given), n
    except ValueError as error:
        raise UsageError(str(error)) from error


def _turns(config: EvalConfig, card: EnvCard, counts: Mapping[str, int] | None) -> int:
    if counts is None:
        return config.turns or card.max_turns
    if config.turns not in (None, 1):
        raise UsageError(f"recorded completions answer once; leave out turns = {config.turns}")
    return 1


def _positions(
    config: EvalConfig, tasks: TaskSet, counts: Mapping[str, int] | None, *, may_hold_others: bool
) -> tuple[list[int], int]:
    """Return the positions of the tasks to evaluate, and how many are left out for want of a recorded completion."""
    ids = tasks.ids
    if counts is not None and not may_hold_others and (unknown := sorted(counts.keys() - set(ids))):
        window = f" (window {tasks.window})" if tasks.window else ""
        raise UsageError(
            f"{len(unknown)} of {len(counts)} recorded task ids are not in {tasks.name}{window}, the first is "
            f"{unknown[0]!r}; choose the environment or window that the completions were made for"
        )
    chosen = [i for i, task_id in enumerate(ids) if counts is None or counts.get(task_id)]
    if not chosen:
        raise UsageError(f"{tasks.name} has no tasks to evaluate (window {tasks.window or 'none'})")
    return chosen[: config.limit], len(ids) - len(chosen)


def entry_of(tasks: TaskSet, position: int) -> TaskEntry:
    """Load a task and keep only what a summary needs."""
    task = tasks[position]
    return TaskEntry(task.id, task.digest, dict(task.meta))


def verdict_check(card: EnvCard) -> Callable[[Verdict], None]:
    """Return a check that raises JudgeError on verdicts that break the card or cannot be recorded."""

    def check(verdict: Verdict) -> None:
        card.check(verdict)
        try:
            to_json([dict(verdict.scores), dict(verdict.detail)])
        except ValueError as error:
            raise JudgeError(f"the judge of {card.name} gave a verdict that JSON cannot hold: {error}") from error

    return check


def env_record(env: ResolvedEnv, options: Mapping[str, object]) -> dict[str, Any]:
    """Describe an environment with its options, as ``run.json`` records it."""
    card = env.spec.card
    return {
        "alias": env.alias,
        "name": env.spec.name,
        "options": {k: v for k, v in {**env.options, **options}.items() if k not in EXECUTION_OPTIONS},
        "card_digest": card.digest,
        "card": card.to_dict(),
    }


def lower_bounds(judge: Judge) -> frozenset[str]:
    """Return the scores that are lower bounds only, and so in no summary: a judge that stops early may name some."""
    return frozenset(getattr(judge, "lower_bounds", ()))


def isolation_of(judge: Judge) -> str | None:
    """Return the isolation level that a judge runs programs under, None if it runs none."""
    level = getattr(judge, "isolation", None)
    return str(level) if level else None


def session(judge: Judge, options: Mapping[str, object]) -> dict[str, Any]:
    """Describe the session that begins now: when, with which versions, on what machine.

    ``judged_with`` is what the judge runs programs on, by its optional attribute ``runtime_versions``; ``execution`` is
    how and where it judges, by the options and by its optional attribute ``execution``. The machine's ``factor`` is
    that of :func:`~sdpo_gym.sandbox.machine.machine_factor`.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "isolation": isolation_of(judge),
        "execution": {
            **{k: v for k, v in options.items() if k in EXECUTION_OPTIONS},
            **getattr(judge, "execution", {}),
        },
        "judged_with": dict(getattr(judge, "runtime_versions", None) or {}),
        "versions": {"python": platform.python_version(), **dict(_versions())},
        "machine": {
            "system": platform.system(),
            "release": platform.release(),
            "arch": platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "factor": round(machine_factor(), 3),
        },
    }


def _versions() -> Iterator[tuple[str, str]]:
    for module, distribution in (("sdpo_gym", "sdpo-gym"), ("gymnasium", "gymnasium"), ("numpy", "numpy")):
        try:
            yield module, version(distribution)
        except PackageNotFoundError:
            yield module, "not installed"
    for module in ("torch", "transformers"):
        if module in sys.modules:
            yield module, version(module)
