"""One tree of seeds: every random thing in a run follows from the run's seed and its own name."""

from __future__ import annotations

import hashlib
import random


def derive(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed for what ``names`` name, such as ``derive(0, "rollout", 17)``."""
    text = ":".join([str(seed), *(f"{type(name).__name__}={name}" for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def tasks_of_step(seed: int, step: int, batch: int, count: int) -> list[int]:
    """Return the positions of the tasks of a step, counted from 0: each epoch is a permutation of its own.

    Within an epoch no task comes twice; what does not fill a batch at its end is left out of that epoch.
    """
    epoch, place = divmod(step, count // batch)
    order = list(range(count))
    random.Random(derive(seed, "order", epoch)).shuffle(order)
    return order[place * batch : (place + 1) * batch]
