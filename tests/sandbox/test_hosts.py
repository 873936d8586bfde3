"""The pool in everything that people run it in: threads, event loops, forked and spawned processes, data loaders."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path
from typing import Any

import gymnasium
import psutil
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from sandbox import hosts
from sandbox.hosts import ADD, PoolJudge, add_job
from sandbox.levels import LEVELS, require, run, same_text
from sdpo_gym import Completion, JudgeError, Message, Task, Verdict
from sdpo_gym.judge import judge_async, judge_stream_async
from sdpo_gym.registry import resolve
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.job import Case, Job, JobResult, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
from sdpo_gym.sandbox.worker import Worker, WorkerDied

ROOT = Path(__file__).resolve().parent.parent.parent
SPIN = "while True: pass"
LANDLOCK = Isolation.LANDLOCK.value
METHODS = ["fork", "spawn", "forkserver"]


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.value)
def pool(request: pytest.FixtureRequest) -> Iterator[JudgePool]:
    require(request.param)
    with JudgePool(workers=2, isolation=request.param.value) as pool:
        yield pool


@pytest.fixture
def small() -> Iterator[JudgePool]:
    """A pool of one worker, and of one isolation level: for what does not depend on it."""
    require(Isolation.LANDLOCK)
    pool = JudgePool(workers=1, isolation=LANDLOCK, max_pending=4)
    yield pool
    pool.cancel()


def spin(cpu_s: float = 600) -> Job:
    return Job(Program(SPIN), lambda: [Case("", "")], same_text, Limits(cpu_s=cpu_s))


def right(future: Future[JobResult]) -> bool:
    return future.result(60).runs[0].status.value == "accepted"


def zygotes() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def until(condition: Callable[[], object], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return bool(condition())


# Threads


def test_many_jobs_of_many_threads_are_all_answered(pool: JudgePool) -> None:
    def judge(a: int) -> bool:
        return right(pool.submit(add_job(a, a + 1 + a % 2)))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(judge, range(100))) == [a % 2 == 0 for a in range(100)]


def test_a_pool_started_in_a_thread_that_has_ended_goes_on_working() -> None:
    require(Isolation.USERNS)
    made: list[JudgePool] = []

    def start() -> None:
        made.append(JudgePool(workers=1, isolation="userns"))
        run(made[0], ADD, [("1 2", "3")])

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    time.sleep(0.5)
    children = {p.pid for p in psutil.Process().children()}
    assert right(made[0].submit(add_job(1, 2)))
    assert children == {p.pid for p in psutil.Process().children()}, "the worker was not the same any more"
    made[0].close()


# Back-pressure


def test_submit_waits_for_room(small: JudgePool) -> None:
    made, done, most = 0, 0, 0
    lock = threading.Lock()

    def finished(_: object) -> None:
        nonlocal done
        with lock:
            done += 1

    futures = []
    for a in range(60):
        futures.append(small.submit(add_job(a, a + 1)))
        futures[-1].add_done_callback(finished)
        with lock:
            made += 1
            most = max(most, made - done)
    assert all(map(right, futures))
    assert 2 <= most <= 4 + 2  # one is counted before its callback, and one before ours is


def test_submit_waits_until_the_pool_is_closed(small: JudgePool) -> None:
    heard: list[Exception] = []

    def flood() -> None:
        try:
            for _ in range(10):
                small.submit(spin())
        except JudgeError as error:
            heard.append(error)

    thread = threading.Thread(target=flood)
    thread.start()
    assert until(lambda: len(small._queue) == 3)
    small.cancel()
    thread.join(20)
    assert not thread.is_alive()
    assert "closed" in str(heard[0])


def test_callbacks_may_submit_more_than_there_is_room_for(small: JudgePool) -> None:
    answered = threading.Event()
    results: list[Future[JobResult]] = []

    def more(_: object) -> None:
        later = [small.submit(add_job(a, a + 1)) for a in range(20)]
        later[-1].add_done_callback(lambda _: answered.set())
        results.extend(later)

    small.submit(add_job(1, 2)).add_done_callback(more)
    assert answered.wait(60)
    assert all(map(right, results))


def test_room_is_made_by_cancelling(small: JudgePool) -> None:
    futures = [small.submit(spin()) for _ in range(4)]
    queued = futures[-1]
    thread = threading.Thread(target=lambda: small.submit(spin()))
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive()
    assert queued.cancel()
    thread.join(20)
    assert not thread.is_alive()


# Cancelling one job


def test_a_queued_job_can_be_cancelled(small: JudgePool) -> None:
    running, queued = small.submit(spin()), small.submit(spin())
    assert queued.cancel()
    assert queued.cancel()  # twice is once
    assert not wait([queued], 10).not_done
    assert running.cancel()
    assert right(small.submit(add_job(1, 2)))


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.5])  # before, while and after the worker starts
def test_a_running_job_can_be_cancelled(small: JudgePool, seconds: float) -> None:
    future = small.submit(spin())
    time.sleep(seconds)
    assert future.cancel()
    assert future.cancelled()
    assert list(as_completed([future], 10)) == [future]
    assert right(small.submit(add_job(1, 2)))  # 600 s of computing have gone


def test_what_is_done_cannot_be_cancelled(small: JudgePool) -> None:
    future = small.submit(add_job(1, 2))
    assert right(future)
    assert not future.cancel()
    assert right(future)


def test_cancelling_at_any_moment_harms_no_other_job(pool: JudgePool) -> None:
    futures = []
    for a in range(60):
        futures.append(pool.submit(add_job(a, a + 1)))
        if a % 3 == 0:
            time.sleep(0.002 * (a % 7))
            futures[-1 - a % 2].cancel()
    wait(futures, 60)
    kept = [future for future in futures if not future.cancelled()]
    assert len(kept) >= 40
    assert all(map(right, kept))


# A worker's death


def die(monkeypatch: pytest.MonkeyPatch, times: int) -> list[tuple[int, Worker]]:
    """Let a worker die in the middle of its job, so many times; return the threads and workers that ran."""
    ran: list[tuple[int, Worker]] = []
    true = Worker.run

    def run(self: Worker, job: Job, cases: Any) -> JobResult:
        ran.append((threading.get_ident(), self))
        if len(ran) <= times:
            self.close()
            raise WorkerDied("the sandbox worker failed: EOFError")
        return true(self, job, cases)

    monkeypatch.setattr(Worker, "run", run)
    return ran


@pytest.mark.parametrize("workers", [1, 3])
def test_a_job_whose_worker_died_is_run_once_more_on_another(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    require(Isolation.LANDLOCK)
    with JudgePool(workers, LANDLOCK) as pool:
        assert right(pool.submit(add_job(1, 2)))
        ran = die(monkeypatch, 1)
        decoded: list[int] = []

        def cases() -> list[Case]:
            decoded.append(1)
            return [Case("1 2", "3")]

        assert right(pool.submit(Job(Program(ADD), cases, same_text)))
    (thread, worker), (other_thread, other_worker) = ran
    assert worker is not other_worker
    assert (thread != other_thread) == (workers > 1)
    assert decoded == [1]


def test_a_second_death_is_an_error_and_the_pool_goes_on(monkeypatch: pytest.MonkeyPatch, small: JudgePool) -> None:
    ran = die(monkeypatch, 2)
    error = small.submit(add_job(1, 2)).exception(60)
    assert isinstance(error, JudgeError)
    assert len(ran) == 2
    assert right(small.submit(add_job(1, 2)))


def test_a_killed_worker_is_replaced_and_its_job_run_again() -> None:
    require(Isolation.USERNS)
    others = zygotes()
    with JudgePool(workers=1, isolation="userns") as pool:
        assert right(pool.submit(add_job(1, 2)))
        source = "import time\ntime.sleep(1)\nprint(1)"
        future = pool.submit(Job(Program(source), lambda: [Case("", "1")], same_text, Limits(cpu_s=1)))
        time.sleep(0.3)
        for process in zygotes() - others:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert right(future)


# The end


def test_close_leaves_no_process_and_refuses_more() -> None:
    others = zygotes()
    pool = JudgePool(workers=2, isolation=LEVELS[-1].value)
    futures = [pool.submit(add_job(a, a + 1)) for a in range(20)]
    assert right(futures[0])
    before = zygotes() - others
    assert before
    pool.close()
    pool.close()
    assert all(future.done() and right(future) for future in futures)
    assert not [p for p in before if p.is_running()]
    with pytest.raises(JudgeError, match="closed"):
        run(pool, ADD)


def test_leaving_a_pool_by_an_error_drops_what_is_queued() -> None:
    with pytest.raises(KeyError), JudgePool(workers=1, isolation=LEVELS[-1].value) as pool:  # noqa: PT012
        future = pool.submit(spin())
        raise KeyError
    assert future.cancelled() or isinstance(future.exception(1), JudgeError)


def test_a_pool_may_be_closed_in_a_callback(small: JudgePool) -> None:
    closed = threading.Event()

    def close(_: object) -> None:
        small.close()
        closed.set()

    small.submit(add_job(1, 2)).add_done_callback(close)
    assert closed.wait(20)


def test_cancel_ends_what_runs_at_once() -> None:
    pool = JudgePool(workers=1, isolation=LEVELS[-1].value)
    running, queued = pool.submit(spin(60)), pool.submit(spin(60))
    time.sleep(0.5)
    start = time.monotonic()
    pool.cancel()
    assert time.monotonic() - start < 10
    assert isinstance(running.exception(timeout=1), JudgeError)
    assert queued.cancelled()


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3])  # before, while and after the worker starts
def test_cancel_may_call_back_into_the_pool(seconds: float) -> None:
    pool = JudgePool(workers=1, isolation=LEVELS[-1].value)
    heard: list[str] = []

    def again(_: object) -> None:
        with contextlib.suppress(JudgeError):
            pool.submit(spin(60))
        heard.append("called")

    pool.submit(spin(60))
    pool.submit(spin(60)).add_done_callback(again)
    time.sleep(seconds)
    canceller = threading.Thread(target=pool.cancel, daemon=True)
    canceller.start()
    canceller.join(20)
    assert not canceller.is_alive()
    assert heard == ["called"]


OPEN_AT_EXIT = """
import sys
from sandbox.hosts import add_job
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
pool = JudgePool(2, sys.argv[1])
pool.submit(add_job(1, 2)).result()
for source in ("while True: pass", "import time\\ntime.sleep(500)"):
    pool.submit(Job(Program(source), lambda: [Case("", "")], lambda case, run: True, Limits(cpu_s=600)))
