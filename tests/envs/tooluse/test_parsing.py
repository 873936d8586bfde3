from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.calls import Call, write_answer
from sdpo_envs.tooluse.parsing import Parsed, ProblemKind, parse_calls


def calls(text: str) -> list[tuple[str, Any]]:
    parsed = parse_calls(text)
    assert parsed.problems == ()
    return [(call.action, call.arguments) for call in parsed.calls]


def kinds(text: str) -> list[ProblemKind]:
    return [problem.kind for problem in parse_calls(text).problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Action: f\nAction Input: {"a": {"b": [1, {"c": {}}]}}', [("f", {"a": {"b": [1, {"c": {}}]}})]),
        ('Action: f\nAction Input: {"a": "} {\\"}\\n"}', [("f", {"a": '} {"}\n'})]),
        ('Action: f\nAction Input: {\n  "a": 1,\n\n  "b": 2\n}\n', [("f", {"a": 1, "b": 2})]),
        ('Action: f\nAction Input:\n{"a": 1}', [("f", {"a": 1})]),
        ('Action: f\nAction Input:\n```json\n{"a": 1}\n```\n', [("f", {"a": 1})]),
        ('Action: f\nAction Input: ```json\n{"a": 1}\n```', [("f", {"a": 1})]),
        ('Action: f\nAction Input: `{"a": 1}`', [("f", {"a": 1})]),
        ('```\nAction: f\nAction Input: {"a": 1}\n```', [("f", {"a": 1})]),
        ("Action: f\n\n \nAction Input: {}", [("f", {})]),
        ("Action: f\nAction Input:", [("f", {})]),
        ("Action: f\nAction Input:\n\nAction: g\nAction Input:  \n", [("f", {}), ("g", {})]),
        ("```\nAction: f\nAction Input:\n```", [("f", {})]),
        ("Action: [Optional]get-it.now\nAction Input: {}", [("[Optional]get-it.now", {})]),
        ("Action: _f_\nAction Input: {}", [("_f_", {})]),
        ("**Action:** `f`\n**Action Input:** {}", [("f", {})]),
        ("**Action**: f\n**Action Input**: {}", [("f", {})]),
        ("**Action: f**\n*Action Input: {}*", [("f", {})]),
        ("### Action: f\n### Action Input: {}", [("f", {})]),
        ("  ACTION :f\n\taction  input : {}", [("f", {})]),
        ("Action: f\r\nAction Input: {}\r\n", [("f", {})]),
        ("I think so.\nMore.\nAction: f\nAction Input: {}", [("f", {})]),
        (
            "Thought: a\nb\nAction: f\nAction Input: {}\nObservation: o\np\nThought: q\nr\nAction: g\n"
            "Action Input: {}\nFinal Answer: s\n\nt",
            [("f", {}), ("g", {})],
        ),
        ('Action: f\nAction Input: {"a": "é\\u00e9 \u2028 \\ud800"}', [("f", {"a": "éé \u2028 \ud800"})]),
        # mentions
        (
            "Thought: I could use Action: g, or\nAction: h\nwhich would be wrong.\nAction: f\nAction Input: {}",
            [("f", {})],
        ),
        ("Thought: the\nAction Input: of it must be right\nAction: f\nAction Input: {}", [("f", {})]),
        ("Action: f\nAction Input: {}\nThought: next\nAction: of another kind\nis not needed.", [("f", {})]),
        ("<think>\nAction: g\nAction Input: {}\n</think>\nAction: f\nAction Input: {}", [("f", {})]),
        ("Action: g\nAction Input: {}\n</think>Action: f\nAction Input: {}", [("f", {})]),
        # no call
        ("", []),
        ("Actions: f\nAction Inputs: {}", []),
        ('{"Action": "f", "Action Input": {}}', []),
        ("I call Action: f\nwith Action Input: {}", []),
        ("<think>\nAction: g\nAction Input: {}\n", []),
    ],
)
def test_reads(text: str, expected: list[tuple[str, Any]]) -> None:
    assert calls(text) == expected
    assert parse_calls(text).well_formed == bool(expected)


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        ("Thought: t\nAction: f", ProblemKind.MISSING_INPUT, 2),
        ("Action: f\n\nThought: t", ProblemKind.MISSING_INPUT, 1),
        ('Action: f\n{"a": 1}', ProblemKind.MISSING_INPUT, 1),
        ('Action: f\n```json\n{"a": 1}\n```', ProblemKind.MISSING_INPUT, 1),
        ("Action: f\nAction Input: {}\nAction: g\nand so on", ProblemKind.MISSING_INPUT, 3),
        ('Action: f Action Input: {"a": 1}', ProblemKind.MISSING_INPUT, 1),
        ("Thought: t\nAction Input: {}", ProblemKind.MISSING_ACTION, 2),
        ("Action Input:\n{}", ProblemKind.MISSING_ACTION, 1),
        ("Action: f\nAction Input: {}\nAction Input: {}", ProblemKind.MISSING_ACTION, 3),
        ("Action:\nAction Input: {}", ProblemKind.EMPTY_NAME, 1),
        ("Action: ``\nAction Input: {}", ProblemKind.EMPTY_NAME, 1),
        ('Action: f\nAction Input: {\n"a": 1,\n"b": tru}', ProblemKind.NOT_JSON, 4),
        ('Action: f\nAction Input: {"a": True}', ProblemKind.NOT_JSON, 2),
        ('Action: f\nAction Input: {"a": "b\nc"}', ProblemKind.NOT_JSON, 2),
        ('Action: f\nAction Input: {"a": 1,}', ProblemKind.NOT_JSON, 2),
        ("Action: f\nAction Input: the sun", ProblemKind.NOT_JSON, 2),
        ("Action: f\nAction Input:\nthe sun", ProblemKind.NOT_JSON, 3),
        ("Action: f\nAction Input: {'a': 1}", ProblemKind.SINGLE_QUOTES, 2),
        ("Action: f\nAction Input: {\"a\": 'b'}", ProblemKind.SINGLE_QUOTES, 2),
        ('Action: f\nAction Input: {"a": {\n"b": 1}\n\n', ProblemKind.UNCLOSED, 3),
        ('Action: f\nAction Input: {"a": "b', ProblemKind.UNCLOSED, 2),
        ('Action: f\nAction Input: {"a', ProblemKind.UNCLOSED, 2),
        ("Action: f\nAction Input: [1]", ProblemKind.NOT_OBJECT, 2),
        ('Action: f\nAction Input: "a"', ProblemKind.NOT_OBJECT, 2),
        ("Action: f\nAction Input: null", ProblemKind.NOT_OBJECT, 2),
        ('Action: f\nAction Input: {"a": {"b": 1, "b": 1}}', ProblemKind.DUPLICATE_KEY, 2),
        ('Action: f\nAction Input: {"a": NaN}', ProblemKind.BAD_NUMBER, 2),
        ('Action: f\nAction Input: {"a": [-Infinity]}', ProblemKind.BAD_NUMBER, 2),
        ('Action: f\nAction Input: {"a": 1e999}', ProblemKind.BAD_NUMBER, 2),
        ('Action: f\nAction Input: {"a": ' + "9" * 5000 + "}", ProblemKind.BAD_NUMBER, 2),
        ('Action: f\nAction Input: {"a": ' + "[" * 65 + "]" * 65 + "}", ProblemKind.TOO_DEEP, 2),
        ('Action: f\nAction Input: {"a": ' + "[" * 10**5 + "]" * 10**5 + "}", ProblemKind.TOO_DEEP, 2),
        ("Action: f\nAction Input: " + '{"a":' * 10**5, ProblemKind.TOO_DEEP, 2),
        ("Action: f\nAction Input: {} and so on", ProblemKind.TEXT_AFTER_INPUT, 2),
        ("Action: f\nAction Input: {\n} }", ProblemKind.TEXT_AFTER_INPUT, 3),
        ("Action: f\nAction Input: {}\n\nThat is all.\nReally.", ProblemKind.TEXT_AFTER_CALLS, 4),
        ('Action: f\nAction Input: {}\n{"a": 1}', ProblemKind.TEXT_AFTER_CALLS, 3),
        ("Action: f\nAction Input: {}\nand\nAction: g\nAction Input: {}", ProblemKind.TEXT_AFTER_CALLS, 3),
    ],
)
def test_complains(text: str, kind: ProblemKind, line: int) -> None:
    (problem,) = parse_calls(text).problems
    assert (problem.kind, problem.line) == (kind, line)
    assert problem.excerpt
    assert len(problem.excerpt) <= 120


