"""``sdpo-gym rejudge RUN``: judge a run's completions again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import add_env_options, add_judge_backend, env_options
from sdpo_gym.errors import OutageError
from sdpo_gym.rejudge import RejudgeConfig, Rejudged, rejudge
from sdpo_gym.report import render, table

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``rejudge``."""
    parser = subparsers.add_parser(
        "rejudge",
        help="judge a run's completions again",
        description="Judge the stored completions of a run again, without its policy, into a run directory of its own.",
    )
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--out", type=Path, help="new run directory (default: RUN.rejudged)")
    add_env_options(parser)
    add_judge_backend(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Judge again, print the new result and what changed, and return the exit code."""
    again = rejudge(RejudgeConfig(arguments.directory, arguments.out, env_options(arguments), arguments.judge_backend))
    print(render(again.summary))
    print()
    print(_changes(again))
    if again.unanswered:
        print(
            f"sdpo-gym: {again.unanswered:,} attempts of the run ended because the policy failed, and are in no score; "
            "the command that made the run makes them again",
            file=sys.stderr,
        )
    if unjudged := again.summary.errors - again.unanswered:
        print(
            f"sdpo-gym: {unjudged:,} completions could not be judged; the same command tries them again",
            file=sys.stderr,
        )
        return OutageError.exit_code
    return 0


def _changes(again: Rejudged) -> str:
    changed = sum(again.changes.values())
    head = f"{changed:,} of {again.judged:,} verdicts changed."
    rows = [[was, now, f"{count:,}"] for (was, now), count in again.changes.items()]
    return f"{head}\n\n{table(['before', 'now', 'attempts'], rows, numeric=(2,))}" if rows else head
