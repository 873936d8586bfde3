"""Programs whose verdicts are known: published model solutions, and QuixBugs."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.livecodebench.casting import CastRun, cast_quixbugs, cast_verdicts
from sandbox.levels import require
from sdpo_envs.livecodebench import LiveCodeBenchJudge, make_judge, make_tasks
from sdpo_gym.completion import Completion
from sdpo_gym.judge import JudgeError, judge_many
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.replay import ReplayPolicy
from sdpo_gym.sandbox.isolation import Isolation

# More than the default: no published verdict is a time limit, and the slowest program takes from 2 to 6 CPU seconds,
# depending on what else keeps the machine busy.
CPU_S = 20.0


def disagreements(cast: CastRun, judge: LiveCodeBenchJudge) -> list[str]:
    """Judge the completions that the replay policy gives, and describe each verdict that is not the known one."""
    tasks, policy = make_tasks(None, str(cast.data)), ReplayPolicy(cast.replay)
    by_id = {task_id: tasks.by_id(task_id) for task_id in cast.right}
    requests = [
        Request(by_id[task_id].messages, task_id, attempt, turn=0, seed=0)
        for task_id, count in policy.recorded().items()
        for attempt in range(count)
    ]
    pairs = []
    for index, answer in policy.generate(requests, Sampling()):
        assert isinstance(answer, Completion)
        pairs.append((by_id[requests[index].task_id], answer))
    found = []
    for request, verdict in zip(requests, judge_many(judge, pairs), strict=True):
        right = cast.right[request.task_id][request.attempt]
        if isinstance(verdict, JudgeError):
            found.append(f"{request.task_id}: {verdict}")
        elif verdict.passed is not right:
            failed = [test for test in verdict.detail["tests"] if test["status"] != "accepted"]
            found.append(f"{request.task_id}, right={right}: {verdict.outcome} {failed[:3]}\n{verdict.feedback}")
    return found


def count(cast: CastRun, right: bool) -> int:
    return sum(answer is right for answers in cast.right.values() for answer in answers)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 8])
def test_published_verdicts_are_reproduced(tmp_path: Path, workers: int) -> None:
    cast = cast_verdicts(tmp_path)
    assert (count(cast, True), count(cast, False)) == (112, 124)
    for _ in range(3 if workers == 8 else 1):
        assert disagreements(cast, make_judge(workers=workers, stop="decided", cpu_s=CPU_S)) == []


@pytest.mark.slow
@pytest.mark.parametrize("level", [Isolation.DOCKER, Isolation.LANDLOCK], ids=lambda level: level.value)
def test_published_verdicts_are_the_same_at_other_levels(tmp_path: Path, level: Isolation) -> None:
    require(level)
    judge = make_judge(workers=2, stop="decided", cpu_s=CPU_S, isolation=level.value)
    assert disagreements(cast_verdicts(tmp_path), judge) == []


@pytest.mark.slow
def test_quixbugs_right_programs_pass_and_buggy_ones_fail(tmp_path: Path) -> None:
    cast = cast_quixbugs(tmp_path)
    assert (count(cast, True), count(cast, False)) == (40, 40)
    assert disagreements(cast, make_judge(workers=2, cpu_s=CPU_S / 2, tuples="any")) == []
