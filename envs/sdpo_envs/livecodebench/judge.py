"""The judge: takes the program out of an answer, runs it on a task's tests in the sandbox, and says what happened."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from sdpo_envs.livecodebench.comparison import BadExpectationError, Tuples, stdout_equal, value_equal
from sdpo_envs.livecodebench.decode import TestCache, Tests, decode_tests, parse_metadata
from sdpo_envs.livecodebench.extraction import Extracted, Extraction, extract
from sdpo_envs.livecodebench.feedback import NO_CODE, TRUNCATED, Budget, render
from sdpo_envs.livecodebench.report import Report, make_report, run_records
from sdpo_envs.livecodebench.selection import Selected, Selection, Shown
from sdpo_envs.livecodebench.sharing import Shared
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.forking import renew_in_children
from sdpo_gym.judge import JudgeError
from sdpo_gym.options import choice
from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

# Verdicts that would come out the same again: none of these ends, and no run that came near its time limit.
_UNSTABLE = frozenset({RunStatus.TIME_LIMIT, RunStatus.IDLE_LIMIT, RunStatus.SIGNAL})
_STABLE_SHARE = 0.5  # of the time limit


class Pool(Protocol):
    """What the judge needs of a judge pool."""

    @property
    def isolation(self) -> str:
        """The isolation level."""
        ...

    def submit(self, job: Job) -> Future[JobResult]:
        """Start a job."""
        ...


class LiveCodeBenchJudge:
    """Judges answers to LiveCodeBench problems; see :func:`make_judge` for the options.

    Equal programs for one task are judged once while they are wanted, and deterministic verdicts are kept for later.
    """

    def __init__(
        self,
        pool: Callable[[], Pool],
        *,
        limits: Limits,
        stop: StopRule,
        selection: Selection,
        extraction: Extraction,
        tuples: Tuples,
        budget: Budget,
    ) -> None:
        self._make_pool = pool
        self._pool: Pool | None = None
        self._limits, self._stop, self._selection = limits, stop, selection
        self._extraction, self._tuples, self._budget = extraction, tuples, budget
        self._tests = TestCache()
        self._shared: Shared[Verdict] = Shared(keep=lambda verdict: bool(verdict.detail["repeatable"]))
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Make a new lock, as a forked child must; the pool renews itself."""
        self._starting = threading.Lock()

    @property
    def isolation(self) -> str:
        """The isolation level; asking for it starts the pool, and raises what keeps it from starting."""
        return self._get_pool().isolation

    @property
    def runtime_versions(self) -> dict[str, str]:
        """What judged programs run on: the interpreter's version and those of the packages that they may import."""
        from sdpo_gym.sandbox.runtime import runtime

        image = runtime()
        return {"python": image.python_version, **image.packages}

    @property
    def lower_bounds(self) -> frozenset[str]:
        """The scores that are only lower bounds, since the rest of the tests is skipped after the first failure."""
        return frozenset({"tests_passed"}) if self._stop is StopRule.DECIDED else frozenset()

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: if the sandbox fails, or the task's tests cannot be read or are none.
        """
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging; the future's exception is a JudgeError if the sandbox fails or the tests cannot be read."""
        found = extract(completion.text, self._extraction)
        cut = completion.finish_reason is FinishReason.LENGTH and not (found and found.closed)
        if found is None:
            done: Future[Verdict] = Future()
            done.set_result(_nothing_to_judge(cut))
            return done
        try:
            key = (task.digest, hashlib.sha256(found.code.encode("utf-8", "surrogatepass")).digest(), found.blocks, cut)
        except UsageError as error:  # the digest reads the task's file
            return _failed(task, error)
        return self._shared.get(key, lambda: self._start(task, found, cut))

    def _get_pool(self) -> Pool:
        with self._starting:
            if self._pool is None:
                self._pool = self._make_pool()
            return self._pool

    def _start(self, task: Task, found: Extracted, cut: bool) -> Future[Verdict]:
        verdict: Future[Verdict] = Future()
        submission = _Submission(self, task, found, cut)
        try:
            running = self._get_pool().submit(submission.job())
        except Exception as error:
            return _failed(task, error)

        pending = [running]  # emptied at the end: a verdict's future must not keep the outputs of every test alive

        def finish(done: Future[JobResult]) -> None:
            pending.clear()
            if not verdict.set_running_or_notify_cancel():
                return
            try:
                if done.cancelled():
                    raise JudgeError("judging was cancelled")
                result = submission.verdict(done.result())
            except Exception as error:
                verdict.set_exception(_judge_error(task, error))
            else:
                verdict.set_result(result)

        def pass_on_cancel(future: Future[Verdict]) -> None:
            if future.cancelled():
                for job in pending:
                    job.cancel()

        verdict.add_done_callback(pass_on_cancel)
        running.add_done_callback(finish)
        return verdict


