"""The judge pool: as many sandboxed workers as cores, one queue, futures."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import os
import queue
import re
import threading
import weakref
from concurrent.futures import Future

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.job import Job, JobResult
from sdpo_gym.sandbox.levels import choose
from sdpo_gym.sandbox.worker import Worker, WorkerDied

logger = logging.getLogger(__name__)

# Importing numpy costs a program 0.1 s of its own CPU limit, having it at hand costs every other program 16 %: so
# programs that import it go to a second zygote of their worker, which is started when the first such program comes.
_IMPORTS_NUMPY = re.compile(r"^[ \t]*+(?:import|from)[ \t]++[^#\n]*\bnumpy\b", re.MULTILINE)

_slots = itertools.count()
_pools: weakref.WeakSet[JudgePool] = weakref.WeakSet()


class JudgePool:
    """Runs jobs on sandboxed workers, one thread and one zygote each; safe to use from any thread.

    A process forked from this one gets workers of its own on first use; jobs that its parent had under way are not
    the child's.

    Args:
        workers: how many; default is the number of cores this process may use.
        isolation: ``auto`` (the best that works here), ``userns``, ``landlock``, or ``none`` for trusted code.

    Raises:
        JudgeError: if the isolation level does not work here.
    """

    def __init__(self, workers: int | None = None, isolation: str = "auto") -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"a judge pool needs at least 1 worker, got {workers}")
        self.workers = workers or len(os.sched_getaffinity(0))
        self._level = choose(isolation)
        self._closed = self._cancelled = False
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[Job, Future[JobResult]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._open_workers: set[Worker] = set()

    @property
    def isolation(self) -> str:
        """The isolation level that programs run under."""
        return self._level.value

    def submit(self, job: Job) -> Future[JobResult]:
        """Queue ``job``; the future's exception is a JudgeError on an outage (after one retry on a fresh worker)."""
        future: Future[JobResult] = Future()
        with self._lock:
            if self._closed:
                raise JudgeError("this judge pool is closed")
            if self._unfinished >= len(self._threads) < self.workers:
                thread = threading.Thread(target=self._work, args=(next(_slots),), name="judge", daemon=True)
                thread.start()
                self._threads.append(thread)
            self._unfinished += 1
            self._jobs.put((job, future))
        return future

    def close(self) -> None:
        """Finish what is queued, then end all workers; may be called twice."""
        with self._lock:
            self._closed = True
            threads = tuple(self._threads)
        for _ in threads:
            self._jobs.put(None)
        for thread in threads:
            thread.join()

    def cancel(self) -> None:
        """Drop what is queued and end all workers at once; what was running fails with a JudgeError."""
        dropped = []
        with self._lock:
            self._closed = self._cancelled = True
            with contextlib.suppress(queue.Empty):
                while True:
                    dropped.append(self._jobs.get_nowait())
            for worker in self._open_workers:
                worker.interrupt()
        for item in dropped:  # outside the lock, since it runs the callers' callbacks
            if item is not None:
                item[1].cancel()
        self.close()

    def _work(self, slot: int) -> None:
        zygotes = _Zygotes(self, self._level, slot)
        try:
            while True:
                item = self._jobs.get()
                if item is None:
                    return
                self._answer(zygotes, *item)
                del item
        finally:
            zygotes.close()

    def _answer(self, zygotes: _Zygotes, job: Job, future: Future[JobResult]) -> None:
        if not future.set_running_or_notify_cancel():
            self._finished()
            return
        try:
            result = zygotes.run(job)
        except BaseException as error:
            self._finished()
            future.set_exception(error)
        else:
            self._finished()
            future.set_result(result)

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1

    def _forget_workers(self) -> None:
        """In a forked child: the workers are the parent's; drop our copies of their sockets and start afresh."""
        for worker in self._open_workers:
            worker.abandon()
        self._reset()


class _Zygotes:
    """The zygotes of one worker thread: a plain one, and one with numpy at hand; each started when first needed."""

    def __init__(self, pool: JudgePool, level: Isolation, slot: int) -> None:
        self._pool, self._level, self._slot = pool, level, slot
        self._by_preload: dict[tuple[str, ...], Worker] = {}

    def run(self, job: Job) -> JobResult:
        """Run ``job``, a second time on a fresh zygote if the first one dies."""
        cases = job.cases()
        source = job.program.source
        wants_numpy = len(source) <= job.limits.source_bytes and _IMPORTS_NUMPY.search(source)
        preload = ("numpy",) if wants_numpy else ()
        try:
            return self._get(preload).run(job, cases)
        except WorkerDied as error:
            if self._pool._closed:
                raise
            logger.warning("%s; trying once more on a fresh worker", error)
            return self._get(preload).run(job, cases)

    def _get(self, preload: tuple[str, ...]) -> Worker:
        worker = self._by_preload.get(preload)
        if worker is None or not worker.is_open:
            if worker is not None:
                self._drop(worker)
            worker = Worker(self._level, self._slot, preload)
            with self._pool._lock:
                self._pool._open_workers.add(worker)
                if self._pool._cancelled:  # while this worker was starting
                    worker.interrupt()
            self._by_preload[preload] = worker
        return worker

    def _drop(self, worker: Worker) -> None:
        with self._pool._lock:
            self._pool._open_workers.discard(worker)
        worker.close()

    def close(self) -> None:
        for worker in self._by_preload.values():
            self._drop(worker)


_shared: dict[tuple[str, int | None], JudgePool] = {}
_shared_lock = threading.Lock()


def shared_pool(isolation: str = "auto", workers: int | None = None) -> JudgePool:
    """Return this process's pool for these settings, made on first use and closed at exit."""
    with _shared_lock:
        key = (isolation, workers)
        if key not in _shared:
            _shared[key] = JudgePool(workers=workers, isolation=isolation)
        return _shared[key]


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for pool in _pools:
        pool._forget_workers()


def _at_exit() -> None:
    for pool in list(_shared.values()):
        pool.cancel()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
