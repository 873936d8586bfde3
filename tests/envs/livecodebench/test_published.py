"""Programs whose verdicts are known: published model solutions, and QuixBugs."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.livecodebench.casting import CastRun, cast_quixbugs, cast_verdicts
from sdpo_envs.livecodebench import LiveCodeBenchJudge, make_judge, make_tasks
from sdpo_gym.completion import Completion
from sdpo_gym.judge import judge_many
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.replay import ReplayPolicy

# More than the default: no published verdict is a time limit, and the slowest program takes from 2 to 6 CPU seconds,
# depending on what else keeps the machine busy.
CPU_S = 20.0


def verdicts(cast: CastRun, judge: LiveCodeBenchJudge) -> dict[str, list[bool]]:
    """Judge a cast run's completions, taken from its replay file by the replay policy."""
    tasks, policy = make_tasks(None, str(cast.data)), ReplayPolicy(cast.replay)
    requests = [
        Request(tasks.by_id(task_id).messages, task_id, attempt, 0, 0)
        for task_id, count in policy.recorded().items()
        for attempt in range(count)
    ]
    by_id = {task_id: tasks.by_id(task_id) for task_id in cast.right}
    answers = [answer for _, answer in sorted(policy.generate(requests, Sampling()), key=lambda pair: pair[0])]
    assert all(isinstance(answer, Completion) for answer in answers)
    pairs = [(by_id[r.task_id], a) for r, a in zip(requests, answers, strict=True) if isinstance(a, Completion)]
    found: dict[str, list[bool]] = {}
    for request, verdict in zip(requests, judge_many(judge, pairs), strict=True):
        found.setdefault(request.task_id, []).append(getattr(verdict, "passed", None) is True)
        assert not isinstance(verdict, Exception), verdict
    return found


def count(cast: CastRun, right: bool) -> int:
    return sum(answer is right for answers in cast.right.values() for answer in answers)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 8])
def test_published_verdicts_are_reproduced(tmp_path: Path, workers: int) -> None:
    cast = cast_verdicts(tmp_path)
    assert (count(cast, True), count(cast, False)) == (112, 124)
    for _ in range(3 if workers == 8 else 1):
        assert verdicts(cast, make_judge(workers=workers, stop="decided", cpu_s=CPU_S)) == cast.right


@pytest.mark.slow
def test_quixbugs_right_programs_pass_and_buggy_ones_fail(tmp_path: Path) -> None:
    cast = cast_quixbugs(tmp_path)
    assert (count(cast, True), count(cast, False)) == (40, 40)
    assert verdicts(cast, make_judge(workers=2, cpu_s=CPU_S / 2, tuples="any")) == cast.right
