"""Start a judge, kill it at a random moment, and tell what is left of it: one experiment in a process of its own.

    python kill_run.py LEVEL SEED

Prints JSON: how many processes and containers there were before (``before``), how long it took until none was left
(``seconds``), and what remained after ten seconds, or had come back after two (``left``). Orphans come to this process,
whatever group or session they are in, for it is their subreaper.

A container engine cannot be called back: a container that it was asked for by the judge may start after the judge's
death, when the engine gets to it. Two seconds after that start it has to be gone as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PR_SET_CHILD_SUBREAPER = 36

JUDGE = """
import itertools, sys
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
sources = [
    "print(input())",
    "import time\\ntime.sleep(500)",
    "while True: pass",
    "import threading\\nfor _ in range(9): threading.Thread(target=lambda: __import__('time').sleep(99)).start()",
    "x = [bytearray(1 << 20) for _ in range(10000)]",
    "while True: print('x' * 100000)",
    "import signal\\nfor s in range(1, 65):\\n try: signal.signal(s, signal.SIG_IGN)\\n except OSError: pass\\n"
    "while True: pass",
    "import os, signal\\nos.kill(os.getpid(), signal.SIGSTOP)",
    "import numpy\\nprint(numpy.arange(10).sum())",
]
pool = JudgePool(2, sys.argv[1])
def job(source):
    limits = Limits(cpu_s=0.3, memory_bytes=256 << 20)
    return Job(Program(source), lambda: [Case("x" * 1000, "")] * 2, lambda case, run: True, limits)
pool.submit(job(sources[0])).result()
print("judging", flush=True)
shift = int(sys.argv[2])
futures = [pool.submit(job(sources[(i * 4 + shift) % len(sources)])) for i in range(500)]
futures[-1].result()
"""


def parents() -> dict[int, int]:
    """The parent of every process that has not ended."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state not in "ZX":
                found[int(entry.name)] = int(parent)
    return found


def below_us() -> list[int]:
    parent_of, found, me = parents(), [], os.getpid()
    for pid in parent_of:
        above = pid
        while above in parent_of and above != me:
            above = parent_of[above]
        if above == me and pid != me:
            found.append(pid)
    return found


def mounts() -> set[str]:
    """Where something is mounted, but for the mounts of a container engine, which go with its containers."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    # An engine holds the network namespaces of containers as mounts of type nsfs.
    return {each[4] for each in lines if "docker" not in each[4] and each[each.index("-") + 1] != "nsfs"}


def containers(owner: int) -> dict[str, float]:
    """When the containers of a judge started, those aside that never ran: the next judge removes them."""
    from docker.errors import NotFound

    from sdpo_gym.sandbox.docker import OWNER
    from sdpo_gym.sandbox.engine import connected

    found = {}
    with connected() as engine:
        for one in engine.containers(all=True, filters={"label": OWNER}):
            if one["Labels"][OWNER].startswith(f"{owner}-") and one["State"] != "created":
                with contextlib.suppress(NotFound):
                    started = seconds_of(engine.inspect_container(one["Id"])["State"]["StartedAt"])
                    found[f"container {one['Id'][:12]}: {one['State']}"] = started
    return found


def seconds_of(timestamp: str) -> float:
    """Read a time of the engine's, which has nanoseconds."""
    return datetime.fromisoformat(timestamp[:19] + "+00:00").timestamp() + float(f"0{timestamp[19:].rstrip('Z')}")


def main(level: str, seed: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    chance, mounted = random.Random(seed), mounts()
    command = [sys.executable, "-c", JUDGE, level, str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    judge = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def in_containers() -> dict[str, float]:
        return containers(judge.pid) if level.startswith("docker") else {}

    def of_it(started_before: float) -> list[object]:
        ours = [text for text, started in in_containers().items() if started < started_before]
        return [*below_us(), *ours, *(mounts() - mounted)]

    assert judge.stdout is not None
    if seed % 3:
        judge.stdout.readline()
        time.sleep(chance.uniform(0, 0.7))
    else:  # perhaps while it starts
        time.sleep(chance.uniform(0, 1))
    before = len(of_it(math.inf))
    judge.kill()
    judge.wait()
    killed, killed_at = time.monotonic(), time.time()
    while (left := of_it(killed_at)) and time.monotonic() - killed < 10:
        time.sleep(0.02)
    seconds = time.monotonic() - killed
    time.sleep(max(0.0, 2 - seconds))
    time.sleep(max(0.0, *(started + 2 - time.time() for started in (0.0, *in_containers().values()))))
    left = left or of_it(math.inf)
    print(json.dumps({"before": before, "seconds": seconds, "left": [describe(it) for it in left]}))
    for pid in left:
        if isinstance(pid, int):
            os.kill(pid, signal.SIGKILL)


def describe(it: object) -> str:
    return Path(f"/proc/{it}/stat").read_text() if isinstance(it, int) else str(it)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
