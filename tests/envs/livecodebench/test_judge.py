"""The judge's own part: what it asks of the pool and what it makes of the answers. The pool here is the test's."""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from envs.livecodebench.casting import fenced
from envs.livecodebench.running import cut, make_task
from sdpo_envs.livecodebench import SPEC, LiveCodeBenchJudge, make_judge
from sdpo_gym.completion import Completion
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.judge import JudgeError, judge_many
from sdpo_gym.sandbox.job import Case, Job, JobResult, ProgramError, RunStatus, TestRun
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status

GOOD = TestRun(RunStatus.ACCEPTED, stdout=b"1")


class ScriptedPool:
    """Answers each job with the runs given for its source, after asking for its cases as the real pool does."""

    isolation = "scripted"

    def __init__(self, runs: Sequence[TestRun], compile_error: ProgramError | None = None) -> None:
        self.runs, self.compile_error = runs, compile_error
        self.jobs: list[Job] = []
        self.cases: Sequence[Case] = ()

    def submit(self, job: Job) -> Future[JobResult]:
        self.jobs.append(job)
        future: Future[JobResult] = Future()
        try:
            self.cases = job.cases()
            runs = [
                run if run.status is not RunStatus.ACCEPTED or job.check(case, run) else TestRun(RunStatus.WRONG_ANSWER)
                for case, run in zip(self.cases, self.runs, strict=True)
            ]
            future.set_result(JobResult(tuple(runs), self.isolation, self.compile_error))
        except Exception as error:
            future.set_exception(error)
        return future


def with_pool(pool: ScriptedPool, **options: object) -> LiveCodeBenchJudge:
    judge = make_judge(**options)  # type: ignore[arg-type]
    judge._make_pool = lambda: pool
    return judge


ONE = [("", "1")]


@pytest.mark.parametrize(
    ("completion", "status", "outcome"),
    [
        (Completion("no code"), Status.BAD_FORMAT, "no_code"),
        (Completion(""), Status.BAD_FORMAT, "no_code"),
        (Completion("```python\n\n```"), Status.BAD_FORMAT, "no_code"),
        (cut("I think that"), Status.TRUNCATED, "truncated"),
        (cut("so ```python"), Status.TRUNCATED, "truncated"),
    ],
)
def test_answers_without_code_need_no_pool(completion: Completion, status: Status, outcome: str) -> None:
    verdict = make_judge(isolation="there is no such level")(make_task(ONE), completion)
    assert (verdict.status, verdict.outcome, verdict.reward) == (status, outcome, 0.0)
    SPEC.card.check(verdict)
    assert "```python" in verdict.feedback


def test_cut_answer_with_code_is_judged() -> None:
    judge = with_pool(ScriptedPool([GOOD]))
    assert judge(make_task(ONE), cut("```python\nprint(1)")).status is Status.PASSED
    judge = with_pool(ScriptedPool([TestRun(RunStatus.WRONG_ANSWER)]))
    verdict = judge(make_task(ONE), cut("```python\nprint(2)"))
    assert verdict.status is Status.FAILED
    assert "cut off at the maximum length" in verdict.feedback
    assert "cut off" not in judge(make_task(ONE), cut("```python\nprint(2)\n```\nand")).feedback


def test_public_tests_run_first_then_private_ones() -> None:
    pool = ScriptedPool([GOOD] * 3)
    verdict = with_pool(pool)(make_task([("a", "1")], [("b", "1"), ("c", "1.0")]), Completion(fenced("x")))
    assert [case.input for case in pool.cases] == ["a", "b", "c"]
    assert (verdict.reward, verdict.feedback, verdict.outcome) == (1.0, "", "accepted")
    assert verdict.scores == {"score": 1.0, "tests_passed": 1.0}


