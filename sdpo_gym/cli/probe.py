"""``sdpo-gym probe ENV``: how much better a policy answers with the judge's feedback in its prompt."""

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
from sdpo_gym.errors import OutageError
from sdpo_gym.probe import ProbeConfig, probe, render

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``probe``."""
    parser = subparsers.add_parser(
        "probe",
        help="measure the teacher gap: accuracy with feedback in the prompt less accuracy without",
        description="Measure how much better a policy answers when its prompt holds the judge's feedback on an earlier "
        "attempt, or a sibling's solution: what self-distillation has to learn from. The same command again continues "
        "an interrupted probe.",
        epilog="Exit code 3: some answers ended in an outage (server, sandbox); they are in no figure.",
    )
    parser.add_argument("env", metavar="ENV", help="environment, see `sdpo-gym envs`")
    parser.add_argument("--n", type=int, default=8, help="first attempts per task (default: 8)")
    add_answer_options(parser)
    parser.add_argument("--limit", type=int, help="only the first so many tasks")
    parser.add_argument("--out", type=Path, help="run directory (default: runs/probe/ENV/POLICY-DIGEST)")
    add_env_options(parser)
    add_judge_backend(parser)
    parser.add_argument(
        "--reprompt", default="sdpo", metavar="NAME", help="what makes the prompts with feedback (default: sdpo)"
    )
    parser.add_argument(
        "--reprompt-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of it, such as feedback_budget=2000 (characters)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, only the result")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Probe, print the result, and return the exit code."""
    config = ProbeConfig(
        env=arguments.env,
        policy=arguments.policy,
        model=arguments.model,
        base_url=arguments.base_url,
        n=arguments.n,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        max_tokens=arguments.max_tokens,
        data=arguments.data,
        split=arguments.split,
        limit=arguments.limit,
        out=arguments.out,
        seed=arguments.seed,
        reprompt=arguments.reprompt,
        reprompt_options=key_values("--reprompt-option", arguments.reprompt_option),
        options=env_options(arguments),
        policy_options=policy_options(arguments),
        judge_backend=arguments.judge_backend,
    )
    progress = Steps(quiet=arguments.quiet)
    try:
        found = probe(config, progress)
    except KeyboardInterrupt:
        progress.close()
        return interrupted(progress.directory)
    finally:
        progress.close()
    print(visible(render(found)))
    if found.errors:
        print(progress.outages(f"{found.errors:,} answers"), file=sys.stderr)
        return OutageError.exit_code
    return 0