def test_right_calls_beside_a_problem_are_still_read() -> None:
    parsed = parse_calls("Action: f\nAction Input: {}\nAction: g\nAction Input: {x}\nAction: h\nAction Input: {}")
    assert [call.action for call in parsed.calls] == ["f", "h"]
    assert not parsed.well_formed


def test_excerpts_show_the_place() -> None:
    text = 'Action: f\nAction Input: {"a": 1, "long": "' + "x" * 500 + '", "b": oops}\n'
    (problem,) = parse_calls(text).problems
    assert "oops" in problem.excerpt
    assert kinds('Action: f\nAction Input: {"k": 1, "k": 2}') == [ProblemKind.DUPLICATE_KEY]
    assert parse_calls('Action: f\nAction Input: {"k": 1, "k": 2}').problems[0].excerpt == "k"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", True),
        ("Thought: Well", True),
        ("Action: f", True),
        ('Action: f\nAction Input: {"a": "b', True),
        ("Action: f\nAction Input: {'a': 1}", False),
        ('Action: f\nAction Input: {"a": 1}\nAction: g', False),
        ("Action: f\nThought: t\nAction: g", False),
    ],
)
def test_knows_what_only_a_cut_can_have_done(text: str, cut: bool) -> None:
    assert parse_calls(text).nothing_but_a_cut is cut


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "\n", " ", "*", "`", "```\n", "{", "[", '"', "\\", "Action:", "Action: f\n", "Action Input:", "Action Input:\n",
        "Action: f\n\n\n\n",
        "Action: f\nAction Input:\n", "Action: f\nAction Input: {\n", "Action: f\nAction Input: {}\n",
        'Action: f\nAction Input: {"a": "\n', "Action: f\nAction Input: [[[[\n", "Action: f\nAction Input: {'\n",
        "Action: f\nAction Input: {} x\n", "Thought: Action: f\n", "Action: f\nno\n",
        "</think>", "<think>\n", "action input",
        "action\t", "\r", "\x0b\u2028", "9",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", 'Action: f\nAction Input: {"a": '])
