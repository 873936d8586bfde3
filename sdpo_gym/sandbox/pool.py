"""The judge pool: as many sandboxed workers as cores, one bounded queue, futures."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import dataclasses
import itertools
import logging
import os
import re
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError, Future, InvalidStateError
from types import TracebackType

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.fork_guard import no_fork
from sdpo_gym.sandbox.isolation import Level
from sdpo_gym.sandbox.job import Case, Job, JobResult, RunStatus
from sdpo_gym.sandbox.levels import choose
from sdpo_gym.sandbox.machine import Pressure, pressure, waited_since
from sdpo_gym.sandbox.worker import Worker, WorkerDied

logger = logging.getLogger(__name__)

# Importing numpy costs a program 0.1 s of its own CPU limit, having it at hand costs every other program 16 %: so
# programs that import it go to a second zygote of their worker, which is started when the first such program comes.
_IMPORTS_NUMPY = re.compile(r"^[ \t]*+(?:import|from)[ \t]++[^#\n]*\bnumpy\b", re.MULTILINE)

MAX_PENDING = 4096  # several times what one of our streams hands over, so that these never wait for one another
_PRESSURE_AGE_S = 0.25  # the kernel's file is read no more often than this: short jobs pay nothing for it
_STARVED_SHARE = 0.5  # see _may_have_starved
_ALONE_CREDIT_S, _ALONE_SHARE = 60.0, 0.25  # see _may_be_alone

_slots = itertools.count()
_pools: weakref.WeakSet[JudgePool] = weakref.WeakSet()
_this_thread = threading.local()


class _Ticket(Future[JobResult]):
    """A job on its way through a pool. Cancelling it works while it runs, too: its worker is ended.

    It is never marked as running, since the standard library lets nobody cancel a future that is.
    """

    def __init__(self, pool: JudgePool, job: Job) -> None:
        super().__init__()
        self.pool, self.job = pool, job
        self.cases: Sequence[Case] | None = None
        self.worker: Worker | None = None  # that it runs on; guarded by the pool's lock, as are the next two
        self.shunned: int | None = None  # the slot whose worker died with it
        self.told = False

    def cancel(self) -> bool:
        """Cancel, unless it is done; return whether it is cancelled."""
        if not super().cancel():
            return False
        if self.pool._drop(self):
            self.set_running_or_notify_cancel()  # wakes concurrent.futures.wait
        return True


class JudgePool:
    """Runs jobs on sandboxed workers, one thread and one zygote each.

    Safe to use from any thread, from callbacks of its own futures, from event loops and in forked processes: a process
    forked from this one gets workers of its own on first use, and jobs that its parent had under way are not the
    child's. Pickled (for a spawned process), it is a new pool with the same settings. Use it as a context manager, or
    ``close`` it; what is left open is cancelled at exit.

    Args:
        workers: how many; default is the number of cores this process may use.
        isolation: ``auto`` (the best that works here), ``userns``, ``docker``, ``landlock``, or ``none`` for trusted
            code.
        max_pending: most jobs queued and running at a time; ``submit`` waits for room.

    Raises:
        JudgeError: if the isolation level does not work here.
    """

    def __init__(self, workers: int | None = None, isolation: str = "auto", max_pending: int = MAX_PENDING) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"a judge pool needs at least 1 worker, got {workers}")
        if max_pending < 1:
            raise ValueError(f"max_pending must be at least 1, got {max_pending}")
        self.workers = workers or len(os.sched_getaffinity(0))
        self.max_pending = max_pending
        with no_fork():  # it may start workers
            self._level = choose(isolation)
        self._closed = self._cancelled = False
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        # Reentrant, since the garbage collector may end a stream, which cancels tickets, wherever we allocate
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # for workers: queue, running, alone, closed
        self._room = threading.Condition(self._lock)  # for callers of submit
        self._queue: OrderedDict[_Ticket, None] = OrderedDict()
        self._running: set[_Ticket] = set()
        self._threads: list[threading.Thread] = []
        self._alive = 0
        self._open_workers: set[Worker] = set()
        self._want_alone = 0  # tickets among those running that wait until no other runs
        self._is_alone = False
        self._alone_s, self._alone_end, self._begun = 0.0, 0.0, time.monotonic()
        self._pressure: tuple[float, Pressure] = (float("-inf"), ())

    def __reduce__(self) -> tuple[type[JudgePool], tuple[int, str, int]]:
        return JudgePool, (self.workers, self.isolation, self.max_pending)

    def __enter__(self) -> JudgePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self.cancel()

    @property
    def isolation(self) -> str:
        """The isolation level that programs run under."""
        return self._level.value

    def submit(self, job: Job) -> Future[JobResult]:
        """Queue ``job``, waiting for room if ``max_pending`` others are under way.

        It never waits in a callback on a worker's thread, which would keep room from being made, nor where an event
        loop runs (:func:`sdpo_gym.judge.judge_stream_async` keeps its own bound).

        Returns:
            A future that can be cancelled even while the job runs. Its exception is a JudgeError on an outage, which is
            one death of a worker, tried once more on another.

        Raises:
            JudgeError: if the pool is closed.
        """
        ticket = _Ticket(self, job)
        may_wait = not getattr(_this_thread, "works", False) and asyncio._get_running_loop() is None
        with self._lock:
            while may_wait and not self._closed and len(self._queue) + len(self._running) >= self.max_pending:
                self._room.wait()
            if self._closed:
                raise JudgeError("this judge pool is closed")
            if len(self._queue) + len(self._running) >= len(self._threads):
                self._start_thread()
            self._queue[ticket] = None
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Finish what is queued, then end all workers; may be called twice."""
        with self._lock:
            self._closed = True
            threads = tuple(self._threads)
            self._changed.notify_all()
            self._room.notify_all()
        for thread in threads:
            if thread is not threading.current_thread():  # closed in a callback
                thread.join()

    def cancel(self) -> None:
        """Drop what is queued and end all workers at once; what was running fails with a JudgeError."""
        with self._lock:
            self._closed = self._cancelled = True
            dropped = tuple(self._queue)
            for worker in self._open_workers:
                worker.interrupt()
        for ticket in dropped:  # outside the lock, since it runs the callers' callbacks
            ticket.cancel()
        self.close()

    def _start_thread(self) -> None:
        if len(self._threads) < self.workers:
            thread = threading.Thread(target=self._work, args=(next(_slots),), name="judge", daemon=True)
            thread.start()
            self._threads.append(thread)
            self._alive += 1

    def _drop(self, ticket: _Ticket) -> bool:
        """Take a cancelled ticket out, wherever it is; return whether this is the first call for it."""
        with self._lock:
            if ticket in self._queue:
                del self._queue[ticket], ticket.job
                self._room.notify()
            elif ticket.worker is not None:
                ticket.worker.interrupt()
            self._changed.notify_all()  # it may be waiting to run alone
            first, ticket.told = not ticket.told, True
            return first

    def _work(self, slot: int) -> None:
        _this_thread.works = True
        zygotes = _Zygotes(self, self._level, slot)
        try:
            while (ticket := self._take(slot)) is not None:
                self._answer(zygotes, ticket, slot)
                del ticket
        finally:
            with self._lock:
                self._alive -= 1
                self._changed.notify_all()
            zygotes.close()

    def _take(self, slot: int) -> _Ticket | None:
        """Wait for a ticket that this worker may run; None when there will be no more."""
        with self._lock:
            while True:
                if not self._want_alone and not self._is_alone:
                    for ticket in self._queue:
                        if ticket.shunned != slot or self._alive == 1:
                            del self._queue[ticket]
                            self._running.add(ticket)
                            return ticket
                if self._closed and not self._queue:
                    return None
                self._changed.wait()

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            self._running.discard(ticket)
            self._room.notify()
            if self._want_alone:
                self._changed.notify_all()

    def _answer(self, zygotes: _Zygotes, ticket: _Ticket, slot: int) -> None:
        result: JobResult | None = None
        failure: BaseException | None = None
        try:
            result = self._run(zygotes, ticket)
        except WorkerDied as error:
            if ticket.shunned is None and not self._cancelled and not ticket.cancelled():
                logger.warning("%s; trying once more on another worker", error)
                self._send_elsewhere(ticket, slot)
                return
            failure = error
        except BaseException as error:
            failure = error
        # Room first, result later: whoever waits for the result may submit the next job at once. And whoever keeps the
        # result must not keep its tests.
        self._leave(ticket)
        del ticket.job, ticket.cases
        with contextlib.suppress(InvalidStateError):  # cancelled
            if result is None:
                ticket.set_exception(failure)
            else:
                ticket.set_result(result)

    def _send_elsewhere(self, ticket: _Ticket, slot: int) -> None:
        with self._lock:
            ticket.shunned = slot
            self._running.discard(ticket)
            self._queue[ticket] = None
            self._queue.move_to_end(ticket, last=False)
            if not self._closed:
                self._start_thread()
            self._changed.notify_all()

    def _run(self, zygotes: _Zygotes, ticket: _Ticket) -> JobResult:
        before = self._read_pressure()
        if ticket.cases is None:
            ticket.cases = ticket.job.cases()
        result = zygotes.run(ticket, ticket.cases)
        idle = next((i for i, run in enumerate(result.runs) if run.status is RunStatus.IDLE_LIMIT), None)
        if idle is None or not _may_have_starved(before, result.runs[idle].wall_s):
            return result
        with self._alone(ticket) as is_alone:
            if not is_alone:
                return result
            logger.info("test %d hit only the wall cap on a crowded machine; from there on again, alone", idle + 1)
            again = zygotes.run(ticket, ticket.cases[idle:])
        return dataclasses.replace(again, runs=result.runs[:idle] + again.runs)

    def _read_pressure(self) -> Pressure:
        now = time.monotonic()
        taken, value = self._pressure
        if now - taken > _PRESSURE_AGE_S:
            value = pressure()
            self._pressure = now, value
        return value

    @contextlib.contextmanager
    def _alone(self, ticket: _Ticket) -> Generator[bool, None, None]:
        """Let the others finish what they run and begin nothing new; yields False, at once, if that costs too much.

        Two that wait for this come one after the other, and everybody else after both, so nobody waits for ever.
        """
        since = time.monotonic()
        with self._lock:
            self._want_alone += 1
            try:
                while is_alone := self._may_be_alone():
                    if not self._is_alone and len(self._running) <= self._want_alone:
                        self._is_alone = True
                        break
                    if self._cancelled:
                        raise JudgeError("this judge pool was cancelled")
                    if ticket.cancelled():
                        raise CancelledError
                    self._changed.wait()
            finally:
                self._want_alone -= 1
                self._changed.notify_all()
        try:
            yield is_alone
        finally:
            if is_alone:
                with self._lock:
                    now = time.monotonic()
                    self._alone_s += now - max(since, self._alone_end)  # with the wait for the others to finish
                    self._alone_end, self._is_alone = now, False
                    self._changed.notify_all()

    def _may_be_alone(self) -> bool:
        """Whether there is time left for second runs: a minute, and a quarter of all time so far.

        Without it, a crowd of programs that compute a little and then sleep would turn a pool of many workers on a
        crowded machine into one of a single worker.
        """
        return self._alone_s < _ALONE_CREDIT_S + _ALONE_SHARE * (time.monotonic() - self._begun)

    def _forget_workers(self) -> None:
        """In a forked child: the workers are the parent's; drop our copies of their sockets and start afresh."""
        for worker in self._open_workers:
            worker.abandon()
        self._reset()


