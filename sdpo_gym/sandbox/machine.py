"""What the machine is doing to our verdicts: how fast it is, and whether programs had to wait for a core."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import TypeAlias

REFERENCE_S = 0.0046  # CPU seconds that the workload below takes on the machine of the published benchmark figures
_ROUNDS = 5

Pressure: TypeAlias = tuple[float, ...]
"""Seconds, since the machine started, in which a task could have run and had no core; one per source that there is."""


def _workload() -> int:
    """Do what judged programs do most: integers, a list, a dictionary, text and calls."""
    found: dict[str, int] = {}
    numbers = [(i * 7919) % 1009 for i in range(4000)]
    for i, number in enumerate(numbers):
        found[str(number)] = max(found.get(str(number), 0), i)
    numbers.sort(key=lambda number: -number)
    total = 0
    for i in range(30_000):
        total = (total * 31 + i) % 1_000_003
    return total + len(found)


@functools.cache
def machine_factor() -> float:
    """Return the CPU seconds of a fixed pure-Python workload here, over those of the reference: 2.0 is half as fast.

    It is recorded, so that people can tell why CPU limits hit elsewhere and not here, and never applied to a limit: a
    verdict must not depend on what else ran while it was measured. Best of a few rounds, about 25 ms in all.
    """
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.thread_time()
        _workload()
        best = min(best, time.thread_time() - start)
    return best / REFERENCE_S


@functools.cache
def _pressure_files() -> tuple[Path, ...]:
    """Find the kernel's files of CPU pressure: the machine's, and our control group's, which may have few cores."""
    found = [Path("/proc/pressure/cpu")]
    try:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                found.append(Path("/sys/fs/cgroup") / line[3:].lstrip("/") / "cpu.pressure")
    except OSError:
        pass
    return tuple(path for path in found if _read_pressure(path) is not None)


def _read_pressure(path: Path) -> float | None:
    """Read the total of the line ``some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>``."""
    try:
        first = path.read_text().split("\n", 1)[0]
        return int(first.rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):  # absent, or switched off at boot (psi=0)
        return None


def pressure() -> Pressure:
    """Return how long tasks have waited for a core so far; to be given to :func:`waited_since`."""
    return tuple(_read_pressure(path) or 0.0 for path in _pressure_files())


def waited_since(before: Pressure) -> float:
    """Return the seconds in which some task waited for a core since ``before`` was taken.

    Where the kernel does not tell (no pressure stall information), they are all seconds (infinity) if the load average
    is above the number of cores, and none otherwise.
    """
    if not before:
        return float("inf") if os.getloadavg()[0] > len(os.sched_getaffinity(0)) else 0.0
    return max(now - then for now, then in zip(pressure(), before, strict=True))
