"""``sdpo-gym compare RUN_A RUN_B ...``: is one run better than another?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import visible
from sdpo_gym.compare import compare
from sdpo_gym.compare_text import render
from sdpo_gym.scored import AVERAGE, Which

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``compare``."""
    parser = subparsers.add_parser(
        "compare",
        help="say whether one run is better than another",
        description="Compare the first run with each other one, paired by task: difference with interval and p-value, "
        "tasks won and lost, and what could have been found. Takes evaluations, training runs, or searches.",
    )
    parser.add_argument("directories", type=Path, nargs="+", metavar="RUN", help="run directory")
    parser.add_argument(
        "--metric",
        default=AVERAGE,
        help="avg (the default), pass@K, maj@K, discovery@K, or a score of the environment",
    )
    parser.add_argument(
        "--which",
        choices=[which.value for which in Which],
        default=Which.LAST.value,
        help="which evaluation of training runs (default: last)",
    )
    parser.add_argument(
        "--allow-different",
        action="store_true",
        help="compare runs of other tasks, judges or cards over the tasks that they have in common",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and return the exit code."""
    found = compare(
        arguments.directories,
        metric=arguments.metric,
        which=Which(arguments.which),
        allow_different=arguments.allow_different,
    )
    print(visible(render(found)))
    return 0
