"""What this machine can do for the sandbox, and how to get more."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.engine import describe_engine
from sdpo_gym.sandbox.inside import kernel
from sdpo_gym.sandbox.isolation import Isolation, Level
from sdpo_gym.sandbox.levels import AUTOMATIC, probe, why_not
from sdpo_gym.sandbox.runtime import runtime
from sdpo_gym.sandbox.worker import Worker

_INSTALLERS = (
    ("apt-get", ["apt-get", "install", "-y", "-qq", "bubblewrap"], ["apt-get", "update", "-qq"]),
    ("dnf", ["dnf", "install", "-y", "-q", "bubblewrap"], None),
    ("apk", ["apk", "add", "-q", "bubblewrap"], None),
    ("pacman", ["pacman", "-S", "--noconfirm", "--needed", "bubblewrap"], None),
    ("zypper", ["zypper", "--non-interactive", "install", "bubblewrap"], None),
)
_WHAT = {
    Isolation.USERNS: "A: namespaces by bubblewrap, seccomp",
    Isolation.DOCKER: "B: a container for each worker, Landlock, seccomp; taken only by name",
    Isolation.LANDLOCK: "C: Landlock, seccomp, rlimits",
    Isolation.NONE: "-: rlimits only; for code that you trust, never chosen by itself",
}


def install_bubblewrap() -> str:
    """Install bubblewrap with the system's package manager if it is missing and we may; return what was done."""
    if shutil.which("bwrap"):
        return "bubblewrap is here"
    elevate: list[str] = []
    if os.geteuid() != 0:
        if shutil.which("sudo") is None or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode != 0:
            return "bubblewrap is missing and we may not install it: ask for the package `bubblewrap`"
        elevate = ["sudo", "-n"]
    for tool, install, refresh in _INSTALLERS:
        if shutil.which(tool) is None:
            continue
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run([*elevate, *install], capture_output=True, text=True, env=environment)
        if done.returncode != 0 and refresh is not None:
            subprocess.run([*elevate, *refresh], capture_output=True, env=environment)
            done = subprocess.run([*elevate, *install], capture_output=True, text=True, env=environment)
        if done.returncode == 0:
            return f"bubblewrap installed with {tool}"
        return f"{tool} could not install bubblewrap: {done.stderr.strip().splitlines()[-1:]}"
    return "bubblewrap is missing and no known package manager is here: install the package `bubblewrap`"


def best_level() -> Isolation | None:
    """Return what ``auto`` takes here, None if nothing works."""
    return next((level for level in AUTOMATIC if why_not(level) is None), None)


def findings() -> Iterator[tuple[str, str]]:
    """Yield ``(name, finding)``: the machine, the interpreter of judged programs, and every isolation level."""
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield "cores", f"{len(os.sched_getaffinity(0))} (one judge worker each)"
    yield "we run as", f"uid {os.geteuid()}" + (" (root)" if os.geteuid() == 0 else "")
    yield "our python", f"{platform.python_version()} at {sys.executable}"
    try:
        image = runtime()
        packages = ", ".join(f"{name} {version}" for name, version in image.packages.items())
        yield "judged python", f"{image.python_version} with {packages or 'no packages'}, image at {image.root}"
    except JudgeError as error:
        yield "judged python", f"no image: {error}"
    yield "bubblewrap", _bubblewrap_version()
    yield "Landlock", f"ABI {kernel.landlock_abi()}" if sys.platform == "linux" else "no"
    try:
        yield "docker engine", describe_engine()
    except JudgeError:
        yield "docker engine", "none that we can use, see level docker"
    for level, reason in probe().items():
        if reason is None:
            yield f"level {level.value}", f"works ({_WHAT[level]}); programs run as {_program_uid(level)}"
        else:
            yield f"level {level.value}", f"does not work ({_WHAT[level]}): {reason}"
    best = best_level()
    yield "auto takes", best.value if best else "nothing: no program can be judged here"
    for library in ("torch", "transformers", "vllm", "huggingface_hub", "datasets", "docker", "ray", "pandas"):
        if importlib.util.find_spec(library) is None:
            yield "not installed", library


def advice() -> Iterator[str]:
    """Yield what would bring more isolation, one sentence each."""
    if why_not(Isolation.USERNS) is None:
        return
    if all(probe().values()):
        yield "no level works, so something else is in the way: read the reasons above"
        return
    if shutil.which("bwrap") is None:
        yield "install the package `bubblewrap` (or run `sdpo-gym doctor --install` as root) for level userns"
        return
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        yield f"AppArmor restricts user namespaces: give bwrap a profile, or lift the sysctl {restricted.name}"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        yield "a container's default seccomp profile forbids namespaces: run it with --security-opt seccomp=unconfined"
    yield "level userns needs user namespaces: see sysctl user.max_user_namespaces and kernel.unprivileged_userns_clone"


def _bubblewrap_version() -> str:
    if shutil.which("bwrap") is None:
        return "not installed"
    return subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout.strip()


def _program_uid(level: Isolation) -> str:
    try:
        with Worker(Level(level), slot=0) as worker:
            status = Path(f"/proc/{worker.pid}/status").read_text()
    except (JudgeError, OSError) as error:
        return f"an unknown uid ({error})"
    uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    return f"host uid {uid}"
