"""Isolation level ``docker``: one long-lived container per worker, with a zygote as its first process.

The container gives what user namespaces give elsewhere (pid, net, ipc, uts and mount namespaces of its own, a read-only
root); inside, the zygote adds Landlock, seccomp and rlimits exactly as at level ``landlock``. The engine is asked only
to start, to end and, rarely, to widen a container: tests go over a socket, past the engine.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import select
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.engine import SOCKETS, connected, engine_errors, ensure_image, is_missing, reason_of
from sdpo_gym.sandbox.isolation import MAX_PROCESSES, STACK_KIB, Launch
from sdpo_gym.sandbox.job import Case
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.process import SOCKET_BUFFER, above_standard
from sdpo_gym.sandbox.runtime import Runtime

logger = logging.getLogger(__name__)

# Labels of a container: the judge that it belongs to, and the boot and pid namespace in which that pid means something
OWNER, SCOPE = "sdpo-gym.owner", "sdpo-gym.scope"

_SOCKET = "socket"
_PREFIX = "sdpo-gym-judge-"  # of the directory that it is in, on this side
_CONNECT_S = 30.0
_LOOK_S = 0.25
_END_S = 5.0
_OUTPUT_BYTES = 4000
_OWN_PROCESSES = 128  # zygote and supervisor, and room for the engine's own
_OWN_BYTES = 512 << 20  # zygote and supervisor, with numpy; copies of pages; the kernel's own
_OUTPUTS, _CHAR_BYTES = 3, 4  # a test's input and outputs lie in memory too: how many outputs, bytes of a character


class Container:
    """A zygote in a container of its own, which connects to a socket of ours.

    Args:
        plan: how to start it.
        image: what it runs from.
        container_runtime: the engine's name of the runtime to take, None for its default.

    Attributes:
        sock: our end of the conversation.
        pid: host pid of the zygote.
        id: the engine's name for the container.

    Raises:
        JudgeError: if the engine does not start it or the zygote does not connect; the message says why.
    """

    def __init__(self, plan: Launch, image: Runtime, container_runtime: str | None) -> None:
        self._memory = _memory_for(Limits(), ())
        self._output: socket.SocketIO | None = None
        self.id = ""
        try:
            with connected() as engine, _listening() as (listener, directory):
                self.sock = self._start(engine, listener, directory, plan, image, container_runtime)
        except OSError as error:
            raise JudgeError(f"the container did not start: {reason_of(error)}") from error
        except engine_errors() as error:
            raise JudgeError(f"the container did not start: {reason_of(error)}") from error
        self.pid: int = struct.unpack("3i", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def _start(
        self, engine: Any, listener: socket.socket, directory: Path, plan: Launch, image: Runtime, runtime: str | None
    ) -> socket.socket:
        name = ensure_image(engine, image)
        _remove_stale(engine)
        self.id = engine.create_container(
            name,
            [*plan.command, f"{SOCKETS}/{_SOCKET}"],
            user=f"{plan.uid}:{plan.uid}",
            environment=plan.environment,
            working_dir="/",
            hostname="sandbox",
            labels={OWNER: _owner(os.getpid()), SCOPE: _scope()},
            host_config=self._host_config(engine, directory, runtime),
        )["Id"]
        try:
            # Attached before the start: the engine forgets a container that ends, and with it what it said.
            self._output = engine.attach_socket(self.id, {"stdout": 1, "stderr": 1, "stream": 1})
            engine.start(self.id)
            return self._accept(engine, listener)
        except BaseException:
            with contextlib.suppress(Exception):
                engine.remove_container(self.id, force=True)
            raise

    def _host_config(self, engine: Any, directory: Path, runtime: str | None) -> dict[str, Any]:
        from docker.types import LogConfig, Mount, Ulimit

        config: dict[str, Any] = engine.create_host_config(
            auto_remove=True,  # the zygote ends when its socket closes, so nothing outlives even a killed judge
            runtime=runtime,
            network_mode="none",
            ipc_mode="none",  # an own IPC namespace, and no /dev/shm
            read_only=True,
            cap_drop=["ALL"],
            # The engine's default seccomp profile stays in force, for the moment until the zygote loads its own filter,
            # which allows far less (seccomp.py): no profile of ours could take away more from programs.
            security_opt=["no-new-privileges:true"],
            mounts=[Mount(SOCKETS, str(directory), type="bind", read_only=True)],
            mem_limit=self._memory,
            memswap_limit=self._memory,
            pids_limit=MAX_PROCESSES + _OWN_PROCESSES,
            nano_cpus=1_000_000_000,  # a worker is meant to keep one core busy
            oom_score_adj=1000,
            ulimits=[Ulimit(name="stack", soft=STACK_KIB << 10, hard=-1), Ulimit(name="core", soft=0, hard=0)],
            log_config=LogConfig(type=LogConfig.types.NONE),
        )
        return config

    def _accept(self, engine: Any, listener: socket.socket) -> socket.socket:
        deadline = time.monotonic() + _CONNECT_S
        listener.settimeout(_LOOK_S)
        while True:
            try:
                connected, _ = listener.accept()
                break
            except TimeoutError:
                if not _is_running(engine, self.id) or time.monotonic() > deadline:
                    said = self.last_words().splitlines()
                    late = f"the container did not connect within {_CONNECT_S:g} s"
                    raise JudgeError(f"the container did not start: {said[-1] if said else late}") from None
        sock = above_standard(connected)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
        return sock

    def is_alive(self) -> bool:
        """Whether the zygote still holds its end of the socket: seen without asking the engine."""
        poller = select.poll()
        poller.register(self.sock, select.POLLRDHUP)
        return not poller.poll(0)

    def has_started(self) -> None:
        """It listens, so nothing that it prints from now on is of interest."""
        if self._output is not None:
            self._output.close()
            self._output = None

    def last_words(self) -> str:
        """Return what it has printed, once it has ended without having started."""
        if self._output is None:
            return ""
        said = b""
        with contextlib.suppress(OSError):
            cast("Any", self._output)._sock.settimeout(1)
            while len(said) < _OUTPUT_BYTES and (part := _read_frame(self._output)):
                said += part
        self.has_started()
        return said.decode(errors="replace").strip()

    def make_room(self, limits: Limits, cases: Sequence[Case]) -> None:
        """Widen the container's memory limit to what a job may use, if it is narrower.

        Raises:
            OSError: if the engine does not do it, as when the container is dead.
        """
        wanted = _memory_for(limits, cases)
        if wanted <= self._memory:
            return
        try:
            with connected() as engine:
                engine.update_container(self.id, mem_limit=wanted, memswap_limit=wanted)
        except engine_errors() as error:
            raise OSError(f"the container's memory limit could not be raised: {reason_of(error)}") from error
        self._memory = wanted

    def end(self) -> None:
        """Wait until the container, whose socket is closed, is gone, and remove it if it stays; may be called twice."""
        container, self.id = self.id, ""
        if not container:
            return
        try:
            with connected() as engine:
                if not _gone(engine, container):
                    engine.remove_container(container, force=True)
        except JudgeError as error:
            logger.warning("container %s was left to end by itself: %s", container[:12], error)
        except engine_errors() as error:
            if not is_missing(error):
                logger.warning("container %s was left to end by itself: %s", container[:12], reason_of(error))


def _is_running(engine: Any, container: str) -> bool:
    try:
        return bool(engine.inspect_container(container)["State"]["Running"])
    except engine_errors() as error:
        if is_missing(error):
            return False
        raise


def _gone(engine: Any, container: str) -> bool:
    """Wait a while for the engine to remove a container whose first process is ending; return whether it has."""
    try:
        engine.wait(container, timeout=_END_S, condition="removed")
    except engine_errors() as error:
        return is_missing(error)
    return True


def _memory_for(limits: Limits, cases: Sequence[Case]) -> int:
    """The container's limit is the second wall: a program must run into its own, the rlimit, before."""
    longest = max((len(case.input) for case in cases), default=0)
    return limits.memory_bytes + _OUTPUTS * limits.output_bytes + _CHAR_BYTES * longest + _OWN_BYTES


