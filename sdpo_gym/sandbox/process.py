"""A zygote that is a process of ours: how it is started, found alive and ended."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.isolation import Launch
from sdpo_gym.sandbox.job import Case
from sdpo_gym.sandbox.limits import Limits

SOCKET_BUFFER = 1 << 20


class Process:
    """A zygote started by exec, which inherits its end of a socket pair.

    Args:
        plan: how to start it.

    Attributes:
        sock: our end.

    Raises:
        JudgeError: if the process does not start.
    """

    def __init__(self, plan: Launch) -> None:
        self._diary = _diary()
        ours, theirs = map(above_standard, socket.socketpair())
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        self.sock = ours
        as_user: dict[str, Any] = {} if plan.uid is None else {"user": plan.uid, "group": plan.uid, "extra_groups": []}
        try:
            self._process = subprocess.Popen(
                [*plan.command, str(theirs.fileno())],
                env=plan.environment,
                stdin=subprocess.DEVNULL,
                stdout=self._diary,
                stderr=self._diary,
                pass_fds=(theirs.fileno(),),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us to handle
                **as_user,
            )
        except OSError as error:
            ours.close()
            self._diary.close()
            raise JudgeError(f"the sandbox process did not start: {error}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Host pid of the process that we started (bubblewrap, or the zygote itself)."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def has_started(self) -> None:
        """It listens, so nothing that it prints from now on is of interest."""
        self._diary.close()

    def last_words(self) -> str:
        """Return what it has printed, once it has ended without having started."""
        with self._diary as diary:
            diary.seek(0)
            return diary.read(4000).decode(errors="replace").strip()

    def make_room(self, limits: Limits, cases: Sequence[Case]) -> None:
        """Do nothing: rlimits, which the zygote sets for each job, are all that bounds memory here."""

    def end(self) -> None:
        """Wait for the process, whose socket is closed, and end it if it does not go; may be called twice."""
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def above_standard(end: socket.socket) -> socket.socket:
    """Move a socket above the standard descriptors, whose places may be free in a caller that has closed its own."""
    with end:
        return socket.socket(fileno=fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10))


def _diary() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise JudgeError(f"the sandbox cannot write to {tempfile.gettempdir()}: {error}") from error
