"""What a judged program may use, and when judging a submission stops early."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Limits:
    """Limits on one test of one submission.

    Attributes:
        cpu_s: CPU seconds over all of the program's threads; more is ``time_limit``.
        memory_bytes: address space; an uncaught MemoryError under it is ``memory_limit``.
        output_bytes: most bytes on standard output, on standard error and in a returned value; more is
            ``output_limit``.
        source_bytes: longest source accepted; a longer one is a compile error.
    """

    cpu_s: float = 6.0
    memory_bytes: int = 2 << 30
    output_bytes: int = 16 << 20
    source_bytes: int = 256 << 10

    def __post_init__(self) -> None:
        if not 0 < self.cpu_s <= 3600:
            raise ValueError(f"cpu_s must lie in (0, 3600], got {self.cpu_s}")
        if self.memory_bytes < 256 << 20:
            raise ValueError(f"memory_bytes must be at least 256 MiB, got {self.memory_bytes}")
        if not 0 < self.output_bytes <= 1 << 30:
            raise ValueError(f"output_bytes must lie in (0, 1 GiB], got {self.output_bytes}")

    @property
    def wall_s(self) -> float:
        """Wall-clock cap, 2x the CPU limit + 2 s: a program that reaches it while waiting gets ``idle_limit``.

        One that is still computing there is starved, not idle, and goes on, to five times this at most. And where the
        machine was so crowded that waiting for a core alone could explain it, the test is run again, with no other of
        the pool beside it, before ``idle_limit`` counts.
        """
        return 2 * self.cpu_s + 2


class StopRule(StrEnum):
    """When the remaining tests of a submission are skipped (and counted as failed)."""

    RESOURCE = "resource"  # after the first time, idle, memory or output limit
    DECIDED = "decided"  # after the first failure of any kind
    NEVER = "never"
