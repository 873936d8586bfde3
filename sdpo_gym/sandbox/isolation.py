"""Isolation levels: what each is made of, and how a zygote is started under it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.runtime import Runtime
from sdpo_gym.sandbox.seccomp import build_filters, machine_is_supported


class Isolation(StrEnum):
    """How programs are kept in. ``docker`` has its place between the first two and is not built yet."""

    USERNS = "userns"  # A: user, pid, net, ipc, uts and mount namespaces by bubblewrap, and seccomp
    LANDLOCK = "landlock"  # C: Landlock, seccomp and rlimits, for hosts that forbid namespaces
    NONE = "none"  # rlimits only, for trusted code; taken only when asked for by name


# Host uids that programs run under when we are root, one per worker (two processes of ours seldom share one);
# systemd keeps this range free for such use.
_FIRST_UID, _UIDS = 61184, 4096
_STACK_KIB = 256 << 10  # deep recursion of right programs; must be set before exec, it decides the memory layout
# ... and if memory runs out, the kernel is to end programs and not the trainer
_PREPARE = f"ulimit -S -s {_STACK_KIB} 2>/dev/null; echo 1000 2>/dev/null >/proc/self/oom_score_adj"
_INSIDE_UID = "1000"
_MAX_PROCESSES = 512


@dataclass(frozen=True)
class Launch:
    """How to start one zygote.

    Attributes:
        command: the command line, to which the socket's descriptor number is appended.
        environment: its whole environment.
        uid: the host uid to take first (we are root), or None to keep ours.
        config: the content of the CONFIG frame.
    """

    command: list[str]
    environment: dict[str, str]
    uid: int | None
    config: dict[str, object]


def parse_isolation(name: str) -> Isolation | None:
    """Return the level called ``name``, None for ``auto``; UsageError for anything else."""
    if name == "auto":
        return None
    try:
        return Isolation(name)
    except ValueError:
        known = ", ".join(["auto", *Isolation])
        raise UsageError(f"unknown isolation level {name!r}; choose one of: {known}") from None


def launch(level: Isolation, runtime: Runtime, slot: int, preload: tuple[str, ...]) -> Launch:
    """Work out how to start a zygote under ``level``.

    Args:
        level: the isolation level.
        runtime: the image that it runs from.
        slot: number of the worker, which picks its host uid.
        preload: packages imported before programs run.
    """
    is_root = os.geteuid() == 0
    namespaces = level is Isolation.USERNS
    root = "" if namespaces else str(runtime.root)
    filters = build_filters(namespaces) if level is not Isolation.NONE else None
    config: dict[str, object] = {
        "packages": [f"{root}/packages"],
        "preload": list(preload),
        "landlock": level is Isolation.LANDLOCK,
        "readable": [root or "/"],
        "base_filter": filters.base.hex() if filters else "",
        "test_filter": filters.test.hex() if filters else "",
        "pid_instruction": filters.pid_instruction if filters else 0,
        "pid_namespace": namespaces,
        # Process limits count per uid. Without a uid or a namespace of our own they would count the user's other
        # processes, so there the limit is set far above what these are now.
        "max_processes": _MAX_PROCESSES if namespaces or is_root else _tasks_of(os.geteuid()) + 4096,
    }
    command = ["/bin/sh", "-c", f'{_PREPARE}; exec "$0" "$@"']
    if namespaces:
        command += [_bubblewrap(), *_namespace_arguments(runtime)]
    command += runtime.command(root, [])
    uid = _FIRST_UID + (os.getpid() * 64 + slot) % _UIDS if is_root else None
    return Launch(command, runtime.environment(root), uid, config)


def _namespace_arguments(runtime: Runtime) -> list[str]:
    return [
        "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
        "--uid", _INSIDE_UID, "--gid", _INSIDE_UID, "--hostname", "sandbox",
        "--as-pid-1",  # the zygote reaps and, dying, takes everything with it
        "--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN",  # in its own user namespace: a pid namespace per submission
        "--ro-bind", str(runtime.root), "/", "--dev-bind", "/dev/null", "/dev/null", "--chdir", "/", "--",
    ]  # fmt: skip


def _bubblewrap() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise JudgeError(
            "isolation userns needs bubblewrap (bwrap); install the package `bubblewrap`, or run `make setup`"
        )
    return found


def _tasks_of(uid: int) -> int:
    tasks = 0
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and process.stat().st_uid == uid:
                tasks += sum(1 for _ in (process / "task").iterdir())
        except OSError:  # it has ended meanwhile
            continue
    return tasks


def obstacle(level: Isolation) -> str | None:
    """Return what stands in the way of ``level`` on this machine, found without starting anything; None if nothing."""
    if not sys.platform.startswith("linux"):
        return f"Linux only, this is {sys.platform}"
    if level is Isolation.NONE:
        return None
    if not machine_is_supported():
        return f"no system call table for processor {platform.machine()}"
    if level is Isolation.USERNS:
        if shutil.which("bwrap") is None:
            return "bubblewrap (bwrap) is not installed"
        limit = Path("/proc/sys/user/max_user_namespaces")
        if limit.exists() and limit.read_text().strip() == "0":
            return "user namespaces are switched off (user.max_user_namespaces = 0)"
    return None