@pytest.mark.parametrize(
    ("code", "func_name", "entry"),
    [
        ("print(1)", None, None),
        ("class Solution: ...", None, None),
        ("def f(): ...", "f", "f"),
        ("class Solution:\n  def f(self): ...", "f", "Solution.f"),
        ("# not a class Solution\ndef f(): ...", "f", "Solution.f"),
    ],
)
def test_entry(code: str, func_name: str | None, entry: str | None) -> None:
    pool = ScriptedPool([TestRun(RunStatus.SIGNAL, signal=11)])
    with_pool(pool)(make_task(ONE, func_name=func_name), Completion(fenced(code)))
    assert pool.jobs[0].program.entry == entry


def test_outcome_is_the_first_failure_and_every_test_counts() -> None:
    runs = [
        GOOD,
        TestRun(RunStatus.ACCEPTED, stdout=b"2"),
        TestRun(RunStatus.TIME_LIMIT, cpu_s=6),
        TestRun(RunStatus.SKIPPED),
    ]
    verdict = with_pool(ScriptedPool(runs))(make_task(ONE * 2, ONE * 2), Completion(fenced("x")))
    assert (verdict.reward, verdict.outcome, verdict.scores["tests_passed"]) == (0.0, "wrong_answer", 0.25)
    assert [test["status"] for test in verdict.detail["tests"]] == ["accepted", "wrong_answer", "time_limit", "skipped"]
    assert [test["shown"] for test in verdict.detail["tests"]] == [True, True, False, False]
    assert verdict.detail["isolation"] == "scripted"
    SPEC.card.check(verdict)
    json.dumps(verdict.detail, allow_nan=False)


@pytest.mark.parametrize("status", [s for s in RunStatus if s not in (RunStatus.ACCEPTED, RunStatus.SKIPPED)])
def test_every_class_is_an_outcome_of_the_card_with_feedback(status: RunStatus) -> None:
    error = ProgramError("E", "m", 1)
    pool = ScriptedPool([TestRun(status, error=error)], error if status is RunStatus.COMPILE_ERROR else None)
    verdict = with_pool(pool)(make_task(ONE), Completion(fenced("x")))
    assert verdict.outcome == status.value
    SPEC.card.check(verdict)


def test_task_without_tests_is_an_error_not_a_zero() -> None:
    with pytest.raises(JudgeError, match="task t1 has no tests"):
        with_pool(ScriptedPool([]))(make_task(), Completion(fenced("x")))


def test_tests_that_do_not_decode_are_an_error_that_names_the_task() -> None:
    task = make_task(ONE)
    broken = Task(task.id, task.messages, {**task.payload, "private_test_cases": "%"}, {})
    with pytest.raises(JudgeError, match=r"task t1.*private_test_cases is neither JSON nor base64"):
        with_pool(ScriptedPool([GOOD]))(broken, Completion(fenced("x")))


def test_broken_expectation_is_an_error() -> None:
    task = make_task([("1", "[1")], func_name="f")
    with pytest.raises(JudgeError, match=r"task t1: its tests are broken.*not JSON"):
        with_pool(ScriptedPool([TestRun(RunStatus.ACCEPTED, value=b"1")]))(task, Completion(fenced("x")))


@pytest.mark.parametrize(
    "error", [JudgeError("worker died"), OutageError("no bwrap"), OSError("disk"), UsageError("bad")]
)
def test_failing_pool_is_an_error_for_its_item_only(error: Exception) -> None:
    class FailingPool(ScriptedPool):
        def submit(self, job: Job) -> Future[JobResult]:
            if "fail" in job.program.source:
                raise error
            return super().submit(job)

    pairs = [(make_task(ONE), Completion(fenced(code))) for code in ("fail", "x")]
    first, second = judge_many(with_pool(FailingPool([GOOD])), pairs)
    assert isinstance(first, JudgeError)
    assert str(error) in str(first)
    assert not isinstance(second, JudgeError)
    assert second.passed


