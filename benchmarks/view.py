"""How long the pages of a large run take: `sdpo-gym view` on a made-up run of 1,055 tasks with 16 attempts each.

The rows are those of the sample run of `lcb_v6` (recorded programs, real verdicts), over and over, with other ids; the
prompts come from a made-up task set. Nothing is asserted: the figures go into notes.

    python benchmarks/view.py
    python benchmarks/view.py --tasks 100 --attempts 4 --keep DIR
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import tempfile
import time
from pathlib import Path

from sdpo_gym import ListTaskSet, Task
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.registry import resolve
from sdpo_gym.viewer import reading
from sdpo_gym.viewer.pages import write_pages


def make_run(directory: Path, tasks: int, attempts: int) -> ListTaskSet:
    evaluate(EvalConfig("lcb_v6", out=directory))
    rows = [json.loads(line) for line in (directory / "attempts.jsonl").read_text().splitlines()]
    sample = itertools.cycle(resolve("lcb_v6").tasks(None, "sample"))
    made = [Task(f"task-{i:04}", task.messages, {}, task.meta) for i, task in zip(range(tasks), sample, strict=False)]
    endless = itertools.cycle(rows)
    with (directory / "attempts.jsonl").open("w") as file:
        for task, attempt in itertools.product(made, range(attempts)):
            changed = {"task_id": task.id, "task_digest": task.digest, "attempt": attempt}
            file.write(json.dumps(next(endless) | changed) + "\n")
    return ListTaskSet(made, name="made_up", split="test", revision="made up")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1055)
    parser.add_argument("--attempts", type=int, default=16)
    parser.add_argument("--keep", type=Path, help="directory that keeps run and pages")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or Path(temporary)
        tasks = make_run(directory / "run", arguments.tasks, arguments.attempts)
        size = (directory / "run" / "attempts.jsonl").stat().st_size
        reading.tasks_of_run = lambda record: (None, tasks)
        began, cpu = time.perf_counter(), time.process_time()
        run = reading.ReadRun(directory / "run")
        read = time.perf_counter()
        write_pages(run, directory / "pages")
        done, spent = time.perf_counter(), time.process_time() - cpu
        pages = sum(path.stat().st_size for path in (directory / "pages").rglob("*.html"))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{arguments.tasks:,} tasks x {arguments.attempts} attempts, attempts.jsonl {size / 1e6:.0f} MB")
        print(f"read {read - began:.1f} s, write {done - read:.1f} s, processor time {spent:.1f} s")
        print(f"pages {pages / 1e6:.0f} MB, index {(directory / 'pages/index.html').stat().st_size / 1e6:.1f} MB")
        print(f"peak memory of the process {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
