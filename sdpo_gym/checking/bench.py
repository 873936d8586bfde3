"""The environment under check: its sample tasks, its judge, and every verdict that was asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.env import close_judge
from sdpo_gym.fixtures import Fixture
from sdpo_gym.judge import Judge, submit
from sdpo_gym.registry import ResolvedEnv
from sdpo_gym.task import Task, TaskSet
from sdpo_gym.verdict import Verdict

Progress = Callable[[str, int, int], None]  # name of the check, completions judged, completions to judge

_MOST_PENDING = 256


@dataclass(frozen=True)
class Try:
    """A completion given to the judge.

    Attributes:
        task: what was asked.
        completion: the answer.
        kind: what it is, for messages, such as ``the gold answer``.
    """

    task: Task
    completion: Completion
    kind: str

    @property
    def key(self) -> tuple[str, str, FinishReason]:
        """What its verdict is known by."""
        return self.task.id, self.completion.text, self.completion.finish_reason

    def __str__(self) -> str:
        return f"task {self.task.id!r}, {self.kind}"


class JudgeCrashError(Exception):
    """The judge raised, or gave something that is no verdict; the cause is what it raised."""

    def __init__(self, attempt: Try) -> None:
        super().__init__(f"the judge failed on {attempt}")


@dataclass
class Bench:
    """What the checks work on; each adds to it what those after it need.

    Attributes:
        env: the environment.
        options: further options of its tasks and judge.
        progress: is told how many completions have been judged.
        check: name of the check that runs.
        tasks: its sample set; None until it has been loaded.
        golds: completions known to be right, by task id.
        junk: the completions that are no answers.
        fixtures: its fixtures.
        judged: every attempt with its verdict, in the order of judging.
    """

    env: ResolvedEnv
    options: Mapping[str, object]
    progress: Progress
    check: str = ""
    tasks: TaskSet | None = None
    golds: dict[str, str] = field(default_factory=dict)
    junk: list[Try] = field(default_factory=list)
    fixtures: list[tuple[Fixture, Try]] = field(default_factory=list)
    judged: dict[tuple[str, str, FinishReason], tuple[Try, Verdict]] = field(default_factory=dict)
    _judge: Judge | None = None

    @property
    def owners(self) -> frozenset[str]:
        """The modules and packages that are the environment's own code."""
        spec = self.env.spec
        modules = {getattr(f, "__module__", None) for f in (spec.tasks, spec.judge, spec.recorded, spec.fixtures) if f}
        return frozenset(module.rpartition(".")[0] or module for module in modules if module)

    def load(self) -> TaskSet:
        """Load the sample set anew."""
        return self.env.tasks(None, "sample", **self.options)

    @property
    def sample(self) -> TaskSet:
        """The sample set, which must have been loaded."""
        assert self.tasks is not None
        return self.tasks

    def make_judge(self) -> Judge:
        """Make a judge."""
        return self.env.judge(**{**self.options, "split": self.sample.split, "data": "sample"})

    @property
    def judge(self) -> Judge:
        """The judge of this check; :meth:`close` closes it."""
        if self._judge is None:
            self._judge = self.make_judge()
        return self._judge

    def gold_tries(self) -> list[Try]:
        """Return every known gold answer as an attempt."""
        return [
            Try(task, Completion(self.golds[task.id]), "its gold answer")
            for task in self.sample
            if task.id in self.golds
        ]

    def verdicts(self, tries: Sequence[Try]) -> list[Verdict]:
        """Return the verdicts on ``tries``, judging each completion of a task once.

        Raises:
            JudgeCrashError: at the first attempt that the judge fails on.
        """
        new = {attempt.key: attempt for attempt in tries if attempt.key not in self.judged}
        for attempt, verdict in zip(new.values(), self.judge_all(self.judge, list(new.values())), strict=True):
            self.judged[attempt.key] = attempt, verdict
        return [self.judged[attempt.key][1] for attempt in tries]

    def judge_all(self, judge: Judge, tries: Sequence[Try]) -> list[Verdict]:
        """Judge ``tries`` by ``judge``, without looking at verdicts there are; raises as :meth:`verdicts`."""
        # Not judge_many: it logs a traceback of what a judge raises, and there is a better place to say it.
        pending: deque[tuple[Try, Future[Verdict]]] = deque()
        verdicts: list[Verdict] = []

        def take() -> None:
            attempt, future = pending.popleft()
            verdicts.append(_verdict(attempt, future))
            self.progress(self.check, len(verdicts), len(tries))

        try:
            for attempt in tries:
                pending.append((attempt, submit(judge, attempt.task, attempt.completion)))
                if len(pending) >= _MOST_PENDING:
                    take()
            while pending:
                take()
        finally:
            for _, future in pending:
                future.cancel()
        return verdicts

    def close(self) -> None:
        """Close the judge."""
        if self._judge is not None:
            close_judge(self._judge)
            self._judge = None


def _verdict(attempt: Try, future: Future[Verdict]) -> Verdict:
    try:
        verdict: Any = future.result()
    except Exception as error:
        raise JudgeCrashError(attempt) from error
    if not isinstance(verdict, Verdict):
        raise JudgeCrashError(attempt) from TypeError(
            f"a judge must return a Verdict, it returned {type(verdict).__name__}"
        )
    return verdict
