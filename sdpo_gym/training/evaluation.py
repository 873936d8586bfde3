"""Accuracy on held-out tasks during training: the policy's, and its teacher's where that has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.agent import Agent, Teaching
from sdpo_gym.card import EnvCard
from sdpo_gym.completion import FinishReason
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.evaluate import entry_of, lower_bounds, verdict_check
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import Policy, Sampling
from sdpo_gym.records import Result, result_of_row, row_of
from sdpo_gym.rollout import Group, Turn, groups_of, rollout
from sdpo_gym.summary import summarise
from sdpo_gym.task import Message, Task, TaskSet
from sdpo_gym.training.judging import JudgedOnce


@dataclass(frozen=True)
class HeldOut:
    """What accuracy is measured on, and how.

    Attributes:
        tasks: the task set.
        positions: which of them.
        judge: of the evaluation.
        card: the environment's.
        sampling: with n attempts per task.
        turns: most turns of an attempt.
    """

    tasks: TaskSet
    positions: Sequence[int]
    judge: Judge
    card: EnvCard
    sampling: Sampling
    turns: int

    def measure(
        self, policy: Policy, seed: int, on_turn: Callable[[Turn], None], *, keep: bool = False
    ) -> tuple[dict[str, Any], list[Group]]:
        """Return the record of an evaluation, and with ``keep`` the groups of attempts, without the tasks' payloads.

        The record has ``avg`` with its 95 % interval over tasks (``low``, ``high``; None where there is none), ``n``
        (the least number of attempts at a task), ``pass@k``, ``maj@k`` where the judge records answers, ``length``
        (mean tokens of an answer), ``truncated`` and ``bad_format`` (shares), ``errors`` (attempts that an outage
        ended), ``scores``, ``by`` kind of task, and ``values``: each task's own average, None where every attempt at it
        ended in an outage.

        Raises:
            OutageError: if all of them did.
            UsageError: if none can ever be answered, such as prompts longer than the model's context.
        """
        kept: list[Turn] = []

        def heard(turn: Turn) -> None:
            kept.append(turn)
            on_turn(turn)

        plan = [(position, attempt) for position in self.positions for attempt in range(self.sampling.n)]
        rollout(
            self.tasks, plan, policy, JudgedOnce(self.judge), self.sampling,
            on_turn=heard, seed=seed, max_turns=self.turns, check=verdict_check(self.card),
        )  # fmt: skip
        return self._record(kept), list(self._groups(kept)) if keep else []

    def _record(self, turns: Sequence[Turn]) -> dict[str, Any]:
        entries = [entry_of(self.tasks, position) for position in self.positions]
        results = [result for turn in turns if (result := result_of_row(row_of(turn, 0.0)))]
        tasks = self.tasks
        summary = summarise(
            results,
            entries,
            self.card,
            directory=Path(),
            run={
                "data": {"name": tasks.name, "split": "", "revision": "", "window": "", "digest": ""},
                "policy": {},
                "sessions": [],
                "turns": self.turns,
                "sampling": {},
            },
            lower_bounds=lower_bounds(self.judge),
        )
        if not summary.attempts and all(turn.permanent for turn in turns):
            raise UsageError(
                f"none of the {summary.errors} attempts of an evaluation can ever be answered, the last with: "
                f"{turns[-1].error}; take another model, or other tasks"
            )
        if not summary.attempts:
            raise OutageError(
                f"all {summary.errors} attempts of an evaluation ended in an outage, the last with: {turns[-1].error}; "
                "the same command continues the run"
            )
        scores = dict(summary.scores)
        average = scores.pop(f"avg@{summary.smallest_n}")
        answers = [turn.completion for turn in turns if turn.completion and (turn.done or turn.error)]
        lengths = [answer.usage.completion_tokens for answer in answers if answer.usage]
        return {
            "avg": average.value,
            "low": average.low,
            "high": average.high,
            "n": summary.smallest_n,
            "tasks": summary.tasks - summary.unscored,
            **{name: scores.pop(name).value for name in list(scores) if name.startswith(("pass@", "maj@"))},
            "length": fmean(lengths) if lengths else None,
            "truncated": fmean(answer.finish_reason is FinishReason.LENGTH for answer in answers),
            "bad_format": fmean(
                turn.verdict.status.value == "bad_format" for turn in turns if turn.verdict and turn.done
            ),
            "errors": summary.errors,
            "scores": {name: estimate.value for name, estimate in scores.items()},
            "by": {
                key: {kind: part.scores[f"avg@{summary.smallest_n}"].value for kind, part in kinds.items()}
                for key, kinds in summary.by.items()
            },
            "values": self._values([entry.digest for entry in entries], results),
        }

    def _values(self, digests: Sequence[str], results: Sequence[Result]) -> list[float | None]:
        by_task: dict[str, list[float]] = {digest: [] for digest in digests}
        for result in sorted(results, key=lambda r: r.key):
            if result.outcome is not None:
                in_scores = self.card.headline in self.card.scores
                value = result.scores[self.card.headline] if in_scores else result.reward or 0.0
                by_task[result.task_digest].append(value)
        return [fmean(values) if values else None for values in by_task.values()]

    def _groups(self, turns: Sequence[Turn]) -> Iterator[Group]:
        by_task: dict[str, list[Turn]] = {}
        for turn in turns:
            by_task.setdefault(turn.task_digest, []).append(turn)
        for position in self.positions:
            task = self.tasks[position]
            (group,) = groups_of([task], by_task.get(task.digest, []))
            yield Group(Task(task.id, task.messages, {}, task.meta), group.attempts)


def measure_teacher(
    held_out: HeldOut, groups: Sequence[Group], agent: Agent, seed: int, on_turn: Callable[[Turn], None]
) -> dict[str, Any] | None:
    """Return how often the teacher is right that is asked as in training, once for each group.

    It is asked about the first attempt at which it is told something that the student was not; where there is none, it
    is asked what the student was. ``told_fraction`` in the record is the share of tasks with such an attempt. None if
    the agent has no such teacher.
    """
    if not isinstance(agent, Teaching) or (teaching := agent.teaching()) is None:
        return None
    asked = iter(agent.teacher_messages(groups))
    chats: dict[int, tuple[Message, ...]] = {}
    for position, group in zip(held_out.positions, groups, strict=True):
        told_of = [messages for messages in [next(asked) for _ in group.attempts] if messages is not None]
        if told_of:
            chats[position] = told_of[0]
    told = HeldOut(
        _Asked(held_out.tasks, chats),
        held_out.positions,
        held_out.judge,
        held_out.card,
        replace(held_out.sampling, n=1),
        1,
    )
    with teaching as teacher:
        record, _ = told.measure(teacher, seed, on_turn)
    return {**record, "told_fraction": len(chats) / max(1, len(groups))}


class _Asked(TaskSet):
    """A task set with other chats for some of its tasks."""

    def __init__(self, tasks: TaskSet, chats: Mapping[int, tuple[Message, ...]]) -> None:
        self.name, self.split, self.revision = tasks.name, tasks.split, tasks.revision
        self._tasks, self._chats = tasks, chats

    @property
    def ids(self) -> tuple[str, ...]:
        """The task ids in order."""
        return self._tasks.ids

    def load(self, index: int) -> Task:
        """Return the task with its chat."""
        task = self._tasks[index]
        chat = self._chats.get(index)
        return Task(task.id, chat, task.payload, task.meta) if chat else task
