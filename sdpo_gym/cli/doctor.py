"""``sdpo-gym doctor``: what this machine can do, and how to get more."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("doctor", help="say what this machine can do, and how to get more")
    parser.add_argument("--install", action="store_true", help="install bubblewrap if it is missing and we may")
    parser.add_argument("--quiet", action="store_true", help="print one line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if no isolation level works."""
    from sdpo_gym.sandbox import doctor

    if args.install:
        done = doctor.install_bubblewrap()
        if not args.quiet or done != "bubblewrap is here":
            print(done)
    best = doctor.best_level()
    if args.quiet:
        print(f"sandbox: isolation level {best.value}" if best else "sandbox: none works here, see `sdpo-gym doctor`")
        return 0
    for name, finding in doctor.findings():
        print(f"{name:<15} {finding}")
    for sentence in doctor.advice():
        print(f"{'for more':<15} {sentence}")
    return 0 if best else 1
