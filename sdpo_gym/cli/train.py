"""``sdpo-gym train ENV``: let an agent learn on an environment."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never, TextIO

from tqdm import tqdm

from sdpo_gym.cli import ALARMED
from sdpo_gym.cli.common import (
    add_env_options,
    add_judge_backend,
    env_options,
    interrupted,
    key_values,
    policy_options,
)
from sdpo_gym.rollout import Turn
from sdpo_gym.stats import Estimate
from sdpo_gym.train import TrainConfig, TrainSummary, train
from sdpo_gym.training.watch import Alarm

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

SECONDS_BETWEEN_LINES = 10.0

_NUMBERS = {
    "steps": (int, "batches to learn from (default: 100); more of them continue a finished run"),
    "batch": (int, "tasks per step (default: 8)"),
    "n": (int, "attempts per task (default: 8)"),
    "temperature": (float, "of sampling (default: 1)"),
    "top_p": (float, "nucleus mass in (0, 1] (default: 1)"),
    "max_tokens": (int, "most tokens of a completion (default: the card's)"),
    "turns": (int, "most answers of an attempt (default: 1)"),
    "eval_every": (int, "steps between evaluations (default: 20; 0: before and after training only)"),
    "eval_n": (int, "attempts per task in an evaluation (default: 4)"),
    "eval_limit": (int, "only the first so many tasks of the evaluation"),
    "eval_temperature": (float, "of sampling in evaluations (default: 1)"),
    "eval_top_p": (float, "nucleus mass in evaluations (default: 1)"),
    "save_every": (int, "steps between checkpoints (default: 10)"),
    "seed": (int, "of all that is random (default: 0)"),
    "examples": (int, "attempts per step that are shown in updates.jsonl (default: 4)"),
}


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``train``."""
    parser = subparsers.add_parser(
        "train",
        help="train a policy on an environment",
        description="Train a policy on an environment. The same command again continues an interrupted run from its "
        "last checkpoint; the first Ctrl-C finishes the step and saves.",
        epilog=f"Exit code {ALARMED}: the collapse watch ended the run; what it saw is printed and in summary.json.",
    )
    parser.add_argument("env", metavar="ENV", help="environment, see `sdpo-gym envs`")
    parser.add_argument("--agent", metavar="NAME", help="grpo, sdpo ... (a preset brings its own)")
    parser.add_argument("--preset", metavar="NAME", help="settings with a name, or a .toml file; options here win")
    parser.add_argument("--policy", metavar="NAME[:ARG]", help="transformers, tiny ... (default: transformers)")
    parser.add_argument("--model", help="model directory or hub id")
    parser.add_argument("--data", help="hub, sample or a path")
    parser.add_argument("--split", help="part of the data to train on (default: train)")
    parser.add_argument("--eval-split", help="part of the data to evaluate on (default: test)")
    for name, (kind, text) in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=text)
    parser.add_argument(
        "--eval-teacher", action=argparse.BooleanOptionalAction, default=None, help="evaluate the teacher too"
    )
    parser.add_argument("--rehearsal", metavar="FILE", help="answers to rehearse: .jsonl, .jsonl.gz or PACKAGE:FILE")
    parser.add_argument("--watch", choices=("stop", "warn", "off"), help="what the collapse watch does (default: stop)")
    parser.add_argument("--out", type=Path, help="run directory (default: runs/ENV/PRESET-DIGEST)")
    add_env_options(parser)
    add_judge_backend(parser, default=None)  # a preset may say it
    for name, text in (
        ("--eval-option", "an option of the environment in evaluations only"),
        ("--agent-option", "an option of the agent, such as learning_rate=1e-5"),
        ("--policy-option", "an option of the policy, such as dtype=float32"),
    ):
        parser.add_argument(name, action="append", default=[], metavar="KEY=VALUE", help=text)
    parser.add_argument("--quiet", action="store_true", help="no configuration and no progress, only the result")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, print the result, and return the exit code."""
    plain = (
        "env", "agent", "preset", "policy", "model", "data", "split", "eval_split", "eval_teacher", "rehearsal",
        "watch", "out", "judge_backend", *_NUMBERS,
    )  # fmt: skip
    config = TrainConfig(
        **{name: getattr(arguments, name) for name in plain},
        options=env_options(arguments),
        eval_options=key_values("--eval-option", arguments.eval_option),
        agent_options=key_values("--agent-option", arguments.agent_option),
        policy_options=policy_options(arguments),
    )
    progress = TrainProgress(quiet=arguments.quiet)
    try:
        summary = train(config, progress)
    except KeyboardInterrupt:
        progress.close()
        return interrupted(progress.directory)
    finally:
        progress.close()
    print(render(summary))
    if summary.stopped:
        print(
            f"sdpo-gym: the collapse watch ended the run at {summary.stopped}. What was learned until then is in "
            f"{summary.directory / 'checkpoints'}; the same command with --watch warn goes on.",
            file=sys.stderr,
        )
        return ALARMED
    return 0


def render(summary: TrainSummary) -> str:
    """Return the table that ends a run: held-out accuracy before, best, last and mean."""
    rows: list[tuple[str, str, Estimate | None]] = [
        ("initial", "step 0", summary.initial),
        ("best", f"step {summary.best_step}", summary.best),
        ("last", f"step {summary.last_step}", summary.last),
        ("mean", f"the {summary.evaluations} after step 0", summary.mean),
    ]
    if summary.teacher:
        rows.append(("teacher", f"step {summary.last_step}", summary.teacher))
    how = f"preset {summary.preset}" if summary.preset else summary.agent
    lines = [f"{summary.env}, {how}: {summary.steps} of {summary.planned} steps", ""]
    lines.append(f"{'held-out':<10}{f'avg@{summary.k}':>8}   {'95 % interval':<16}  of")
    for name, place, estimate in rows:
        if estimate is not None:
            known = estimate.low is not None and estimate.high is not None
            interval = f"[{estimate.low:.3f}, {estimate.high:.3f}]" if known else "-"
            lines.append(f"{name:<10}{estimate.value:>8.3f}   {interval:<16}  {place}")
    totals = summary.totals
    lines += [
        "",
        f"{totals['generations']:,.0f} generations, {totals['updates']:,.0f} updates, {totals['seconds']:,.1f} s, "
        f"{totals['flops']:.3g} FLOPs (evaluations left out)",
        f"run: {summary.directory}",
    ]
    return "\n".join(lines)


class TrainProgress:
    """Watches a training run for the command.

    Attributes:
        directory: where the run lies, None before it has begun.
    """

    def __init__(self, *, quiet: bool, stream: TextIO | None = None) -> None:
        self.directory: Path | None = None
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._bar: tqdm[Never] | None = None
        self._what, self._work, self._done, self._errors = "", 0, 0, 0
        self._reward = self._accuracy = "-"
        self._first = self._step = self._steps = 0
        self._began = self._last_line = time.monotonic()

    def begin(self, directory: Path, run: Mapping[str, Any], step: int, steps: int) -> None:
        """Print the configuration, and where the run continues."""
        self.directory, self._first, self._step, self._steps = directory, step, step, steps
        self._began = self._last_line = time.monotonic()
        if transformers := sys.modules.get("transformers"):
            transformers.utils.logging.disable_progress_bar()  # one more at every checkpoint would tear ours
        if self._quiet:
            return
        for name in ("settings", "agent", "policy", "data", "rehearsal", "seeds"):
            print(f"{name}: {json.dumps(run[name], default=str)}", file=self._stream)
        print(f"run: {directory}", file=self._stream, flush=True)
        if step:
            print(f"continuing after step {step:,} of {steps:,}", file=self._stream, flush=True)
        if self._stream.isatty():
            self._bar = tqdm(total=steps, initial=step, unit="step", file=self._stream, dynamic_ncols=True)

    def work(self, what: str, total: int) -> None:
        """Begin to count the attempts of a step or of an evaluation."""
        self._what, self._work, self._done = what, total, 0

    def turn(self, turn: Turn) -> None:
        """Count a turn."""
        if turn.error:
            self._errors += 1
            if self._errors == 1 and not self._quiet:
                tqdm.write(f"the first outage of this session: {turn.error}", file=self._stream)
        self._done += bool(turn.error) or turn.done
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._figures()}; {self._what}: {self._done}/{self._work}", refresh=False)
            self._bar.update(0)
        else:
            self._say()

    def row(self, row: Mapping[str, Any]) -> None:
        """Show what a step or an evaluation came to."""
        if "eval" in row:
            self._accuracy = f"{row['eval']['avg']:.3f}"
            if not self._quiet:
                teacher = f", teacher {row['teacher_eval']['avg']:.3f}" if "teacher_eval" in row else ""
                said = f"step {row['step']:,}: held-out avg@{row['eval']['n']} {self._accuracy}{teacher}"
                tqdm.write(said, file=self._stream)
            return
        self._step = row["step"]
        if row.get("reward_mean") is not None:
            self._reward = f"{row['reward_mean']:.3f}"
        if self._bar is not None:
            self._bar.set_postfix_str(self._figures(), refresh=False)
            self._bar.update()
        else:
            self._say()

    def alarm(self, alarm: Alarm) -> None:
        """Say nothing: the log has it, and the command says at its end what ended the run."""

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _figures(self) -> str:
        return f"reward {self._reward}, held-out {self._accuracy}, {self._errors} errors"

    def _say(self) -> None:
        now = time.monotonic()
        if self._quiet or now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        made = self._step - self._first
        left = (self._steps - self._step) * (now - self._began) / made if made else None
        eta = f"about {tqdm.format_interval(left)} left" if left is not None else "time left unknown yet"
        at = f"{self._what} at {self._done:,} of {self._work:,} attempts"
        print(f"{self._step:,} of {self._steps:,} steps, {self._figures()}, {at}, {eta}", file=self._stream, flush=True)
