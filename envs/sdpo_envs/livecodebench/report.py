"""The facts that feedback is rendered from. Of a test that may not be shown it holds no text at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdpo_envs.livecodebench.selection import Selected
from sdpo_gym.sandbox.job import Case, JobResult, ProgramError, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits

_ENTRY_NOT_FOUND = "EntryNotFound"  # how the sandbox calls a missing function or method


@dataclass(frozen=True)
class ShownRun:
    """A run on a test whose contents may be shown; ``number`` counts the graded tests from 1."""

    number: int
    case: Case
    run: TestRun


@dataclass(frozen=True)
class HiddenRun:
    """A run on a test whose contents may not be shown: what the policy may know of it, and no text.

    A program can put a test's input into an exception's message or type, an output or a function's name, so none of
    them is here. ``line`` is the number of a line of the submission that holds code, or None. A program can forge it
    too, and feedback names one of them: a small channel stays, as wide as the choice among the submission's lines.
    """

    number: int
    status: RunStatus
    cpu_s: float
    peak_bytes: int
    line: int | None


@dataclass(frozen=True)
class Report:
    """What happened to one submission.

    Attributes:
        source: the judged program.
        entry: the function or method that was called; None for a program that reads standard input.
        runs: one per graded test, in order.
        limits: what each test might use.
        compile_error: why the program did not compile, if it did not.
        blocks: how many code blocks the answer had.
        cut: whether the answer was cut by the token limit.
        lacks_entry: whether every test that ran failed because the program does not define ``entry``.
    """

    source: str
    entry: str | None
    runs: tuple[ShownRun | HiddenRun, ...]
    limits: Limits
    compile_error: ProgramError | None = None
    blocks: int = 1
    cut: bool = False
    lacks_entry: bool = False

    @property
    def passed(self) -> int:
        """How many graded tests passed."""
        return self.counts[RunStatus.ACCEPTED]

    @property
    def outcome(self) -> RunStatus:
        """Accepted if every graded test was, otherwise how the first one ended that was not."""
        if self.compile_error is not None:
            return RunStatus.COMPILE_ERROR
        return next(
            (status for status in map(status_of, self.runs) if status is not RunStatus.ACCEPTED), RunStatus.ACCEPTED
        )

    @property
    def counts(self) -> Counter[RunStatus]:
        """How many graded tests ended how."""
        return Counter(map(status_of, self.runs))

    def source_line(self, line: int | None) -> str | None:
        """Return that line of the submission (from 1), or None if it has no such line."""
        lines = self.source.split("\n")
        return lines[line - 1] if line is not None and 1 <= line <= len(lines) else None


def status_of(run: ShownRun | HiddenRun) -> RunStatus:
    """Return how a run ended."""
    return run.run.status if isinstance(run, ShownRun) else run.status


def make_report(
    source: str,
    entry: str | None,
    tests: Sequence[Selected],
    result: JobResult,
    *,
    limits: Limits,
    blocks: int = 1,
    cut: bool = False,
) -> Report:
    """Put a job's result together with its tests, leaving out every text of a test that may not be shown."""
    coded = {number for number, line in enumerate(source.split("\n"), 1) if line.strip() and line.strip()[0] != "#"}
    runs: list[ShownRun | HiddenRun] = []
    for number, (test, run) in enumerate(zip(tests, result.runs, strict=True), 1):
        if test.shown:
            runs.append(ShownRun(number, test.case, run))
        else:
            line = run.error.line if run.error and run.error.line in coded else None
            runs.append(HiddenRun(number, run.status, run.cpu_s, run.peak_bytes, line))
    ran = [run for run in result.runs if run.status is not RunStatus.SKIPPED]
    lacks_entry = entry is not None and all(
        run.error is not None and run.error.type == _ENTRY_NOT_FOUND and run.error.line is None for run in ran
    )
    return Report(source, entry, tuple(runs), limits, result.compile_error, blocks, cut, lacks_entry)


def run_records(tests: Sequence[Selected], result: JobResult) -> list[dict[str, Any]]:
    """Return one JSON-able record per graded test, for people and records."""
    records = []
    for number, (test, run) in enumerate(zip(tests, result.runs, strict=True), 1):
        record: dict[str, Any] = {"test": number, "shown": test.shown, "status": run.status.value}
        if run.status is not RunStatus.SKIPPED:
            record |= {
                "cpu_s": round(run.cpu_s, 4),
                "wall_s": round(run.wall_s, 4),
                "peak_mb": round(run.peak_bytes / (1 << 20), 1),
            }
        if run.error:
            record |= {"error": _clean(run.error.type)[:100], "line": run.error.line}
        if run.signal is not None:
            record["signal"] = run.signal
        records.append(record)
    return records


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
