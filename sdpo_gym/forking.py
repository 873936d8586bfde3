"""What a forked child must not inherit: locks that a thread of its parent may hold, and work under way there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Renewable(Protocol):
    """A thing with locks or work under way."""

    def renew(self) -> None:
        """Make new locks, and forget work under way."""
        ...


_things: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_in_children(thing: Renewable) -> None:
    """Call ``thing.renew()`` in every process forked from this one, as long as ``thing`` lives."""
    _things.add(thing)


def _after_fork() -> None:
    for thing in _things:
        thing.renew()


os.register_at_fork(after_in_child=_after_fork)
