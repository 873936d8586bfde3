"""``sdpo-gym plot RUN ...``: pictures of runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.plots.curves import ACCURACY, Axis
from sdpo_gym.plots.draw import Picture, draw

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``plot``."""
    parser = subparsers.add_parser(
        "plot",
        help="draw pictures of runs",
        description="Draw what runs came to, as PNG and SVG one column wide: learning curves of training runs, "
        "discovery@k of searches, pass@k, outcomes, lengths and times of evaluations.",
    )
    parser.add_argument("directories", type=Path, nargs="+", metavar="RUN", help="run directory")
    parser.add_argument(
        "--picture",
        action="append",
        default=[],
        choices=[picture.value for picture in Picture],
        help="what to draw (default: all that there is data for); may be repeated",
    )
    parser.add_argument("--column", default=ACCURACY, help=f"of learning curves, a field of metrics.jsonl ({ACCURACY})")
    parser.add_argument(
        "--x",
        choices=[axis.value for axis in Axis],
        default=Axis.GENERATIONS.value,
        help="what learning curves are drawn over (default: generations)",
    )
    parser.add_argument("--out", type=Path, help="where the pictures go (default: plots in the first run's directory)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw, print the names of the files, and return the exit code."""
    files = draw(
        arguments.directories,
        arguments.out or arguments.directories[0] / "plots",
        pictures=[Picture(name) for name in arguments.picture],
        column=arguments.column,
        axis=Axis(arguments.x),
    )
    for file in files:
        print(file)
    return 0