def test_equal_programs_for_one_task_are_judged_once() -> None:
    pool = ScriptedPool([GOOD])
    judge = with_pool(pool)
    same = [judge(make_task(ONE), Completion(f"{prose}\n```python\nprint(1)\n```")) for prose in ("one", "two")]
    assert len(pool.jobs) == 1
    assert same[0] == same[1]
    judge(make_task(ONE, task_id="other"), Completion(fenced("print(1)")))
    judge(make_task(ONE), Completion(fenced("print(1) ")))
    assert len(pool.jobs) == 3


@pytest.mark.parametrize(
    "run",
    [
        TestRun(RunStatus.TIME_LIMIT),
        TestRun(RunStatus.IDLE_LIMIT),
        TestRun(RunStatus.SIGNAL),
        TestRun(RunStatus.ACCEPTED, b"1", cpu_s=5.5),
        TestRun(RunStatus.ACCEPTED, b"1", wall_s=13.0),
    ],
)
def test_verdicts_that_could_come_out_otherwise_are_not_kept(run: TestRun) -> None:
    pool = ScriptedPool([run])
    judge = with_pool(pool)
    for _ in range(2):
        judge(make_task(ONE), Completion(fenced("x")))
    assert len(pool.jobs) == 2


def test_cancelling_reaches_the_pool() -> None:
    class SlowPool(ScriptedPool):
        def submit(self, job: Job) -> Future[JobResult]:
            self.future: Future[JobResult] = Future()
            return self.future

    pool = SlowPool([])
    with_pool(pool).submit(make_task(ONE), Completion(fenced("x"))).cancel()
    assert pool.future.cancelled()


def test_options_reach_the_job() -> None:
    pool = ScriptedPool([GOOD])
    judge = with_pool(pool, cpu_s=2.5, memory_mb=512, output_mb=1, stop="decided")
    judge(make_task(ONE), Completion(fenced("x")))
    limits = pool.jobs[0].limits
    assert (limits.cpu_s, limits.memory_bytes, limits.output_bytes) == (2.5, 512 << 20, 1 << 20)
    assert pool.jobs[0].stop == "decided"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stop": "never ever"}, "option stop must be one of resource, decided, never"),
        ({"shown": "hidden"}, "option shown must be one of public, none, all"),
        ({"tuples": "x"}, "option tuples"),
        ({"extraction": "x"}, "option extraction"),
        ({"cpu_s": 0}, "cpu_s"),
        ({"memory_mb": 1}, "256 MiB"),
        ({"shown_fraction": 2.0}, "shown_fraction"),
        ({"feedback_chars": 10}, "at least 800 characters"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_judge(**options)  # type: ignore[arg-type]


def test_a_kept_future_does_not_keep_the_outputs() -> None:
    class Output(bytes):
        pass

    output = Output(b"2" * 1000)
    alive = weakref.ref(output_holder := TestRun(RunStatus.WRONG_ANSWER, stdout=output))
    pool = ScriptedPool([output_holder])
    future = with_pool(pool).submit(make_task(ONE), Completion(fenced("x")))
    assert future.result(0).outcome == "wrong_answer"
    del output_holder, output, pool
    gc.collect()
    assert alive() is None


def test_a_forked_child_does_not_wait_for_its_parents_start_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()
    parent = os.getpid()

    def start(**_: object) -> ScriptedPool:
        if os.getpid() == parent:
            begun.set()
            assert go.wait(10)
        return ScriptedPool([GOOD])

    monkeypatch.setattr("sdpo_gym.sandbox.pool.shared_pool", start)
    judge = make_judge()
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(lambda: judge.isolation)
        assert begun.wait(10)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(5)  # ends a child that waits
                code = 0 if judge.isolation == "scripted" else 1
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        go.set()
        assert starting.result(10) == "scripted"


def test_what_a_run_records_of_the_judge() -> None:
    assert make_judge(stop="decided").lower_bounds == {"tests_passed"}
    assert make_judge().lower_bounds == frozenset()
    versions = make_judge().runtime_versions
    assert set(versions) == {"python", "numpy", "sortedcontainers"}
    assert versions["python"] == platform.python_version()