"""


def test_an_open_pool_does_not_keep_python_from_exiting() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    command = [sys.executable, "-c", OPEN_AT_EXIT, LEVELS[-1].value]
    done = subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# Event loops

TASK = Task("sum", (Message("user", "add"),), {}, {})


def pairs(sources: list[str]) -> list[tuple[Task, Completion]]:
    return [(TASK, Completion(source)) for source in sources]


def test_an_event_loop_goes_on_while_programs_run(pool: JudgePool) -> None:
    async def judge() -> tuple[int, list[Verdict | JudgeError]]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)

        ticking = asyncio.create_task(tick())
        found = {i: verdict async for i, verdict in judge_stream_async(PoolJudge(pool), pairs([ADD, "print(4)"] * 50))}
        ticking.cancel()
        return ticks, [found[i] for i in range(100)]

    ticks, found = asyncio.run(judge())
    assert [isinstance(verdict, Verdict) and verdict.passed for verdict in found] == [True, False] * 50
    assert ticks > 3


def test_an_event_loop_is_not_blocked_by_a_full_pool(small: JudgePool) -> None:
    async def judge() -> list[Verdict]:
        full = [small.submit(spin()) for _ in range(4)]
        many = asyncio.gather(*[judge_async(PoolJudge(small), *pair) for pair in pairs([ADD] * 30)])
        await asyncio.sleep(0.05)
        for future in full:  # reached only because nothing above blocks
            future.cancel()
        return await many

    assert all(verdict.passed for verdict in asyncio.run(judge()))


def test_a_cancelled_task_ends_its_program(small: JudgePool) -> None:
    async def judge() -> bool:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(judge_async(PoolJudge(small), *pairs([SPIN])[0]), 0.5)
        return (await asyncio.wait_for(judge_async(PoolJudge(small), *pairs([ADD])[0]), 30)).passed

    assert asyncio.run(judge())


# Other processes


def in_child(work: Callable[[], int]) -> int:
    """Fork, and return the pid of a child that exits with what ``work`` returns."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            signal.alarm(60)
            code = work()
        finally:
            os._exit(code)
    return pid


