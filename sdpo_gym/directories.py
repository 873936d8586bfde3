"""What run directories of every kind need: one writer at a time, and configurations that can be compared."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError

LOCK_FILE = ".lock"
MOST_LISTED = 6


def take_lock(directory: Path, advice: str) -> int:
    """Return a descriptor that keeps every other process from writing to ``directory`` until it is closed.

    Args:
        directory: where the lock lies.
        advice: what to do other than wait, for the error's text.

    Raises:
        UsageError: if another process has the lock; it names it.
        OSError: if the lock cannot be written.
    """
    lock = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode(errors="replace").strip()
        os.close(lock)
        raise UsageError(
            f"process {owner or '(unknown)'} is writing to {directory}; wait for it, or {advice}"
        ) from None
    except OSError:
        os.close(lock)
        raise
    return lock


def writer_of(directory: Path) -> str | None:
    """Return the id of the process that is writing to ``directory``, None if there is none."""
    try:
        lock = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # never written to, or not ours to see
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(lock, 32, 0).decode(errors="replace").strip() or "(unknown)"
    finally:
        os.close(lock)
    return None


def plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``run`` as it will be read back, so that what is compared does not depend on having been written."""
    read_back: dict[str, Any] = json.loads(json.dumps(run, allow_nan=False, default=str))
    return read_back


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested dictionaries as one, with keys joined by dots."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    joined: dict[str, Any] = {}
    for key, item in value.items():
        joined |= flat(item, f"{prefix}.{key}" if prefix else key)
    return joined


def listed(differences: Sequence[str]) -> str:
    """Return differences as an error's text lists them: the first few, and how many more there are."""
    more = len(differences) - MOST_LISTED
    return "; ".join([*differences[:MOST_LISTED], *([f"and {more} more"] if more > 0 else [])])


def shown(value: Any) -> str:
    """Return a value as an error's text shows it: JSON, cut at 80 characters."""
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