class _Submission:
    """One program for one task on its way through the pool."""

    def __init__(self, judge: LiveCodeBenchJudge, task: Task, found: Extracted, cut: bool) -> None:
        self._judge, self._task, self._found, self._cut = judge, task, found, cut
        self._entry: str | None = None
        self._selected: Sequence[Selected] = ()
        self._broken: BadExpectationError | None = None

    def job(self) -> Job:
        name = parse_metadata(self._task.id, self._task.payload["metadata"]).get("func_name")
        if name:
            # LiveCodeBench looks for these words anywhere in the text, even in a comment.
            self._entry = f"Solution.{name}" if "class Solution" in self._found.code else name
        return Job(
            Program(self._found.code, self._entry), self._cases, self._check, self._judge._limits, self._judge._stop
        )

    def _cases(self) -> Sequence[Case]:
        task = self._task
        tests: Tests = self._judge._tests.get(task.digest, lambda: decode_tests(task.id, task.payload))
        self._selected = self._judge._selection.choose(task.id, tests)
        if not self._selected:
            raise JudgeError(f"task {task.id} has no tests to be judged by; load data with its private tests")
        return [selected.case for selected in self._selected]

    def _check(self, case: Case, run: TestRun) -> bool:
        if self._entry is None:
            return stdout_equal(run.stdout, case.expected)
        try:
            return run.value is not None and value_equal(
                run.value, case.expected, nested_tuple=run.nested_tuple, tuples=self._judge._tuples
            )
        except BadExpectationError as error:  # raised later: the worker must not pay for a broken test
            self._broken = error
            return False

    def verdict(self, result: JobResult) -> Verdict:
        if self._broken is not None:
            raise self._broken
        report = make_report(
            self._found.code,
            self._entry,
            self._selected,
            result,
            limits=self._judge._limits,
            blocks=self._found.blocks,
            cut=self._cut,
        )
        passed = report.outcome is RunStatus.ACCEPTED
        return Verdict(
            reward=float(passed),
            feedback="" if passed else render(report, self._judge._budget),
            status=Status.PASSED if passed else Status.FAILED,
            outcome=report.outcome.value,
            scores={"score": float(passed), "tests_passed": report.passed / len(report.runs)},
            detail=self._detail(report, result),
        )

    def _detail(self, report: Report, result: JobResult) -> dict[str, Any]:
        detail: dict[str, Any] = {
            "isolation": result.isolation,
            "entry": self._entry,
            "graded": len(report.runs),
            "shown": sum(selected.shown for selected in self._selected),
            "passed": report.passed,
            "code_blocks": self._found.blocks,
            "answer_cut": report.cut,
            "tests": run_records(self._selected, result),
            "repeatable": _repeatable(result, self._judge._limits),
        }
        if result.compile_error:
            detail["compile_error"] = {"type": result.compile_error.type, "line": result.compile_error.line}
        return detail


def _nothing_to_judge(cut: bool) -> Verdict:
    return Verdict(
        reward=0.0,
        feedback=TRUNCATED if cut else NO_CODE,
        status=Status.TRUNCATED if cut else Status.BAD_FORMAT,
        outcome="truncated" if cut else "no_code",
        scores={"score": 0.0, "tests_passed": 0.0},
        detail={"code_blocks": 0, "answer_cut": cut},
    )


def _repeatable(result: JobResult, limits: Limits) -> bool:
    return all(
        run.status not in _UNSTABLE
        and run.cpu_s < _STABLE_SHARE * limits.cpu_s
        and run.wall_s < _STABLE_SHARE * limits.wall_s
        for run in result.runs
    )


def _failed(task: Task, error: Exception) -> Future[Verdict]:
    future: Future[Verdict] = Future()
    future.set_exception(_judge_error(task, error))
    return future


def _judge_error(task: Task, error: Exception) -> JudgeError:
    if isinstance(error, JudgeError):
        return error
    what = "its tests are broken: " if isinstance(error, BadExpectationError) else ""
    named = str(error) if isinstance(error, UsageError | BadExpectationError) else f"{type(error).__name__}: {error}"
    wrapped = JudgeError(f"cannot judge task {task.id}: {what}{named}")
    wrapped.__cause__ = error
    return wrapped


def make_judge(
    *,
    isolation: str = "auto",
    workers: int | None = None,
    cpu_s: float = 6.0,
    memory_mb: int = 2048,
    output_mb: int = 16,
    stop: str = "resource",
    shown: str = "public",
    shown_fraction: float | None = None,
    split: str | None = None,
    seed: int = 0,
    extraction: str = "last",
    tuples: str = "lcb",
    feedback_tests: int = 2,
    feedback_chars: int = 2000,
) -> LiveCodeBenchJudge:
    """Make a judge; its pool starts with the first program.

    Args:
        isolation: the sandbox's level, or ``auto``.
        workers: programs run at a time; None for one per core.
        cpu_s: CPU seconds per test.
        memory_mb: MiB of address space per test.
        output_mb: MiB of output per test.
        stop: ``resource`` skips the rest of the tests after the first resource limit, ``decided`` after the first
            failure (``tests_passed`` is then a lower bound only, and summaries leave it out), ``never`` skips none.
        shown: whose contents feedback may show: ``public`` tests, ``none`` or ``all``.
        shown_fraction: the paper's form instead, see :class:`Selection`.
        split: with ``shown_fraction``: in ``train`` exactly the shown tests are graded.
        seed: chooses the shown fraction.
        extraction: the ``last`` or the ``longest`` code block is the answer.
        tuples: ``lcb`` or ``any``: whether tuples inside a returned value may stand for lists.
        feedback_tests: most failing tests that feedback shows.
        feedback_chars: most characters of feedback.

    Raises:
        UsageError: if an option has a value that it cannot have.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1, got {workers}")
    try:
        limits = Limits(cpu_s=cpu_s, memory_bytes=memory_mb << 20, output_bytes=output_mb << 20)
    except ValueError as error:
        raise UsageError(str(error)) from None

    def pool() -> Pool:
        from sdpo_gym.sandbox.pool import shared_pool

        return shared_pool(isolation=isolation, workers=workers)

    return LiveCodeBenchJudge(
        pool,
        limits=limits,
        stop=choice(StopRule, "stop", stop),
        selection=Selection(choice(Shown, "shown", shown), shown_fraction, split or "test", seed),
        extraction=choice(Extraction, "extraction", extraction),
        tuples=choice(Tuples, "tuples", tuples),
        budget=Budget(tests=feedback_tests, total=feedback_chars),
    )
