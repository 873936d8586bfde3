"""What a check of an environment found."""

from __future__ import annotations

import linecache
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType


class Mark(StrEnum):
    """How a check came out."""

    OK = "ok"
    FAILED = "failed"
    TO_FILL_IN = "to fill in"
    NOT_RUN = "not run"  # it stands on one that failed


@dataclass(frozen=True)
class Result:
    """One finding of one check; a check that passes has exactly one.

    Attributes:
        check: name of the check.
        mark: how it came out.
        message: what was checked, or what is wrong.
        advice: what to do about it; empty where nothing is to be done.
    """

    check: str
    mark: Mark
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """All findings on one environment, in the order of the checks."""

    env: str
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(result.mark is Mark.OK for result in self.results)


@dataclass(frozen=True)
class Problem:
    """What a check complains of, and what to do about it."""

    message: str
    advice: str
    mark: Mark = Mark.FAILED


def explain(error: BaseException, owners: Collection[str]) -> Problem:
    """Return what an exception of an environment comes to, in one line and without a traceback.

    Args:
        error: what was raised; its causes are looked at too.
        owners: the modules or packages that are the environment's own code.
    """
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, NotImplementedError):
            what = _one_line(cause) or "a function that raises NotImplementedError"
            return Problem(f"{what}{_place(cause, owners)}", "", Mark.TO_FILL_IN)
    place = next((place for cause in reversed(chain) if (place := _place(cause, owners))), "")
    return Problem(f"{type(error).__name__}: {_one_line(error)}{place}", "correct this, then run the check again")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 500 else f"{text[:497]}..."


def _place(error: BaseException, owners: Collection[str]) -> str:
    """Return file, line and text of the innermost frame that is the environment's own code."""
    place = ""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if any(module == owner or module.startswith(f"{owner}.") for owner in owners):
            path = trace.tb_frame.f_code.co_filename
            source = linecache.getline(path, trace.tb_lineno).strip()
            place = f" ({Path(path).name}:{trace.tb_lineno}: {source})"
        trace = trace.tb_next
    return place
