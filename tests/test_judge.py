from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from sdpo_gym import Completion, JudgeError, Task, Verdict, judge_many, judge_stream
from sdpo_gym.judge import judge_async, judge_stream_async
from toy_env import ToyJudge, tasks

TASKS = tasks(None, "sample")
RIGHT = [(task, Completion(TASKS.gold(task) or "")) for task in TASKS]
OUTAGE = Completion("OUTAGE")
BUG = Completion("BUG")


class Slow:
    """Judges in threads; each completion waits for its turn, which is opened by its task id."""

    def __init__(self) -> None:
        self.toy = ToyJudge()
        self.open = {task.id: threading.Event() for task in TASKS}
        self.threads = ThreadPoolExecutor(len(TASKS))

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        assert self.open[task.id].wait(20)
        return self.toy(task, completion)

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        return self.threads.submit(self, task, completion)


class Never:
    """Takes work and never does it."""

    def __init__(self) -> None:
        self.futures: list[Future[Verdict]] = []

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        raise AssertionError("judge_stream must submit")

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def slow() -> Iterator[Slow]:
    judge = Slow()
    yield judge
    for event in judge.open.values():
        event.set()
    judge.threads.shutdown()


def test_a_stream_yields_in_order_of_completion(slow: Slow) -> None:
    stream = judge_stream(slow, RIGHT)
    order = [3, 0, 4, 2, 1]
    seen = []
    for i in order:
        slow.open[f"sum-{i}"].set()
        index, verdict = next(stream)
        assert isinstance(verdict, Verdict)
        seen.append(index)
    assert seen == order
    assert list(stream) == []


def test_many_come_back_in_input_order(slow: Slow) -> None:
    wrong = [(task, Completion(f"-{i}")) for i, task in enumerate(TASKS)]

    def open_in_another_order() -> None:
        for i in (4, 2, 0, 1, 3):
            slow.open[f"sum-{i}"].set()

    opener = threading.Thread(target=open_in_another_order)
    opener.start()
    verdicts = judge_many(slow, wrong)
    opener.join()
    assert verdicts == [ToyJudge()(task, completion) for task, completion in wrong]


@pytest.mark.parametrize("threaded", [False, True])
def test_an_outage_and_a_bug_stay_with_their_own_item(slow: Slow, threaded: bool) -> None:
    for event in slow.open.values():
        event.set()
    pairs = [RIGHT[0], (TASKS[1], OUTAGE), RIGHT[2], (TASKS[3], BUG), RIGHT[4]]
    first, outage, third, bug, fifth = judge_many(slow if threaded else ToyJudge(), pairs)
    assert all(isinstance(verdict, Verdict) and verdict.passed for verdict in (first, third, fifth))
    assert isinstance(outage, JudgeError)
    assert str(outage) == "the toy's sandbox is down"
    assert isinstance(bug, JudgeError)
    assert "ZeroDivisionError: the toy is broken" in str(bug)
    assert isinstance(bug.__cause__, ZeroDivisionError)


def test_nothing_to_judge_is_no_verdict() -> None:
    assert judge_many(ToyJudge(), []) == []


def test_a_plain_judge_reads_no_further_than_asked() -> None:
    read = []

    def pairs() -> Iterator[tuple[Task, Completion]]:
        for pair in RIGHT:
            read.append(pair)
            yield pair

    stream = judge_stream(ToyJudge(), pairs())
    assert next(stream)[0] == 0
    assert len(read) == 1


def test_closing_a_stream_cancels_what_is_not_done() -> None:
    judge = Never()

    def pairs() -> Iterator[tuple[Task, Completion]]:
        yield from RIGHT[:2]
        judge.futures[0].set_result(ToyJudge()(*RIGHT[0]))
        yield from RIGHT[2:]

    stream = judge_stream(judge, pairs())
    assert next(stream)[0] == 0
    assert isinstance(stream, Generator)
    stream.close()
    assert [future.cancelled() for future in judge.futures] == [False, True, True]


def test_pairs_that_cannot_be_read_cancel_what_was_begun() -> None:
    judge = Never()

    def pairs() -> Iterator[tuple[Task, Completion]]:
        yield RIGHT[0]
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(judge_stream(judge, pairs()))
    assert judge.futures[0].cancelled()


