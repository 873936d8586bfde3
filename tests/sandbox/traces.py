"""What a program can leave on a machine beside processes: files, mounts, shared objects, changes of the runtime image.

A picture is taken before and after; whatever is new and bears the marks of the corpus or of the sandbox is a trace.
"""

from __future__ import annotations

import os
from pathlib import Path

from sdpo_gym.sandbox.runtime import runtime

# where programs of the corpus try to leave something, and what they call it
_PLACES = ("/", "/dev", "/dev/shm", "/dev/mqueue", "/run", "/tmp", "/var/tmp")
_NAMES = ("sdpo-left", "sem.sdpo-left", "leftover", "seen", "innocent-", "sitecustomize.py")
_IPC_KEYS = range(0x5D90, 0x5DA0)
_SANDBOX_UIDS = range(61184, 61184 + 4096)  # host uids of programs where the judge is root


def picture() -> frozenset[str]:
    """Return one line for everything that is there now and could be a trace."""
    return frozenset([*_files(), *_mounts(), *_shared_objects(), *_image()])


def _files() -> list[str]:
    found = []
    for place in {*_PLACES, str(Path.cwd()), str(Path.home())}:
        try:
            entries = list(os.scandir(place))
        except OSError:
            continue
        for entry in entries:
            try:
                of_sandbox = os.geteuid() == 0 and entry.stat(follow_symlinks=False).st_uid in _SANDBOX_UIDS
            except OSError:
                continue
            if of_sandbox or entry.name.startswith(_NAMES):
                found.append(f"file {entry.path}")
    return found


def _mounts() -> list[str]:
    # the fifth field is the mount point; a container engine beside us makes and drops mounts of its own
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [f"mount {point}" for point in points if "docker" not in point and "containerd" not in point]


def _shared_objects() -> list[str]:
    found = []
    for kind in ("shm", "sem", "msg"):
        table = Path("/proc/sysvipc") / kind
        if table.exists():
            keys = [int(line.split()[0]) for line in table.read_text().splitlines()[1:]]
            found += [f"System V {kind} {key:#x}" for key in keys if key in _IPC_KEYS]
    sockets = Path("/proc/net/unix").read_text(errors="replace").splitlines()
    return found + [f"socket {line.split()[-1]}" for line in sockets if "sdpo-left" in line]


def _image() -> list[str]:
    found = []
    for path in runtime().root.rglob("*"):
        info = path.lstat()
        found.append(f"image {path} {info.st_mode:o} {info.st_size} {info.st_mtime_ns}")
    return found