def _may_have_starved(before: Pressure, wall_s: float) -> bool:
    """Return whether a test that hit its wall cap within ``wall_s`` may have done so for want of a core.

    The cap is more than twice the CPU limit. So a program that never waits of its own accord and still gets there has
    spent more than half of that time ready to run, without a core, which the kernel counts: if less than this was
    waited on the whole machine, it was idle by its own doing and a second run would tell nothing. This is what keeps
    programs that just sleep cheap: a machine that is busy, but not crowded, re-runs none of them.
    """
    return waited_since(before) >= _STARVED_SHARE * wall_s


class _Zygotes:
    """The zygotes of one worker thread: a plain one, and one with numpy at hand; each started when first needed."""

    def __init__(self, pool: JudgePool, level: Level, slot: int) -> None:
        self._pool, self._level, self._slot = pool, level, slot
        self._by_preload: dict[tuple[str, ...], Worker] = {}

    def run(self, ticket: _Ticket, cases: Sequence[Case]) -> JobResult:
        """Run a ticket's job on ``cases``; CancelledError if the ticket is cancelled before it begins."""
        job = ticket.job
        source = job.program.source
        wants_numpy = len(source) <= job.limits.source_bytes and _IMPORTS_NUMPY.search(source)
        worker = self._get(("numpy",) if wants_numpy else ())
        with self._pool._lock:
            if ticket.cancelled():
                raise CancelledError
            ticket.worker = worker
        try:
            return worker.run(job, cases)
        finally:
            with self._pool._lock:
                ticket.worker = None
            if ticket.cancelled():  # and so perhaps interrupted after its last word
                worker.close()

    def _get(self, preload: tuple[str, ...]) -> Worker:
        worker = self._by_preload.get(preload)
        if worker is None or not worker.is_open:
            if worker is not None:
                self._drop(worker)
            with no_fork():
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
    for pool in tuple(_pools):
        pool.cancel()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
