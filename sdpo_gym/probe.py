"""The teacher gap: how much better a policy answers when its prompt holds what the judge said, or a sibling's solution.

The final gain of self-distillation grows linearly with the accuracy of the initial teacher less that of the student,
across kinds of feedback, model families and sizes (arXiv:2605.30070), so this is worth measuring before training.

Every task gets n first attempts. Then each of them is followed by a fresh answer to the question alone (the control,
which a bare comparison with the first attempt would lack: a failed attempt often succeeds the second time anyway), one
with its own feedback if it failed, and one with a sibling's solution if there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from sdpo_gym.backend import JudgeBackend
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import RUNS
from sdpo_gym.options import choice
from sdpo_gym.policies.base import Request, request_seed
from sdpo_gym.preparing import Observer, Prepared, Writer, prepared
from sdpo_gym.records import SUMMARY_FILE, RunDirectory, config_digest, iter_rows, load_run
from sdpo_gym.report import table
from sdpo_gym.rollout import Attempt, Group, Turn, rollout
from sdpo_gym.search import answer, check_options, load_entry_point
from sdpo_gym.stats import Estimate, mean_difference, mean_over_tasks
from sdpo_gym.task import Message, Task
from sdpo_gym.training.seeds import derive
from sdpo_gym.verdict import Status, Verdict

GROUP = "sdpo_gym.reprompts"
_AT_A_TIME = 512  # requests that a policy gets at a time

Reprompter = Callable[[Group, int], Sequence[tuple[Message, ...] | None]]
"""The teacher's chat for each attempt of a group, given a seed; None where it would see nothing new."""


class Condition(StrEnum):
    """What an answer was asked with."""

    FIRST = "first"  # the question; what the others follow
    AGAIN = "again"  # the question once more: the control
    FEEDBACK = "feedback"  # and the judge's feedback on the first attempt
    SOLUTION = "solution"  # and a sibling's solution


