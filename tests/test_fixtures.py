from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdpo_gym.completion import FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.fixtures import Expectation, read_fixtures

CASE = {"task_id": "t1", "completion": "", "expect": "malformed"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_case_has_a_task_an_answer_and_an_expectation(tmp_path: Path) -> None:
    path = write(tmp_path / "f", CASE, {**CASE, "finish_reason": "length", "outcome": "no_number"})
    first, second = read_fixtures(path)
    assert (first.where, first.task_id, first.completion.text, first.outcome) == (f"{path}:1", "t1", "", "")
    assert (first.expect, first.completion.finish_reason) == (Expectation.MALFORMED, FinishReason.STOP)
    assert (second.outcome, second.completion.finish_reason) == ("no_number", FinishReason.LENGTH)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expect": "full"}, "'expect' of .*:1 must be one of full_reward, zero_reward, malformed, got 'full'"),
        ({"completion": None}, ":1: field 'completion' must be a text, got None"),
        ({"task_id": 3}, ":1: field 'task_id' must be a text"),
        ({"finish_reason": "end"}, "'finish_reason' of .*:1 must be one of stop, length"),
        ({"outcom": "x"}, ":1: unknown field 'outcom'"),
        ({"outcome": ""}, ":1: field 'outcome' must be a text"),
    ],
)
def test_what_is_no_case_is_named_by_file_line_and_field(tmp_path: Path, change: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_fixtures(write(tmp_path / "f", {**CASE, **change}))
