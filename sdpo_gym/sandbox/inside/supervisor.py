"""The supervisor: one process per submission, which compiles it and forks, watches and reaps one child per test.

It does little, and imports little, on purpose: whatever it touches between a fork and the child's end is copied.
"""

from __future__ import annotations

import _signal
import contextlib
import json
import math
import os
import resource
import sys
import time
import types
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

from . import kernel, program, wire

if TYPE_CHECKING:
    from _socket import socket

_STDERR_TAIL = 8192
_CHUNK = 64 << 10
_SECOND = 1_000_000_000
_LIMIT_SIGNALS = (_signal.SIGKILL, _signal.SIGXCPU, _signal.SIGXFSZ)
_BUSY_SHARE = 50  # a program that gets a fiftieth of a core or more is computing, one that gets less is waiting
_PATIENCE = 5  # wall limits that a starved program may use; about the 10x of its CPU limit
_CPUS = len(os.sched_getaffinity(0))


class Supervisor:
    """Runs one submission's tests, one forked child each.

    Args:
        sock: the channel to the judge.
        main: the prepared ``__main__`` module.
        test_filter: the seccomp program of test processes, None at isolation ``none``.
        pid_instruction: index of the filter instruction that holds the test process's own pid.
        own_pid_namespace: whether this process is pid 1 of a pid namespace of its own.
        max_processes: process limit of test processes; ours is higher, so that their threads cannot keep us from
            forking.
    """

    def __init__(
        self,
        sock: socket,
        main: types.ModuleType,
        test_filter: Any,
        pid_instruction: int,
        own_pid_namespace: bool,
        max_processes: int,
    ) -> None:
        self._sock, self._main = sock, main
        self._buffer = memoryview(bytearray(_CHUNK))
        self._filter, self._pid_instruction = test_filter, pid_instruction
        self._own_pid_namespace = own_pid_namespace
        self._max_processes = max_processes

    def serve(self) -> None:
        """Read one SUBMIT frame, compile, then answer TEST frames until END."""
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGCHLD,))  # it is waited for, not handled
        kind, size = wire.receive_header(self._sock)
        if kind != wire.SUBMIT:
            raise ValueError(f"expected SUBMIT, got frame type {kind}")
        payload = bytes(wire.receive_exactly(self._sock, size))
        header, _, source = payload.partition(b"\n")
        request = json.loads(header)
        self._entry: str | None = request["entry"]
        self._cpu_ns = int(request["cpu_s"] * 1e9)
        self._wall_ns = int(request["wall_s"] * 1e9)
        self._output_bytes: int = request["output_bytes"]
        memory = request["memory_bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        code = self._compile(source, math.ceil(request["cpu_s"]) + 1)
        if code is None:
            return
        # Only soft limits: the test filter lets nobody raise them again, and we can.
        self._file_hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._output_bytes, self._file_hard))
        sys.setrecursionlimit(program.RECURSION_LIMIT)
        self._fenced = os.eventfd(0, os.EFD_NONBLOCK)
        stopped = False
        while True:
            kind, size = wire.receive_header(self._sock)
            if kind == wire.END:
                return
            if stopped:  # tests sent ahead of a limit that ended the submission
                wire.receive_exactly(self._sock, size)
                continue
            stopped = self._run_test(code, size, request["stop_at_limit"])

    def complain(self, error: BaseException) -> None:
        """Tell the judge of a failure of ours, if it still listens."""
        with contextlib.suppress(OSError):
            wire.send(self._sock, wire.DIED, f"supervisor: {type(error).__name__}: {error}".encode())

    def _compile(self, source: bytes, cpu_s: int) -> types.CodeType | None:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        used = math.ceil(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + cpu_s, hard))
        kernel.end_process_on(_signal.SIGXCPU)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                text = source.decode("utf-8", "surrogatepass").removeprefix("\ufeff")  # as in a file
                code = compile(text, program.FILENAME, "exec", dont_inherit=True)
                self._finalizers = "__del__" in text
        except Exception as error:  # SyntaxError, ValueError (NUL), RecursionError, MemoryError, UnicodeError ...
            wire.send(self._sock, wire.COMPILED, program.describe_compile_error(error))
            kind, _ = wire.receive_header(self._sock)
            if kind != wire.END:
                raise ValueError(f"expected END after a compile error, got frame type {kind}") from None
            return None
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
        _signal.signal(_signal.SIGXCPU, _signal.SIG_DFL)
        wire.send(self._sock, wire.COMPILED)
        return code

    def _run_test(self, code: types.CodeType, input_size: int, stop_at_limit: bool) -> bool:
        """Run one test and send its RESULT; return whether a limit ended the submission."""
        # Descriptors 0..3 are fresh memory files, so that a child needs no set-up of its own and leaves nothing.
        for fd in range(4):
            os.close(fd)
            if os.memfd_create("", 0) != fd:
                raise RuntimeError(f"descriptor {fd} is not free")
        self._receive_input(input_size)
        start = time.monotonic_ns()
        pid = kernel.fork()
        if pid == 0:
            self._become_program(code)
        if pid < 0:
            raise OSError("fork failed in the supervisor")
        reason, status, usage = self._watch(pid, start)
        wall = time.monotonic_ns() - start
        self._sweep()
        try:
            os.eventfd_read(self._fenced)
        except BlockingIOError:
            raise RuntimeError("a test process could not fence itself in") from None
        sizes = [os.lseek(fd, 0, os.SEEK_END) for fd in (1, 2, 3)]
        if reason == wire.FINISHED and max(sizes) >= self._output_bytes:
            reason = wire.OUTPUT_LIMIT
        cpu = int((usage.ru_utime + usage.ru_stime) * 1e9)
        stopped = stop_at_limit and (
            reason != wire.FINISHED
            or cpu > self._cpu_ns
            or (sizes[2] > 0 and os.pread(3, 1, 0) == wire.OUT_OF_MEMORY)
            or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _LIMIT_SIGNALS)
        )
        out, err, result = (
            min(sizes[0], self._output_bytes),
            min(sizes[1], _STDERR_TAIL),
            min(sizes[2], self._output_bytes),
        )
        numbers = wire.OUTCOME.pack(reason, stopped, status, cpu, wall, usage.ru_maxrss << 10, out, err, result)
        self._sock.sendall(wire.HEADER.pack(wire.RESULT, len(numbers) + out + err + result) + numbers)
        self._send_file(1, 0, out)
        self._send_file(2, sizes[1] - err, err)
        self._send_file(3, 0, result)
        return stopped

    def _send_file(self, fd: int, offset: int, size: int) -> None:
        """Send part of a file through the buffer, and leave nothing of it in our own memory (see _receive_input)."""
        end = offset + size
        while offset < end:
            part = self._buffer[: min(end - offset, _CHUNK)]
            if os.preadv(fd, [part], offset) != len(part):
                raise OSError("a test's output could not be read")
            self._sock.sendall(part)
            offset += len(part)
        used = min(size, _CHUNK)
        self._buffer[:used] = bytes(used)

    def _receive_input(self, size: int) -> None:
        """Receive a test's input into descriptor 0, and leave nothing of it in our own memory.

        Later test processes are forked from this one: an input lying here could be read by a later test's program.
        """
        if size == 0:
            return
        if size > self._output_bytes:  # the limit on files is meant for what programs write
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._file_hard, self._file_hard))
        left = size
        while left:
            part = self._buffer[: min(left, _CHUNK)]
            wire.fill(self._sock, part)
            if os.write(0, part) != len(part):
                raise OSError("a test's input could not be written")
            left -= len(part)
        os.lseek(0, 0, os.SEEK_SET)
        used = min(size, _CHUNK)
        self._buffer[:used] = bytes(used)
        if size > self._output_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self._output_bytes, self._file_hard))

    def _become_program(self, code: types.CodeType) -> NoReturn:
        """In the child: give up what a program must not have, then run it."""
        try:
            if not self._own_pid_namespace:  # otherwise the namespace, and we in it, end with our parent anyway
                kernel.prctl(kernel.PR_SET_PDEATHSIG, _signal.SIGKILL)  # exact: our parent has one thread
            resource.setrlimit(resource.RLIMIT_NPROC, (self._max_processes, self._max_processes))
            if self._filter is not None:
                self._filter.patch(self._pid_instruction, os.getpid())
                self._filter.load()
            os.eventfd_write(self._fenced, 1)  # the program that comes now cannot take this back
            kernel.close_from_4()
            status = program.execute(self._main, code, self._entry, finalizers=self._finalizers)
        except BaseException:  # never run a program without its fences; the supervisor notices
            os._exit(255)
        os._exit(status)

    def _watch(self, pid: int, start: int) -> tuple[int, int, resource.struct_rusage]:
        """Wait for the child's end, or end it: CPU time decides, wall time ends only what does not compute.

        A program that computed during the last second before the wall limit is starved by its neighbours, not idle: it
        goes on as long as every further second gives it a fiftieth of a core, so that a busy machine changes no
        verdict, and to five times the wall limit at most.
        """
        clock = (~pid << 3) | 2  # the kernel's id of another process's CPU clock (clock_getcpuclockid(3))
        deadline = start + self._wall_ns
        last = start + _PATIENCE * self._wall_ns
        checkpoint, before = max(start, deadline - _SECOND), 0
        wait = self._cpu_ns
        while True:
            left = checkpoint - time.monotonic_ns()
            _signal.sigtimedwait((_signal.SIGCHLD,), max(0, min(wait, left)) / 1e9 + 0.001)
            done, status, usage = os.wait4(pid, os.WNOHANG)  # a signal alone may mean that it has stopped itself
            if done:
                return wire.FINISHED, status, usage
            now, used = time.monotonic_ns(), time.clock_gettime_ns(clock)
            if used >= self._cpu_ns:
                reason = wire.CPU_LIMIT
            elif now < checkpoint:
                wait = max((self._cpu_ns - used) // _CPUS, 2_000_000)
                continue
            elif now < deadline or (used - before >= _SECOND // _BUSY_SHARE and now < last):
                checkpoint, before = (deadline if now < deadline else now + _SECOND), used
                continue
            else:
                reason = wire.WALL_LIMIT
            os.kill(pid, _signal.SIGKILL)  # not reaped yet, so the pid is still its own
            _, status, usage = os.wait4(pid, 0)
            return reason, status, usage

    def _sweep(self) -> None:
        """Kill whatever the test left behind: possible as pid 1 of our own namespace, where it reaches nobody else."""
        if not self._own_pid_namespace:
            return
        if os.getpid() != 1:
            raise RuntimeError("kill(-1) was about to be called outside a pid namespace of our own")
        if kernel.kill(-1, _signal.SIGKILL) == 0:  # otherwise there was nobody
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.wait()


def supervise(supervisor: Supervisor) -> NoReturn:
    """Run ``supervisor`` to its end and leave the process: 0 if all went well, 70 after telling an error of ours."""
    try:
        supervisor.serve()
    except EOFError:
        os._exit(0)
    except BaseException as error:
        supervisor.complain(error)
        os._exit(70)
    os._exit(0)
