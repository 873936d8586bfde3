"""Does the judge leak? Many judgements of a mixed workload, with everything that could grow sampled at rest.

Prints a table and exits 1 unless all is flat:

* every verdict is the one that the program must get;
* memory of this process (resident) and of the runners (private to each, added up): the median of the last quarter of
  the samples is at most 4 MiB or 3 %, whichever is more, above that of the first quarter after warming up;
* descriptors, threads, processes and mounts are as many in every sample as after warming up;
* after closing the pool, no process and no mount is left, and no descriptor that was not there before.

    python benchmarks/soak.py                   100,000 judgements (about half an hour on two cores)
    python benchmarks/soak.py 5000              fewer
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import psutil

from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, TestRun
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool

SAMPLES = 40
AT_ONCE = 250
MIB = 1 << 20
SLACK_MIB, SLACK_SHARE = 4.0, 0.03
ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
NUMPY = "import numpy\nprint(int(numpy.fromstring(input(), dtype=int, sep=' ').sum()))\n"


@dataclass(frozen=True)
class Kind:
    """A kind of submission: its share of the workload, its program, what its first test must get, and its CPU limit."""

    share: float
    source: str
    verdict: str
    cpu_s: float = 2.0
    entry: str | None = None


KINDS = (
    Kind(52, ADD, "accepted"),
    Kind(15, "def add(a, b):\n    return a + b\n", "accepted", entry="add"),
    Kind(2, NUMPY, "accepted"),
    Kind(2, "print('x' * 300_000)\n", "wrong_answer"),
    Kind(8, "a, b = map(int, input().split())\nprint(a - b - 1)\n", "wrong_answer"),
    Kind(8, "def f(x):\n    return 1 / x\n\n\nprint(f(0))\n", "runtime_error"),
    Kind(2, "import ctypes\nctypes.string_at(0)\n", "signal"),
    Kind(3, "print('never'\n", "compile_error"),
    Kind(2, "def add(a, b):\n    return {a, b}\n", "bad_return", entry="add"),
    Kind(3, "while True:\n    pass\n", "time_limit", cpu_s=0.05),
    Kind(1, "import sys\nwhile True:\n    sys.stdout.write('x' * 100_000)\n", "output_limit"),
    Kind(1, "x = [bytearray(1 << 20) for _ in range(10_000)]\n", "memory_limit"),
    Kind(0.05, "import time\ntime.sleep(60)\n", "idle_limit", cpu_s=0.05),
)


def job(kind: Kind, number: int, tests: int) -> Job:
    separator = "\n" if kind.entry else " "
    cases = [Case(f"{number}{separator}{i}", str(number + i)) for i in range(tests)]
    limits = Limits(cpu_s=kind.cpu_s, memory_bytes=256 * MIB, output_bytes=MIB)
    return Job(Program(kind.source, kind.entry), lambda: cases, check, limits)


def check(case: Case, run: TestRun) -> bool:
    return (run.value or run.stdout).decode().strip() == case.expected


@dataclass(frozen=True)
class Sample:
    """What there is while nothing runs; memory in MiB."""

    parent: float
    runners: float
    descriptors: int
    threads: int
    processes: int
    mounts: int


def in_containers() -> list[psutil.Process]:
    """The processes of our containers, which are the engine's children and not ours."""
    from sdpo_gym.sandbox.docker import OWNER
    from sdpo_gym.sandbox.engine import connected

    found = []
    with connected() as engine:
        for container in engine.containers(filters={"label": OWNER}):
            if container["Labels"][OWNER].startswith(f"{os.getpid()}-"):
                first = psutil.Process(engine.inspect_container(container["Id"])["State"]["Pid"])
                found += [first, *first.children(recursive=True)]
    return found


def sample(level: str) -> Sample:
    gc.collect()
    # a container engine's own come and go with anybody's containers, and those of level docker with its processes
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "docker" not in line]
    me = psutil.Process()
    below = me.children(recursive=True) + (in_containers() if level.startswith("docker") else [])
    return Sample(
        me.memory_info().rss / MIB,
        sum(process.memory_full_info().uss for process in below) / MIB,
        me.num_fds(),
        me.num_threads(),
        len(below),
        len(mounts),
    )


