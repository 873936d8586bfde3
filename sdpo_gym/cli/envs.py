"""``sdpo-gym envs``: which environments there are."""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING

from sdpo_gym.errors import UsageError
from sdpo_gym.registry import NAMESPACE, EnvSpec, list_envs, resolve
from sdpo_gym.report import table

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``envs``."""
    parser = subparsers.add_parser("envs", help="list the environments")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table of environments; those that cannot be loaded are named on standard error."""
    listings = list_envs()
    rows = [row for listing in listings if listing.spec for row in _rows(listing.spec)]
    print(table(["id", "alias", "sample tasks", "reward", "turns", "licence"], rows, numeric=(2, 4)))
    for listing in listings:
        if listing.error:
            print(f"sdpo-gym: {listing.error}", file=sys.stderr)
    return UsageError.exit_code if any(listing.error for listing in listings) else 0


def _rows(spec: EnvSpec) -> list[list[str]]:
    low, high = spec.card.reward_range
    aliases, *more = textwrap.wrap(", ".join(spec.aliases) or "-", 24)
    first = [
        f"{NAMESPACE}{spec.name}",
        aliases,
        _sample_tasks(spec),
        f"{low:g} to {high:g}",
        str(spec.card.max_turns),
        textwrap.shorten(spec.card.licence, 20, placeholder="..."),
    ]
    return [first, *(["", line, "", "", "", ""] for line in more)]


def _sample_tasks(spec: EnvSpec) -> str:
    try:
        return f"{len(resolve(spec.name).tasks(data='sample')):,}"
    except UsageError:
        return "none"
