"""The one template that turns a report into what the model is told."""

from __future__ import annotations

import math
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sdpo_envs.livecodebench.comparison import decode_output, stdout_equal
from sdpo_envs.livecodebench.explanation import Explanation, explain
from sdpo_envs.livecodebench.report import HiddenRun, Report, ShownRun, status_of
from sdpo_gym.errors import UsageError
from sdpo_gym.quoting import Room, quote
from sdpo_gym.sandbox.job import ProgramError, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits

NO_CODE = (
    "No code was found in your answer, so nothing could be judged. "
    "Put the complete program into one fenced block: a line ```python, the code, a line ```."
)
TRUNCATED = (
    "Your answer was cut off at the maximum length before any code block had begun, so nothing could be judged. "
    "Think more briefly, and give the complete program in one ```python block."
)
_CUT_NOTE = "Your answer was cut off at the maximum length, so the code may be incomplete. Think more briefly."
_INPUT, _OUTPUT, _PRINTED, _MESSAGE = Room(8, 250, 500), Room(8, 250, 250), Room(10, 250, 250), Room(4, 250, 250)
_MEMORY_STEP = 64 << 20
_SLOW = 0.2  # of the time limit: from here on it is worth telling how slow the tests were that passed
_REPEATED = 3  # equal frames in a row that are shown as one
_SHRINK = (0.6, 0.35, 0.2, 0.1)

_TITLES = {
    RunStatus.WRONG_ANSWER: "Wrong answer",
    RunStatus.RUNTIME_ERROR: "Runtime error",
    RunStatus.TIME_LIMIT: "Time limit exceeded",
    RunStatus.IDLE_LIMIT: "Idle limit exceeded",
    RunStatus.MEMORY_LIMIT: "Memory limit exceeded",
    RunStatus.OUTPUT_LIMIT: "Output limit exceeded",
    RunStatus.BAD_RETURN: "Return value of a wrong type",
    RunStatus.COMPILE_ERROR: "The code does not compile",
    RunStatus.SIGNAL: "The program crashed",
}


@dataclass(frozen=True)
class Budget:
    """How much feedback may show; the defaults are the paper's where it has them.

    Attributes:
        tests: failing tests shown, the shortest first.
        total: characters in all; where the sections would need more, each gets less, and the frame stays whole.
        input: room for a test's input.
        output: room for an actual, and for an expected, output or return value.
        printed: room for what a function printed and for standard error.
        message: room for an exception's message.
    """

    tests: int = 2
    total: int = 2000
    input: Room = _INPUT
    output: Room = _OUTPUT
    printed: Room = _PRINTED
    message: Room = _MESSAGE

    def __post_init__(self) -> None:
        if self.tests < 0 or self.total < 800:
            raise UsageError(
                f"feedback needs tests >= 0 and at least 800 characters, got {self.tests} and {self.total}"
            )

    def scaled(self, factor: float) -> Budget:
        """Return a budget whose sections have ``factor`` times the room."""
        rooms = (room.scaled(factor) for room in (self.input, self.output, self.printed, self.message))
        return Budget(self.tests, self.total, *rooms)


def render(report: Report, budget: Budget) -> str:
    """Return the feedback on a failed submission, at most ``budget.total`` characters of it."""
    failing = [r for r in report.runs if isinstance(r, ShownRun) and _failed(r)]
    failing.sort(key=lambda r: len(r.case.input) + len(r.run.stdout) + len(r.run.value or b""))
    tests = [(shown, _explanation(report, shown)) for shown in failing[: budget.tests]]
    text = _render(report, tests, budget)
    for factor in _SHRINK:
        if len(text) <= budget.total:
            return text
        text = _render(report, tests, budget.scaled(factor))
    while len(text) > budget.total and tests:  # the frame alone is too long
        tests.pop()
        text = _render(report, tests, budget.scaled(_SHRINK[-1]))
    return text


