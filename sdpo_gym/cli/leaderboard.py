"""``sdpo-gym leaderboard [DIR]``: render a leaderboard as a static site."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import visible
from sdpo_gym.cli.submit import BOARD
from sdpo_gym.errors import UsageError
from sdpo_gym.leaderboard import build_site

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``leaderboard``."""
    parser = subparsers.add_parser(
        "leaderboard",
        help="render a leaderboard as a static site",
        description="Render the results of a board, DIR/results/ENVIRONMENT/*.json, as pages that need no server.",
        epilog="Exit code 2: some files are bad; they are named, and the rest is rendered.",
    )
    parser.add_argument(
        "directory", type=Path, nargs="?", default=BOARD, metavar="DIR", help="board (default: leaderboards)"
    )
    parser.add_argument("--out", type=Path, help="where the site goes (default: DIR/site)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Render, say what could not be rendered, and return the exit code."""
    site = build_site(arguments.directory, arguments.out or arguments.directory / "site")
    for problem in site.problems:
        print(f"sdpo-gym: error: {visible(' '.join(problem.split()))}", file=sys.stderr)
    shown = [f"{site.runs:,} runs on {site.environments} environments", f"{site.reproductions} reproductions"]
    print(f"{site.index}: {', '.join(shown)}" + (f"; {len(site.problems)} bad files left out" if site.problems else ""))
    return UsageError.exit_code if site.problems else 0
