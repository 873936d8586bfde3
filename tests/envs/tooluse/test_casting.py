from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sdpo_envs.tooluse.calls import Call, decode_calls
from sdpo_envs.tooluse.casting import cast_toolalpaca
from sdpo_envs.tooluse.prompts import render_prompt
from sdpo_envs.tooluse.source import known_questions, question_digest
from sdpo_envs.tooluse.tasks import make_tasks
from sdpo_gym.errors import UsageError
from shared_data import shared

DOCUMENTATION = (
    "find: Find a bell.\nParameters: {}\nOutput: Its id.\n"
    'ring: Ring a bell.\nParameters: {"bell": "integer."}\nOutput: Nothing.\n'
)


def make_api(**other: Any) -> dict[str, Any]:
    api = {
        "Name": "Belfry",
        "Description": "Bells",
        "NLDocumentation": DOCUMENTATION,
        "Instructions": ["Ring the great bell."],
        "Golden_Answers": [[{"Action": "find", "Action_Input": "{}"}]],
    }
    return {**api, **other}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def simulated() -> Path:
    return shared("tooluse/toolalpaca_eval_simulated.json")


def test_an_instruction_becomes_a_row(tmp_path: Path) -> None:
    gold = [{"Action": "find", "Action_Input": "{}"}]
    api = make_api(Instructions=["First.", "Second?"], Golden_Answers=[gold, gold])
    rows, _ = cast_toolalpaca(write(tmp_path / "apis.json", [api]))
    assert rows[1].where == f"{tmp_path / 'apis.json'}: API 1 (Belfry), instruction 2"
    assert rows[1].fields == {
        "task_id": "toolalpaca-Belfry-2",
        "prompt": render_prompt("Belfry", "Bells", DOCUMENTATION, "Second?"),
        "question": "Second?",
        "answer": json.dumps(gold),
        "gold": "fixed",
    }


@pytest.mark.parametrize(
    ("given", "arguments", "gold"),
    [
        ('{"bell": 5}', {"bell": 5}, "fixed"),
        ('{"bell": ${id from find}}', {"bell": "${id from find}"}, "open"),
        ('{"bell": ${id}", "of": ${tower}}', {"bell": "${id}", "of": "${tower}"}, "open"),
        ('{"bell": ${id from find, "of": 1}', {"bell": "${id from find", "of": 1}, "open"),
        ('{"bells": [${some bell}]}', {"bells": ["${some bell}"]}, "open"),
        ('{"bell": "{start date}"}', {"bell": "{start date}"}, "open"),
        ('{"bell": "a$${b}c \\"${x}\\""}', {"bell": 'a$${b}c "${x}"'}, "fixed"),
        ('{"bell": "a {b} c"}', {"bell": "a {b} c"}, "fixed"),
    ],
)
def test_placeholders_of_gold_values_become_texts(
    tmp_path: Path, given: str, arguments: dict[str, Any], gold: str
) -> None:
    api = make_api(Golden_Answers=[[{"Action": "ring", "Action_Input": given}]])
    (row,), _ = cast_toolalpaca(write(tmp_path / "apis.json", [api]))
    assert decode_calls(row.fields["answer"]) == (Call("ring", arguments),)
    assert row.fields["gold"] == gold


def test_gold_calls_of_other_tools_are_told(tmp_path: Path) -> None:
    api = make_api(Golden_Answers=[[{"Action": "getDetails", "Action_Input": '{"Question": ${x}}'}]])
    (row,), _ = cast_toolalpaca(write(tmp_path / "apis.json", [api]))
    assert row.fields["gold"] == "undocumented"


def test_the_shared_instructions_give_the_prompts_of_the_test_split() -> None:
    test = [json.loads(line) for line in shared("tooluse/sdpo_test.jsonl").read_text(encoding="utf-8").splitlines()]
    rows, _ = cast_toolalpaca(simulated())
    assert len(rows) == 100
    known = dict(zip(known_questions(), test, strict=True))
    cast = [row for row in rows if question_digest(row.fields["question"]) in known]
    assert len(cast) == 68
    for row in cast:
        same = known[question_digest(row.fields["question"])]
        assert row.fields["prompt"] == same["prompt"]
        assert decode_calls(row.fields["answer"]) == decode_calls(same["answer"])


def test_the_dev_split_is_what_the_test_split_does_not_ask() -> None:
    dev, test = make_tasks("dev", str(shared("tooluse"))), make_tasks("test", str(shared("tooluse")))
    assert (dev.name, dev.split, len(dev)) == ("tooluse_dev", "dev", 32)
    assert make_tasks("dev", str(simulated())).digest == dev.digest
    assert not {task.messages[0].content for task in dev} & {task.messages[0].content for task in test}
    assert {task.meta["api"] for task in dev} <= {task.meta["api"] for task in test}
    assert Counter(task.meta["gold"] for task in dev) == {"open": 25, "undocumented": 6, "fixed": 1}
    assert dev.ids[0] == "toolalpaca-AniAPI-1"
    for part in ("32 tasks for development only", "the 68 left out", "25 with open gold values", "6 with gold calls"):
        assert part in dev.notice
    assert all(dev.gold(task) for task in dev)


def test_a_file_that_only_asks_what_the_test_split_asks_gives_no_tasks(tmp_path: Path) -> None:
    apis = json.loads(simulated().read_text(encoding="utf-8"))
    with pytest.raises(UsageError, match="none is left for development"):
        make_tasks("dev", str(write(tmp_path / "apis.json", apis[:1])))


def test_an_instruction_without_gold_calls_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "apis.json", [make_api(Golden_Answers=[[]])])
    with pytest.raises(
        UsageError, match=r"apis\.json: API 1 \(Belfry\), instruction 1: field 'answer': gold calls must"
    ):
        make_tasks("dev", str(path))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, r"must hold a JSON list of APIs, got dict"),
        ([], r"must hold a JSON list of APIs, got list"),
        ([make_api(), 5], r"API 2: must be a JSON object, got int"),
        ([make_api(Name="")], r"API 1: field 'Name' must be a text that is not empty"),
        ([make_api(NLDocumentation=None)], r"API 1: field 'NLDocumentation' must be a text that is not empty"),
        ([make_api(Instructions="Ring.")], r"API 1: field 'Instructions' must be a list, got 'Ring\.'"),
        ([make_api(Golden_Answers=[])], r"API 1 \(Belfry\): 'Instructions' and 'Golden_Answers' must be of one length"),
        ([make_api(Instructions=[3])], r"API 1 \(Belfry\), instruction 1: must be a text that is not empty, got 3"),
        (
            [make_api(Golden_Answers=["find"])],
            r"instruction 1: its golden answer must be a list of objects, got 'find'",
        ),
    ],
)
def test_bad_files_are_named_by_api_and_field(tmp_path: Path, value: Any, message: str) -> None:
    path = write(tmp_path / "apis.json", value)
    with pytest.raises(UsageError, match=message) as caught:
        cast_toolalpaca(path)
    assert str(path) in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "apis.json").write_text('{"Name": 1}\n{"Name": 2}\n', encoding="utf-8")
    with pytest.raises(UsageError, match=r"apis\.json is not JSON .*one list of APIs"):
        cast_toolalpaca(tmp_path / "apis.json")
    with pytest.raises(UsageError, match="cannot read"):
        cast_toolalpaca(tmp_path / "nowhere.json")
