"""``sdpo-gym sandbox-image``: bring the image of isolation level ``docker`` into the engine, or write its files."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("sandbox-image", help="bring the image of isolation level docker into the engine")
    parser.add_argument(
        "--context", type=Path, metavar="DIR", help="instead write DIR/Dockerfile and DIR/root.tar, for `docker build`"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the image's name, and what to do with the files if they were asked for."""
    from sdpo_gym.sandbox import engine

    if args.context is not None:
        name = engine.write_context(args.context)
        print(f"docker build -t {name} {args.context}")
        return 0
    start = time.perf_counter()
    name = engine.build_image()
    print(f"{name} (ready after {time.perf_counter() - start:.1f} s)")
    return 0
