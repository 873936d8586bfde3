"""Doing equal work once: requests that come while it is done share it, later ones may find it kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sdpo_gym.forking import renew_in_children

Result = TypeVar("Result")


@dataclass
class _Work(Generic[Result]):
    waiting: list[Future[Result]] = field(default_factory=list)
    running: Future[Result] | None = None


class Shared(Generic[Result]):
    """Results by key, computed once while wanted.

    Args:
        keep: whether a result may serve later requests too, because it would come out the same.
        limit: how many results are kept; the least recently used one leaves first.
    """

    def __init__(self, keep: Callable[[Result], bool], limit: int = 512) -> None:
        self._keep, self._limit = keep, limit
        self._kept: OrderedDict[Hashable, Result] = OrderedDict()
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Begin without work under way, as a forked child must: what its parent has begun ends in the parent only."""
        self._begun: dict[Hashable, _Work[Result]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, start: Callable[[], Future[Result]]) -> Future[Result]:
        """Return a future for the result under ``key``; ``start`` is called if nobody has begun it.

        Each request has a future of its own; the work is cancelled when every one of them is.
        """
        mine: Future[Result] = Future()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                mine.set_result(self._kept[key])
                return mine
            work = self._begun.get(key)
            is_first = work is None
            if work is None:
                work = self._begun[key] = _Work()
            work.waiting.append(mine)
        mine.add_done_callback(lambda _: self._left(key, work))
        if is_first:
            try:
                work.running = start()
            except Exception as error:
                work.running = Future()
                work.running.set_exception(error)
            work.running.add_done_callback(lambda done: self._finished(key, work, done))
        return mine

    def _left(self, key: Hashable, work: _Work[Result]) -> None:
        """Cancel work that nobody waits for any more."""
        with self._lock:
            if self._begun.get(key) is not work or not all(future.cancelled() for future in work.waiting):
                return
            del self._begun[key]  # a request from now on begins anew
        if work.running is not None:
            work.running.cancel()

    def _finished(self, key: Hashable, work: _Work[Result], done: Future[Result]) -> None:
        error = None if done.cancelled() else done.exception()
        with self._lock:
            if self._begun.get(key) is work:
                del self._begun[key]
            if not done.cancelled() and error is None and self._keep(done.result()):
                self._kept[key] = done.result()
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
        for future in work.waiting:  # complete: under the lock above, the key was closed to further requests
            if done.cancelled():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(done.result())
