"""The judges that the benchmark compares, each with a way to tell the processor time that it has used."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import psutil
from workload import HEADER, TESTS, cases, completion, job, source, task

from sdpo_gym.backend import judge_for
from sdpo_gym.env import close_judge
from sdpo_gym.judge import JudgeError
from sdpo_gym.registry import resolve
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.levels import why_not
from sdpo_gym.sandbox.pool import JudgePool
from sdpo_gym.sandbox.runtime import runtime

PYTHON = getattr(sys, "_base_executable", sys.executable)
LEVELS = {"A": Isolation.USERNS, "B": Isolation.DOCKER, "C": Isolation.LANDLOCK}
_FORKS = """
import os, sys, time, resource
def used():
    a, b = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return a.ru_utime + a.ru_stime + b.ru_utime + b.ru_stime
n = int(sys.argv[1])
before = used()
for _ in range(n):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
print(used() - before)
"""
# One process for all tests of a submission, without any isolation between them: what a container per submission does
# at the least.
_IN_CONTAINER = """
import contextlib, io, json, sys
source, inputs = json.load(sys.stdin)
code, outputs = compile(source, "solution.py", "exec"), []
for text in inputs:
    sys.stdin, out = io.StringIO(text), io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {"__name__": "__main__"})
    outputs.append(out.getvalue())
json.dump(outputs, sys.stdout)
"""


class Unavailable(Exception):
    """Why something cannot be measured on this machine."""


class Run(NamedTuple):
    """What judging some submissions took, in seconds.

    Attributes:
        cpu: processor time of everything that took part.
        wall: from the first to the last.
        latencies: one of each submission, if they were judged one by one.
    """

    cpu: float
    wall: float
    latencies: tuple[float, ...] = ()


class System(Protocol):
    """Something that judges submissions of :mod:`workload`."""

    name: str

    def judge(self, indices: range, at_once: bool) -> Run:
        """Judge submissions, one by one or as many at a time as it likes; AssertionError if a verdict is not right."""
        ...

    def close(self) -> None: ...


def processor_time(processes: Callable[[], Iterable[psutil.Process]]) -> float:
    """Add up the CPU seconds of processes and of the children that they have reaped.

    Nothing may be running: who ends between two looks would be counted twice or not at all.
    """
    while True:
        time.sleep(0.03)  # the last supervisor is still being reaped when its verdict is there
        total = 0.0
        try:
            for process in processes():
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
        return total


def below(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


class Kin:
    """This process and those that it starts from now to the call of ``complete``, with all below them."""

    def __init__(self) -> None:
        self._others = set(psutil.Process().children())
        self._own: list[psutil.Process] = []

    def complete(self) -> None:
        self._own = [child for child in psutil.Process().children() if child not in self._others]

    def __call__(self) -> list[psutil.Process]:
        return [psutil.Process(), *(process for child in self._own for process in below(child))]


class OurPool:
    """A judge pool at an isolation level."""

    def __init__(self, name: str, isolation: Isolation, workers: int | None) -> None:
        if (reason := why_not(isolation)) is not None:
            raise Unavailable(reason)
        self.name = name
        self._kin = Kin()
        self.pool = JudgePool(workers=workers, isolation=isolation)
        for future in [self.pool.submit(job(index)) for index in range(8 * self.pool.workers)]:
            future.result()
        self._kin.complete()
        self._in_containers = in_containers() if self.pool.isolation.startswith("docker") else []

    def processes(self) -> list[psutil.Process]:
        return self._kin() + self._in_containers

    def judge(self, indices: range, at_once: bool) -> Run:
        before, start = processor_time(self.processes), time.perf_counter()
        latencies = []
        if at_once:
            results = [future.result() for future in [self.pool.submit(job(index)) for index in indices]]
        else:
            results = []
            for index in indices:
                begun = time.perf_counter()
                results.append(self.pool.submit(job(index)).result())
                latencies.append(time.perf_counter() - begun)
        wall = time.perf_counter() - start
        assert all(run.status.value == "accepted" for result in results for run in result.runs)
        return Run(processor_time(self.processes) - before, wall, tuple(latencies))

    def close(self) -> None:
        self.pool.close()


def in_containers() -> list[psutil.Process]:
    """The zygotes in our containers, which are the engine's children and not ours."""
    from sdpo_gym.sandbox.docker import OWNER
    from sdpo_gym.sandbox.engine import connected

    with connected() as engine:
        return [
            psutil.Process(engine.inspect_container(container["Id"])["State"]["Pid"])
            for container in engine.containers(filters={"label": OWNER})
            if container["Labels"][OWNER].startswith(f"{os.getpid()}-")
        ]


