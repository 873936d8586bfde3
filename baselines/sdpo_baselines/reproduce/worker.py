"""One job in a process of its own: ``python -m sdpo_baselines.reproduce.worker DIRECTORY``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdpo_baselines.reproduce.runner import DONE_FILE, JOB_FILE
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.judge import JudgeError

RUN_DIRECTORY, SEARCH_DIRECTORY, PROBE_DIRECTORY = "train", "search", "probe"


def main(argv: list[str]) -> int:
    """Do the job of a directory and return an exit code."""
    _end_with_parent()
    directory = Path(argv[0])
    job = json.loads((directory / JOB_FILE).read_text(encoding="utf-8"))
    import torch

    torch.set_num_threads(1)
    try:
        done = _KINDS[job["kind"]](job, directory)
    except (UsageError, OutageError, JudgeError) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return UsageError.exit_code if isinstance(error, UsageError) else OutageError.exit_code
    part = directory / f"{DONE_FILE}.part"
    part.write_text(json.dumps(done) + "\n", encoding="utf-8")
    part.replace(directory / DONE_FILE)
    return 0


def _train(job: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from sdpo_gym.train import TrainConfig, train

    summary = train(TrainConfig(**job["config"], out=directory / RUN_DIRECTORY))
    first, last = (f"{each.value:.3f}" if each else "-" for each in (summary.initial, summary.last))
    stopped = None if summary.stopped is None else str(summary.stopped)
    return {"said": f"held-out {first} -> {last}" + (f", stopped: {stopped}" if stopped else ""), "stopped": stopped}


def _search(job: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from sdpo_gym.discover import DiscoverConfig, discover

    config = dict(job["config"])
    if "tasks_of" in job:  # jobs lie at OUT/family/name/world
        config["tasks"] = json.loads((directory.parents[2] / job["tasks_of"] / DONE_FILE).read_text())["tasks"]
    out = directory / SEARCH_DIRECTORY
    clock = _Clock()
    found = discover(DiscoverConfig(**config, out=out), clock)
    tasks = [each for each in found.tasks if each.times]
    times = [time_ for each in tasks for time_ in each.times]
    solved = sum(time_ is not None for time_ in times)
    return {
        "said": f"solved {solved} of {len(times)} within {config['k']} attempts",
        "k": config["k"],
        "tasks": [each.task_id for each in found.tasks],
        "attempts": times,
        "unfinished": found.unfinished,
        "candidates": len(found.selection) or None,
        "seconds": clock.seconds(),
    }


def _probe(job: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    from sdpo_gym.probe import ProbeConfig, probe

    found = probe(ProbeConfig(**job["config"], out=directory / PROBE_DIRECTORY))
    gaps = {"feedback": found.feedback, "solution": found.solution}
    values = {
        name: {"without": gap.without.value, "given": gap.given.value, "tasks": gap.tasks}
        for name, gap in gaps.items()
        if gap is not None
    }
    said = ", ".join(f"{name} {each['without']:.3f} -> {each['given']:.3f}" for name, each in values.items())
    return {"said": said or "no attempt", "student": found.student.value if found.student else None, "gaps": values}


class _Clock:
    """Takes the time of the searches alone; there is none to give where some were made in an earlier session."""

    def __init__(self) -> None:
        self._resumed, self._began = False, time.monotonic()

    def phase(self, directory: Path, doing: str, unit: str, earlier: int, total: int) -> None:
        self._resumed, self._began = earlier > 0, time.monotonic()  # the last phase is the search

    def turn(self, turn: object) -> None:
        pass

    def end(self, trail: object) -> None:
        pass

    def seconds(self) -> float | None:
        return None if self._resumed else time.monotonic() - self._began


_KINDS: dict[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {
    "train": _train,
    "search": _search,
    "probe": _probe,
}


def _end_with_parent() -> None:
    """End this process when the one that began it is gone, so that nothing trains on unseen; a checkpoint stays."""
    if os.isatty(0):  # begun by hand
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