@dataclass(frozen=True)
class ProbeConfig:
    """What to probe. None means the default that the environment's card brings.

    Attributes:
        env: alias or name of the environment.
        policy: ``name`` or ``name:argument``; without it ``openai`` if there is a base URL, ``transformers`` if there
            is a model.
        model: model directory or hub id.
        base_url: of an OpenAI-compatible server.
        n: first attempts per task; siblings' solutions need at least 2.
        temperature: see Sampling.
        top_p: see Sampling.
        max_tokens: see Sampling.
        data: ``hub`` (the default), ``sample`` or a path.
        split: part of the data.
        limit: only the first so many tasks.
        out: run directory; without it ``runs/probe/<env>/<policy>-<first 8 of the config digest>``.
        seed: the run's seed.
        reprompt: entry-point name, in group ``sdpo_gym.reprompts``, of what makes the prompts.
        reprompt_options: its options, but for ``solutions`` and ``feedback``, which the probe sets.
        options: options of the environment.
        policy_options: options of the policy.
        judge_backend: where judging happens, see :class:`JudgeBackend`; a run may be continued with another one.

    Raises:
        UsageError: if a number is out of range.
    """

    env: str
    policy: str | None = None
    model: str | None = None
    base_url: str | None = None
    n: int = 8
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    data: str | None = None
    split: str | None = None
    limit: int | None = None
    out: Path | None = None
    seed: int = 0
    reprompt: str = "sdpo"
    reprompt_options: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    policy_options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: str = JudgeBackend.LOCAL

    def __post_init__(self) -> None:
        choice(JudgeBackend, "judge_backend", self.judge_backend)
        for name in ("n", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Gap:
    """Accuracy with something more in the prompt and without, over the same first attempts.

    Attributes:
        tasks: how many tasks have such attempts; each counts once.
        attempts: how many attempts that is.
        without: accuracy of fresh answers to the question alone.
        given: accuracy with the prompt in question.
        gap: ``given`` less ``without``, paired by task.
    """

    tasks: int
    attempts: int
    without: Estimate
    given: Estimate
    gap: Estimate


@dataclass(frozen=True)
class Probe:
    """What a probe comes to; without clocks.

    Attributes:
        env: name of the task set.
        data_digest: sha256 of the whole task set.
        policy: name of the policy, and of its model or script if it has one.
        sampling: how it sampled; ``n`` first attempts per task.
        tasks: tasks with a first attempt that has a verdict.
        attempts: answers with a verdict, all conditions together.
        errors: answers that ended in an outage; they are in no figure.
        student: accuracy of the first attempts; None if there are none.
        feedback: own feedback, over all first attempts; for one that passed, and so has no feedback, the prompt is the
            question alone and the control's answer stands on both sides. None if there are none.
        feedback_failed: own feedback, over first attempts that failed.
        solution: a sibling's solution, over first attempts that have one.
        solution_failed: likewise, over those that failed.
        directory: where the run lies; not part of ``summary.json``.
    """

    env: str
    data_digest: str
    policy: str
    sampling: Mapping[str, Any]
    tasks: int
    attempts: int
    errors: int
    student: Estimate | None
    feedback: Gap | None
    feedback_failed: Gap | None
    solution: Gap | None
    solution_failed: Gap | None
    directory: Path

    def to_json(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        made = asdict(self)
        del made["directory"]
        return made


def probe(config: ProbeConfig, observer: Observer | None = None) -> Probe:
    """Measure the teacher gap and write a run directory; what that holds already is not done again.

    Raises:
        UsageError: if anything about ``config`` is wrong, or the run directory holds or allows something else.
        OutageError: if data, server or sandbox cannot be reached, or 50 answers in a row end in an outage.
    """
    reprompters = _reprompters(config)
    with prepared(config, "a probe") as ready:
        run = {
            **ready.record,
            "kind": "probe",
            "sampling": {**ready.record["sampling"], "n": config.n},
            "reprompt": {"name": config.reprompt, "options": dict(config.reprompt_options)},
            "limit": config.limit,
        }
        name = ready.record["policy"]["name"]
        out = config.out or RUNS / "probe" / ready.env.alias / f"{name}-{config_digest(run)[:8]}"
        with RunDirectory(out, run) as directory:
            job = _Job(config, ready, directory, observer)
            job.first()
            job.follow(reprompters)
            found = summarise(out, job.digests)
            directory.write_json(SUMMARY_FILE, found.to_json())
            return found


def _reprompters(config: ProbeConfig) -> dict[Condition, Reprompter]:
    make = load_entry_point(GROUP, "reprompt", config.reprompt)
    check_options(f"reprompt {config.reprompt!r}", make, config.reprompt_options, ("solutions", "feedback"))
    return {
        Condition.FEEDBACK: cast("Reprompter", make(solutions=False, feedback="always", **config.reprompt_options)),
        Condition.SOLUTION: cast("Reprompter", make(solutions=True, feedback="never", **config.reprompt_options)),
    }


_Key = tuple[str, int, Condition]  # task digest, attempt, condition


def _rows(run: Path) -> dict[_Key, dict[str, Any]]:
    """Read the answers that have a verdict."""
    return {
        (row["task_digest"], row["attempt"], Condition(row["condition"])): row for row in iter_rows(run) if row["done"]
    }


class _Job:
    """One session of a probe."""

    def __init__(
        self, config: ProbeConfig, ready: Prepared, directory: RunDirectory, observer: Observer | None
    ) -> None:
        self._config, self._ready, self._tasks = config, ready, ready.tasks
        self._directory, self._observer = directory, observer
        self._writer = Writer(directory, observer)
        self._positions = range(len(ready.tasks))[: config.limit]
        self.digests = [ready.tasks[p].digest for p in self._positions]

    def first(self) -> None:
        """Make the first attempts."""
        made = _rows(self._directory.path)
        all_ = [(p, a) for p in self._positions for a in range(self._config.n)]
        plan = [(p, a) for p, a in all_ if (self.digests[p], a, Condition.FIRST) not in made]
        self._begin("first attempts", len(all_) - len(plan), len(all_))
        rollout(
            self._tasks,
            plan,
            self._ready.policy,
            self._ready.judge,
            self._ready.sampling,
            on_turn=lambda turn: self._writer.write(turn, condition=Condition.FIRST.value),
            seed=derive(self._config.seed, Condition.FIRST),
        )

    def follow(self, reprompters: Mapping[Condition, Reprompter]) -> None:
        """Make the answers that follow the first attempts."""
        made = _rows(self._directory.path)
        firsts = {key: row for key, row in made.items() if key[2] is Condition.FIRST}
        wanted = sum(1 for p in self._positions for _ in self._asked(p, firsts, reprompters))
        self._begin("with and without help", len(made) - len(firsts), wanted)
        left = (
            (condition, task, request)
            for p in self._positions
            for condition, task, request in self._asked(p, firsts, reprompters)
            if (self.digests[p], request.attempt, condition) not in made
        )
        while batch := list(islice(left, _AT_A_TIME)):
            asked = [(task, request) for _, task, request in batch]
            for index, turn in answer(self._ready.policy, self._ready.judge, asked, self._ready.sampling):
                self._writer.write(turn, condition=batch[index][0].value)

    def _asked(
        self, position: int, firsts: Mapping[_Key, Mapping[str, Any]], reprompters: Mapping[Condition, Reprompter]
    ) -> Iterator[tuple[Condition, Task, Request]]:
        """Yield what is asked behind the first attempts at one task."""
        task, digest = self._tasks[position], self.digests[position]
        rows = [
            firsts[digest, a, Condition.FIRST] for a in range(self._config.n) if (digest, a, Condition.FIRST) in firsts
        ]
        group = Group(task, tuple(_attempt(task, row) for row in rows))
        chats: dict[Condition, Sequence[tuple[Message, ...] | None]] = {Condition.AGAIN: [task.messages] * len(rows)}
        for condition, make in reprompters.items():
            chats[condition] = make(group, derive(self._config.seed, "reprompt", condition, digest))
        for condition, its_chats in chats.items():
            for attempt, chat in zip(group.attempts, its_chats, strict=True):
                if chat is not None:
                    seed = request_seed(derive(self._config.seed, condition), digest, attempt.index, 0)
                    yield condition, task, Request(chat, task.id, attempt.index, 0, seed)

    def _begin(self, doing: str, earlier: int, total: int) -> None:
        if self._observer:
            self._observer.phase(self._directory.path, doing, "answer", earlier, total)


def _attempt(task: Task, row: Mapping[str, Any]) -> Attempt:
    """Return an attempt as its row tells of it."""
    verdict = Verdict(
        row["reward"], row["feedback"], Status(row["status"]), row["outcome"], row["scores"], row["detail"]
    )
    completion = Completion(row["completion"], FinishReason(row["finish_reason"]))
    request = Request(task.messages, task.id, row["attempt"])
    turn = Turn(task.digest, request, completion, verdict, None, True, 0.0, 0.0)
    return Attempt(task.digest, row["attempt"], (turn,))


def summarise(directory: Path, digests: Sequence[str]) -> Probe:
    """Sum up a probe.

    Args:
        directory: where it lies; its ``run.json`` must be there.
        digests: of the tasks, in order.
    """
    run = load_run(directory)
    passed = {key: row["status"] == "passed" for key, row in _rows(directory).items()}
    made = {(row["task_digest"], row["attempt"], row["condition"]) for row in iter_rows(directory)}
    n: int = run["sampling"]["n"]
    firsts = [[passed[key] for a in range(n) if (key := (digest, a, Condition.FIRST)) in passed] for digest in digests]
    of_policy = run["policy"]

    def gap(condition: Condition, *, failed_only: bool) -> Gap | None:
        return _gap([_pairs(passed, digest, n, condition, failed_only=failed_only) for digest in digests])

    return Probe(
        env=run["data"]["name"],
        data_digest=run["data"]["digest"],
        policy=" ".join(of_policy[key] for key in ("name", "model", "script") if of_policy.get(key)),
        sampling=run["sampling"],
        tasks=sum(map(bool, firsts)),
        attempts=len(passed),
        errors=len(made) - len(passed),
        student=mean_over_tasks([fmean(each) for each in firsts if each]),
        feedback=gap(Condition.FEEDBACK, failed_only=False),
        feedback_failed=gap(Condition.FEEDBACK, failed_only=True),
        solution=gap(Condition.SOLUTION, failed_only=False),
        solution_failed=gap(Condition.SOLUTION, failed_only=True),
        directory=directory,
    )


def _pairs(
    passed: Mapping[_Key, bool], digest: str, n: int, condition: Condition, *, failed_only: bool
) -> list[tuple[bool, bool]]:
    """Return (passed without, passed with) for the first attempts at one task, as far as both have a verdict."""
    pairs = []
    for attempt in range(n):
        first = passed.get((digest, attempt, Condition.FIRST))
        without = passed.get((digest, attempt, Condition.AGAIN))
        given = passed.get((digest, attempt, condition))
        if first and condition is Condition.FEEDBACK:
            given = without
        if without is not None and given is not None and not (first and failed_only):
            pairs.append((without, given))
    return pairs


def _gap(by_task: Iterable[Sequence[tuple[bool, bool]]]) -> Gap | None:
    tasks = [pairs for pairs in by_task if pairs]
    without, given = ([fmean(pair[side] for pair in pairs) for pairs in tasks] for side in (0, 1))
    alone, helped, gap = mean_over_tasks(without), mean_over_tasks(given), mean_difference(given, without)
    if alone is None or helped is None or gap is None:
        return None
    return Gap(len(tasks), sum(map(len, tasks)), alone, helped, gap)


def render(found: Probe) -> str:
    """Return the result as text: accuracies and gaps with 95 % intervals."""
    errors = f"{found.errors:,} answers ended in an outage; they are in no figure" if found.errors else "0"
    facts = {
        "tasks": f"{found.tasks:,}, {found.sampling['n']} first attempts at each",
        "answers": f"{found.attempts:,}",
        "errors": errors,
        "run": str(found.directory),
    }
    head = "\n".join([f"{found.env}: {found.policy}", *(f"  {name:<10}{fact}" for name, fact in facts.items())])
    rows = []
    if found.student:
        rows.append(["student, first attempts", str(found.tasks), _number(found.student), "", "", ""])
    kinds = {
        "own feedback": found.feedback,
        "own feedback, after a failure": found.feedback_failed,
        "a sibling's solution": found.solution,
        "a sibling's solution, after a failure": found.solution_failed,
    }
    for name, gap in kinds.items():
        if gap is None:
            rows.append([name, "0", "-", "-", "-", "-"])
        else:
            without, given, difference = (_number(e) for e in (gap.without, gap.given, gap.gap))
            rows.append([name, str(gap.tasks), without, given, difference, _interval(gap.gap)])
    names = ["given", "tasks", "without", "with", "gap", "95 % interval"]
    note = (
        "Each with and without is a fresh answer to the same first attempt's question; a task counts once.\n"
        "The teacher gap is that of own feedback: accuracy with it in the prompt less accuracy without."
    )
    return "\n\n".join([head, table(names, rows, numeric=range(1, len(names))), note])


def _number(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"[{estimate.low:.3f}, {estimate.high:.3f}]"
