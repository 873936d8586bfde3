"""``sdpo-gym discover ENV``: how many attempts a search needs until it solves a task."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import (
    add_answer_options,
    add_env_options,
    add_judge_backend,
    env_options,
    interrupted,
    key_values,
    policy_options,
    visible,
)
from sdpo_gym.cli.steps import Steps
from sdpo_gym.discover import DiscoverConfig, discover
from sdpo_gym.discovery import render
from sdpo_gym.errors import OutageError

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``discover``."""
    parser = subparsers.add_parser(
        "discover",
        help="search for a solution of hard tasks, attempt after attempt",
        description="Search for solutions of tasks, attempt after attempt, and print discovery@k: the chance that a "
        "search has solved a task by its k-th attempt. The same command again makes the searches that are missing.",
        epilog="Exit code 3: some searches ended in an outage (server, sandbox); they are in no figure.",
    )
    parser.add_argument("env", metavar="ENV", help="environment, see `sdpo-gym envs`")
    parser.add_argument("--task", action="append", default=[], metavar="ID", help="a task; may be repeated")
    parser.add_argument(
        "--hard", type=float, metavar="P", help="instead: the tasks whose base pass rate is estimated to be below P"
    )
    parser.add_argument(
        "--hard-attempts", type=int, default=64, metavar="M", help="attempts per task for that estimate (default: 64)"
    )
    parser.add_argument(
        "--method", default="sdpo", metavar="NAME", help="sdpo (default), best_of_k, multi_turn, or a plugin's"
    )
    parser.add_argument("--k", type=int, default=64, help="most attempts of a search (default: 64)")
    parser.add_argument("--seeds", type=int, default=5, help="searches per task (default: 5)")
    parser.add_argument("--preset", help="training preset of agent sdpo, for method sdpo")
    add_answer_options(parser)
    parser.add_argument("--limit", type=int, help="with --hard: only the first so many tasks are candidates")
    parser.add_argument("--out", type=Path, help="run directory (default: runs/discover/ENV/METHOD-DIGEST)")
    add_env_options(parser)
    add_judge_backend(parser)
    parser.add_argument(
        "--method-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the method, such as window=3 (multi_turn) or learning_rate=1e-3 (sdpo)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search, print the result, and return the exit code."""
    config = DiscoverConfig(
        env=arguments.env,
        method=arguments.method,
        tasks=tuple(arguments.task),
        hard=arguments.hard,
        hard_attempts=arguments.hard_attempts,
        k=arguments.k,
        seeds=arguments.seeds,
        policy=arguments.policy,
        model=arguments.model,
        base_url=arguments.base_url,
        preset=arguments.preset,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        max_tokens=arguments.max_tokens,
        data=arguments.data,
        split=arguments.split,
        limit=arguments.limit,
        out=arguments.out,
        seed=arguments.seed,
        method_options=key_values("--method-option", arguments.method_option),
        options=env_options(arguments),
        policy_options=policy_options(arguments),
        judge_backend=arguments.judge_backend,
    )
    progress = Steps(quiet=arguments.quiet)
    try:
        found = discover(config, progress)
    except KeyboardInterrupt:
        progress.close()
        return interrupted(progress.directory)
    finally:
        progress.close()
    print(visible(render(found)))
    if found.selection:
        print("\nto search at the same tasks again: " + " ".join(f"--task {each.task_id}" for each in found.tasks))
    if found.unfinished:
        print(progress.outages(f"{found.unfinished:,} searches"), file=sys.stderr)
        return OutageError.exit_code
    return 0
