"""Where the time of a training step goes: generating, waiting for the judge, teacher, student, optimizer.

Agents take turns, round by round, so that a machine whose speed drifts drifts for all; the first step of every run,
which starts the sandbox, is left out. The judge's *wall share* is the time that a step waits for verdicts after the
last answer is there: judging goes on behind generation, and equal answers to a task are judged once. Its *CPU share* is
the processor time of the sandbox's processes, as a part of all. Nothing is asserted: the figures go into notes.

    python benchmarks/train_step.py                      tiny_code and tiny_tool with the tiny policy
    python benchmarks/train_step.py --envs tiny_code --steps 20 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import psutil

os.environ.setdefault("OMP_NUM_THREADS", "1")

PARTS = ("generate", "judge_wait", "teacher", "student", "optimizer")


def cpu_of_children(seen: dict[int, float]) -> None:
    """Keep the highest processor time seen of each process below this one; they are gone when a run ends."""
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        own = times.user + times.system + times.children_user + times.children_system
        seen[process.pid] = max(seen.get(process.pid, 0.0), own)


class Observer:
    """Takes the processor time of the sandbox after every step."""

    def __init__(self) -> None:
        self.seen: dict[int, float] = {}
        self.at_step: list[tuple[float, float]] = []  # (sandbox, this process)

    def begin(self, *_: object) -> None: ...
    def work(self, *_: object) -> None: ...
    def turn(self, *_: object) -> None: ...
    def alarm(self, *_: object) -> None: ...

    def row(self, row: dict[str, object]) -> None:
        if "eval" not in row:
            cpu_of_children(self.seen)
            self.at_step.append((sum(self.seen.values()), time.process_time()))


def run(env: str, preset: str, steps: int, seed: int) -> dict[str, float]:
    """Return the seconds of each part per step, and the judge's share of processor time."""
    from sdpo_gym.train import TrainConfig, train

    observer = Observer()
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run"
        config = TrainConfig(
            env, preset=preset, steps=steps + 1, eval_every=0, eval_limit=1, eval_n=1, seed=seed, out=out, watch="off"
        )
        train(config, observer)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "eval" not in row][1:]
    figures = {part: statistics.fmean(row.get(f"seconds_{part}", 0.0) for row in rows) for part in PARTS}
    whole = statistics.fmean(
        row["seconds_generate"] + row["seconds_judge_wait"] + row["seconds_update"] for row in rows
    )
    figures["other"] = max(0.0, whole - sum(figures.values()))
    (sandbox, own), (sandbox_0, own_0) = observer.at_step[-1], observer.at_step[0]
    judged = sandbox - sandbox_0
    return figures | {"step": whole, "judge_cpu": judged / max(judged + own - own_0, 1e-9)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", default=["tiny_code", "tiny_tool"])
    parser.add_argument("--presets", nargs="+", default=["tiny-grpo", "tiny-sdpo", "tiny-sdpo-token"])
    parser.add_argument("--steps", type=int, default=10, help="measured steps per run (default 10)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turn (default 3)")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print(f"{args.steps} steps a run, {args.rounds} rounds; means over rounds [least, most] of the whole step")
    columns = (*PARTS, "other")
    print(f"{'environment':12} {'preset':18} " + "".join(f"{c:>11}" for c in columns) + "   step (s)   judge wall  CPU")
    for env in args.envs:
        found: dict[str, list[dict[str, float]]] = {preset: [] for preset in args.presets}
        for seed in range(args.rounds):
            for preset in args.presets:
                found[preset].append(run(env, preset, args.steps, seed))
        for preset, rounds in found.items():
            mean = {key: statistics.fmean(r[key] for r in rounds) for key in rounds[0]}
            shares = "".join(f"{mean[c] / mean['step']:>10.1%} " for c in columns)
            low, high = min(r["step"] for r in rounds), max(r["step"] for r in rounds)
            print(
                f"{env:12} {preset:18} {shares}  {mean['step']:.3f} [{low:.3f}, {high:.3f}]"
                f"  {mean['judge_wait'] / mean['step']:6.1%} {mean['judge_cpu']:5.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
