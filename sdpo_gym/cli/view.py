"""``sdpo-gym view RUN``: pages to read the attempts of a run."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from sdpo_gym.cli import INTERRUPTED
from sdpo_gym.cli.common import visible
from sdpo_gym.cli.credit import add_credit_options, credit_config
from sdpo_gym.credit import credit_scorer
from sdpo_gym.viewer.reading import ReadRun

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

_PORT = 8000


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``view``."""
    parser = subparsers.add_parser(
        "view",
        help="write pages to read the attempts of a run",
        description="Write static pages to read the attempts of a run: prompts, completions, verdicts, feedback.",
    )
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("--out", type=Path, metavar="DIR", help="directory for the pages (default: RUN/view)")
    parser.add_argument(
        "--task", action="append", default=[], metavar="ID", help="only this task; may be given more than once"
    )
    parser.add_argument(
        "--serve",
        type=int,
        nargs="?",
        const=_PORT,
        metavar="PORT",
        help=f"then serve the pages on 127.0.0.1 until Ctrl-C (default port: {_PORT}; 0: a free one)",
    )
    add_credit_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the pages, and serve them if asked to."""
    config = credit_config(arguments)
    read = ReadRun(arguments.directory)
    from sdpo_gym.viewer.pages import write_pages  # needs an extra

    out = arguments.out or arguments.directory / "view"
    try:
        with contextlib.ExitStack() as stack:
            scorer = stack.enter_context(credit_scorer(read.record, config)) if config else None
            bar = stack.enter_context(tqdm(unit="page", disable=not sys.stderr.isatty(), leave=False))

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            index = write_pages(read, out, task_ids=arguments.task, credit=scorer, progress=progress)
    except KeyboardInterrupt:
        print(f"\nsdpo-gym: interrupted; {visible(str(out))} is not complete: the same command again", file=sys.stderr)
        return INTERRUPTED
    for notice in scorer.notices if scorer else ():
        print(visible(notice))
    print(f"{visible(str(index))}: {len(arguments.task or read.tasks):,} tasks")
    if arguments.serve is not None:
        _serve(out, arguments.serve)
    return 0


def _serve(out: Path, port: int) -> None:
    from sdpo_gym.viewer.serving import HOST, server

    with server(out, port) as pages:
        print(f"serving http://{HOST}:{pages.server_port}/ until Ctrl-C", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            pages.serve_forever()
