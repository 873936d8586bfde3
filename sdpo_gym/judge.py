"""Judging: a pure function from (task, completion) to a verdict, one at a time or many at once."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Protocol, TypeVar, runtime_checkable

from sdpo_gym.completion import Completion
from sdpo_gym.task import Task
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)

_MOST_PENDING = 1024  # of a stream: enough to keep any machine busy, few enough to hold their tasks in memory


T = TypeVar("T")


class JudgeError(RuntimeError):
    """The judge itself failed: an outage, which is never a reward of 0."""


class Judge(Protocol):
    """Scores one completion; raises JudgeError on an outage and nothing else.

    It may have more attributes, which runs record or obey: ``isolation`` (str), ``runtime_versions`` (what judged
    programs run on), ``lower_bounds`` (scores that summaries leave out) and ``score_keys`` (the keys of its verdicts'
    scores, which let it be a part of another judge).
    """

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion`` as an answer to ``task``."""
        ...


@runtime_checkable
class SubmittingJudge(Protocol):
    """A judge that works on many completions at once."""

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion`` as an answer to ``task``."""
        ...

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging and return at once; the future's exception is a JudgeError on an outage."""
        ...


def submit(judge: Judge, task: Task, completion: Completion) -> Future[Verdict]:
    """Hand one completion to ``judge`` and never raise; a judge without ``submit`` is called here and now."""
    future: Future[Verdict] = Future()
    try:
        if isinstance(judge, SubmittingJudge):
            return judge.submit(task, completion)
        future.set_result(judge(task, completion))
    except Exception as error:
        future.set_exception(error)
    return future


def result_of(future: Future[Verdict]) -> Verdict | JudgeError:
    """Return a finished future's verdict, or its failure as a JudgeError."""
    if future.cancelled():
        return JudgeError("judging was cancelled")
    error = future.exception()
    return future.result() if error is None else _as_judge_error(error)


class PendingVerdict:
    """A verdict that comes out of other futures, put together in their threads, so that nobody waits for it.

    Attributes:
        future: the verdict. Cancelling it cancels what is still under way for it, and so does failing it.
    """

    def __init__(self) -> None:
        self.future: Future[Verdict] = Future()
        self._under_way: set[Future[Any]] = set()
        self.future.add_done_callback(self._cancel_rest)

    def after(self, future: Future[T], then: Callable[[Future[T]], None]) -> None:
        """Call ``then(future)`` once it is done, if the verdict is not there yet; what it raises fails the verdict."""

        def finish(done: Future[T]) -> None:
            self._under_way.discard(done)
            if self.future.done():
                return
            try:
                then(done)
            except Exception as error:
                self.fail(error)

        self._under_way.add(future)
        future.add_done_callback(finish)
        if self.future.done():  # in the meantime, so that it did not see this one
            future.cancel()

    def finish(self, verdict: Verdict) -> None:
        """Give the verdict, unless it was cancelled or has failed."""
        with suppress(InvalidStateError):
            self.future.set_result(verdict)

    def fail(self, error: Exception) -> None:
        """Give no verdict but a JudgeError."""
        with suppress(InvalidStateError):
            self.future.set_exception(_as_judge_error(error))

    def _cancel_rest(self, _: Future[Verdict]) -> None:
        for future in tuple(self._under_way):
            future.cancel()


def _as_judge_error(error: BaseException) -> JudgeError:
    """Return ``error`` as a JudgeError: a judge's bug is an outage, not a zero."""
    if isinstance(error, JudgeError):
        return error
    logger.error("judge raised %s", type(error).__name__, exc_info=error)
    wrapped = JudgeError(f"judge raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def judge_stream(
    judge: Judge, pairs: Iterable[tuple[Task, Completion]]
) -> Generator[tuple[int, Verdict | JudgeError], None, None]:
    """Judge many completions and yield ``(index, verdict or JudgeError)`` as they finish; no item stops the others."""
    done: queue.SimpleQueue[tuple[int, Future[Verdict]]] = queue.SimpleQueue()
    pending: dict[int, Future[Verdict]] = {}

    def finished() -> tuple[int, Verdict | JudgeError]:
        index, future = done.get()
        del pending[index]
        return index, result_of(future)

    try:
        for index, (task, completion) in enumerate(pairs):
            pending[index] = submit(judge, task, completion)
            pending[index].add_done_callback(lambda future, index=index: done.put((index, future)))  # type: ignore[misc]
            while not done.empty() or len(pending) >= _MOST_PENDING:
                yield finished()
        while pending:
            yield finished()
    finally:
        for future in pending.values():
            future.cancel()


def judge_many(judge: Judge, pairs: Sequence[tuple[Task, Completion]]) -> list[Verdict | JudgeError]:
    """Judge many completions and return verdicts or JudgeErrors in input order."""
    results: dict[int, Verdict | JudgeError] = dict(judge_stream(judge, pairs))
    return [results[i] for i in range(len(pairs))]


def _start(judge: Judge, task: Task, completion: Completion) -> asyncio.Future[Verdict]:
    if isinstance(judge, SubmittingJudge):
        return asyncio.wrap_future(submit(judge, task, completion))
    return asyncio.get_running_loop().run_in_executor(None, judge, task, completion)


_rooms: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


def _room_in(loop: asyncio.AbstractEventLoop) -> asyncio.Semaphore:
    """Return the bound on what one event loop has under way."""
    if loop not in _rooms:
        for old in [old for old in _rooms if old.is_closed()]:
            del _rooms[old]
        _rooms[loop] = asyncio.Semaphore(_MOST_PENDING)
    return _rooms[loop]


async def judge_async(judge: Judge, task: Task, completion: Completion) -> Verdict:
    """Judge one completion without blocking the running event loop; JudgeError on any failure of the judge.

    At most 1,024 are under way in one event loop, the others wait for their turn.
    """
    async with _room_in(asyncio.get_running_loop()):
        try:
            return await _start(judge, task, completion)
        except Exception as error:
            raise _as_judge_error(error) from error


async def judge_stream_async(
    judge: Judge, pairs: Iterable[tuple[Task, Completion]]
) -> AsyncGenerator[tuple[int, Verdict | JudgeError], None]:
    """Like :func:`judge_stream`, for asyncio: it reads ``pairs`` only as far as 1,024 are under way."""
    done: asyncio.Queue[int] = asyncio.Queue()
    pending: dict[int, asyncio.Future[Verdict]] = {}

    async def finished() -> tuple[int, Verdict | JudgeError]:
        index = await done.get()
        future = pending.pop(index)
        if future.cancelled():
            return index, JudgeError("judging was cancelled")
        error = future.exception()
        return index, future.result() if error is None else _as_judge_error(error)

    try:
        for index, (task, completion) in enumerate(pairs):
            pending[index] = _start(judge, task, completion)
            pending[index].add_done_callback(lambda _, index=index: done.put_nowait(index))  # type: ignore[misc]
            await asyncio.sleep(0)  # the loop has other work, too
            while not done.empty() or len(pending) >= _MOST_PENDING:
                yield await finished()
        while pending:
            yield await finished()
    finally:
        for future in pending.values():
            future.cancel()
