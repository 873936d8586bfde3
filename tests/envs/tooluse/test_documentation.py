from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.documentation import (
    ComplaintKind,
    Parameter,
    ParameterType,
    as_number,
    complaints,
    parse_documentation,
)
from tooluse_tasks import PROMPT, real_tasks

TOOLS = parse_documentation(PROMPT)


def parameters(tool: str) -> dict[str, Parameter]:
    found = TOOLS[tool].parameters
    assert found is not None
    return dict(found)


def test_tools_come_in_the_prompts_order_with_names_of_any_kind() -> None:
    assert list(TOOLS) == ["add-plant", "[v2]list.beds", "setLabels"]
    assert parameters("[v2]list.beds") == {}


def test_types_marks_and_choices() -> None:
    plant, labels = parameters("add-plant"), parameters("setLabels")
    assert plant["bed"] == Parameter("bed", ParameterType.INTEGER, required=True)
    assert plant["name"] == Parameter("name", ParameterType.STRING, required=True)
    assert plant["light"] == Parameter("light", ParameterType.STRING, choices=("sun", "shade"))
    assert plant["depth"] == Parameter("depth", ParameterType.NUMBER)
    assert plant["water"] == Parameter("water", ParameterType.BOOLEAN)
    assert labels["labels"] == Parameter("labels", ParameterType.ARRAY, ParameterType.STRING, required=True)
    assert labels["sizes"].items is ParameterType.INTEGER
    # choices inside a nested type are not the parameter's own
    assert labels["style"] == Parameter("style", ParameterType.OBJECT)
    assert labels["when"].type is ParameterType.UNKNOWN
    assert labels["kinds"].choices == ("a", "b c")


def test_parameters_that_are_no_json_leave_a_tool_without_rules() -> None:
    tools = parse_documentation("x\nDocumentation:\nfoo: Do it.\nParameters: {'a': 1}\nOutput: y\n")
    assert tools["foo"].parameters is None
    assert complaints({"anything": 1}, tools["foo"]) == []


def test_what_follows_the_documentation_is_none() -> None:
    question = "\nbar: No tool.\nParameters: {}"
    assert list(parse_documentation(PROMPT + question)) == list(TOOLS)
    assert parse_documentation("no tools at all") == {}


def test_every_real_prompt_is_read_whole() -> None:
    for task in real_tasks():
        prompt = task.messages[0].content
        tools = parse_documentation(prompt)
        assert len(tools) == prompt.count("\nParameters: ")
        all_parameters = []
        for tool in tools.values():
            assert tool.parameters is not None, (task.id, tool.name)
            assert f"\n{tool.name}: " in prompt
            all_parameters += tool.parameters.values()
        assert sum(p.required for p in all_parameters) == prompt.count('"Required. ')
        assert sum(bool(p.choices) for p in all_parameters) == prompt.count("One of: [")
        assert ParameterType.UNKNOWN not in {p.type for p in all_parameters}, task.id


def test_complaints_name_what_breaks_the_documentation() -> None:
    given = {"light": "dark", "depth": "deep", "colour": 1, "water": "true", "bed": "3"}
    assert [(c.kind, c.name) for c in complaints(given, TOOLS["add-plant"])] == [
        (ComplaintKind.NOT_A_CHOICE, "light"),
        (ComplaintKind.WRONG_TYPE, "depth"),
        (ComplaintKind.UNKNOWN_NAME, "colour"),
        (ComplaintKind.MISSING, "name"),
    ]


@pytest.mark.parametrize(
    ("tool", "name", "fitting", "unfitting"),
    [
        ("add-plant", "bed", [3, 3.0, "3", "-3", 10**200], [3.5, "3.5", True, None, "three", "", [3], "1e999"]),
        ("add-plant", "depth", [3, 3.5, "3.5", "1e2"], [False, "x", {}, " 3"]),
        ("add-plant", "name", ["x", "", 5], [True, None, [], {}]),
        ("add-plant", "water", [True, "false"], [1, "yes", None]),
        ("setLabels", "labels", [[], ["a", 5]], ["a", [True], [["a"]], {}]),
        ("setLabels", "sizes", [[1, "2"]], [["x"], 1]),
        ("setLabels", "style", [{}, {"colour": "green"}], ["red", [], None]),
        ("setLabels", "when", [1, None, [], "x"], []),
    ],
)
def test_types(tool: str, name: str, fitting: list[object], unfitting: list[object]) -> None:
    def complained(value: object) -> bool:
        return any(
            c.name == name and c.kind is ComplaintKind.WRONG_TYPE for c in complaints({name: value}, TOOLS[tool])
        )

    assert [value for value in fitting if complained(value)] == []
    assert [value for value in unfitting if not complained(value)] == []


@given(st.integers(-(10**30), 10**30))
def test_a_whole_number_is_read_from_its_text(number: int) -> None:
    assert as_number(str(number)) == number


@given(st.text())
def test_no_prompt_makes_it_raise(text: str) -> None:
    assert parse_documentation(f"\nDocumentation:\n{text}") is not None
    assert parse_documentation(f'\nDocumentation:\nfoo: x\nParameters: {{"a": {text}}}') is not None
    complaints({text: text, "light": text}, TOOLS["add-plant"])
    as_number(text)
