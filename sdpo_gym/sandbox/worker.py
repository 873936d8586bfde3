"""One worker: a sandboxed zygote process and the conversation with it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.docker import Container
from sdpo_gym.sandbox.inside import wire
from sdpo_gym.sandbox.isolation import Isolation, Level, launch
from sdpo_gym.sandbox.job import Case, Job, JobResult, ProgramError, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.sandbox.process import Process
from sdpo_gym.sandbox.runtime import runtime

_START_S = 30.0
_STARVED = 10  # a program may take this many times its CPU limit of wall time on a busy machine, see the supervisor
_GRACE_S = 15.0  # beyond a test's wall limit, before the worker itself is given up
_SEND_AHEAD = 64 << 10  # a test this small is sent while the one before it runs: it fits the socket's buffer
_BUFFER = 1 << 20
_MOST_KEPT = 64 << 20  # bytes of output kept of one job; of what comes after, the beginning only
_TRIMMED = 4096
_MOST_REPORTED = 64 << 10  # an honest report of an exception is far smaller
_LINES = range(1, 10_000_000)


class WorkerDied(JudgeError):
    """The worker's process ended or stopped answering: an outage, not a verdict."""


class Worker:
    """A started zygote; runs one job at a time. Close it, or use it as a context manager.

    Args:
        level: isolation level.
        slot: number of the worker in its pool; as root it decides the host uid.
        preload: packages that the zygote imports before programs run.

    Raises:
        JudgeError: if it does not start; the message holds what it said.
    """

    def __init__(self, level: Level, slot: int, preload: tuple[str, ...] = ()) -> None:
        self.level = level
        image = runtime()
        plan = launch(level.isolation, image, slot, preload)
        self._zygote: Process | Container = (
            Container(plan, image, level.container_runtime) if level.isolation is Isolation.DOCKER else Process(plan)
        )
        self._sock = self._zygote.sock
        try:
            self._sock.settimeout(_START_S)
            wire.send(self._sock, wire.CONFIG, json.dumps(plan.config).encode())
            kind, size = wire.receive_header(self._sock)
            self.ready: dict[str, Any] = json.loads(bytes(wire.receive_exactly(self._sock, size)))
        except (OSError, EOFError, ValueError) as error:
            self.close()
            said = self._zygote.last_words().splitlines()
            asked = "; docs/docker.md says what a container runtime must offer" if level.container_runtime else ""
            raise JudgeError(
                f"the sandbox did not start at isolation level {level.value}: {said[-1] if said else error}{asked}"
            ) from error
        if kind != wire.READY:
            self.close()
            raise JudgeError(f"the sandbox spoke out of turn (frame type {kind})")
        self._zygote.has_started()

    def run(self, job: Job, cases: Sequence[Case]) -> JobResult:
        """Run ``job`` on ``cases``.

        Raises:
            WorkerDied: if the process ends or stops answering; the worker cannot be used again.
        """
        try:
            return self._run(job, cases)
        except (OSError, EOFError, ValueError) as error:  # OSError covers the socket's time-out
            self.close()
            raise WorkerDied(f"the sandbox worker failed: {type(error).__name__}: {error}") from error
        except BaseException:
            self.close()  # in the middle of a conversation it cannot be used again
            raise

    def _run(self, job: Job, cases: Sequence[Case]) -> JobResult:
        limits = job.limits
        self._zygote.make_room(limits, cases)
        source = job.program.source.encode("utf-8", "surrogatepass")
        if len(source) > limits.source_bytes:
            long = f"the source has {len(source):,} bytes, the limit is {limits.source_bytes:,}"
            return self._not_compiled(ProgramError("SourceTooLong", long), len(cases))
        self._most_received = 2 * limits.output_bytes + _BUFFER
        self._sock.settimeout(limits.wall_s + _STARVED * limits.cpu_s + _GRACE_S)
        request = {
            "entry": job.program.entry,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "memory_bytes": limits.memory_bytes,
            "output_bytes": limits.output_bytes,
            "stop_at_limit": job.stop is not StopRule.NEVER,
        }
        wire.send(self._sock, wire.SUBMIT, json.dumps(request).encode(), b"\n", source)
        kind, payload = self._receive()
        if kind == wire.DIED:
            self.close()
            return self._not_compiled(_compiler_died(payload), len(cases))
        if payload:
            wire.send(self._sock, wire.END)
            return self._not_compiled(_program_error(payload), len(cases))
        runs = self._run_cases(job, cases)
        wire.send(self._sock, wire.END)
        runs += [TestRun(RunStatus.SKIPPED)] * (len(cases) - len(runs))
        return JobResult(tuple(runs), self.level.value)

    def _run_cases(self, job: Job, cases: Sequence[Case]) -> list[TestRun]:
        runs: list[TestRun] = []
        sent = kept = 0
        while len(runs) < len(cases):
            if sent == len(runs):
                wire.send(self._sock, wire.TEST, _encoded(cases[sent]))
                sent += 1
            # A second test under way hides our own work behind the program's; never with "decided", where the first
            # failure ends the submission, and never a large one, which could block both sides.
            if job.stop is not StopRule.DECIDED and sent == len(runs) + 1 < len(cases):
                ahead = _encoded(cases[sent])
                if len(ahead) <= _SEND_AHEAD:
                    wire.send(self._sock, wire.TEST, ahead)
                    sent += 1
            kind, payload = self._receive()
            if kind != wire.RESULT:
                raise ValueError(f"expected RESULT, got frame type {kind} ({payload[:80]!r})")
            outcome = wire.Outcome.unpack(payload)
            run = classify(outcome, job.limits, job.program.entry is not None)
            if run.status is RunStatus.ACCEPTED and not _checked(job, cases[len(runs)], run):
                run = dataclasses.replace(run, status=RunStatus.WRONG_ANSWER)
            kept += len(run.stdout) + len(run.value or b"")
            runs.append(run if kept <= _MOST_KEPT else _trimmed(run))
            if outcome.stopped or (run.status is not RunStatus.ACCEPTED and job.stop is StopRule.DECIDED):
                break
        return runs

    def _receive(self) -> tuple[int, bytes]:
        kind, size = wire.receive_header(self._sock)
        if size > self._most_received:
            raise ValueError(f"a frame of {size:,} bytes")
        return kind, bytes(wire.receive_exactly(self._sock, size))

    def _not_compiled(self, error: ProgramError, cases: int) -> JobResult:
        run = TestRun(RunStatus.COMPILE_ERROR, error=error)
        return JobResult((run,) * cases, self.level.value, error)

    @property
    def is_open(self) -> bool:
        """Whether it can take another job."""
        return self._sock.fileno() >= 0 and self._zygote.is_alive()

    @property
    def pid(self) -> int:
        """Host pid of the process that we started (bubblewrap, or the zygote itself)."""
        return self._zygote.pid

    def interrupt(self) -> None:
        """End the conversation from another thread: what waits for an answer gets WorkerDied."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def abandon(self) -> None:
        """Close our copy of the socket without ending the process, which belongs to the parent that forked us."""
        self._sock.close()

    def close(self) -> None:
        """End the process and wait for it; may be called twice."""
        self._sock.close()  # the zygote ends when its socket closes, and takes its children along
        self._zygote.end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(job: Job, case: Case, run: TestRun) -> bool:
    try:
        return job.check(case, run)
    except Exception as error:
        raise JudgeError(f"the comparison of outputs failed: {type(error).__name__}: {error}") from error


def _encoded(case: Case) -> bytes:
    return case.input.encode("utf-8", "surrogatepass")


def _trimmed(run: TestRun) -> TestRun:
    value = None if run.value is None else run.value[:_TRIMMED]
    return dataclasses.replace(run, stdout=run.stdout[:_TRIMMED], value=value)


def _program_error(payload: bytes) -> ProgramError:
    """Parse ``[type, message, frames]``, which the program's own process wrote; ValueError if it is something else."""
    name, message, frames = json.loads(payload)
    if type(name) is not str or type(message) is not str:
        raise ValueError("type and message must be texts")
    pairs = tuple((line, function[:200]) for line, function in frames[-10:])
    if any(type(line) is not int or line not in _LINES for line, _ in pairs):
        raise ValueError("a line number must be an integer above 0")
    return ProgramError(name[:200], message[:2000], pairs[-1][0] if pairs else None, pairs)


