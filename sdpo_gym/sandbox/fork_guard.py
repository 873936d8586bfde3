"""Keeps forks and the start of workers apart.

A process forked while a worker starts would inherit its socket before the pool knows of it, and, as long as it lives,
keep the worker from noticing that our end has closed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator

_MOST_WAIT_S = 10.0  # a start takes a tenth of a second; a fork that never came would be worse than an inherited socket
_starting = 0
_changed = threading.Condition()


@contextlib.contextmanager
def no_fork() -> Generator[None, None, None]:
    """Let forks of this process wait meanwhile; what starts here must be known to an after-fork hook at the end."""
    global _starting
    with _changed:
        _starting += 1
    try:
        yield
    finally:
        with _changed:
            _starting -= 1
            _changed.notify_all()


def _before() -> None:
    _changed.acquire()
    _changed.wait_for(lambda: _starting == 0, _MOST_WAIT_S)


def _after_in_parent() -> None:
    _changed.release()


def _after_in_child() -> None:
    global _changed, _starting
    _changed, _starting = threading.Condition(), 0


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
