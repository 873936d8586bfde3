"""``sdpo-gym eval ENV``: what a policy scores on an environment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.cli.common import add_env_options, add_judge_backend, env_options, interrupted, policy_options
from sdpo_gym.cli.progress import Progress
from sdpo_gym.errors import OutageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.report import render

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``eval``."""
    parser = subparsers.add_parser(
        "eval",
        help="evaluate a policy on an environment",
        description="Evaluate a policy on an environment. The same command again continues an interrupted run. "
        "Without --policy and --model the recorded sample completions are replayed.",
        epilog="Exit code 3: some attempts ended in an outage (server, sandbox); they are in no score.",
    )
    parser.add_argument("env", metavar="ENV", help="environment, see `sdpo-gym envs`")
    parser.add_argument("--policy", metavar="NAME[:ARG]", help="replay:FILE, scripted:gold, transformers, openai ...")
    parser.add_argument("--model", help="model directory, hub id, or the server's name for it")
    parser.add_argument("--base-url", metavar="URL", help="of an OpenAI-compatible server")
    parser.add_argument("--n", type=int, help="attempts per task")
    parser.add_argument("--temperature", type=float, help="0 is greedy")
    parser.add_argument("--top-p", type=float, help="nucleus mass in (0, 1]")
    parser.add_argument("--max-tokens", type=int, help="most tokens of a completion")
    parser.add_argument("--turns", type=int, help="most answers of an attempt")
    parser.add_argument("--data", help="hub, sample or a path")
    parser.add_argument("--split", help="part of the data")
    parser.add_argument("--limit", type=int, help="only the first so many tasks")
    parser.add_argument("--out", type=Path, help="run directory (default: runs/ENV/POLICY-DIGEST)")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    parser.add_argument("--from", dest="date_from", metavar="DATE", help="first date of the window")
    parser.add_argument("--until", dest="date_until", metavar="DATE", help="first date behind the window")
    add_env_options(parser)
    add_judge_backend(parser)
    parser.add_argument(
        "--policy-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the policy, such as concurrency=4 or template_options={enable_thinking=false}",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, print the result table, and return the exit code."""
    config = EvalConfig(
        env=arguments.env,
        policy=arguments.policy,
        model=arguments.model,
        base_url=arguments.base_url,
        n=arguments.n,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        max_tokens=arguments.max_tokens,
        turns=arguments.turns,
        data=arguments.data,
        split=arguments.split,
        limit=arguments.limit,
        out=arguments.out,
        seed=arguments.seed,
        options=env_options(arguments),
        policy_options=policy_options(arguments),
        judge_backend=arguments.judge_backend,
    )
    progress = Progress(quiet=arguments.quiet)
    try:
        summary = evaluate(config, progress)
    except KeyboardInterrupt:
        progress.close()
        return interrupted(progress.directory)
    finally:
        progress.close()
    print(render(summary))
    if summary.errors:
        print(_outages(summary.errors, progress), file=sys.stderr)
        return OutageError.exit_code
    return 0


def _outages(errors: int, progress: Progress) -> str:
    said = f"sdpo-gym: {errors:,} attempts ended in an outage, the last one with: {progress.last_error}"
    if not progress.permanent:
        return f"{said}; the same command makes them again"
    if progress.permanent < errors:
        return f"{said}; the same command makes them again, but {progress.permanent:,} of them can never be answered"
    return f"{said}; with this configuration they can never be answered, and the same command would not help"