def _compiler_died(payload: bytes) -> ProgramError:
    """Say what killed the supervisor while it compiled; ValueError if it was not the source's doing."""
    text = payload.decode(errors="replace")
    status = text.removeprefix("supervisor: wait status ")
    if status.isdigit() and os.WIFEXITED(int(status)) and os.WEXITSTATUS(int(status)) == signal.SIGXCPU:
        return ProgramError("CompileTimeLimit", "compiling the source took more than the CPU limit")
    if status.isdigit() and os.WIFSIGNALED(int(status)):
        number = os.WTERMSIG(int(status))
        return ProgramError("CompilerCrash", f"the compiler was ended by signal {number} on this source")
    raise ValueError(text)


def classify(outcome: wire.Outcome, limits: Limits, has_entry: bool) -> TestRun:
    """Turn what the supervisor measured into a run; a run that ended well is ``accepted`` until it is checked."""
    status = outcome.wait_status
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    kind, payload = outcome.result[:1], outcome.result[1:]
    error: ProgramError | None = None
    value: bytes | None = None
    if outcome.reason == wire.CPU_LIMIT or number == signal.SIGXCPU or outcome.cpu_ns > limits.cpu_s * 1e9:
        found = RunStatus.TIME_LIMIT
    elif outcome.reason == wire.WALL_LIMIT:
        found = RunStatus.IDLE_LIMIT
    elif number == signal.SIGXFSZ or outcome.reason == wire.OUTPUT_LIMIT:
        found = RunStatus.OUTPUT_LIMIT
    elif number is not None:
        # Nobody but the kernel's memory guard sends a program SIGKILL that the supervisor did not
        found = RunStatus.MEMORY_LIMIT if number == signal.SIGKILL else RunStatus.SIGNAL
    else:
        found, error, value = _read_result(kind, payload, has_entry, os.WEXITSTATUS(status))
    return TestRun(
        status=found,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        value=value,
        error=error,
        cpu_s=outcome.cpu_ns / 1e9,
        wall_s=outcome.wall_ns / 1e9,
        peak_bytes=outcome.peak_bytes,
        signal=number,
        nested_tuple=kind == wire.VALUE_WITH_NESTED_TUPLE,
    )


