"""``sdpo-gym new NAME``: the files of a new environment."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.errors import UsageError
from sdpo_gym.scaffold import Scaffold, new_in_tree, new_package

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``new``."""
    parser = subparsers.add_parser(
        "new",
        help="begin a new environment",
        description="Write the files of a new environment, as a package of its own; its README.md says how to go on.",
    )
    parser.add_argument("name", metavar="NAME", help="such as my_env")
    parser.add_argument("--directory", type=Path, metavar="DIR", help="the new package's folder (default: ./NAME)")
    parser.add_argument(
        "--in-tree", action="store_true", help="inside this checkout of sdpo_gym instead, as envs/sdpo_envs/NAME"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files and print what to do next."""
    if arguments.in_tree and arguments.directory:
        raise UsageError("--in-tree and --directory exclude each other; leave one of them out")
    if arguments.in_tree:
        made = new_in_tree(arguments.name, Path.cwd())
    else:
        made = new_package(arguments.name, arguments.directory or Path(arguments.name))
    print(f"made {' and '.join(map(str, made.folders))}; {made.folders[0] / 'README.md'} says what to fill in")
    if arguments.in_tree:
        print(
            f'\nadd to {made.install_from / "pyproject.toml"}, under [project.entry-points."sdpo_gym.envs"]:\n\n'
            f"  {made.entry_point}\n\n"
            f"and write docs/environments/{arguments.name}.md, as the other environments have it"
        )
    print("\nnext:\n\n" + "\n".join(f"  {command}" for command in _next_commands(made)))
    return 0


def _next_commands(made: Scaffold) -> tuple[str, str]:
    python, folder = shlex.quote(sys.executable), shlex.quote(str(made.install_from))
    beside = Path(sys.executable).with_name("sdpo-gym")
    found = shutil.which("sdpo-gym")
    # Where the environment is not activated, the bare word is another installation's command, or none.
    other = beside.exists() and (found is None or Path(found) != beside)
    command = shlex.quote(str(beside)) if other else "sdpo-gym"
    return f"{python} -m pip install -e {folder}", f"{command} check {made.name}"
