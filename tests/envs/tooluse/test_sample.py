"""The sample set: rows in the schema of the real data, answers and fixtures of every kind, all as their sources say."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sdpo_envs.tooluse import SPEC
from sdpo_envs.tooluse.calls import Call, decode_calls
from sdpo_envs.tooluse.documentation import ParameterType, parse_documentation
from sdpo_envs.tooluse.feedback import Outcome
from sdpo_envs.tooluse.judge import make_judge
from sdpo_envs.tooluse.prompts import user_question
from sdpo_envs.tooluse.tasks import make_tasks
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.fixtures import Expectation, read_fixtures
from sdpo_gym.task import TaskSet
from sdpo_gym.verdict import Status
from shared_data import shared

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "envs/sdpo_envs/tooluse"
SOURCES = REPOSITORY / "envs/authoring/tooluse"
FIELDS = ["prompt", "description", "idx", "dataset", "system", "answer", "tests", "kind", "elo"]


def read_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return read_lines("sample.jsonl")


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    return read_lines("sample_completions.jsonl")


@pytest.fixture(scope="module")
def tasks() -> TaskSet:
    return make_tasks(data="sample")


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    if not SOURCES.exists():
        pytest.skip("the sample's sources are not part of this distribution")
    spec = importlib.util.spec_from_file_location("tooluse_builder", SOURCES / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_rows_have_the_fields_of_the_real_data(rows: list[dict[str, Any]]) -> None:
    with shared("tooluse/sdpo_test.jsonl").open(encoding="utf-8") as stream:
        real = json.loads(stream.readline())
    for row in rows:
        assert list(row) == [*FIELDS, "difficulty"]
        assert set(FIELDS) == set(real)
        assert all(type(row[field]) is type(real[field]) for field in FIELDS)
        assert row["description"] == row["prompt"]


def test_the_set_is_large_and_varied_enough(tasks: TaskSet) -> None:
    assert len(tasks) >= 32
    assert len({task.meta["api"] for task in tasks}) == 6
    assert set(Counter(task.meta["difficulty"] for task in tasks).values()) == {12}
    golds = [decode_calls(task.payload["answer"]) for task in tasks]
    assert {len(gold) for gold in golds} == {1, 2, 3, 4}
    assert any(not call.arguments for gold in golds for call in gold)
    names = {call.action for gold in golds for call in gold}
    assert any("-" in name for name in names)
    assert any("." in name for name in names)
    kinds = {type(value) for gold in golds for call in gold for value in call.arguments.values()}
    assert kinds == {str, int, float, bool, list, dict}
    texts = [v for gold in golds for call in gold for v in call.arguments.values() if isinstance(v, str)]
    assert any('"' in text and "{" in text for text in texts)
    repeated = [gold for gold in golds if len({call.action for call in gold}) < len(gold)]
    assert len(repeated) >= 6
    assert len({user_question(task.messages[0].content) for task in tasks}) == len(tasks)


def test_gold_calls_keep_to_the_documentation(tasks: TaskSet) -> None:
    for task in tasks:
        tools = parse_documentation(task.messages[0].content)
        assert 3 <= len(tools) <= 6
        for call in decode_calls(task.payload["answer"]):
            parameters = tools[call.action].parameters
            assert parameters is not None
            required = {name for name, parameter in parameters.items() if parameter.required}
            assert required <= set(call.arguments) <= set(parameters), (task.id, call)
            for name, value in call.arguments.items():
                assert type_of(value) in accepted_types(parameters[name].type), (task.id, name)
                assert not parameters[name].choices or str(value) in parameters[name].choices, (task.id, name)


def type_of(value: Any) -> ParameterType:
    return {
        str: ParameterType.STRING,
        int: ParameterType.INTEGER,
        float: ParameterType.NUMBER,
        bool: ParameterType.BOOLEAN,
        list: ParameterType.ARRAY,
        dict: ParameterType.OBJECT,
    }[type(value)]


def accepted_types(documented: ParameterType) -> set[ParameterType]:
    return {documented, ParameterType.INTEGER} if documented is ParameterType.NUMBER else {documented}


def test_all_types_choices_and_required_marks_are_documented(tasks: TaskSet) -> None:
    parameters = [
        parameter
        for task in tasks
        for tool in parse_documentation(task.messages[0].content).values()
        for parameter in (tool.parameters or {}).values()
    ]
    assert {parameter.type for parameter in parameters} == set(ParameterType) - {ParameterType.UNKNOWN}
    assert any(parameter.choices for parameter in parameters)
    assert {parameter.required for parameter in parameters} == {True, False}


def test_free_texts_of_gold_calls_stand_in_the_question(tasks: TaskSet) -> None:
    """What the question writes in another form (dates, times, words of the documentation) is short or has digits."""
    for task in tasks:
        question = user_question(task.messages[0].content)
        for call in decode_calls(task.payload["answer"]):
            tool = parse_documentation(task.messages[0].content)[call.action]
            for name, value in call.arguments.items():
                parameter = (tool.parameters or {})[name]
                if isinstance(value, str) and not parameter.choices and "YYYY" not in task_words(task, call, name):
                    assert value in question, (task.id, value)


def task_words(task: Any, call: Call, name: str) -> str:
    """Return the line of parameters of a tool, from the name on."""
    _, _, rest = task.messages[0].content.partition(f"\n{call.action}: ")
    _, _, parameters = rest.partition("\nParameters: ")
    words: str = json.loads(parameters.partition("\n")[0])[name]
    return words


def test_the_sample_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("the sample set reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(make_tasks(data="sample")) >= 32


def test_every_gold_answer_passes(tasks: TaskSet) -> None:
    judge = make_judge()
    for task in tasks:
        gold = tasks.gold(task)
        assert gold
        verdict = judge(task, Completion(gold))
        assert verdict.passed, (task.id, verdict.feedback)


def test_every_task_has_four_answers(rows: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> None:
    assert [line["task_id"] for line in recorded] == [f"tooluse-sample-{row['idx']}" for row in rows]
    for line in recorded:
        assert set(line) == {"task_id", "completions"}
        assert len({completion["text"] for completion in line["completions"]}) == 4
        for completion in line["completions"]:
            assert set(completion) == {"text", "finish_reason", "expect"}


def test_about_half_of_the_answers_are_right_and_in_no_fixed_place(recorded: list[dict[str, Any]]) -> None:
    right = [[c["expect"] == "accepted" for c in line["completions"]] for line in recorded]
    assert 0.4 <= sum(map(sum, right)) / (4 * len(right)) <= 0.6
    assert len({tuple(places) for places in right}) >= 8


def test_recorded_answers_end_as_their_sources_say(tasks: TaskSet, recorded: list[dict[str, Any]]) -> None:
    strict, paper = make_judge(), make_judge(match="paper")
    outcomes: Counter[str] = Counter()
    for line in recorded:
        task = tasks.by_id(line["task_id"])
        for answer in line["completions"]:
            completion = Completion(answer["text"], FinishReason(answer["finish_reason"]))
            verdict = strict(task, completion)
            assert verdict.outcome == answer["expect"], (task.id, answer["text"], verdict.feedback)
            outcomes[verdict.outcome] += 1
            outcomes[Outcome.PAPER_FAULT] += paper(task, completion).outcome == Outcome.PAPER_FAULT
    assert set(outcomes) == set(SPEC.card.outcomes)
    assert min(outcomes.values()) >= 4


def test_the_judge_decides_the_fixtures_as_they_say(tasks: TaskSet) -> None:
    judge = make_judge()
    fixtures = read_fixtures(SAMPLE / "fixtures.jsonl")
    assert len(fixtures) >= 12
    assert {fixture.expect for fixture in fixtures} == set(Expectation)
    for fixture in fixtures:
        verdict = judge(tasks.by_id(fixture.task_id), fixture.completion)
        assert verdict.reward == float(fixture.expect is Expectation.FULL_REWARD), fixture.where
        assert not fixture.outcome or verdict.outcome == fixture.outcome, fixture.where
        assert (verdict.status is Status.BAD_FORMAT) == (fixture.expect is Expectation.MALFORMED), fixture.where


def test_products_equal_a_fresh_build(builder: ModuleType, tmp_path: Path) -> None:
    built = builder.build()
    assert set(built) == {"sample.jsonl", "sample_completions.jsonl", "fixtures.jsonl"}
    assert builder.differing(built) == []
    for name, text in built.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "sample.jsonl").write_text(built["sample.jsonl"].replace("Fish Market", "Fish Quay"), encoding="utf-8")
    (tmp_path / "fixtures.jsonl").unlink()
    assert builder.differing(built, tmp_path) == ["sample.jsonl", "fixtures.jsonl"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call("readTea", {"teaId": 1}), "no tool 'readTea' is documented"),
        (Call("getTea", {}), "lacks {'teaId'}"),
        (Call("getTea", {"teaId": 1, "cup": 2}), "does not know {'cup'}"),
        (Call("getTea", {"teaId": "1"}), "documented is 'integer"),
        (Call("getTea", {"teaId": True}), "documented is 'integer"),
        (Call("searchTeas", {"kind": "red"}), "which is none of"),
    ],
)
def test_a_gold_call_that_breaks_the_documentation_is_not_built(builder: ModuleType, call: Call, message: str) -> None:
    tools = builder.load_tasks()[0].tools
    with pytest.raises(ValueError, match=message):
        builder.check_call(call, tools, "here")
