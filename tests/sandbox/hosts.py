"""What the hosts of a pool run in other processes; a module of its own, so that spawned processes can import it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from sdpo_gym import Completion, Status, Task, Verdict
from sdpo_gym.judge import PendingVerdict
from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool, shared_pool

ADD = "a, b = map(int, input().split())\nprint(a + b)"


def same(case: Case, run: TestRun) -> bool:
    return run.stdout.decode().strip() == case.expected


def add_job(a: int, expected: int) -> Job:
    """A program that adds 1, and whether that gives ``expected``."""
    return Job(Program(ADD), lambda: [Case(f"{a} 1", str(expected))], same, Limits(cpu_s=2))


def adds_up(pool: JudgePool, a: int, expected: int) -> bool:
    return pool.submit(add_job(a, expected)).result(60).runs[0].status.value == "accepted"


def verdicts(level: str, numbers: list[int]) -> list[bool]:
    """Judge with this process's own shared pool: the odd ones expect the wrong sum."""
    pool = shared_pool(level, workers=1)
    return [adds_up(pool, a, a + 1 + a % 2) for a in numbers]


def judge_into(pool: JudgePool, numbers: list[int], queue: object) -> None:
    queue.put([adds_up(pool, a, a + 1 + a % 2) for a in numbers])  # type: ignore[attr-defined]


@dataclass
class Dataset:
    """A torch dataset whose items are judged where they are loaded."""

    pool: JudgePool
    size: int = 12

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        return int(adds_up(self.pool, index, index + 1 + index % 2))


class PoolJudge:
    """A judge over a pool: does the program add 1 and 2?"""

    def __init__(self, pool: JudgePool) -> None:
        self.pool = pool

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        pending = PendingVerdict()

        def finish(done: Future[JobResult]) -> None:
            passed = done.result().runs[0].status is RunStatus.ACCEPTED
            status = Status.PASSED if passed else Status.FAILED
            pending.finish(Verdict(float(passed), "" if passed else "no", status, status.value, {}, {}))

        limits = Limits(cpu_s=60)
        pending.after(self.pool.submit(Job(Program(completion.text), lambda: [Case("1 2", "3")], same, limits)), finish)
        return pending.future
