"""How long a large run takes to load and to draw, and how much memory: python benchmarks/records.py [DIRECTORY]

Writes a made-up run of the size of LiveCodeBench's release v6 with 16 attempts per task to DIRECTORY (kept there) or to
a temporary one. Each figure comes from a process of its own, so that the memory is that of the step alone.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASKS, ATTEMPTS, TESTS = 1055, 16, 20
CARD = {"headline": "score", "scores": ["score", "tests_passed"], "reward_range": [0, 1]}

STEPS = {
    "results": "from sdpo_gym.records import load_results; load_results(run)",
    "pandas table of figures": (
        "from sdpo_gym.records import load_attempts; "
        "load_attempts(run, ['task_id', 'attempt', 'outcome', 'reward', 'tokens.completion', 'times.judge_s'])"
    ),
    "pandas table with all texts": "from sdpo_gym.records import load_attempts; load_attempts(run)",
    "scored for a comparison": "from sdpo_gym.scored import load_scored; load_scored(run)",
    "pictures": "from sdpo_gym.plots.draw import draw; draw([run], run / 'plots')",
}
MEASURE = """
import resource, sys, time
from pathlib import Path
run = Path(sys.argv[1])
import sdpo_gym.records
began, cpu = time.perf_counter(), time.process_time()
{step}
print(time.perf_counter() - began, time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write_run(directory: Path, *, seed: int = 0, skill: float = 0.0, tasks: int = TASKS, n: int = ATTEMPTS) -> Path:
    """Write a finished run with completions, feedback and tables of tests of the usual sizes."""
    rng = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    words = [f"{rng.getrandbits(40):x}" for _ in range(500)]
    with (directory / "attempts.jsonl").open("w") as file:
        for task in range(tasks):
            chance = random.Random(task).betavariate(0.6, 0.9) + skill
            for attempt in range(n):
                passed = rng.random() < chance
                outcome = (
                    "accepted" if passed else rng.choice(["wrong_answer"] * 6 + ["runtime_error"] * 2 + ["time_limit"])
                )
                tokens = int(rng.lognormvariate(6.3 - skill, 0.6))
                row = {
                    "task_id": f"q{task}", "task_digest": f"{task:064x}", "attempt": attempt, "turn": 0, "done": True,
                    "completion": " ".join(rng.choices(words, k=tokens // 3)), "finish_reason": "stop",
                    "tokens": {"prompt": 700, "completion": tokens}, "reward": float(passed),
                    "status": "passed" if passed else "failed", "outcome": outcome,
                    "scores": {"score": float(passed), "tests_passed": 1.0 if passed else rng.random()},
                    "feedback": "" if passed else " ".join(rng.choices(words, k=100)),
                    "detail": {"tests": [{"test": i, "outcome": outcome, "cpu_s": 0.01} for i in range(TESTS)]},
                    "times": {"generate_s": tokens / 40, "judge_s": rng.lognormvariate(-1, 0.8), "ended": 1.0},
                    "error": None,
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
    record = {"format": 1, "env": {"name": "LiveCodeBench-v0", "card": CARD, "card_digest": "c", "options": {}},
              "data": {"name": "made_up", "digest": "d"}, "policy": {"name": f"seed {seed}"}, "sampling": {"n": n},
              "sessions": []}  # fmt: skip
    (directory / "run.json").write_text(json.dumps(record))
    (directory / "summary.json").write_text("{}")
    return directory


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        run = write_run(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "run")
        size = (run / "attempts.jsonl").stat().st_size / 2**20
        print(f"{TASKS:,} tasks x {ATTEMPTS} attempts, {size:.0f} MiB")
        began = time.perf_counter()
        (run / "attempts.jsonl").read_bytes()
        print(f"{'reading the bytes':<30}{time.perf_counter() - began:8.2f} s wall")
        for name, step in STEPS.items():
            done = subprocess.run(
                [sys.executable, "-c", MEASURE.format(step=step), str(run)], capture_output=True, text=True, check=True
            )
            wall, cpu, mebibytes = map(float, done.stdout.split())
            print(f"{name:<30}{wall:8.2f} s wall {cpu:8.2f} s CPU {mebibytes:8.0f} MiB")


if __name__ == "__main__":
    main()
