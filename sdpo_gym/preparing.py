"""What runs of searches and probes have in common: getting tasks, policy and judge ready, and writing turns down."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from sdpo_gym.backend import judge_for
from sdpo_gym.env import close_judge
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.evaluate import HUB, MAX_ERRORS_IN_A_ROW, SAMPLE, env_record, session, verdict_check
from sdpo_gym.policies.base import Policy, Recorded, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.records import FORMAT, RunDirectory, row_of
from sdpo_gym.registry import ResolvedEnv, resolve
from sdpo_gym.rollout import Turn
from sdpo_gym.search import CheckedJudge
from sdpo_gym.task import TaskSet


class Config(Protocol):
    """What configurations of such runs have in common."""

    @property
    def env(self) -> str:
        """Alias or name of the environment."""

    @property
    def policy(self) -> str | None:
        """``name`` or ``name:argument``."""

    @property
    def model(self) -> str | None:
        """Model directory or hub id."""

    @property
    def base_url(self) -> str | None:
        """Of an OpenAI-compatible server."""

    @property
    def temperature(self) -> float | None:
        """See Sampling."""

    @property
    def top_p(self) -> float | None:
        """See Sampling."""

    @property
    def max_tokens(self) -> int | None:
        """See Sampling."""

    @property
    def data(self) -> str | None:
        """``hub`` (the default), ``sample`` or a path."""

    @property
    def split(self) -> str | None:
        """Part of the data."""

    @property
    def seed(self) -> int:
        """The run's seed."""

    @property
    def options(self) -> Mapping[str, object]:
        """Options of the environment."""

    @property
    def policy_options(self) -> Mapping[str, object]:
        """Options of the policy."""

    @property
    def judge_backend(self) -> str:
        """Where judging happens."""


@dataclass(frozen=True)
class Prepared:
    """What a run works with.

    Attributes:
        env: the environment.
        tasks: its tasks.
        policy: answers.
        judge: judges; a verdict that breaks the environment's card is an outage.
        sampling: how to sample one attempt.
        record: what ``run.json`` holds of all this.
    """

    env: ResolvedEnv
    tasks: TaskSet
    policy: Policy
    judge: CheckedJudge
    sampling: Sampling
    record: Mapping[str, Any]


@contextmanager
def prepared(config: Config, what: str) -> Iterator[Prepared]:
    """Get ready what a configuration names, and close policy and judge in the end.

    Args:
        config: see there.
        what: what needs a policy, for error messages, such as ``a search``.

    Raises:
        UsageError: if anything about ``config`` is wrong, or it names no policy or one that replays a recording.
        OutageError: if data, server or sandbox cannot be reached.
    """
    named = config.policy or (config.base_url and "openai") or (config.model and "transformers")
    if not named:
        raise UsageError(f"{what} needs a policy: give MODEL=<directory or hub id> or POLICY=<name:argument>")
    env = resolve(config.env)
    given = {key: getattr(config, key) for key in ("temperature", "top_p", "max_tokens")}
    try:
        sampling = replace(env.spec.card.sampling, n=1, **{k: v for k, v in given.items() if v is not None})
    except ValueError as error:
        raise UsageError(str(error)) from error
    data = config.data or HUB
    tasks = env.tasks(config.split, data, **config.options)
    if not len(tasks):
        raise UsageError(f"{tasks.name} has no tasks (window {tasks.window or 'none'})")
    policy = load_policy(
        named,
        model=config.model,
        base_url=config.base_url,
        gold=lambda task_id: tasks.gold(tasks.by_id(task_id)),
        **config.policy_options,
    )
    with ExitStack() as closing:
        closing.callback(policy.close)
        if isinstance(policy, Recorded):
            raise UsageError(f"{what} needs a policy that answers, and this one replays recorded completions")
        judge = judge_for(env, {"split": tasks.split, "data": data, **config.options}, config.judge_backend)
        closing.callback(close_judge, judge)
        located = Path(data).resolve() if data not in (HUB, SAMPLE) and Path(data).exists() else data
        record = {
            "format": FORMAT,
            "env": env_record(env, config.options),
            "data": {
                "choice": str(located),
                "name": tasks.name,
                "split": tasks.split,
                "revision": tasks.revision,
                "window": tasks.window,
                "is_sample": tasks.is_sample,
                "digest": tasks.digest,
                "count": len(tasks),
            },
            "policy": {**policy.describe(), "name": named.partition(":")[0]},
            "sampling": dict(vars(sampling)),
            "seed": config.seed,
            "sessions": [session(judge, config.options)],
        }
        checked = CheckedJudge(judge, verdict_check(env.spec.card))
        yield Prepared(env, tasks, policy, checked, sampling, record)


class Observer(Protocol):
    """Watches a run."""

    def phase(self, directory: Path, doing: str, unit: str, earlier: int, total: int) -> None:
        """Hear what is done from now on.

        Args:
            directory: where the run lies.
            doing: such as ``searching``.
            unit: what is counted, such as ``search``; where it is ``answer``, each turn is one.
            earlier: how many were made in sessions before.
            total: how many there will be in all.
        """
        ...

    def turn(self, turn: Turn) -> None:
        """Hear of a turn that has been recorded, perhaps from another thread."""
        ...


class Writer:
    """Writes turns down as they end; gives up when nothing but outages come, permanent errors aside."""

    def __init__(self, directory: RunDirectory, observer: Observer | None) -> None:
        self._directory, self._observer = directory, observer
        self._errors_in_a_row = 0

    def write(self, turn: Turn, **more: Any) -> None:
        """Write the turn's row, with ``more`` in it.

        Raises:
            OutageError: after 50 outages in a row.
        """
        self._directory.append({**row_of(turn, time.time()), **more})
        if self._observer:
            self._observer.turn(turn)
        if not turn.permanent:
            self._errors_in_a_row = self._errors_in_a_row + 1 if turn.error else 0
        if self._errors_in_a_row >= MAX_ERRORS_IN_A_ROW:
            raise OutageError(
                f"{self._errors_in_a_row} attempts in a row ended in an outage, the last with: {turn.error}; "
                f"the same command continues the run in {self._directory.path}"
            )
