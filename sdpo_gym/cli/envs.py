"""``sdpo-gym envs``: which environments there are."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import visible
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.registry import NAMESPACE, EnvSpec, ResolvedEnv, list_envs
from sdpo_gym.report import table

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

_HEAD = ["id", "alias", "tasks", "reward", "turns", "judge", "licence", "digest"]
_ALIAS, _JUDGE, _LICENCE, _DIGEST = 23, 12, 16, 8


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``envs``."""
    parser = subparsers.add_parser(
        "envs",
        help="list the environments",
        description="List the environments, with one row for all aliases that have the same sample tasks. Number of "
        "tasks and digest are those of the sample set.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table of environments; those that cannot be loaded are named on standard error."""
    listings = list_envs()
    rows = [row for listing in listings if listing.spec for row in _rows(listing.spec)]
    print(table(_HEAD, rows, numeric=(2, 4)))
    for listing in listings:
        if listing.error:
            print(f"sdpo-gym: {visible(listing.error)}", file=sys.stderr)
    return UsageError.exit_code if any(listing.error for listing in listings) else 0


def _rows(spec: EnvSpec) -> Iterator[list[str]]:
    low, high = spec.card.reward_range
    facts = [
        f"{low:g} to {high:g}",
        str(spec.card.max_turns),
        _short(str(spec.card.judge.get("kind", "-")), _JUDGE),
        _short(spec.card.licence, _LICENCE),
    ]
    name = f"{NAMESPACE}{spec.name}"
    for (tasks, digest), aliases in _by_sample(spec).items():
        lines = textwrap.wrap(", ".join(aliases), _ALIAS, break_long_words=False, break_on_hyphens=False)
        yield [visible(name), lines[0], tasks, *facts, digest]
        for line in lines[1:]:
            yield ["", line, *[""] * (len(_HEAD) - 2)]
        name = ""


def _by_sample(spec: EnvSpec) -> dict[tuple[str, str], list[str]]:
    """Return the aliases, or "-" if there are none, by the number of their sample tasks and its digest."""
    groups: dict[tuple[str, str], list[str]] = {}
    for alias, options in (spec.aliases or {"-": {}}).items():
        groups.setdefault(_sample(ResolvedEnv(spec, alias, options)), []).append(visible(alias))
    return groups


def _sample(env: ResolvedEnv) -> tuple[str, str]:
    try:
        tasks = env.tasks(data="sample")
        return f"{len(tasks):,}", tasks.digest[:_DIGEST]
    except (UsageError, OutageError):
        return "none", "-"
    except Exception:  # an environment that is being written; `sdpo-gym check` says what is wrong
        return "broken", "-"


def _short(text: str, width: int) -> str:
    return textwrap.shorten(visible(text), width, placeholder="...")