def open_sockets() -> int:
    count = 0
    for fd in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists
            count += str(fd.readlink()).startswith("socket:")
    return count


def test_a_forked_child_gets_workers_of_its_own(pool: JudgePool) -> None:
    assert right(pool.submit(add_job(1, 2)))

    def judge() -> int:
        with pool:
            return 0 if right(pool.submit(add_job(2, 3))) else 1

    assert os.waitpid(in_child(judge), 0)[1] == 0
    assert right(pool.submit(add_job(1, 2)))


@pytest.mark.slow
def test_forks_while_other_threads_submit_and_workers_start(pool: JudgePool) -> None:
    ending = threading.Event()
    wrong: list[object] = []

    def submit() -> None:
        while not ending.is_set():
            try:
                with JudgePool(1, pool.isolation) as another:  # so that there are workers that start when we fork
                    futures = [p.submit(add_job(a, a + 1)) for a in range(5) for p in (pool, another)]
                    wrong.extend(future for future in futures if not right(future))
            except Exception as error:
                wrong.append(error)

    usual = os.waitstatus_to_exitcode(os.waitpid(in_child(open_sockets), 0)[1])

    def judge() -> int:
        if open_sockets() > usual:  # of a worker of our parent, which would not end then
            return 2
        return 0 if right(pool.submit(add_job(2, 3))) else 1

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    children = []
    for _ in range(10):
        time.sleep(0.07)
        children.append(in_child(judge))
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    ending.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert wrong == []
    assert codes == [0] * len(children)


