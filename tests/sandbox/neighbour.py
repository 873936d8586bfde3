"""An honest program that is judged again and again on a worker of its own while attacks run beside it."""

from __future__ import annotations

import threading
from types import TracebackType

from sdpo_gym.sandbox.job import Case, Job, Program, RunStatus
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool

# Uses what a neighbour could take from it: memory, threads, processor time.
_SOURCE = """
import threading
numbers = list(range(100_000, 0, -1))
threads = [threading.Thread(target=sorted, args=(numbers,)) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(int(input()) + len(bytes(64 << 20)))
"""
_JOB = Job(
    Program(_SOURCE),
    lambda: [Case("1\n", str(1 + (64 << 20)))],
    lambda case, run: run.stdout.decode().strip() == case.expected,
    Limits(cpu_s=1, memory_bytes=1 << 30),
)
_PAUSE_S = 0.2  # it is to be there all the time, not to take the machine


class Neighbour:
    """Runs from entry to exit.

    Attributes:
        verdicts: how many it got.
        failures: what every verdict but ``accepted`` was, and which attacks ran then.
        beside: names of what runs now, kept by whoever runs it.
    """

    def __init__(self, level: str) -> None:
        self.verdicts = 0
        self.failures: list[str] = []
        self.beside: dict[int, str] = {}
        self._pool = JudgePool(workers=1, isolation=level)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def _live(self) -> None:
        while not self._over.is_set():
            try:
                run = self._pool.submit(_JOB).result(timeout=120).runs[0]
            except Exception as error:
                self.failures.append(f"{error!r} beside {sorted(self.beside.values())}")
            else:
                self.verdicts += 1
                if run.status is not RunStatus.ACCEPTED:
                    said = run.error or run.stderr[-200:]
                    self.failures.append(f"{run.status.value} ({said!r}) beside {sorted(self.beside.values())}")
            self._over.wait(_PAUSE_S)

    def __enter__(self) -> Neighbour:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._pool.close()
