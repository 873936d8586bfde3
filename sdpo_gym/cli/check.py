"""``sdpo-gym check ENV``: is an environment complete and sound?"""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING, Never, TextIO

from tqdm import tqdm

from sdpo_gym.checking import Mark, Report, check_env
from sdpo_gym.cli.common import add_env_options, env_options, visible
from sdpo_gym.report import WIDTH

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

FOUND_SOMETHING = 1
_SECONDS_BETWEEN_LINES = 10.0


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``check``."""
    parser = subparsers.add_parser(
        "check",
        help="check that an environment is complete and sound",
        description="Check an environment on its sample tasks: its card, that gold answers pass and junk does not, its "
        "fixtures, that judging is repeatable, and that feedback does not give the answer away.",
        epilog="Exit code 0: every check passed; 1: one failed, or something is left to fill in; 2: there is no such "
        "environment or option.",
    )
    parser.add_argument("env", metavar="ENV", help="environment, see `sdpo-gym envs`")
    add_env_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress, only the findings")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, print the findings, and return the exit code."""
    progress = _Progress(quiet=arguments.quiet)
    try:
        report = check_env(arguments.env, options=env_options(arguments), progress=progress)
    finally:
        progress.close()
    print(render(report))
    return 0 if report.ok else FOUND_SOMETHING


def render(report: Report) -> str:
    """Return the findings as text: a line or more for each, what to do below, and a summary at the end."""
    marks, names = max(map(len, Mark)), max(len(result.check) for result in report.results)
    lines = [f"check of {visible(report.env)}", ""]
    for result in report.results:
        head = f"  {result.mark:<{marks}}  {result.check:<{names}}  "
        indent = " " * len(head)
        lines += _wrapped(result.message, head, indent)
        if result.advice:
            lines += _wrapped(result.advice, f"{indent}-> ", f"{indent}   ")
    worst: dict[str, Mark] = {result.check: result.mark for result in report.results if result.mark is not Mark.OK}
    counts = Counter(worst.values())
    open_checks = ", ".join(f"{counts[mark]} {mark.value}" for mark in Mark if counts[mark])
    checks = len({result.check for result in report.results})
    verdict = f"all {checks} checks passed" if report.ok else f"of {checks} checks: {open_checks}"
    return "\n".join([*lines, "", verdict])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        visible(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    ) or [first.rstrip()]


class _Progress:
    """Tells on standard error how far a long check is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._check = ""
        self._bar: tqdm[Never] | None = None
        self._last_line = time.monotonic()

    def __call__(self, check: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if self._stream.isatty():
            if self._bar is None or check != self._check or self._bar.total != total:
                self.close()
                self._bar = tqdm(total=total, desc=check, unit="answer", file=self._stream, leave=False)
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(f"{check}: {done:,} of {total:,} answers judged", file=self._stream, flush=True)
        self._check = check

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
