"""How fast the judge is, against one interpreter per test and against a bare fork, on the same submissions.

All systems judge the same submissions one after the other, in turn, round by round, so that a machine whose speed
drifts drifts for all of them. CPU time per test is the figure to trust on a shared machine; wall times are printed
beside it. Nothing here is asserted: the figures go into notes, with their raw samples.

    python benchmarks/judge.py                 everything (about three minutes)
    python benchmarks/judge.py overhead        CPU per test, paired
    python benchmarks/judge.py throughput      1,000 submissions on all cores, and latency one by one
    python benchmarks/judge.py start           pool start and first verdict
    python benchmarks/judge.py memory          this process's memory over 20,000 judgements
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil

from sdpo_gym.sandbox.job import Case, Job, Program, TestRun
from sdpo_gym.sandbox.pool import JudgePool

TESTS = 20
SUBMISSIONS = 8  # of each kind and round
ROUNDS = 6
PYTHON = getattr(sys, "_base_executable", sys.executable)
HEADER = "".join(
    f"from {m} import *\n"
    for m in [
        "string",
        "re",
        "datetime",
        "collections",
        "heapq",
        "bisect",
        "copy",
        "math",
        "random",
        "statistics",
        "itertools",
        "functools",
        "operator",
        "io",
        "sys",
        "json",
        "builtins",
        "typing",
    ]
)
SOURCES = (
    "a, b = map(int, input().split())\nprint(a + b)\n",
    "import sys\nnumbers = list(map(int, sys.stdin.read().split()))\nprint(sum(numbers))\n",
    "def solve():\n    a, b = (int(x) for x in input().split())\n    return a + b\n\n\nprint(solve())\n",
)
FORKS = """
import os, sys, time, resource
def used():
    a, b = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return a.ru_utime + a.ru_stime + b.ru_utime + b.ru_stime