@pytest.mark.parametrize("method", METHODS)
def test_multiprocessing(method: str) -> None:
    context = multiprocessing.get_context(method)
    with JudgePool(1, LANDLOCK) as pool:
        assert right(pool.submit(add_job(1, 2)))
        queue = context.Queue()
        process = context.Process(target=hosts.judge_into, args=(pool, [0, 1, 2, 3], queue))
        process.start()
        assert queue.get(timeout=60) == [True, False, True, False]
        process.join(20)
        assert process.exitcode == 0
        with context.Pool(2) as processes:
            shares = [(LANDLOCK, [0, 1, 2]), (LANDLOCK, [3, 4, 5])]
            assert processes.starmap(hosts.verdicts, shares) == [[True, False, True], [False, True, False]]
        assert right(pool.submit(add_job(1, 2)))


def test_a_pickled_pool_is_a_new_one_with_the_same_settings(small: JudgePool) -> None:
    with pickle.loads(pickle.dumps(small)) as other:
        assert (other.workers, other.isolation, other.max_pending) == (1, LANDLOCK, 4)
        assert right(other.submit(add_job(1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_torchs_data_loader(method: str) -> None:
    loader_class = pytest.importorskip("torch.utils.data").DataLoader
    with JudgePool(1, LANDLOCK) as pool:
        assert right(pool.submit(add_job(1, 2)))
        loader = loader_class(hosts.Dataset(pool), batch_size=3, num_workers=2, multiprocessing_context=method)
        for _ in range(2):
            assert [int(item) for batch in loader for item in batch] == [1, 0] * 6
        assert right(pool.submit(add_job(1, 2)))


# Gymnasium

ENV = "sdpo/LiveCodeBench-v0"


def make_env() -> gymnasium.Env[str, str]:
    return gymnasium.make(ENV)


@pytest.fixture(scope="module")
def gold() -> tuple[str, str]:
    """A task's id and the right answer to it."""
    tasks = resolve("LiveCodeBench-v0").spec.tasks(None, "sample")
    return tasks[0].id, tasks.gold(tasks[0]) or ""


@pytest.mark.parametrize("kind", ["sync", "fork", "spawn", "forkserver"])
def test_the_vector_environments_of_gymnasium(kind: str, gold: tuple[str, str]) -> None:
    task, answer = gold
    envs = [make_env, make_env]
    env = (
        SyncVectorEnv(envs, autoreset_mode=AutoresetMode.DISABLED)
        if kind == "sync"
        else AsyncVectorEnv(envs, shared_memory=False, context=kind, autoreset_mode=AutoresetMode.DISABLED)
    )
    try:
        env.reset(seed=0, options={"task_id": task})
        _, rewards, terminated, _, infos = env.step((answer, "```python\nprint(7)\n```"))
    finally:
        env.close()
    assert rewards.tolist() == [1.0, 0.0]
    assert terminated.tolist() == [True, True]
    assert infos["status"].tolist() == ["passed", "failed"]


def test_our_vector_environment(gold: tuple[str, str]) -> None:
    task, answer = gold
    env = gymnasium.make_vec(ENV, num_envs=6)
    env.reset(seed=0, options={"task_id": task})
    wrong = "```python\nprint(7)\n```"
    _, rewards, _, _, infos = env.step([answer, wrong] * 3)
    assert rewards.tolist() == [1.0, 0.0] * 3
    assert not infos["errored"].any()
    env.close()
