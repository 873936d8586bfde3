"""``sdpo-gym submit RUN``: put a run on a leaderboard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import visible
from sdpo_gym.leaderboard import submit

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

BOARD = Path("leaderboards")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``submit``."""
    parser = subparsers.add_parser(
        "submit",
        help="put a run on a leaderboard",
        description="Condense a finished evaluation or training run to a result file, "
        "BOARD/results/ENVIRONMENT/NAME.json. Completions stay where they are; keep the run's directory, "
        "`sdpo-gym verify` needs it.",
    )
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--board", type=Path, default=BOARD, help="directory of the board (default: leaderboards)")
    parser.add_argument("--name", help="of the result (default: the model's name and the run's digest)")
    parser.add_argument("--model-name", help="how the board calls the model (default: its own name)")
    parser.add_argument("--note", default="", help="a line for the run's page")
    parser.add_argument("--replace", action="store_true", help="replace the result of another run with this name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the result file, say what it holds, and return the exit code."""
    done = submit(
        arguments.directory,
        arguments.board,
        name=arguments.name,
        model=arguments.model_name,
        note=arguments.note,
        replace=arguments.replace,
    )
    data = done.data
    attempts = data["attempts"]
    metric = f"avg@{attempts['smallest_n']}"
    value = data["scores"][metric]["value"]
    print(f"{done.path}: {visible(data['model']['name'])} on {data['env']['alias']}, {metric} {value:.3f}")
    if attempts["errors"]:
        print(
            f"{attempts['errors']:,} attempts ({attempts['error_rate']:.1%}) ended in an outage; they are in no score, "
            "and the board says so"
        )
    if data["data"]["evaluated"] < data["data"]["count"]:
        print(f"{data['data']['evaluated']:,} of {data['data']['count']:,} tasks were asked, so the run gets no rank")
    return 0