n = int(sys.argv[1])
before, start = used(), time.perf_counter()
for _ in range(n):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print((used() - before) / n, (time.perf_counter() - start) / n)
"""


class Cost(NamedTuple):
    """Seconds per test."""

    cpu: float
    wall: float


def cases(seed: int) -> list[Case]:
    return [Case(f"{seed} {i}\n", str(seed + i)) for i in range(TESTS)]


def check(case: Case, run: TestRun) -> bool:
    return run.stdout.decode().strip() == case.expected


def job(index: int) -> Job:
    return Job(Program(SOURCES[index % len(SOURCES)]), lambda: cases(index), check)


def cpu_of_tree() -> float:
    """CPU seconds of this process and everything below it, the reaped included."""
    me = psutil.Process()
    total = 0.0
    for process in [me, *me.children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def our_judge(pool: JudgePool) -> Cost:
    before, start = cpu_of_tree(), time.perf_counter()
    for index in range(SUBMISSIONS * 5):  # more of them, for the clock that counts other processes has ticks of 10 ms
        result = pool.submit(job(index)).result()
        assert all(run.status.value == "accepted" for run in result.runs)
    tests = SUBMISSIONS * 5 * TESTS
    return Cost((cpu_of_tree() - before) / tests, (time.perf_counter() - start) / tests)


def subprocess_judge(header: str) -> Cost:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for index in range(SUBMISSIONS):
        for case in cases(index):
            command = [PYTHON, "-I", "-S", "-c", header + SOURCES[index % len(SOURCES)]]
            done = subprocess.run(command, input=case.input, capture_output=True, text=True, check=True)
            assert done.stdout.strip() == case.expected
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    tests = SUBMISSIONS * TESTS
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu / tests, (time.perf_counter() - start) / tests)


def bare_fork() -> Cost:
    command = [PYTHON, "-I", "-S", "-c", HEADER + FORKS, str(SUBMISSIONS * TESTS)]
    cpu, wall = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return Cost(float(cpu), float(wall))


def measure_overhead(isolation: str) -> None:
    pool = JudgePool(workers=1, isolation=isolation)
    systems: dict[str, Callable[[], Cost]] = {
        "ours": lambda: our_judge(pool),
        "python -I -S": lambda: subprocess_judge(""),
        "... with header": lambda: subprocess_judge(HEADER),
        "os.fork + wait": bare_fork,
    }
    samples: dict[str, list[Cost]] = {name: [] for name in systems}
    our_judge(pool)
    for _ in range(ROUNDS):
        for name, run in systems.items():
            samples[name].append(run())
    pool.close()
    print(f"\nms per test, isolation {pool.isolation}, {TESTS} trivial tests a submission, {ROUNDS} rounds in turn")
    for name, costs in samples.items():
        ratios = [cost.cpu / ours.cpu for cost, ours in zip(costs, samples["ours"], strict=True)]
        print(
            f"  {name:16} cpu {statistics.median(c.cpu for c in costs) * 1e3:6.2f}"
            f"  wall {statistics.median(c.wall for c in costs) * 1e3:6.2f}"
            f"  cpu / ours {statistics.median(ratios):5.2f} [{min(ratios):.2f}-{max(ratios):.2f}]"
            f"  raw cpu {' '.join(f'{c.cpu * 1e3:.2f}' for c in costs)}"
        )


def measure_throughput(isolation: str) -> None:
    pool = JudgePool(isolation=isolation)
    for index in range(2 * pool.workers):
        pool.submit(job(index)).result()
    latencies = []
    for index in range(100):
        start = time.perf_counter()
        pool.submit(job(index)).result()
        latencies.append(time.perf_counter() - start)
    latencies.sort()
    p50, p95 = latencies[50] * 1e3, latencies[95] * 1e3
    print(f"\nlatency of one submission of {TESTS} tests, one by one: p50 {p50:.1f} ms, p95 {p95:.1f} ms")
    start = time.perf_counter()
    for future in [pool.submit(job(index)) for index in range(1000)]:
        future.result()
    seconds = time.perf_counter() - start
    print(
        f"1,000 submissions at once on {pool.workers} workers: {1000 * TESTS / seconds:.0f} tests/s ({seconds:.1f} s)"
    )
    pool.close()


def measure_start(isolation: str) -> None:
    JudgePool(workers=1, isolation=isolation).close()  # the image is built and the levels are probed
    samples = []
    for _ in range(10):
        start = time.perf_counter()
        pool = JudgePool(workers=1, isolation=isolation)
        pool.submit(Job(Program("print(3)"), lambda: [Case("", "3")], check)).result()
        first = time.perf_counter()
        pool.submit(Job(Program("print(3)"), lambda: [Case("", "3")], check)).result()
        samples.append((first - start, time.perf_counter() - first))
        pool.close()
    shown = " ".join(f"{a * 1e3:.0f}+{b * 1e3:.1f}" for a, b in samples)
    print(f"\npool start with first verdict, then the next verdict (ms): {shown}")


def measure_memory(isolation: str) -> None:
    pool = JudgePool(isolation=isolation)
    me = psutil.Process()
    print("\nmemory of this process (MiB) after so many judgements:")
    small = Job(Program("print(input())"), lambda: [Case("x" * 1000, "x" * 1000)], check)
    for done in range(0, 20_001, 4000):
        if done:
            for future in [pool.submit(small) for _ in range(4000)]:
                future.result()
        print(f"  {done:6} {me.memory_info().rss / 2**20:.1f}", flush=True)
    pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="overhead, throughput, start, memory (default: all)")
    parser.add_argument("--isolation", default="auto")
    args = parser.parse_args()
    parts = {
        "overhead": measure_overhead,
        "throughput": measure_throughput,
        "start": measure_start,
        "memory": measure_memory,
    }
    print(f"load {os.getloadavg()}, {os.cpu_count()} cores, python {sys.version.split()[0]}, judged with {PYTHON}")
    for name in args.what or parts:
        parts[name](args.isolation)
    print(f"load {os.getloadavg()}")


if __name__ == "__main__":
    main()
