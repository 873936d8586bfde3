"""The zygote: a warm, fenced-in interpreter that forks one supervisor per submission.

Started by exec, not by fork, with the number of its socket, or the path of the judge's, as only argument; everything
else comes in the CONFIG frame. It ends when its socket closes.
"""

from __future__ import annotations

import _signal
import _socket
import gc
import json
import os
import resource
import select
import sys
import threading
from typing import Any

from . import kernel, pages, program, supervisor, wire

_OWN_PROCESSES = 64  # beyond those of programs
_SOCKET_FD, _SOCKET_BUFFER = 10, 1 << 20
_THREAD_STACK = 16 << 20  # glibc would take RLIMIT_STACK, 256 MiB, for every thread


def fence(config: dict[str, Any]) -> None:
    """Give up, for this process and all its children, everything that the isolation level says."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        resource.setrlimit(limit, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    most = config["max_processes"] + _OWN_PROCESSES
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
    if config["landlock"]:
        kernel.landlock_restrict(config["readable"], ["/dev/null"])
    if config["base_filter"]:
        kernel.SeccompFilter(bytes.fromhex(config["base_filter"])).load()


def main() -> int:
    """Serve submissions until the judge closes the socket; return the exit status."""
    sock = _connect(sys.argv[1])
    kind, size = wire.receive_header(sock)
    if kind != wire.CONFIG:
        raise ValueError(f"expected CONFIG, got frame type {kind}")
    config: dict[str, Any] = json.loads(bytes(wire.receive_exactly(sock, size)))
    if "environment" in config:
        for name in set(os.environ).difference(config["environment"]):
            del os.environ[name]
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # pid 1 ignores signals only where it has no handler
    sys.path[:] = [p for p in sys.path if os.access(p, os.X_OK)] + config["packages"]
    for name in config["preload"]:
        __import__(name)
    threading.stack_size(_THREAD_STACK)
    sys.set_int_max_str_digits(50_000)
    sys.argv[:] = [program.FILENAME]
    main_module = program.build_main()
    test_filter = kernel.SeccompFilter(bytes.fromhex(config["test_filter"])) if config["test_filter"] else None
    pages.put_code_on_huge_pages()
    fence(config)
    for fd in range(4):  # programs get files of these numbers; no descriptor of ours may hold one
        if fd == sock.fileno():
            raise ValueError(f"the socket must not have descriptor {fd}")
    _detach()
    program.warm_up(main_module)
    gc.collect()
    kernel.malloc_trim(0)
    gc.freeze()
    gc.disable()
    ready = {
        "python": sys.version.split()[0],
        "pid": os.getpid(),
        "uid": os.getuid(),
        "landlock": kernel.landlock_abi(),
    }
    wire.send(sock, wire.READY, json.dumps(ready).encode())
    while _wait_for_submission(sock):
        new = supervisor.Supervisor(
            sock, main_module, test_filter, config["pid_instruction"], config["pid_namespace"], config["max_processes"]
        )  # fmt: skip
        pid = kernel.fork_into_new_pid_namespace() if config["pid_namespace"] else kernel.fork()
        if pid == 0:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, _signal.SIGKILL)
            if config["pid_namespace"]:
                kernel.drop_capabilities()
            supervisor.supervise(new)
        if pid < 0:
            raise OSError("fork failed in the zygote")
        status = _reap(sock, pid)
        if status != 0:
            wire.send(sock, wire.DIED, b"supervisor: wait status %d" % status)
            return 1
    return 0


def _connect(where: str) -> _socket.socket:
    """Return the channel to the judge: inherited under a number, or to be connected to by its path."""
    if where.isdigit():
        return _socket.socket(fileno=int(where))
    sock = _socket.socket(_socket.AF_UNIX)
    sock.connect(where)
    os.dup2(sock.fileno(), _SOCKET_FD, inheritable=False)  # out of the way of the descriptors that programs get
    sock.close()
    sock = _socket.socket(fileno=_SOCKET_FD)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _SOCKET_BUFFER)
    return sock


def _detach() -> None:
    """Put memory files in the places of stdin, stdout, stderr and result: nothing leads back to who started us."""
    for fd in range(4):
        replacement = os.memfd_create("", 0)
        if replacement != fd:
            os.dup2(replacement, fd)
            os.close(replacement)
    program.open_standard_streams()


def _wait_for_submission(sock: _socket.socket) -> bool:
    poller = select.poll()
    poller.register(sock, select.POLLIN | select.POLLRDHUP)
    events = poller.poll()[0][1]
    return bool(events & select.POLLIN) and not events & (select.POLLRDHUP | select.POLLHUP)


def _reap(sock: _socket.socket, pid: int) -> int:
    """Wait for the supervisor; if the judge goes away meanwhile, kill it."""
    pidfd = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(pidfd, select.POLLIN)
    poller.register(sock, select.POLLRDHUP)
    events = dict(poller.poll())
    if pidfd not in events:
        _signal.pidfd_send_signal(pidfd, _signal.SIGKILL)
    os.close(pidfd)
    return os.waitpid(pid, 0)[1]
