"""Programs whose verdicts are known: published model solutions, and QuixBugs."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.livecodebench.casting import CastRun, cast_quixbugs, cast_verdicts
from sandbox.levels import require
from sdpo_envs.livecodebench import make_judge, make_tasks
from sdpo_gym.completion import Completion
from sdpo_gym.judge import Judge, JudgeError, judge_many
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.replay import ReplayPolicy
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.verdict import Verdict

# More than the default: no published verdict is a time limit, and the slowest program takes from 2 to 6 CPU seconds,
# depending on what else keeps the machine busy.
CPU_S = 20.0


Verdicts = list[tuple[Request, Verdict | JudgeError]]


def judged(cast: CastRun, judge: Judge) -> Verdicts:
    """Judge the completions that the replay policy gives."""
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
    return list(zip(requests, judge_many(judge, pairs), strict=True))


def disagreements(cast: CastRun, verdicts: Verdicts) -> list[str]:
    """Describe each verdict that is not the known one."""
    found = []
    for request, verdict in verdicts:
        right = cast.right[request.task_id][request.attempt]
        if isinstance(verdict, JudgeError):
            found.append(f"{request.task_id}: {verdict}")
        elif verdict.passed is not right:
            failed = [test for test in verdict.detail["tests"] if test["status"] != "accepted"]
            found.append(f"{request.task_id}, right={right}: {verdict.outcome} {failed[:3]}\n{verdict.feedback}")
    return found


def in_full(verdicts: Verdicts) -> list[tuple[object, ...]]:
    """Return all of the verdicts that must not depend on where they were given."""
    found: list[tuple[object, ...]] = []
    for request, verdict in verdicts:
        assert isinstance(verdict, Verdict)
        statuses = [test["status"] for test in verdict.detail["tests"]]
        found.append((request.task_id, request.attempt, verdict.outcome, dict(verdict.scores), statuses))
    return found


def count(cast: CastRun, right: bool) -> int:
    return sum(answer is right for answers in cast.right.values() for answer in answers)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> CastRun:
    return cast_verdicts(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def verdicts(published: CastRun) -> Verdicts:
    return judged(published, make_judge(workers=2, stop="decided", cpu_s=CPU_S))


@pytest.mark.slow
def test_published_verdicts_are_reproduced(published: CastRun, verdicts: Verdicts) -> None:
    assert (count(published, True), count(published, False)) == (112, 124)
    assert disagreements(published, verdicts) == []


@pytest.mark.slow
def test_more_workers_than_cores_change_no_verdict(published: CastRun, verdicts: Verdicts) -> None:
    again = judged(published, make_judge(workers=8, stop="decided", cpu_s=CPU_S))
    assert in_full(again) == in_full(verdicts)


@pytest.mark.slow
@pytest.mark.parametrize("level", [Isolation.DOCKER, Isolation.LANDLOCK], ids=lambda level: level.value)
def test_other_levels_change_no_verdict(published: CastRun, verdicts: Verdicts, level: Isolation) -> None:
    require(level)
    again = judged(published, make_judge(workers=2, stop="decided", cpu_s=CPU_S, isolation=level.value))
    assert in_full(again) == in_full(verdicts)


@pytest.mark.slow
def test_quixbugs_right_programs_pass_and_buggy_ones_fail(tmp_path: Path) -> None:
    cast = cast_quixbugs(tmp_path)
    assert (count(cast, True), count(cast, False)) == (40, 40)
    assert disagreements(cast, judged(cast, make_judge(workers=2, cpu_s=CPU_S / 2, tuples="any"))) == []
