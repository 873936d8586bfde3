from __future__ import annotations

import os
from concurrent.futures import Future

import pytest

from sdpo_envs.livecodebench.sharing import Shared


class Work:
    """Starts futures and keeps them."""

    def __init__(self) -> None:
        self.begun: list[Future[int]] = []

    def start(self) -> Future[int]:
        self.begun.append(Future())
        return self.begun[-1]


def test_requests_share_work_under_way() -> None:
    shared, work = Shared[int](keep=lambda _: False), Work()
    first, second, other = (shared.get(key, work.start) for key in "aab")
    work.begun[0].set_result(1)
    work.begun[1].set_result(2)
    assert [f.result(0) for f in (first, second, other)] == [1, 1, 2]
    shared.get("a", work.start)
    assert len(work.begun) == 3


def test_results_worth_keeping_are_kept_and_the_oldest_leaves() -> None:
    shared, work = Shared[int](keep=lambda result: result > 0, limit=2), Work()
    for key, result in [("a", 1), ("b", 2), ("a", 0), ("c", 3), ("a", 0), ("b", 4), ("zero", 0), ("zero", 0)]:
        begun = len(work.begun)
        future = shared.get(key, work.start)
        if len(work.begun) > begun:
            work.begun[-1].set_result(result)
    assert future.result(0) == 0
    assert len(work.begun) == 6  # a, b, c, b again, zero twice


def test_failure_reaches_everyone_and_is_not_kept() -> None:
    shared, work = Shared[int](keep=lambda _: True), Work()
    futures = [shared.get("a", work.start) for _ in range(2)]
    work.begun[0].set_exception(RuntimeError("outage"))
    for future in futures:
        with pytest.raises(RuntimeError, match="outage"):
            future.result(0)
    shared.get("a", work.start)
    assert len(work.begun) == 2


def test_failure_to_start_is_the_futures() -> None:
    def fail() -> Future[int]:
        raise RuntimeError("no sandbox")

    with pytest.raises(RuntimeError, match="no sandbox"):
        Shared[int](keep=lambda _: True).get("a", fail).result(0)


def test_work_is_cancelled_when_nobody_wants_it_any_more() -> None:
    shared, work = Shared[int](keep=lambda _: True), Work()
    first, second = (shared.get("a", work.start) for _ in range(2))
    first.cancel()
    assert not work.begun[0].cancelled()
    second.cancel()
    assert work.begun[0].cancelled()
    again = shared.get("a", work.start)
    work.begun[1].set_result(5)
    assert again.result(0) == 5


def test_cancelled_work_cancels_its_requests() -> None:
    shared, work = Shared[int](keep=lambda _: True), Work()
    future = shared.get("a", work.start)
    work.begun[0].cancel()
    assert future.cancelled()


def test_a_forked_child_does_not_wait_for_its_parents_work() -> None:
    shared: Shared[int] = Shared(lambda result: True)
    shared.get("key", Future)  # under way for ever, in this process

    def at_once() -> Future[int]:
        future: Future[int] = Future()
        future.set_result(7)
        return future

    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if shared.get("key", at_once).result(timeout=5) == 7 else 1
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
