"""The command ``sdpo-gym``: one file per subcommand."""

from __future__ import annotations

import argparse
import io
import logging
import os
import select
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.judge import JudgeError

ALARMED = 4
INTERRUPTED = 130
BROKEN_PIPE = 141


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(UsageError.exit_code, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0: done; 2: bad input; 3: something outside cannot be reached; 4: the collapse watch ended a training run;
    130: interrupted; 141: nobody reads the output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no text of a model's may end a command
    if not sys.stderr.isatty():
        # The libraries' own bars would stand between what a log or a pipe gets, and before errors of one line.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        arguments = _parser().parse_args(argv)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as request:  # argparse: --help, --version, bad options
        return request.code if isinstance(request.code, int) else UsageError.exit_code
    except (UsageError, OutageError, JudgeError) as error:
        print(f"sdpo-gym: error: {' '.join(str(error).split())}", file=sys.stderr)
        return UsageError.exit_code if isinstance(error, UsageError) else OutageError.exit_code
    except KeyboardInterrupt:
        print("sdpo-gym: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        if not _stdout_is_broken():
            raise
        return BROKEN_PIPE
    return code


def _parser() -> argparse.ArgumentParser:
    # Here, not at the top: `import sdpo_gym.cli.common` should not import every command.
    from sdpo_gym.cli import (
        check,
        compare,
        discover,
        doctor,
        envs,
        leaderboard,
        new,
        plot,
        probe,
        rejudge,
        sandbox_image,
        show,
        submit,
        verify,
        view,
    )
    from sdpo_gym.cli import eval as eval_command
    from sdpo_gym.cli import train as train_command

    parser = _Parser(prog="sdpo-gym", description="Text environments whose judges say why an attempt failed.")
    parser.add_argument("--version", action="version", version=f"sdpo-gym {version('sdpo-gym')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for module in (
        eval_command,
        train_command,
        discover,
        probe,
        rejudge,
        show,
        view,
        compare,
        plot,
        envs,
        new,
        check,
        doctor,
        sandbox_image,
        submit,
        verify,
        leaderboard,
    ):
        module.add_parser(commands)
    return parser


def _stdout_is_broken() -> bool:
    try:
        descriptor = sys.stdout.fileno()
    except OSError:  # not a file
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    # The interpreter flushes once more at its end; let that go nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return True
