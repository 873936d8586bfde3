"""A judge that is killed, at whatever moment, leaves no process, mount or container behind."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox.levels import ALL_LEVELS, require
from sdpo_gym.sandbox.isolation import Isolation

KILL_RUN = Path(__file__).with_name("kill_run.py")
AT_ONCE = {Isolation.USERNS: 5, Isolation.LANDLOCK: 5, Isolation.DOCKER: 2}  # the engine starts one after the other


def kill_at_random(level: Isolation, seed: int) -> dict[str, Any]:
    done = subprocess.run([sys.executable, KILL_RUN, level.value, str(seed)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.value)
def test_kill_9_leaves_nothing(level: Isolation) -> None:
    require(level)
    runs = 10 if level is Isolation.DOCKER else 25
    with ThreadPoolExecutor(AT_ONCE[level]) as threads:
        found = list(threads.map(lambda seed: kill_at_random(level, seed), range(runs)))
    assert [(seed, run) for seed, run in enumerate(found) if run["left"]] == []
    busy = 2 if level is Isolation.DOCKER else 4  # itself, and a container; or four more processes
    assert sum(run["before"] >= busy for run in found) >= runs / 2, "hardly any was killed in the middle of its work"
    print(f"{level.value}: gone after {max(run['seconds'] for run in found):.2f} s at most")