class OneByOne:
    """A judge that is a function of one submission, called by as many threads as there are cores."""

    def __init__(self, name: str, one: Callable[[int], None], time_used: Callable[[], float]) -> None:
        self.name, self._one, self._time_used = name, one, time_used

    def judge(self, indices: range, at_once: bool) -> Run:
        before, start = self._time_used(), time.perf_counter()
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if at_once else 1) as threads:
            latencies = tuple(threads.map(self._timed, indices))
        wall = time.perf_counter() - start
        return Run(self._time_used() - before, wall, () if at_once else latencies)

    def _timed(self, index: int) -> float:
        start = time.perf_counter()
        self._one(index)
        return time.perf_counter() - start

    def close(self) -> None: ...


def of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def subprocesses(name: str, header: str) -> OneByOne:
    """An interpreter for each test, as plain as they come (``-I -S``); the time that starting them costs us is free."""

    def one(index: int) -> None:
        for case in cases(index):
            command = [PYTHON, "-I", "-S", "-c", header + source(index)]
            done = subprocess.run(command, input=case.input, capture_output=True, text=True, check=True)
            assert done.stdout.strip() == case.expected

    return OneByOne(name, one, of_children)


def bare_forks(name: str) -> OneByOne:
    """The floor: ``os.fork`` of an interpreter with the header's modules, and wait. Reports its own processor time."""
    used = [0.0]

    def one(index: int) -> None:
        command = [PYTHON, "-I", "-S", "-c", HEADER + _FORKS, str(TESTS)]
        used[0] += float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    return OneByOne(name, one, lambda: used[0])


def docker_runs(name: str) -> OneByOne:
    """``docker run`` for each submission, from the image of our own level; counts the engine's processes as well."""
    from sdpo_gym.sandbox.engine import connected, ensure_image
    from sdpo_gym.sandbox.isolation import IMAGE_ROOT

    if (reason := why_not(Isolation.DOCKER)) is not None:
        raise Unavailable(reason)
    image = runtime()
    with connected() as engine:
        tag = ensure_image(engine, image)
    interpreter = [
        f"{IMAGE_ROOT}/{image.loader}",
        "--library-path",
        f"{IMAGE_ROOT}/lib",
        f"{IMAGE_ROOT}/{image.python}",
    ]
    environment = [f"--env=PYTHONHOME={IMAGE_ROOT}/{image.home}"]
    options = ["--rm", "-i", "--network=none", "--read-only", "--cap-drop=ALL", "--log-driver=none", *environment]

    def one(index: int) -> None:
        request = json.dumps([source(index), [case.input for case in cases(index)]])
        command = ["docker", "run", *options, tag, *interpreter, "-S", "-c", HEADER + _IN_CONTAINER]
        done = subprocess.run(command, input=request, capture_output=True, text=True, check=True)
        assert [output.strip() for output in json.loads(done.stdout)] == [case.expected for case in cases(index)]

    # what a container used is with its shim, and that is adopted by the first process when it ends
    names = {"dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2"}

    def engine_time() -> float:
        def daemons() -> list[psutil.Process]:
            return [p for p in psutil.process_iter(["name"]) if p.info["name"] in names]

        adopted = psutil.Process(1).cpu_times()
        return processor_time(daemons) + adopted.children_user + adopted.children_system + of_children()

    return OneByOne(name, one, engine_time)


class Completions:
    """LiveCodeBench's judge: here, or on a Ray cluster of this machine, started for that and ended with it."""

    def __init__(self, name: str, backend: str) -> None:
        if backend == "ray" and importlib.util.find_spec("ray") is None:
            raise Unavailable("the library `ray` is not installed: make setup EXTRAS=ray")
        os.environ["RAY_ADDRESS"] = "local"  # a cluster of our own, whatever else runs here
        self.name = name
        self._kin = Kin()
        self._judge = judge_for(resolve("lcb_v6"), {}, backend)
        try:
            self.judge(range(8), at_once=True)
        except JudgeError as error:
            raise Unavailable(str(error)) from error
        self._kin.complete()

    def judge(self, indices: range, at_once: bool) -> Run:
        before, start = processor_time(self._kin), time.perf_counter()
        latencies = []
        if at_once:
            futures = [self._judge.submit(task(index), completion(index)) for index in indices]
            verdicts = [future.result() for future in futures]
        else:
            verdicts = []
            for index in indices:
                begun = time.perf_counter()
                verdicts.append(self._judge(task(index), completion(index)))
                latencies.append(time.perf_counter() - begun)
        wall = time.perf_counter() - start
        assert all(verdict.reward == 1.0 for verdict in verdicts)
        return Run(processor_time(self._kin) - before, wall, tuple(latencies))

    def close(self) -> None:
        close_judge(self._judge)
