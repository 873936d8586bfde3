"""``sdpo-gym verify FILE --attempts DIR``: confirm a result of a leaderboard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import add_judge_backend, interrupted, visible
from sdpo_gym.leaderboard import verify

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

DIFFERS = 1
_MOST = 20


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``verify``."""
    parser = subparsers.add_parser(
        "verify",
        help="confirm a result of a leaderboard",
        description="Judge the stored completions of a result's run again and compare every figure.",
        epilog="Exit code 1: something differs.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="result file")
    parser.add_argument("--attempts", type=Path, required=True, metavar="DIR", help="directory of its run")
    parser.add_argument(
        "--out", type=Path, help="keep the new verdicts in this run directory; the same command then goes on from there"
    )
    add_judge_backend(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify, say what differs, and return the exit code."""
    try:
        found = verify(arguments.file, arguments.attempts, out=arguments.out, backend=arguments.judge_backend)
    except KeyboardInterrupt:
        return interrupted(arguments.out)
    if found.judged is None:
        how = (
            "a training run keeps no held-out completions, so nothing was judged again; compared with its metrics.jsonl"
        )
    else:
        how = f"{found.judged:,} attempts judged again, {found.changed:,} verdicts changed"
    if not found.differences:
        print(f"{arguments.file}: confirmed ({how})")
        return 0
    print(f"{arguments.file}: {len(found.differences):,} figures differ ({how})")
    for difference in found.differences[:_MOST]:
        print(f"  {visible(difference)}")
    if len(found.differences) > _MOST:
        print(f"  and {len(found.differences) - _MOST:,} more")
    return DIFFERS