def test_a_megabyte_of_anything_takes_linear_time(before: str, piece: str) -> None:
    text = before + piece * (1_000_000 // len(piece))
    started = time.process_time()
    parse_calls(text)
    assert time.process_time() - started < 10  # a quadratic step would take minutes


def test_a_long_line_that_begins_like_a_fence_takes_linear_time() -> None:
    started = time.process_time()
    parse_calls("Action: f\nAction Input:\n```" + " " * 1_000_000 + "!")
    assert time.process_time() - started < 10


def check(parsed: Parsed, text: str) -> None:
    lines = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for call in parsed.calls:
        assert call.action.strip()
        json.dumps(call.arguments, allow_nan=False)
        assert isinstance(call.arguments, dict)
    for problem in parsed.problems:
        assert 1 <= problem.line <= lines
        assert len(problem.excerpt) <= 120
    assert [p.line for p in parsed.problems] == sorted(p.line for p in parsed.problems)


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    for variant in (text, f"Action: f\nAction Input: {text}", f"Action: {text}\nAction Input: {{}}"):
        check(parse_calls(variant), variant)


PIECES = [
    "Action:", "Action Input:", "Thought:", "Observation:", "Final Answer:", "action input :", "**Action:**", "f",
    "`g-h`",
    "{}", '{"a": 1}', '{"a": {"b": "}"}}', "{'a': 1}", '{"a": ', "}", "]", "[", '"', "'", "```", "```json",
    "\n", "\n\n", " ",
    "prose", "NaN", "1e999", '{"a":1,"a":2}', "<think>", "</think>", "\r", "\t", "\\", "\ud800", "true", ",", ":",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_near_misses_are_read_without_an_exception(pieces: list[str]) -> None:
    for text in ("".join(pieces), " ".join(pieces), "\n".join(pieces)):
        check(parse_calls(text), text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.from_regex(r"[\w\[\]().-]{1,20}", fullmatch=True).filter(lambda name: name.strip("`*") == name)
some_calls = st.lists(
    st.builds(Call, names, st.dictionaries(st.text(), json_values, max_size=4)), min_size=1, max_size=4
)


@pytest.mark.slow
@given(some_calls, st.booleans())
def test_every_written_answer_is_read_back(made: list[Call], pretty: bool) -> None:
    text = write_answer(made)
    if pretty:
        text = "\n".join(f"Action: {c.action}\nAction Input: {json.dumps(c.arguments, indent=1)}\n" for c in made)
    assert list(parse_calls(text).calls) == made or "</think>" in text
    assert parse_calls(text).problems == () or "</think>" in text