def _render(report: Report, tests: Sequence[tuple[ShownRun, Explanation | None]], budget: Budget) -> str:
    sections = [_header(report)]
    if report.cut:
        sections.append([_CUT_NOTE])
    if report.compile_error is not None:
        sections.append(_compile_error(report, report.compile_error, budget))
    elif report.lacks_entry and report.entry is not None:
        sections.append(_entry_not_found(report.entry))
    else:
        sections += [_shown(report, shown, explanation, budget) for shown, explanation in tests]
        sections.append(_hidden([r for r in report.runs if isinstance(r, HiddenRun)], report))
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _explanation(report: Report, shown: ShownRun) -> Explanation | None:
    if shown.run.status is not RunStatus.WRONG_ANSWER:
        return None
    return explain(shown.case, shown.run, report.entry, report.source)


def _failed(run: ShownRun | HiddenRun) -> bool:
    return status_of(run) not in (RunStatus.ACCEPTED, RunStatus.SKIPPED)


def _header(report: Report) -> list[str]:
    title = f"{_TITLES[report.outcome]}."
    if report.outcome is RunStatus.COMPILE_ERROR:
        return [title]
    counts = report.counts
    failed = [f"{_class(s)}: {n}" for s, n in counts.items() if s not in (RunStatus.ACCEPTED, RunStatus.SKIPPED)]
    if counts[RunStatus.SKIPPED]:
        failed.append(f"not run: {counts[RunStatus.SKIPPED]}")
    lines = [f"{title} {report.passed} of {len(report.runs)} tests passed ({', '.join(failed)})."]
    right = [r.run if isinstance(r, ShownRun) else r for r in report.runs if status_of(r) is RunStatus.ACCEPTED]
    slowest = max((run.cpu_s for run in right), default=0.0)
    if counts[RunStatus.TIME_LIMIT] and slowest > _SLOW * report.limits.cpu_s:
        lines.append(f"The slowest test that passed took {_seconds(slowest)} of CPU time.")
    return lines


def _compile_error(report: Report, error: ProgramError, budget: Budget) -> list[str]:
    lines = [*_error(report, error, budget)]
    if report.blocks > 1:
        lines.append(f"Your answer had {report.blocks} code blocks; only one of them is judged.")
    return lines


def _error(report: Report, error: ProgramError, budget: Budget) -> list[str]:
    """Quote an exception: its type and message, and the lines of the submission that it came through."""
    lines = [*quote(f"{error.type}: {error.message}" if error.message else error.type, budget.message)]
    frames = error.frames or (((error.line, ""),) if error.line is not None else ())
    for (number, function), times in _folded(frames)[-3:]:
        source = report.source_line(number)
        if source is not None:
            # ASCII only: some letters, such as U+3164, look like white space, and a program can forge these names.
            is_name = function.isascii() and function.isidentifier() and len(function) <= 60
            inside = f" in {function}" if is_name else ""
            repeated = ", again and again" if times >= _REPEATED else ""
            lines += [f"at line {number}{inside}{repeated}:", *quote(source.strip(), Room(1, 120, 120))]
    return lines


def _folded(frames: Sequence[tuple[int, str]]) -> list[tuple[tuple[int, str], int]]:
    """Return the frames, outermost first, with how often each stands there in a row if that is often; else 1."""
    folded: list[tuple[tuple[int, str], int]] = []
    for frame, equal in groupby(frames):
        times = len(list(equal))
        folded += [(frame, times)] if times >= _REPEATED else [(frame, 1)] * times
    return folded


