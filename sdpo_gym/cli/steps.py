"""How far a run of several phases is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Never, TextIO

from tqdm import tqdm

from sdpo_gym.cli.progress import SECONDS_BETWEEN_LINES
from sdpo_gym.discovery import Trail
from sdpo_gym.rollout import Turn

_PLURALS = {"answer": "answers", "search": "searches"}


class Steps:
    """Watches a run of searches or a probe for a command.

    Attributes:
        directory: where the run lies, None before it has begun.
        last_error: the outage heard of last, empty if none.
        permanent: how many outages so far are such as the same request will always meet.
    """

    def __init__(self, *, quiet: bool, stream: TextIO | None = None) -> None:
        self.directory: Path | None = None
        self.last_error = ""
        self.permanent = 0
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._bar: tqdm[Never] | None = None
        self._doing = self._unit = ""
        self._done = self._total = self._turns = self._passed = self._errors = 0
        self._last_line = time.monotonic()

    def phase(self, directory: Path, doing: str, unit: str, earlier: int, total: int) -> None:
        """Begin a phase; what is counted is answers, or the searches that ``end`` tells of."""
        self.close()
        self.directory, self._doing, self._unit = directory, doing, unit
        self._done, self._total, self._turns, self._passed = earlier, total, 0, 0
        self._last_line = time.monotonic()
        if self._quiet:
            return
        if earlier:
            made = f"{earlier:,} of {total:,} {_PLURALS.get(unit, unit)} were made before"
            print(f"{directory}: {doing}: {made}", file=self._stream)
        if self._stream.isatty():
            self._bar = tqdm(total=total, initial=earlier, desc=doing, unit=unit, file=self._stream, dynamic_ncols=True)

    def turn(self, turn: Turn) -> None:
        """Count an answer."""
        self._turns += 1
        if turn.error:
            self._errors += 1
            self.last_error = turn.error
            self.permanent += turn.permanent
            if self._errors == 1 and not self._quiet:
                tqdm.write(f"the first outage of this session: {turn.error}", file=self._stream)
        self._passed += turn.verdict is not None and turn.verdict.passed
        if self._unit == "answer":
            self._tick()
        elif self._bar is not None:
            self._bar.set_postfix_str(self._figures())
        else:
            self._print()

    def end(self, trail: Trail) -> None:
        """Count a search."""
        self._tick()

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def outages(self, what: str) -> str:
        """Return what is to be said in the end of ``what``, such as ``3 searches``, that ended in an outage."""
        said = f"sdpo-gym: {what} ended in an outage, the last one with: {self.last_error}"
        if self.permanent and self.permanent == self._errors:
            return f"{said}; with this configuration it can never be answered, and the same command would not help"
        return f"{said}; the same command makes them again"

    def _tick(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(self._figures(), refresh=False)
            self._bar.update()
        else:
            self._print()

    def _print(self) -> None:
        if not self._quiet and time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            made = f"{self._done:,} of {self._total:,} {_PLURALS.get(self._unit, self._unit)}"
            print(f"{self._doing}: {made}, {self._figures()}", file=self._stream, flush=True)

    def _figures(self) -> str:
        return f"{self._turns:,} answers, {self._passed:,} right, {self._errors:,} errors"
