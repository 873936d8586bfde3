"""How far an evaluation is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Never, TextIO

from tqdm import tqdm

from sdpo_gym.records import Result
from sdpo_gym.rollout import Turn

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Watches an evaluation for a command.

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
        self._reward = 0.0
        self._judged = self._errors = self._ended = self._earlier = self._total = 0
        self._began = self._last_line = time.monotonic()

    def begin(self, directory: Path, earlier: Sequence[Result], total: int) -> None:
        """Begin; ``earlier`` attempts were made in sessions before."""
        self.directory, self._total = directory, total
        self._earlier = self._judged = len(earlier)
        self._reward = sum(result.reward or 0.0 for result in earlier)
        self._began = self._last_line = time.monotonic()
        if self._quiet:
            return
        if earlier:
            print(f"{directory}: {len(earlier):,} of {total:,} attempts were made before", file=self._stream)
        if self._stream.isatty():
            self._bar = tqdm(total=total, initial=len(earlier), unit="attempt", file=self._stream, dynamic_ncols=True)

    def turn(self, turn: Turn) -> None:
        """Count a turn."""
        if turn.error:
            self._errors += 1
            self.last_error = turn.error
            self.permanent += turn.permanent
            if self._errors == 1 and not self._quiet:
                tqdm.write(f"the first outage of this session: {turn.error}", file=self._stream)
        elif turn.done and turn.verdict:
            self._judged += 1
            self._reward += turn.verdict.reward
        else:
            return
        self._ended += 1
        if self._bar is not None:
            self._bar.set_postfix_str(self._figures(), refresh=False)
            self._bar.update()
        elif not self._quiet and time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(self._line(), file=self._stream, flush=True)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def _figures(self) -> str:
        average = f"avg {self._reward / self._judged:.3f}" if self._judged else "avg -"
        return f"{average}, {self._errors} errors"

    def _line(self) -> str:
        made = self._earlier + self._ended
        left = (self._total - made) * (time.monotonic() - self._began) / self._ended
        return f"{made:,} of {self._total:,} attempts, {self._figures()}, about {tqdm.format_interval(left)} left"
