"""Runs an attack against the weak judge in a throw-away container and says whether the attack reached its goal."""

from __future__ import annotations

import functools
import itertools
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.bait import SECRET_NAME
from sandbox.corpus import PROJECT, CorpusProgram, Goal

# Goals that need the time limit to pass. The others get enough of it for a loaded machine.
_TIMED = {
    Goal.EXHAUST_TIME,
    Goal.OVERTIME,
    Goal.HANG_JUDGE,
    Goal.EXHAUST_PROCESSES,
    Goal.EXHAUST_THREADS,
    Goal.EXHAUST_DESCRIPTORS,
}
_HUNG_S = 6.0  # the weak judge ends by itself after 1.5 times its limit
_PLACE = "/tmp/place"
# Process limits count per user, so that each container gets its own.
_uids = itertools.count(64000 + os.getpid() % 500 * 2)


@dataclass(frozen=True)
class WeakOutcome:
    """How it went.

    Attributes:
        started: the weak judge came up.
        hung: it neither ended nor reported within its time.
        report: its report, None if it ended without one.
        stderr: what the container printed, for the message of a failed test.
    """

    started: bool
    hung: bool
    report: dict[str, Any] | None
    stderr: str


@functools.cache
def unavailable() -> str | None:
    """Why the throw-away container cannot be made here, None if it can."""
    try:
        done = subprocess.run([*_container(), "true"], capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        return "bubblewrap (bwrap) is not installed"
    return None if done.returncode == 0 else f"bwrap cannot make namespaces here: {done.stderr.strip()}"


def judge_weakly(program: CorpusProgram) -> WeakOutcome:
    """Judge ``program`` with the weak judge; whatever it does ends with the container."""
    timed = program.goal in _TIMED
    job = {
        "source": program.source,
        "entry": program.entry,
        "cases": [[case.input, case.expected] for case in program.cases],
        "limit": 1.0 if timed else 6.0,
    }
    command = [*_container(), f"{_PLACE}/python/bin/{Path(sys.executable).resolve().name}", "-S"]
    command += ["-m", "sandbox.weak_judge_runner", "confine"]
    command += [str(next(_uids) if os.getuid() == 0 else 0), f"{_PLACE}/project"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as container:
        try:
            out, err = container.communicate(json.dumps(job), timeout=_HUNG_S if timed else 40)
            hung = False
        except subprocess.TimeoutExpired:
            container.kill()  # its first process; the kernel ends the rest of its pid namespace
            out, err = container.communicate()
            hung = True
    lines = out.splitlines()
    reports = [json.loads(line.removeprefix("REPORT ")) for line in lines if line.startswith("REPORT ")]
    return WeakOutcome("READY" in lines, hung, reports[-1] if reports else None, err)


def reached(goal: Goal, outcome: WeakOutcome) -> bool:
    """Whether ``outcome`` proves that the attack did what it is for."""
    if goal is Goal.KILL_JUDGE:
        return outcome.started and not outcome.hung and outcome.report is None
    if goal is Goal.HANG_JUDGE:
        return outcome.started and outcome.hung and outcome.report is None
    return outcome.report is not None and _PROOFS[goal](outcome.report)


_PROOFS: dict[Goal, Callable[[dict[str, Any]], bool]] = {
    Goal.FALSE_PASS: lambda report: report["passed"],
    Goal.READ_FILE: lambda report: report["pwned"],
    Goal.CONNECT: lambda report: report["pwned"] and report["reached"],
    Goal.ENV_SECRET: lambda report: report["pwned"] and report["secret_told"],
    Goal.IMPORT_PROJECT: lambda report: report["pwned"],
    Goal.FORBIDDEN: lambda report: report["pwned"],
    Goal.LEFTOVER_FILE: lambda report: report["marker"],
    Goal.SURVIVOR: lambda report: report["survivors"] > 0,
    Goal.PICKLE_EXEC: lambda report: report["marker_by_judge"],
    Goal.JUDGE_RAISES: lambda report: report["error"] is not None,
    Goal.OVERTIME: lambda report: report["killed"],
    Goal.EXHAUST_TIME: lambda report: report["elapsed"] >= report["limit"],
    Goal.EXHAUST_MEMORY: lambda report: report["memory_bytes"] > 300 << 20,
    Goal.EXHAUST_OUTPUT: lambda report: report["output_bytes"] > 16 << 20,
    Goal.EXHAUST_PROCESSES: lambda report: report["processes"] > 100,
    Goal.EXHAUST_THREADS: lambda report: report["threads"] > 100,
    Goal.EXHAUST_DESCRIPTORS: lambda report: report["descriptors"] > 1000,
    Goal.EXHAUST_FILES: lambda report: report["files"] > 1000,
}


def _container() -> list[str]:
    """A container whose bombs, signals and servers stay inside; only /tmp and /dev/shm can be written."""
    as_root = os.getuid() == 0  # then no user namespace: the runner takes an unprivileged uid by itself
    command = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts"] + ([] if as_root else ["--unshare-user"])
    command += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    command += ["--perms", "1777", "--size", str(256 << 20), "--tmpfs", "/tmp"]
    command += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/dev/shm"]
    command += ["--perms", "0755", "--dir", _PLACE]
    # Bound to places that every user can reach, wherever the checkout and the interpreter lie.
    command += ["--ro-bind", sys.base_prefix, f"{_PLACE}/python", "--ro-bind", str(PROJECT), f"{_PLACE}/project"]
    path = ["--setenv", "PYTHONPATH", f"{_PLACE}/project/tests"]
    return [*command, "--setenv", SECRET_NAME, secrets.token_hex(8), *path, "--chdir", "/tmp"]
