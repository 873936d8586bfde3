"""How fast the judge is: at every isolation level and over Ray, against an interpreter per test and a container each.

Systems that are compared judge the same submissions in turn, round by round, so that a machine whose speed drifts
drifts for all of them. CPU time per test is the figure to trust on a shared machine; wall times are good only where
nothing else runs, and how crowded the machine was is told with them. What this machine lacks is named, with the reason.
Nothing is asserted: figures are medians with [least-most] over the rounds.

    python benchmarks/judge.py                 everything (some minutes)
    python benchmarks/judge.py overhead        CPU per test and latency, one worker
    python benchmarks/judge.py throughput      many submissions at once, on all cores
    python benchmarks/judge.py scaling         one worker against one per core
    python benchmarks/judge.py mixed           60 submissions, of which 6 never end
    python benchmarks/judge.py start           pool start and first verdict
    python benchmarks/judge.py memory          this process's memory over 20,000 judgements
    python benchmarks/judge.py --write-docs    everything, into docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import psutil
from systems import (
    LEVELS,
    Completions,
    OurPool,
    Run,
    System,
    Unavailable,
    bare_forks,
    docker_runs,
    processor_time,
    subprocesses,
)
from tables import Aim, Table, write_page
from workload import ENDLESS, HEADER, MIXED, MIXED_CPU_S, TESTS, check, mixed_jobs

from sdpo_gym.sandbox.job import Case, Job, Program, RunStatus
from sdpo_gym.sandbox.levels import why_not
from sdpo_gym.sandbox.limits import StopRule
from sdpo_gym.sandbox.machine import machine_factor, pressure, waited_since
from sdpo_gym.sandbox.pool import JudgePool

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
CORES = len(os.sched_getaffinity(0))
HEADER_NAME, FORK_NAME, DOCKER_RUN_NAME = "python -I -S, with the import header", "os.fork and wait", "docker run"
# Submissions of a round. More of the quick ones: the clock that counts other processes has ticks of 10 ms.
ONE_BY_ONE = {HEADER_NAME: 4, DOCKER_RUN_NAME: 3, "python -I -S": 8, FORK_NAME: 8}
AT_ONCE = {HEADER_NAME: 8, DOCKER_RUN_NAME: 6}
MOST_ONE_BY_ONE, MOST_AT_ONCE = 40, 100
FORCED_S = ENDLESS * MIXED_CPU_S

Makers = dict[str, Callable[[], System]]


def spread(values: Sequence[float], unit: float = 1.0, digits: int = 2) -> str:
    """Median and range."""
    shown = [f"{value * unit:.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} [{shown[1]}-{shown[2]}]"


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@contextlib.contextmanager
def opened(makers: Makers, missing: dict[str, str]) -> Iterator[list[System]]:
    """Start the systems that work here; note why the others do not."""
    with contextlib.ExitStack() as stack:
        systems = []
        for name, make in makers.items():
            try:
                system = make()
            except Unavailable as error:
                missing[name] = str(error)
                continue
            stack.callback(system.close)
            systems.append(system)
        yield systems


def in_turn(systems: Sequence[System], rounds: int, sizes: dict[str, int], most: int, at_once: bool) -> list[list[Run]]:
    """Judge round by round; return the runs of each system."""
    runs: list[list[Run]] = [[] for _ in systems]
    for _ in range(rounds):
        for system, of_system in zip(systems, runs, strict=True):
            of_system.append(system.judge(range(sizes.get(system.name, most)), at_once))
    for system, of_system in zip(systems, runs, strict=True):
        tests = sizes.get(system.name, most) * TESTS
        raw = " ".join(f"{run.cpu / tests * 1e3:.3f}/{run.wall / tests * 1e3:.3f}" for run in of_system)
        print(f"    {system.name}: CPU/wall ms per test, by round: {raw}", flush=True)
    return runs


def level_makers(workers: int | None) -> Makers:
    return {
        f"level {letter} ({isolation})": partial(OurPool, f"level {letter} ({isolation})", isolation, workers)
        for letter, isolation in LEVELS.items()
    }


def measure_overhead(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    makers: Makers = {
        **level_makers(workers=1),
        "python -I -S": lambda: subprocesses("python -I -S", ""),
        HEADER_NAME: lambda: subprocesses(HEADER_NAME, HEADER),
        DOCKER_RUN_NAME: lambda: docker_runs(DOCKER_RUN_NAME),
        FORK_NAME: lambda: bare_forks(FORK_NAME),
    }
    with opened(makers, missing) as systems:
        runs = in_turn(systems, rounds, ONE_BY_ONE, MOST_ONE_BY_ONE, at_once=False)
    per_test = {
        system.name: [run.cpu / (ONE_BY_ONE.get(system.name, MOST_ONE_BY_ONE) * TESTS) for run in of_system]
        for system, of_system in zip(systems, runs, strict=True)
    }
    first = systems[0].name
    rows = []
    for system, of_system in zip(systems, runs, strict=True):
        cpu = per_test[system.name]
        latencies = [latency for run in of_system for latency in run.latencies]
        p50, p95 = (f"{percentile(latencies, share) * 1e3:.1f}" for share in (0.5, 0.95))
        is_judge = system.name != FORK_NAME
        ratios = [a / b for a, b in zip(cpu, per_test[first], strict=True)]
        rows.append((system.name, spread(cpu, 1e3), spread(ratios), *((p50, p95) if is_judge else ("", ""))))
    table = Table(
        "Overhead of a test",
        f"One worker, submissions of {TESTS} trivial tests one by one, {rounds} rounds in turn. `docker run` starts a "
        "container for each submission and runs all its tests in one process there, without isolation between them.",
        ("judged by", "CPU ms per test", f"ratio to {first}, paired", "submission p50 ms", "p95 ms"),
        tuple(rows),
    )
    ours = per_test[first]
    aims = [Aim("under 1.2 ms CPU per test", spread(ours, 1e3) + " ms", statistics.median(ours) < 1.2e-3)]
    ratios = [a / b for a, b in zip(per_test[HEADER_NAME], ours, strict=True)]
    aims.append(
        Aim("at least 20x less CPU than a subprocess with the header", spread(ratios), statistics.median(ratios) >= 20)
    )
    docker = next((cpu for name, cpu in per_test.items() if name.startswith("level B")), None)
    if docker is not None:
        ratios = [a / b for a, b in zip(docker, ours, strict=True)]
        aims.append(Aim("level B within 1.1x of A", spread(ratios), statistics.median(ratios) <= 1.1))
    return [table], aims


def measure_throughput(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    plain: Makers = {
        **level_makers(workers=None),
        HEADER_NAME: lambda: subprocesses(HEADER_NAME, HEADER),
        DOCKER_RUN_NAME: lambda: docker_runs(DOCKER_RUN_NAME),
    }
    judges: Makers = {
        "LiveCodeBench's judge, here": lambda: Completions("LiveCodeBench's judge, here", "local"),
        "LiveCodeBench's judge, over Ray": lambda: Completions("LiveCodeBench's judge, over Ray", "ray"),
    }
    rows = []
    for makers in (plain, judges):
        with opened(makers, missing) as systems:
            runs = in_turn(systems, rounds, AT_ONCE, MOST_AT_ONCE, at_once=True)
        for system, of_system in zip(systems, runs, strict=True):
            size = AT_ONCE.get(system.name, MOST_AT_ONCE)
            rows.append(
                (
                    system.name,
                    spread([size * TESTS / run.wall for run in of_system], digits=0),
                    spread([size / run.wall for run in of_system], digits=1),
                    spread([run.cpu / (size * TESTS) for run in of_system], 1e3),
                )
            )
    table = Table(
        "Throughput",
        f"{MOST_AT_ONCE} submissions of {TESTS} trivial tests at once (fewer for the slow ones), one worker per core "
        f"({CORES}), {rounds} rounds in turn. The last two rows judge whole answers, with extraction and feedback; the "
        "one over Ray counts all processes of a cluster on this machine.",
        ("judged by", "tests/s", "submissions/s", "CPU ms per test"),
        tuple(rows),
    )
    return [table], []


def measure_scaling(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    rows = []
    for letter, isolation in LEVELS.items():
        name = f"level {letter} ({isolation})"
        makers: Makers = {
            f"{name}, {n} workers": partial(OurPool, f"{name}, {n} workers", isolation, n) for n in (1, CORES)
        }
        with opened(makers, missing) as systems:
            if len(systems) < len(makers) or CORES == 1:
                continue
            one, all_cores = in_turn(systems, rounds, {}, MOST_AT_ONCE, at_once=True)
        faster = [a.wall / b.wall for a, b in zip(one, all_cores, strict=True)]
        dearer = [b.cpu / a.cpu for a, b in zip(one, all_cores, strict=True)]
        rows.append((name, spread(faster), spread(dearer)))
    if CORES == 1:
        missing["scaling"] = "this process has one core"
    table = Table(
        "Scaling",
        f"{CORES} workers against 1, {MOST_AT_ONCE} submissions of {TESTS} trivial tests at once, {rounds} rounds in "
        "turn.",
        ("judged at", "tests/s, times", "CPU per test, times"),
        tuple(rows),
    )
    return [table], []


def measure_mixed(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    rows, aims = [], []
    for letter, isolation in LEVELS.items():
        name = f"level {letter} ({isolation})"
        try:
            system = OurPool(name, isolation, None)
        except Unavailable as error:
            missing[name] = str(error)
            continue
        runs: dict[StopRule, list[Run]] = {StopRule.DECIDED: [], StopRule.RESOURCE: []}
        for number in range(rounds):
            for stop, of_rule in runs.items():
                of_rule.append(judge_mixed(system, number, stop))
        system.close()
        for stop, of_rule in runs.items():
            by_cpu = [run.cpu / FORCED_S for run in of_rule]
            by_wall = [run.wall / (FORCED_S / CORES) for run in of_rule]
            rule = "first failure" if stop is StopRule.DECIDED else "first limit"
            rows.append((name, rule, spread(by_cpu), spread(by_wall)))
            if stop is StopRule.DECIDED:
                met = statistics.median(by_cpu) <= 1.2
                aims.append(Aim(f"mixed workload at {name} within 1.2x", f"CPU {spread(by_cpu)}", met))
    table = Table(
        "Mixed workload",
        f"{len(MIXED)} submissions of {TESTS} tests in random order: 42 right, 6 wrong, 6 that crash, {ENDLESS} that "
        f"never end, with {MIXED_CPU_S:g} s of CPU. What these limits force is {FORCED_S:g} s of CPU, and on {CORES} "
        f"cores {FORCED_S / CORES:g} s. {rounds} rounds; a submission stops at its first failure (the aim), or at its "
        "first limit only.",
        ("judged at", "stops at", "CPU, times what the limits force", "time, times what they force"),
        tuple(rows),
    )
    return [table], aims


def judge_mixed(system: OurPool, seed: int, stop: StopRule) -> Run:
    jobs = mixed_jobs(seed, stop)
    before, start = processor_time(system.processes), time.perf_counter()
    results = [future.result() for future in [system.pool.submit(job) for job in jobs]]
    wall = time.perf_counter() - start
    endless = sum(run.status is RunStatus.TIME_LIMIT for result in results for run in result.runs)
    assert endless == ENDLESS, f"{endless} programs met their time limit"
    return Run(processor_time(system.processes) - before, wall)


def measure_start(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    rows, aims = [], []
    three = Job(Program("print(3)"), lambda: [Case("", "3")], check)
    for letter, isolation in LEVELS.items():
        name = f"level {letter} ({isolation})"
        try:
            OurPool(name, isolation, 1).close()  # the image is built and the level is probed
        except Unavailable as error:
            missing[name] = str(error)
            continue
        starts, nexts = [], []
        for _ in range(rounds):
            start = time.perf_counter()
            with JudgePool(workers=1, isolation=isolation) as pool:
                pool.submit(three).result()
                first = time.perf_counter()
                pool.submit(three).result()
                starts.append(first - start)
                nexts.append(time.perf_counter() - first)
        rows.append((name, spread(starts, 1e3, 0), spread(nexts, 1e3, 1)))
        if letter == "A":
            aims.append(
                Aim(
                    "start with first verdict under 310 ms",
                    spread(starts, 1e3, 0) + " ms",
                    statistics.median(starts) < 0.31,
                )
            )
    table = Table(
        "Start",
        f"A pool of one worker and one test of one submission, {rounds} times.",
        ("judged at", "start with first verdict, ms", "next verdict, ms"),
        tuple(rows),
    )
    return [table], aims


def measure_memory(rounds: int, missing: dict[str, str]) -> tuple[list[Table], list[Aim]]:
    small = Job(Program("print(input())"), lambda: [Case("x" * 1000, "x" * 1000)], check)
    rows = []
    with JudgePool() as pool:
        for done in range(0, 20_001, 4000):
            if done:
                for future in [pool.submit(small) for _ in range(4000)]:
                    future.result()
            rows.append((f"{done:,}", f"{psutil.Process().memory_info().rss / 2**20:.1f}"))
    note = "Resident memory of the judging process. `make soak` looks at 100,000 judgements and at the workers, too."
    return [Table("Memory", note, ("judgements", "MiB"), tuple(rows))], []


PARTS = {
    "overhead": measure_overhead,
    "throughput": measure_throughput,
    "scaling": measure_scaling,
    "mixed": measure_mixed,
    "start": measure_start,
    "memory": measure_memory,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=6, help="how often systems take turns (default 6)")
    parser.add_argument("--write-docs", action="store_true", help=f"everything, into {PAGE.name}")
    args = parser.parse_args()
    unknown = sorted(set(args.what) - set(PARTS))
    if unknown or (args.what and args.write_docs):
        parser.error(f"no such part: {', '.join(unknown)}" if unknown else "--write-docs takes all parts")
    tables: list[Table] = []
    aims: list[Aim] = []
    missing = {f"level {a} ({b})": reason for a, b in LEVELS.items() if (reason := why_not(b))}
    begin, before = time.perf_counter(), pressure()
    for name in args.what or PARTS:
        print(f"\n{name}: load {os.getloadavg()[0]:.1f}", flush=True)
        more, aimed = PARTS[name](args.rounds, missing)
        tables += more
        aims += aimed
        for table in more:
            print(table.text(), flush=True)
    crowded = min(1.0, waited_since(before) / (time.perf_counter() - begin))
    machine = (
        f"{CORES} cores, Linux {platform.release()}, Python {platform.python_version()}, machine factor "
        f"{machine_factor():.2f}; some task waited for a core in {crowded:.0%} of the time, load at the end "
        f"{os.getloadavg()[0]:.1f}"
    )
    print(f"\n{machine}")
    for aim in aims:
        print(aim.text())
    for name, reason in missing.items():
        print(f"not measured, {name}: {reason}")
    if args.write_docs:
        write_page(PAGE, machine, tables, aims, missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
