"""What goes into the judge pool and what comes out: a program, its cases, and what happened on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sdpo_gym.sandbox.limits import Limits, StopRule


class RunStatus(StrEnum):
    """How one test ended. An outage of the sandbox is none of these, it is a JudgeError."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"  # an uncaught exception
    TIME_LIMIT = "time_limit"  # CPU time used up
    IDLE_LIMIT = "idle_limit"  # wall time used up by waiting, with CPU time to spare
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    BAD_RETURN = "bad_return"  # a returned value that JSON cannot hold
    COMPILE_ERROR = "compile_error"
    SIGNAL = "signal"  # killed by a signal that we did not send
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Program:
    """A submission's source.

    Attributes:
        source: Python source text.
        entry: None for a program that reads standard input; otherwise what to call once with the case's JSON
            arguments (one per line): ``name`` for a module-level function, ``Class.name`` for a method of a
            freshly made object.
    """

    source: str
    entry: str | None = None


@dataclass(frozen=True)
class Case:
    """One test: what the program gets, and what only the judge knows."""

    input: str
    expected: str


@dataclass(frozen=True)
class ProgramError:
    """An exception of the judged program. Every text in it is the program's own and not to be trusted.

    Attributes:
        type: the exception's class name.
        message: its text, cut at 2,000 characters.
        line: line in the submission (from 1), None where unknown.
        frames: ``(line, function)`` of the submission's own frames, outermost first, at most 10 innermost.
    """

    type: str
    message: str
    line: int | None = None
    frames: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class TestRun:
    """What happened on one test.

    Attributes:
        status: the class of its end.
        stdout: standard output, at most ``Limits.output_bytes`` bytes.
        value: the returned value as JSON bytes (function entry only), None if there was none.
        error: the uncaught exception, if any.
        cpu_s: CPU seconds used by the program.
        wall_s: wall-clock seconds.
        peak_bytes: peak resident memory.
        signal: the signal that ended it, if one did.
        nested_tuple: the returned value held a tuple below its top level.
    """

    __test__ = False  # not a test class, whatever pytest makes of the name

    status: RunStatus
    stdout: bytes = b""
    stderr: bytes = b""
    value: bytes | None = None
    error: ProgramError | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_bytes: int = 0
    signal: int | None = None
    nested_tuple: bool = False


@dataclass(frozen=True)
class Job:
    """One submission to be run on all its cases.

    Attributes:
        program: what to run.
        cases: called once, on a worker's thread, for the cases in the order in which they run (so that large tests
            are decoded only when they are needed).
        check: called on a worker's thread for each run that ended well: is this output right?
        limits: what each test may use.
        stop: when the rest is skipped.
    """

    program: Program
    cases: Callable[[], Sequence[Case]]
    check: Callable[[Case, TestRun], bool]
    limits: Limits = field(default_factory=Limits)
    stop: StopRule = StopRule.RESOURCE


@dataclass(frozen=True)
class JobResult:
    """What happened on every case, in order.

    Attributes:
        runs: one per case.
        isolation: the isolation level that it ran under.
        compile_error: why the source did not compile, if it did not (then every run says so too).
    """

    runs: tuple[TestRun, ...]
    isolation: str
    compile_error: ProgramError | None = None