@contextlib.contextmanager
def _listening() -> Iterator[tuple[socket.socket, Path]]:
    """A listening socket and its directory, for as long as the container takes to connect: then nobody else can.

    The outer directory keeps other users away; the inner one, all that the container sees, lets its uid in.
    """
    try:
        outer = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{_owner(os.getpid())}-"))
    except OSError as error:
        raise JudgeError(f"the sandbox cannot write to {tempfile.gettempdir()}: {error}") from error
    try:
        inner = outer / "s"
        inner.mkdir()
        inner.chmod(0o711)
        with above_standard(socket.socket(socket.AF_UNIX)) as listener:
            try:
                listener.bind(str(inner / _SOCKET))
            except OSError as error:
                raise JudgeError(f"no socket can be made in {tempfile.gettempdir()} (TMPDIR): {error}") from error
            (inner / _SOCKET).chmod(0o666)
            listener.listen(1)
            yield listener, inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


_swept: set[int] = set()


def _remove_stale(engine: Any) -> None:
    """Remove what judges left that were killed while a container of theirs was starting: once in a process."""
    if os.getpid() in _swept:
        return
    _swept.add(os.getpid())
    for found in engine.containers(all=True, filters={"label": [OWNER, f"{SCOPE}={_scope()}"]}):
        if not _is_alive(found["Labels"][OWNER]):
            logger.info("removing container %s, whose judge is gone", found["Id"][:12])
            with contextlib.suppress(*engine_errors()):
                engine.remove_container(found["Id"], force=True)
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _is_alive(directory.name.removeprefix(_PREFIX)):
            shutil.rmtree(directory, ignore_errors=True)


def _owner(pid: int) -> str:
    """Name a process for good: a pid alone may be taken again by another."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{pid}-{fields[19]}"


def _is_alive(owner: str) -> bool:
    """Whether the process that ``owner`` (perhaps with more behind it) names still runs."""
    pid, _, rest = owner.partition("-")
    try:
        return _owner(int(pid)).partition("-")[2] == rest.partition("-")[0]
    except (OSError, ValueError):
        return False


@functools.cache
def _scope() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{Path('/proc/self/ns/pid').stat().st_ino}"


def _read_frame(stream: socket.SocketIO) -> bytes:
    """Read one part of a container's output: a header of 8 bytes, whose second half is the length, and the text."""
    header = _exactly(stream, 8)
    return _exactly(stream, struct.unpack(">I", header[4:])[0]) if len(header) == 8 else b""


def _exactly(stream: socket.SocketIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := stream.read(size - len(data))):
        data += part
    return data
