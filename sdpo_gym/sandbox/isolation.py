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
    """How programs are kept in."""

    USERNS = "userns"  # A: user, pid, net, ipc, uts and mount namespaces by bubblewrap, and seccomp
    DOCKER = "docker"  # B: a container for each worker, and in it Landlock, seccomp and rlimits
    LANDLOCK = "landlock"  # C: Landlock, seccomp and rlimits, for hosts that forbid namespaces
    NONE = "none"  # rlimits only, for trusted code; taken only when asked for by name


@dataclass(frozen=True)
class Level:
    """An isolation level as it is asked for by name.

    Attributes:
        isolation: the level.
        container_runtime: of ``docker`` only, the engine's name of the runtime to take, such as ``runsc``; None for the
            engine's default.
    """

    isolation: Isolation
    container_runtime: str | None = None

    @property
    def value(self) -> str:
        """Its name: that of the level, with ``:RUNTIME`` behind it where one was chosen."""
        return f"{self.isolation.value}:{self.container_runtime}" if self.container_runtime else self.isolation.value


# Host uids that programs run under when we are root, one per worker (two processes of ours seldom share one);
# systemd keeps this range free for such use.
_FIRST_UID, _UIDS = 61184, 4096
STACK_KIB = 256 << 10  # deep recursion of right programs; must be set before exec, it decides the memory layout
# ... and if memory runs out, the kernel is to end programs and not the trainer
_PREPARE = f"ulimit -S -s {STACK_KIB} 2>/dev/null; echo 1000 2>/dev/null >/proc/self/oom_score_adj"
_INSIDE_UID = "1000"
MAX_PROCESSES = 512
IMAGE_ROOT = "/sandbox"  # where a container sees the runtime image: apart from what the engine puts there


@dataclass(frozen=True)
class Launch:
    """How to start one zygote.

    Attributes:
        command: the command line, to which the socket's descriptor number, or in a container its path, is appended.
        environment: its whole environment.
        uid: the host uid to take first (we are root, or the engine is), or None to keep ours.
        config: the content of the CONFIG frame.
    """

    command: list[str]
    environment: dict[str, str]
    uid: int | None
    config: dict[str, object]


def parse_isolation(name: str) -> Level | None:
    """Return the level called ``name``, None for ``auto``; UsageError for anything else.

    ``docker:NAME`` is level ``docker`` with the engine's runtime ``NAME``.
    """
    if name == "auto":
        return None
    level, colon, container_runtime = name.partition(":")
    if colon and (level != Isolation.DOCKER or not container_runtime):
        raise UsageError(f"isolation level {name!r}: only docker takes a container runtime, as in docker:runsc")
    try:
        return Level(Isolation(level), container_runtime or None)
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
    namespaces, container = level is Isolation.USERNS, level is Isolation.DOCKER
    is_root = os.geteuid() == 0 or container
    root = "" if namespaces else IMAGE_ROOT if container else str(runtime.root)
    filters = build_filters(namespaces) if level is not Isolation.NONE else None
    config: dict[str, object] = {
        "packages": [f"{root}/packages"],
        "preload": list(preload),
        "landlock": level is Isolation.LANDLOCK or container,
        "readable": [root or "/"],
        "base_filter": filters.base.hex() if filters else "",
        "test_filter": filters.test.hex() if filters else "",
        "pid_instruction": filters.pid_instruction if filters else 0,
        "pid_namespace": namespaces,
        # Process limits count per uid. Without a uid or a namespace of our own they would count the user's other
        # processes, so there the limit is set far above what these are now.
        "max_processes": MAX_PROCESSES if namespaces or is_root else _tasks_of(os.geteuid()) + 4096,
    }
    environment = runtime.environment(root)
    command = runtime.command(root, [])
    if container:
        # what the two lines of shell are for elsewhere, the engine does; what it adds to the environment goes again
        environment["PWD"] = "/"
        config["environment"] = list(environment)
    else:
        enter = [_bubblewrap(), *_namespace_arguments(runtime)] if namespaces else []
        command = ["/bin/sh", "-c", f'{_PREPARE}; exec "$0" "$@"', *enter, *command]
    uid = _FIRST_UID + (os.getpid() * 64 + slot) % _UIDS if is_root else None
    return Launch(command, environment, uid, config)


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


def obstacle(level: Level) -> str | None:
    """Return what stands in the way of ``level`` on this machine, found without starting anything; None if nothing."""
    if not sys.platform.startswith("linux"):
        return f"Linux only, this is {sys.platform}"
    if level.isolation is Isolation.NONE:
        return None
    if not machine_is_supported():
        return f"no system call table for processor {platform.machine()}"
    if level.isolation is Isolation.DOCKER:
        from sdpo_gym.sandbox import engine  # which builds upon this module

        return engine.obstacle(level.container_runtime)
    if level.isolation is Isolation.USERNS:
        if shutil.which("bwrap") is None:
            return "bubblewrap (bwrap) is not installed"
        limit = Path("/proc/sys/user/max_user_namespaces")
        if limit.exists() and limit.read_text().strip() == "0":
            return "user namespaces are switched off (user.max_user_namespaces = 0)"
    return None