def test_a_cancelled_item_is_an_error_and_no_hang() -> None:
    judge = Never()

    def pairs() -> Iterator[tuple[Task, Completion]]:
        yield RIGHT[0]
        judge.futures[0].cancel()

    ((index, result),) = judge_stream(judge, pairs())
    assert index == 0
    assert isinstance(result, JudgeError)


def test_asyncio_goes_on_while_a_judge_works(slow: Slow) -> None:
    async def run() -> list[bool]:
        judging = [asyncio.create_task(judge_async(slow, *pair)) for pair in RIGHT]
        await asyncio.sleep(0)
        for event in slow.open.values():  # reached only because nothing above blocks
            event.set()
        return [verdict.passed for verdict in await asyncio.gather(*judging)]

    assert asyncio.run(run()) == [True] * len(RIGHT)


def test_an_asyncio_judge_raises_on_an_outage() -> None:
    with pytest.raises(JudgeError, match="sandbox is down"):
        asyncio.run(judge_async(ToyJudge(), TASKS[0], OUTAGE))


def test_an_asyncio_stream_yields_in_order_of_completion(slow: Slow) -> None:
    order = [3, 0, 4, 2, 1]

    async def run() -> list[int]:
        seen = []
        slow.open[f"sum-{order[0]}"].set()
        async for index, result in judge_stream_async(slow, RIGHT):
            assert isinstance(result, Verdict)
            seen.append(index)
            if len(seen) < len(order):
                slow.open[f"sum-{order[len(seen)]}"].set()
        return seen

    assert asyncio.run(run()) == order


def test_an_asyncio_stream_isolates_an_outage() -> None:
    async def run() -> dict[int, Verdict | JudgeError]:
        return {index: result async for index, result in judge_stream_async(ToyJudge(), [RIGHT[0], (TASKS[1], OUTAGE)])}

    results = asyncio.run(run())
    assert isinstance(results[0], Verdict)
    assert isinstance(results[1], JudgeError)


def test_a_submit_that_raises_stays_with_its_own_item() -> None:
    class Closed(Never):
        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            raise JudgeError("the pool is closed")

    (result,) = judge_many(Closed(), RIGHT[:1])
    assert isinstance(result, JudgeError)


def test_an_asyncio_judge_turns_a_bug_into_a_judge_error() -> None:
    with pytest.raises(JudgeError, match="ZeroDivisionError"):
        asyncio.run(judge_async(ToyJudge(), TASKS[0], BUG))


def test_leaving_an_asyncio_stream_cancels_what_is_not_done() -> None:
    judge = Never()

    async def run() -> None:
        stream = judge_stream_async(judge, RIGHT)
        asyncio.get_running_loop().call_soon(lambda: judge.futures[0].set_result(ToyJudge()(*RIGHT[0])))
        assert isinstance(stream, AsyncGenerator)
        async for index, _ in stream:
            assert index == 0
            break
        await stream.aclose()

    asyncio.run(run())
    assert len(judge.futures) > 1
    assert [future.cancelled() for future in judge.futures] == [False] + [True] * (len(judge.futures) - 1)


class Counting(Never):
    """Answers at once, in the event loop, and notes how many were under way at most."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most = 0

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        future: Future[Verdict] = Future()

        def answer() -> None:
            self.under_way -= 1
            if not future.cancelled():
                future.set_result(ToyJudge()(task, completion))

        asyncio.get_running_loop().call_later(0.01, answer)
        return future


@pytest.mark.parametrize("how", ["stream", "gather"])
def test_asyncio_has_a_bounded_number_under_way(how: str) -> None:
    judge, read = Counting(), []

    def pairs() -> Iterator[tuple[Task, Completion]]:
        for _ in range(3000):
            read.append(1)
            yield RIGHT[0]
            if how == "stream":
                assert len(read) <= seen + 1024

    seen = 0

    async def run() -> None:
        nonlocal seen
        if how == "stream":
            async for _ in judge_stream_async(judge, pairs()):
                seen += 1
        else:
            seen = len(await asyncio.gather(*[judge_async(judge, *pair) for pair in pairs()]))

    for _ in range(2):  # a second event loop has a bound of its own
        seen = 0
        read.clear()
        asyncio.run(run())
        assert seen == 3000
    assert 100 < judge.most <= 1024