def settle(pool: JudgePool) -> None:
    """Give every worker one job of each flavour, so that all runners are there when they are counted."""
    for source in (ADD, NUMPY):
        together = threading.Barrier(pool.workers)

        def cases(together: threading.Barrier = together) -> Sequence[Case]:
            together.wait(60)  # nobody gets a second job before everybody has one
            return [Case("1 2", "3")]

        for future in [pool.submit(Job(Program(source), cases, check)) for _ in range(pool.workers)]:
            future.result()


def judge(pool: JudgePool, chance: random.Random, numbers: range) -> list[str]:
    """Judge a share of the workload, some hundreds at a time, and return what went wrong."""
    return [
        line
        for first in range(numbers.start, numbers.stop, AT_ONCE)
        for line in judge_at_once(pool, chance, range(first, min(first + AT_ONCE, numbers.stop)))
    ]


def judge_at_once(pool: JudgePool, chance: random.Random, numbers: range) -> list[str]:
    wrong: list[str] = []
    futures: list[tuple[Kind, Future[JobResult]]] = []
    for number in numbers:
        kind = chance.choices(KINDS, [kind.share for kind in KINDS])[0]
        futures.append((kind, pool.submit(job(kind, number, chance.choice((1, 1, 2, 5))))))
        if chance.random() < 0.002:
            futures[chance.randrange(max(0, len(futures) - 20), len(futures))][1].cancel()
    for kind, future in futures:
        if not future.cancelled():
            found = future.result().runs[0].status.value
            if found != kind.verdict:
                wrong.append(f"{found} instead of {kind.verdict}: {kind.source!r}")
    return wrong


def growth(samples: Sequence[Sample], of: Callable[[Sample], float]) -> tuple[float, float]:
    quarter = max(1, len(samples) // 4)
    first = statistics.median(of(s) for s in samples[:quarter])
    return statistics.median(of(s) for s in samples[-quarter:]) - first, max(SLACK_MIB, SLACK_SHARE * first)


def not_flat(samples: Sequence[Sample]) -> list[str]:
    found = []
    memory: dict[str, Callable[[Sample], float]] = {"parent": lambda s: s.parent, "runners": lambda s: s.runners}
    for name, of in memory.items():
        grown, allowed = growth(samples, of)
        print(f"memory of {name}: {grown:+.2f} MiB from the first to the last quarter (at most {allowed:.2f})")
        if grown > allowed:
            found.append(f"the memory of {name} grew by {grown:.1f} MiB")
    for name in ("descriptors", "threads", "processes", "mounts"):
        counts = {getattr(s, name) for s in samples}
        if len(counts) > 1:
            found.append(f"{name} went from {getattr(samples[0], name)} to {sorted(counts)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judgements", nargs="?", type=int, default=100_000)
    parser.add_argument("--isolation", default="auto")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    before = sample(args.isolation)
    pool = JudgePool(workers=args.workers, isolation=args.isolation)
    print(f"{args.judgements:,} judgements, isolation {pool.isolation}, {pool.workers} workers, load {os.getloadavg()}")
    step = max(1, args.judgements // SAMPLES)
    wrong = judge(pool, chance, range(2 * step))  # warming up
    settle(pool)
    samples = [sample(pool.isolation)]
    print("\n judgements  seconds  parent MiB  runners MiB  descriptors  threads  processes  mounts")
    start = time.perf_counter()
    for done in range(0, args.judgements + 1, step):
        if done:
            wrong += judge(pool, chance, range(done - step, done))
            settle(pool)
            samples.append(sample(pool.isolation))
        s = samples[-1]
        print(
            f"{done:11,}{time.perf_counter() - start:9.0f}{s.parent:12.1f}{s.runners:13.1f}{s.descriptors:13}"
            f"{s.threads:9}{s.processes:11}{s.mounts:8}",
            flush=True,
        )
    seconds = time.perf_counter() - start
    pool.close()
    after = sample(pool.isolation)
    print(f"\n{args.judgements / seconds:.0f} judgements/s; load {os.getloadavg()}")
    failures = [*wrong[:20], *not_flat(samples)]
    if after.processes > before.processes or after.mounts > before.mounts or after.descriptors > before.descriptors:
        failures.append(f"left after closing: {after}, before: {before}")
    print("\n".join(failures) if failures else "all verdicts right, all flat, nothing left")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
