"""Judging: a pure function from (task, completion) to a verdict, one at a time or many at once."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol, runtime_checkable

from sdpo_gym.completion import Completion
from sdpo_gym.task import Task
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)


class JudgeError(RuntimeError):
    """The judge itself failed: an outage, which is never a reward of 0."""


class Judge(Protocol):
    """Scores one completion; raises JudgeError on an outage and nothing else."""

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
    """Hand one completion to ``judge``; a judge without ``submit`` is called here and now."""
    if isinstance(judge, SubmittingJudge):
        return judge.submit(task, completion)
    future: Future[Verdict] = Future()
    try:
        future.set_result(judge(task, completion))
    except Exception as error:
        future.set_exception(error)
    return future


def result_of(future: Future[Verdict]) -> Verdict | JudgeError:
    """Return a finished future's verdict, or its failure as a JudgeError (a judge's bug is an outage, not a zero)."""
    if future.cancelled():
        return JudgeError("judging was cancelled")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, JudgeError):
        return error
    logger.error("judge raised %s", type(error).__name__, exc_info=error)
    wrapped = JudgeError(f"judge raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def judge_stream(judge: Judge, pairs: Iterable[tuple[Task, Completion]]) -> Iterator[tuple[int, Verdict | JudgeError]]:
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
            while not done.empty():
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


async def judge_async(judge: Judge, task: Task, completion: Completion) -> Verdict:
    """Judge one completion without blocking the running event loop."""
    return await asyncio.wrap_future(submit(judge, task, completion))


async def judge_stream_async(
    judge: Judge, pairs: Iterable[tuple[Task, Completion]]
) -> AsyncIterator[tuple[int, Verdict | JudgeError]]:
    """Like :func:`judge_stream`, for asyncio."""

    async def one(index: int, future: Future[Verdict]) -> tuple[int, Verdict | JudgeError]:
        await asyncio.wait([asyncio.wrap_future(future)])
        return index, result_of(future)

    futures = [submit(judge, task, completion) for task, completion in pairs]
    for next_done in asyncio.as_completed([one(i, f) for i, f in enumerate(futures)]):
        yield await next_done