def _read_result(
    kind: bytes, payload: bytes, has_entry: bool, exit_status: int
) -> tuple[RunStatus, ProgramError | None, bytes | None]:
    """Read the result file, which the program could write anything to: garbage in it is the program's failure."""
    if len(payload) > _MOST_REPORTED and kind not in (wire.VALUE, wire.VALUE_WITH_NESTED_TUPLE):
        payload = b""
    try:
        if kind == wire.OUT_OF_MEMORY:
            return RunStatus.MEMORY_LIMIT, _program_error(payload), None
        if kind == wire.EXCEPTION:
            return RunStatus.RUNTIME_ERROR, _program_error(payload), None
        if not has_entry:
            return RunStatus.ACCEPTED, None, None
        if kind in (wire.VALUE, wire.VALUE_WITH_NESTED_TUPLE):
            return RunStatus.ACCEPTED, None, payload
        if kind == wire.UNSERIALISABLE:
            name, message = json.loads(payload)
            if type(name) is not str or type(message) is not str:
                raise ValueError("type and message must be texts")
            return RunStatus.BAD_RETURN, ProgramError(name[:200], message[:2000]), None
        if kind == wire.NO_ENTRY:
            name = payload[:200].decode(errors="replace")
            return RunStatus.RUNTIME_ERROR, ProgramError("EntryNotFound", f"the submission defines no {name}"), None
    except Exception as error:  # the program wrote something of its own there
        return RunStatus.RUNTIME_ERROR, ProgramError("UnreadableResult", type(error).__name__), None
    ended = f"the process ended with status {exit_status} before the function returned"
    return RunStatus.RUNTIME_ERROR, ProgramError("ProcessEnded", ended), None
