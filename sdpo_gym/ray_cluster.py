"""Connecting to a Ray cluster: the one that is named, the one of this machine, or one of our own."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from sdpo_gym.judge import JudgeError

logger = logging.getLogger(__name__)

_ANSWER_S = 10.0  # for a cluster to take a connection


def connect(ray: Any) -> bool:
    """Make sure that this process is connected to a cluster; return whether that was done here, and so ends here.

    Raises:
        JudgeError: if the cluster at RAY_ADDRESS cannot be reached, or none can be started.
    """
    if ray.is_initialized():
        return False
    address = os.environ.get("RAY_ADDRESS", "")
    if address in ("", "auto"):
        address = _cluster_of_this_machine() or "local"
    elif "://" not in address and address != "local" and not _answers(address):
        raise JudgeError(f"the Ray cluster at RAY_ADDRESS={address} does not answer; start it, or unset RAY_ADDRESS")
    more: dict[str, Any] = {}
    if address == "local":
        logger.info("no Ray cluster runs here; starting one on this machine")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it tells nobody
        os.environ.setdefault("RAY_worker_niceness", "0")  # see NodeJudges
        more = {"num_cpus": len(os.sched_getaffinity(0)), "include_dashboard": False}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **more)
    except Exception as error:
        raise JudgeError(f"cannot connect to the Ray cluster at {address!r}: {one_line(error)}") from error
    return True


def _cluster_of_this_machine() -> str | None:
    """Return the address that ``ray start`` left here, unless it is that of a cluster which is no more.

    Ray itself would wait for such a one for minutes.
    """
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    try:
        address = Path(folder, "ray", "ray_current_cluster").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return address if _answers(address) else None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, ValueError, OverflowError):
        return False
    return True


def one_line(error: BaseException) -> str:
    """Return the gist of one of Ray's errors, which are of many lines and end with their cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = next((line for line in reversed(lines) if "Error: " in line), lines[0] if lines else "")
    return f"{type(error).__name__}: {text}"[:500]
