"""The training loop: attempts, an update, now and then an evaluation and a checkpoint."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

from sdpo_gym.agent import Agent, TrainablePolicy, load_agent
from sdpo_gym.backend import judge_for
from sdpo_gym.card import EnvCard
from sdpo_gym.env import close_judge
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.evaluate import MAX_ERRORS_IN_A_ROW, RUNS, env_record, session, verdict_check
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import Capability, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.registry import ResolvedEnv, resolve
from sdpo_gym.rollout import Group, Turn, groups_of, rollout
from sdpo_gym.task import TaskSet
from sdpo_gym.training.checkpoints import Checkpoint
from sdpo_gym.training.config import Settings, TrainConfig, WatchMode, settings_of
from sdpo_gym.training.directory import (
    FORMAT,
    KIND,
    SUMMARY_FILE,
    TrainDirectory,
    check_same,
    default_name,
    identity,
)
from sdpo_gym.training.evaluation import HeldOut, measure_teacher
from sdpo_gym.training.guards import Interrupt, memory_advice
from sdpo_gym.training.judging import JudgedOnce
from sdpo_gym.training.metrics import (
    Curves,
    TimedPolicy,
    examples_of,
    generated_tokens,
    multiplying_parameters,
    rollout_figures,
)
from sdpo_gym.training.rehearsal import RehearsalFile
from sdpo_gym.training.seeds import derive, tasks_of_step
from sdpo_gym.training.summary import TrainSummary, best_step_of, estimate_of, mean_of
from sdpo_gym.training.watch import Alarm, Watch

logger = logging.getLogger(__name__)

_TOTALS = ("generations", "updates", "seconds", "flops")


class TrainObserver(Protocol):
    """Watches a training run."""

    def begin(self, directory: Path, run: Mapping[str, Any], step: int, steps: int) -> None:
        """Hear where the run lies, what ``run.json`` holds, how many steps were made before and are to be in all."""
        ...

    def work(self, what: str, total: int) -> None:
        """Hear that ``total`` attempts begin, for a step or an evaluation as ``what`` says."""
        ...

    def turn(self, turn: Turn) -> None:
        """Hear of a turn that ended; called from another thread."""
        ...

    def row(self, row: Mapping[str, Any]) -> None:
        """Hear of a row of ``metrics.jsonl``."""
        ...

    def alarm(self, alarm: Alarm) -> None:
        """Hear of an alarm of the collapse watch."""
        ...


def train(config: TrainConfig, observer: TrainObserver | None = None) -> TrainSummary:
    """Train a policy on an environment and write a run directory; the same call again continues from the last save.

    A run that was killed and continued equals one that was not: in its metrics, clocks aside, and on a CPU with one
    thread bit for bit in its weights. The first Ctrl-C finishes the step, saves and raises KeyboardInterrupt; a second
    one raises it at once. When the collapse watch sounds (and ``watch`` is ``stop``), the policy is evaluated once
    more, saved, and the run ends with the alarm in its summary.

    Raises:
        UsageError: if anything about ``config`` is wrong, the run directory holds or allows something else, or the
            GPU's memory runs out.
        OutageError: if data, hub or sandbox cannot be reached, or 50 attempts in a row end in an outage.
    """
    settings = settings_of(config)
    env = resolve(settings.env)
    eval_options = {**settings.options, **settings.eval_options}
    tasks = env.tasks(settings.split, settings.data, **settings.options)
    held_out = env.tasks(settings.eval_split, settings.data, **eval_options)
    for some, what in ((tasks, "train"), (held_out, "evaluate")):
        if not len(some):
            raise UsageError(f"{some.name} (split {some.split!r}) has no tasks to {what} on; choose another split")
    if settings.batch > len(tasks):
        raise UsageError(
            f"a batch of {settings.batch} tasks is more than the {len(tasks)} of {tasks.name} (split {tasks.split!r}); "
            f"give --batch {len(tasks)} or less"
        )
    sampling, eval_sampling = _samplings(settings, env.spec.card)
    policy = load_policy(
        settings.policy,
        model=settings.model,
        gold=lambda task_id: tasks.gold(tasks.by_id(task_id)),
        **settings.policy_options,
    )
    judges: list[Judge] = []
    try:
        if Capability.TRAIN not in policy.capabilities:
            raise UsageError(
                f"policy {settings.policy.partition(':')[0]!r} lacks the capability {Capability.TRAIN.value!r}: its "
                "weights cannot be changed from here; use policy 'transformers' with a model"
            )
        for some, options in ((tasks, settings.options), (held_out, eval_options)):
            where = {"split": some.split, "data": settings.data}
            judges.append(judge_for(env, {**where, **options}, settings.judge_backend))
        trained = cast(TrainablePolicy, policy)
        card = env.spec.card
        measured = HeldOut(
            held_out, range(len(held_out))[: settings.eval_limit], judges[1], card, eval_sampling, settings.turns
        )
        run = _Run(settings, env, tasks, judges[0], sampling, measured, trained, observer)
        return run.go(config.out)
    finally:
        for judge in judges:
            close_judge(judge)
        policy.close()


def _samplings(settings: Settings, card: EnvCard) -> tuple[Sampling, Sampling]:
    """Return how to sample in training and in evaluations."""
    most = card.sampling.max_tokens if settings.max_tokens is None else settings.max_tokens
    base = replace(card.sampling, max_tokens=most)
    return (
        replace(base, n=settings.n, temperature=settings.temperature, top_p=settings.top_p),
        replace(base, n=settings.eval_n, temperature=settings.eval_temperature, top_p=settings.eval_top_p),
    )


class _Run:
    def __init__(
        self,
        settings: Settings,
        env: ResolvedEnv,
        tasks: TaskSet,
        judge: Judge,
        sampling: Sampling,
        held_out: HeldOut,
        policy: TrainablePolicy,
        observer: TrainObserver | None,
    ) -> None:
        self._settings, self._env, self._tasks, self._judge = settings, env, tasks, judge
        self._sampling, self._held_out, self._policy, self._observer = sampling, held_out, policy, observer
        self._card = env.spec.card
        self._parameters = multiplying_parameters(policy)
        described = policy.describe()  # before the agent, which may change it
        rehearsal = RehearsalFile(settings.rehearsal, policy) if settings.rehearsal else None
        agent_seed = derive(settings.seed, "agent")
        self._agent: Agent = load_agent(
            settings.agent,
            policy,
            settings.agent_options,
            seed=agent_seed,
            temperature=settings.temperature,
            rehearsal=rehearsal,
            group_size=settings.n,
        )
        self._record: dict[str, Any] = {
            "format": FORMAT,
            "kind": KIND,
            "settings": {**settings.to_dict(), "max_tokens": sampling.max_tokens},
            "env": env_record(env, settings.options),
            "data": {"train": _data(tasks), "eval": {**_data(held_out.tasks), "evaluated": len(held_out.positions)}},
            "policy": {**described, "name": settings.policy.partition(":")[0]},
            "agent": {**self._agent.describe(), "name": settings.agent},
            "parameters": self._parameters,
            "rehearsal": {"rows": len(rehearsal), "sha256": rehearsal.digest} if rehearsal else None,
            "seeds": {
                "seed": settings.seed,
                "agent": agent_seed,
                "derived": "sdpo_gym.train.derive(seed, 'order', epoch), (seed, 'rollout', step), (seed, 'eval', step)",
            },
            "sessions": [{**session(judge, settings.options), "settings": settings.to_dict()}],
        }
        self._watch = Watch(self._card.reward_range)
        self._alarm: Alarm | None = None
        self._said: set[str] = set()
        self._totals = dict.fromkeys(_TOTALS, 0.0)
        self._evaluations: list[dict[str, Any]] = []
        self._errors_in_a_row = 0
        self._stop = Interrupt()

    def go(self, out: Path | None) -> TrainSummary:
        settings = self._settings
        path = out or RUNS / self._env.alias / default_name(self._record, settings.label)
        with TrainDirectory(path, self._record) as directory, self._stop:
            self._directory = directory
            self._step = self._saved = self._resume()
            self._curves = Curves(path, self._step)
            try:
                if self._observer:
                    self._observer.begin(path, directory.run, self._step, settings.steps)
                self._loop()
            except OutageError:
                self._save()  # it came before an update or after one, so the agent is as of the last step
                raise
            finally:
                self._curves.close()
            summary = self._summary()
            directory.write_json(SUMMARY_FILE, summary.to_json())
        return summary

    def _loop(self) -> None:
        settings = self._settings
        while True:
            is_last = self._step >= settings.steps or self._alarm is not None
            every = settings.eval_every
            if is_last or self._step == 0 or (every and self._step % every == 0):
                self._evaluate()
            is_best = self._step == best_step_of(self._evaluations)
            if is_last or is_best or self._step % settings.save_every == 0:
                self._save()
            self._stop.check(self._save)
            if is_last:
                return
            self._make_step()

    def _resume(self) -> int:
        """Go on from the newest checkpoint that is whole; return its step, 0 where there is none."""
        directory = self._directory
        checkpoint = directory.checkpoints.newest(self._accept)
        if checkpoint:
            metrics, updates = (checkpoint.state[key] for key in ("metrics", "updates"))
        else:  # an evaluation before the first step is as it was
            metrics, updates = directory.metrics.size_of_first(lambda row: row["step"] == 0 and "eval" in row), 0
        step = checkpoint.step if checkpoint else 0
        if step > self._settings.steps:
            raise UsageError(
                f"{directory.path} holds a run of {step} steps, which may grow but not shrink to {self._settings.steps}"
            )
        if not checkpoint and directory.metrics.size > metrics:
            logger.warning("%s has no checkpoint that can be used; training begins anew", directory.path)
        if directory.updates.size < updates:  # examples for people to look at: no reason to throw weights away
            logger.warning("%s is shorter than it was; what is missing there is lost", directory.updates.path)
            updates = directory.updates.size
        directory.metrics.cut(metrics)
        directory.updates.cut(updates)
        directory.checkpoints.drop_after(step)
        if checkpoint:
            self._agent.load(checkpoint.agent)
        for row in directory.metrics.rows():
            if "eval" in row:
                self._evaluations.append(row)
            else:
                self._totals = {key: row[key] for key in _TOTALS}
                alarm = self._watch.feed(row["step"], row)
                if alarm and row["step"] == step:
                    self._sound(alarm)
        return step

    def _accept(self, checkpoint: Checkpoint) -> str | None:
        check_same(checkpoint.state["identity"], identity(self._record), checkpoint.path)
        metrics = self._directory.metrics
        if metrics.size < checkpoint.state["metrics"]:
            return f"{metrics.path.name} is shorter than when it was written"
        return None

    def _save(self) -> None:
        if self._step == self._saved:
            return
        directory = self._directory
        directory.metrics.sync()
        directory.updates.sync()
        state = {
            "identity": identity(self._record),
            "metrics": directory.metrics.size,
            "updates": directory.updates.size,
        }
        directory.checkpoints.save(self._step, state, self._agent.save)
        directory.checkpoints.prune(best_step_of(self._evaluations))
        self._saved = self._step

    def _make_step(self) -> None:
        settings = self._settings
        positions = tasks_of_step(settings.seed, self._step, settings.batch, len(self._tasks))
        plan = [(position, attempt) for position in positions for attempt in range(settings.n)]
        turns: list[Turn] = []

        def heard(turn: Turn) -> None:
            turns.append(turn)
            self._heard(turn)

        timed, judge = TimedPolicy(self._policy), JudgedOnce(self._judge)
        if self._observer:
            self._observer.work(f"step {self._step + 1}", len(plan))
        began = time.monotonic()
        with memory_advice("generation"):
            rollout(
                self._tasks, plan, timed, judge, self._sampling,
                on_turn=heard, seed=derive(settings.seed, "rollout", self._step), max_turns=settings.turns,
                check=verdict_check(self._card),
            )  # fmt: skip
        rolled = time.monotonic()
        groups = groups_of([self._tasks[position] for position in positions], turns)
        figures, examples = self._update(groups)
        ended = time.monotonic()
        tokens = generated_tokens(turns)
        flops = {"flops_generate": 2.0 * self._parameters * tokens}
        flops |= {key: figures.get(key, 0.0) for key in ("flops_student", "flops_teacher")}
        self._step += 1
        self._totals = {
            "generations": self._totals["generations"] + len(plan),
            "updates": self._totals["updates"] + figures.get("steps", 1.0),
            "seconds": self._totals["seconds"] + ended - began,
            "flops": self._totals["flops"] + sum(flops.values()),
        }
        row = {
            "step": self._step,
            **self._totals,
            "seconds_generate": timed.seconds,
            "seconds_judge_wait": max(0.0, rolled - began - timed.seconds),
            "seconds_update": ended - rolled,
            "judged_fraction": judge.judged / max(1, judge.asked),
            "tokens_generate": tokens,
            "flops_generate": flops["flops_generate"],
            **rollout_figures(groups),
            **figures,
        }
        self._write(row)
        for example in examples:
            self._directory.updates.append({"step": self._step, **example})
        if (alarm := self._watch.feed(self._step, row)) is not None:
            self._sound(alarm)

    def _update(self, groups: list[Group]) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Return the figures of an update, and examples of what it learned from."""
        if not any(attempt.verdict for group in groups for attempt in group.attempts):
            logger.warning("step %d: every attempt ended in an outage, so nothing is learned", self._step + 1)
            return {"steps": 0.0, "skipped_steps": 0.0}, []
        with memory_advice("the update"):
            figures = {key: float(value) for key, value in self._agent.update(groups).items()}
        return figures, list(examples_of(groups, self._agent.examples(), self._settings.examples))

    def _evaluate(self) -> None:
        settings, step = self._settings, self._step
        if any(row["step"] == step for row in self._evaluations):
            return
        held_out = self._held_out

        def heard(turn: Turn) -> None:
            self._heard(turn)
            if self._stop.requested:
                raise KeyboardInterrupt

        try:
            if self._observer:
                self._observer.work(f"evaluation after step {step}", len(held_out.positions) * held_out.sampling.n)
            with memory_advice("an evaluation"):
                record, groups = held_out.measure(
                    self._policy, derive(settings.seed, "eval", step), heard, keep=settings.eval_teacher
                )
                row: dict[str, Any] = {"step": step, **self._totals, "eval": record}
                if settings.eval_teacher:
                    seed = derive(settings.seed, "eval_teacher", step)
                    teacher = measure_teacher(held_out, groups, self._agent, seed, heard)
                    if teacher is not None:
                        row["teacher_eval"] = teacher
        except KeyboardInterrupt:
            if self._stop.requested:  # the step before is done; the evaluation is made again
                self._save()
            raise
        self._evaluations.append(row)
        self._write(row)

    def _heard(self, turn: Turn) -> None:
        if self._observer:
            self._observer.turn(turn)
        if not turn.permanent:
            self._errors_in_a_row = self._errors_in_a_row + 1 if turn.error else 0
        if self._errors_in_a_row >= MAX_ERRORS_IN_A_ROW:
            raise OutageError(
                f"{self._errors_in_a_row} attempts in a row ended in an outage, the last with: {turn.error}; "
                f"the same command continues the run in {self._directory.path}"
            )

    def _write(self, row: Mapping[str, Any]) -> None:
        self._directory.metrics.append(row)
        self._curves.add(row)
        if self._observer:
            self._observer.row(row)

    def _sound(self, alarm: Alarm) -> None:
        if self._settings.watch is WatchMode.OFF:
            return
        if self._settings.watch is WatchMode.STOP:
            self._alarm = alarm
        if alarm.signal not in self._said:
            self._said.add(alarm.signal)
            logger.warning("collapse watch: %s", alarm)
            if self._observer:
                self._observer.alarm(alarm)

    def _summary(self) -> TrainSummary:
        settings, evaluations = self._settings, self._evaluations
        later = [row for row in evaluations if row["step"] > 0]
        best = best_step_of(evaluations)
        by_step = {row["step"]: row for row in evaluations}
        teachers = [row["teacher_eval"] for row in evaluations if "teacher_eval" in row]
        return TrainSummary(
            env=self._env.alias,
            agent=settings.agent,
            preset=settings.preset,
            steps=self._step,
            planned=settings.steps,
            k=settings.eval_n,
            initial=estimate_of(by_step[0]["eval"]) if 0 in by_step else None,
            best=estimate_of(by_step[best]["eval"]) if best is not None else None,
            best_step=best,
            last=estimate_of(later[-1]["eval"]) if later else None,
            last_step=later[-1]["step"] if later else None,
            mean=mean_of(evaluations, self._card.reward_range),
            evaluations=len(later),
            teacher=estimate_of(teachers[-1]) if teachers else None,
            stopped=self._alarm,
            totals=self._totals,
            directory=self._directory.path,
        )


def _data(tasks: TaskSet) -> dict[str, Any]:
    return {
        "name": tasks.name,
        "split": tasks.split,
        "revision": tasks.revision,
        "window": tasks.window,
        "is_sample": tasks.is_sample,
        "digest": tasks.digest,
        "count": len(tasks),
    }
