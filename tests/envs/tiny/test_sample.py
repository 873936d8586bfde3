"""The recorded completions and the fixtures: of every family and kind, and all as their files say."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from sdpo_envs.tiny import SPEC, make_judge, make_tasks
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.fixtures import read_fixtures
from sdpo_gym.judge import judge_many
from sdpo_gym.verdict import Verdict

FAMILIES = {"tool", "code", "sci"}
TASKS = make_tasks(data="sample")
JUDGE = make_judge()


def outcomes(answers: list[tuple[str, Completion]]) -> list[str]:
    verdicts = judge_many(JUDGE, [(TASKS.by_id(task_id), completion) for task_id, completion in answers])
    return [verdict.outcome if isinstance(verdict, Verdict) else str(verdict) for verdict in verdicts]


def test_recorded_completions_come_out_as_they_say() -> None:
    assert SPEC.recorded is not None
    rows = [json.loads(line) for line in SPEC.recorded().read_text(encoding="utf-8").splitlines()]
    answers = [(row["task_id"], one) for row in rows for one in row["completions"]]
    found = outcomes([(task_id, Completion(one["text"])) for task_id, one in answers])
    assert found == [one["expect"] for _, one in answers]
    per_family = Counter(row["task_id"].partition("-")[0] for row in rows)
    assert per_family == dict.fromkeys(FAMILIES, 12)
    assert {len(row["completions"]) for row in rows} == {4}


def test_fixtures_are_of_every_family_and_most_outcomes() -> None:
    assert SPEC.fixtures is not None
    fixtures = read_fixtures(SPEC.fixtures())
    assert outcomes([(f.task_id, f.completion) for f in fixtures]) == [f.outcome for f in fixtures]
    assert {f.task_id.partition("-")[0] for f in fixtures} == FAMILIES
    rare = {"wrong_order", "idle_limit", "memory_limit", "output_limit", "bad_return", "signal"}
    assert {f.outcome for f in fixtures} == set(SPEC.card.outcomes) - rare
    assert any(f.completion.finish_reason is FinishReason.LENGTH for f in fixtures)


@pytest.mark.parametrize("world", [1, 50])
def test_recorded_answers_to_one_world_are_no_answers_to_another(world: int) -> None:
    """The answers that were right show world 0's knowledge, not another's."""
    here, there = (make_tasks(family="tool", world=w) for w in (0, world))
    golds = {task.messages[0].content: here.gold(task) for task in here}
    same = [task for task in there if golds.get(task.messages[0].content) == there.gold(task)]
    assert len(same) < len(there) / 4