def _shown(report: Report, shown: ShownRun, explanation: Explanation | None, budget: Budget) -> list[str]:
    case, run = shown.case, shown.run
    lines = [f"Test {shown.number}: {_class(run.status)}{_used(run, report.limits)}."]
    lines += ["Input (one JSON argument per line):" if report.entry else "Input:", *quote(case.input, budget.input)]
    if run.error and run.status in (RunStatus.RUNTIME_ERROR, RunStatus.BAD_RETURN, RunStatus.MEMORY_LIMIT):
        lines += ["Error:", *_error(report, run.error, budget)]
    if explanation is not None:
        lines += ["Your return value:" if report.entry else "Your output:", *quote(explanation.got, budget.output)]
        lines += ["Expected:", *quote(case.expected, budget.output), *explanation.lines(budget.output)]
    elif report.entry is None and run.stdout:
        lines += ["Your output up to then:", *quote(decode_output(run.stdout), budget.output)]
        if stdout_equal(run.stdout, case.expected):
            lines.append("That is the right output: the program should have ended well then.")
    elif run.status is RunStatus.BAD_RETURN:
        lines += ["Expected:", *quote(case.expected, budget.output)]
    if report.entry and run.stdout:
        lines += ["Printed by your code (not judged):", *quote(decode_output(run.stdout), budget.printed)]
    if run.stderr:
        lines += ["Standard error (not judged):", *quote(decode_output(run.stderr), budget.printed)]
    return lines


def _entry_not_found(entry: str) -> list[str]:
    name = entry.rpartition(".")[2]
    return [
        f"The tests call `{name}`, which your code does not define. "
        f"Keep the name and the form of the starter code (class Solution with a method {name}, or a function {name})."
    ]


def _used(run: TestRun, limits: Limits) -> str:
    """Say what the run used, where that explains its end."""
    match run.status:
        case RunStatus.TIME_LIMIT:
            return f", stopped at the limit of {limits.cpu_s:g} s of CPU time"
        case RunStatus.IDLE_LIMIT:
            return f", stopped after {limits.wall_s:g} s, of which it computed for {_seconds(run.cpu_s)}: it waited"
        case RunStatus.MEMORY_LIMIT | RunStatus.OUTPUT_LIMIT:
            return _limit(run.status, limits)
        case RunStatus.SIGNAL if run.signal is not None:
            return f", ended by {_signal_name(run.signal)}"
        case _:
            return f" ({_seconds(run.cpu_s)}, {_mebibytes(run.peak_bytes)})"


def _seconds(seconds: float) -> str:
    """Round up to tenths: what a program used differs a little from run to run, what it is told should not."""
    return f"at most {max(1, math.ceil(seconds * 10)) / 10:g} s"


def _mebibytes(size: int) -> str:
    return f"{max(1, math.ceil(size / _MEMORY_STEP)) * (_MEMORY_STEP >> 20):,} MiB"


def _limit(status: RunStatus, limits: Limits) -> str:
    """Name the limit that a run of this class ran into."""
    match status:
        case RunStatus.TIME_LIMIT:
            return f" (the limit is {limits.cpu_s:g} s)"
        case RunStatus.MEMORY_LIMIT:
            return f" (the limit is {limits.memory_bytes >> 20:,} MiB)"
        case RunStatus.OUTPUT_LIMIT:
            return f" (the limit is {limits.output_bytes >> 20:,} MiB)"
        case _:
            return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _hidden(runs: list[HiddenRun], report: Report) -> list[str]:
    """Tell of the hidden tests their number and, per class, time and memory, and of all of them one line: no text.

    A program can choose that line by a hidden test's contents (see :class:`HiddenRun`), so no more than one is named.
    """
    failed = [run for run in runs if _failed(run)]
    if not failed:
        return []
    passed = sum(run.status is RunStatus.ACCEPTED for run in runs)
    numbers = Counter(run.line for run in failed if run.line is not None)
    number = numbers.most_common(1)[0][0] if numbers else None
    lines = [f"Hidden tests, whose contents are not shown: {passed} of {len(runs)} passed."]
    for status, count in Counter(run.status for run in failed).items():
        these = [run for run in failed if run.status is status]
        used = f" ({_seconds(max(r.cpu_s for r in these))}, {_mebibytes(max(r.peak_bytes for r in these))})"
        used = _limit(status, report.limits) or used
        at = f", at line {number} of your code" if number is not None and any(r.line == number for r in these) else ""
        lines.append(f"{count} ended with {_class(status)}{used}{at}.")
    source = report.source_line(number)
    if source is not None:
        lines += [f"line {number}:", *quote(source.strip(), Room(1, 120, 120))]
    return lines


def _class(status: RunStatus) -> str:
    return status.value.replace("_", " ")
