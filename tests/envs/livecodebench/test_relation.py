"""How two outputs, or two values, are related: only what is true is said, and nothing where they just differ."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sdpo_envs.livecodebench.comparison import stdout_equal
from sdpo_envs.livecodebench.explanation import explain
from sdpo_envs.livecodebench.relation import relation
from sdpo_envs.livecodebench.values import find_value_difference
from sdpo_gym.quoting import Room
from sdpo_gym.sandbox.job import Case, RunStatus, TestRun

ROOM = Room(8, 250, 250)


@pytest.mark.parametrize(
    ("got", "expected", "told"),
    [
        ("a  b", "a b", "white space within lines"),
        ("a\nb c", "a b\nc", "line breaks"),
        ("a\n\nb", "a\nb", "line breaks"),
        ("ab c", "a bc", "Only white space"),
        ("YES", "Yes", "Only upper and lower case differ."),
        ("Y ES", "Yes", "case and white space"),
        ("['a', 'b']", "a b", "brackets, commas"),
        ("1,2.0", "1 2", "brackets, commas"),
        ("3.14159", "3.14", "rounded to the decimals"),
        ("2.5", "2", "rounded to the decimals"),
        ("2.5", "3", "rounded to the decimals"),
        ("3.14", "3.14159", "fewer decimals"),
        ("3", "3.14", "fewer decimals"),
        ("x 1.0000001\n2", "x 1.0000002\n2", "by at most about 1e-7."),
        ("1e20", "1.00000001e20", None),  # both are integers
        ("100000000.5", "100000001.25", "Only rounding"),
        ("b\na", "a\nb", "The lines are right"),
        ("b a\nc", "a b\nc", "words of each line"),
        ("b a", "a b", "words of the line"),
        ("Answer: 5", "5", "print nothing besides"),
        ("Case 1: 5\nCase 2: x", "5\nx", "Each of your lines ends as expected"),
        ("5\n6", "Case 1: 5\nCase 2: 6", "words before it are missing"),
    ],
)
def test_relations_are_recognised(got: str, expected: str, told: str | None) -> None:
    assert not stdout_equal(got.encode(), expected)
    found = relation(got, expected)
    assert found is None if told is None else found is not None and told in found


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ("4", "3"),
        ("-5", "5"),
        ("12", "21"),
        ("1000001", "1000000"),
        ("3 5", "3 4"),
        ("8 4", "4"),
        ("1.25", "1.5"),
        ("1.1 2", "1.2 3"),
        ("nan", "1.5"),
        ("1e999999999", "1.5"),
        ("Answer: 6", "5"),
        ("", "3"),
        ("a", "b"),
        ("1\n2", "2"),
    ],
)
def test_of_outputs_that_simply_differ_nothing_is_said(got: str, expected: str) -> None:
    assert relation(got, expected) is None


@given(st.integers(), st.integers())
def test_of_two_integers_nothing_is_ever_said(got: int, expected: int) -> None:
    assert relation(str(got), str(expected)) is None or got == expected


_output = st.text("ab12 .,-eE\n[]'Ä", max_size=12)


@given(_output, _output)
def test_what_is_said_is_true(got: str, expected: str) -> None:
    assume(not stdout_equal(got.encode(), expected))
    told = relation(got, expected) or ""
    mine, right = got.split(), expected.split()
    if "white space" in told or "line breaks" in told:
        assert "".join(mine).casefold() == "".join(right).casefold()
    if "case" in told:
        assert got != expected
    if "not their order" in told:
        assert sorted(mine) == sorted(right)
    if "Only brackets" in told:
        bare = [re.sub(r"[\[\](){},'\"]", " ", text).split() for text in (got, expected)]
        assert len(bare[0]) == len(bare[1])
    if "print nothing besides" in told:
        assert mine[-1] == right[-1]
        assert len(mine) > len(right)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=12,
)


@given(_json, _json)
def test_the_path_leads_to_what_differs(got: object, expected: object) -> None:
    found = find_value_difference(json.dumps(got), json.dumps(expected))
    if found is None:
        assert got == expected or "NaN" in json.dumps([got, expected])
        return
    for at in found.path:
        assert isinstance(got, list)
        assert isinstance(expected, list)
        assert json.dumps(got[:at]) == json.dumps(expected[:at]) or got[:at] == expected[:at]
        got, expected = got[at], expected[at]
    assert json.loads(found.got) == got or "NaN" in found.got
    assert json.loads(found.expected) == expected or "NaN" in found.expected


@pytest.mark.parametrize(
    ("got", "expected", "told"),
    [
        ("[2,1]", "[1,2]", "not their order"),
        ("[[2,1],[4,3]]", "[[3,4],[1,2]]", "not their order"),
        ('["Ab"]', '["ab"]', "upper and lower case"),
        ('"a b"', '"ab"', "white space within texts"),
        ("[0.1,2]", "[0.10000001,2]", "Only rounding"),
        ("0.30000000000000004", "0.3", "rounded to the decimals"),
        ('"1"', "1", "Only types"),
        ('["True"]', "[true]", "Only types"),
        ("[1,2]", "[1,3]", None),
        ("1", "2", None),
        ("true", "false", None),
        ("null", "1", None),
        ("[1]", "[1,2]", None),
        ('{"a":1}', '{"a":2}', None),
    ],
)
def test_relations_of_values(got: str, expected: str, told: str | None) -> None:
    found = find_value_difference(got, expected)
    assert found is not None
    assert found.relation is None if told is None else found.relation is not None and told in found.relation


def test_absurd_values_and_outputs_are_looked_at_in_no_time_to_speak_of() -> None:
    hostile = ["[" * 900 + "]" * 900, "[" * 60_000, "9" * 60_000, "[" + "1," * 30_000 + "2]", "1e9" * 20_000]
    hostile += ["1.5 " * 16_000, "a" * (16 << 20), "\n" * 60_000, "x [" * 20_000, '["' + "a" * 60_000 + '"]']
    for got in hostile:  # anything quadratic here would take minutes
        for expected in hostile:
            relation(got, expected)
            find_value_difference(got, expected)


def told(code: str, output: bytes = b"", expected: str = "3", value: bytes | None = None) -> str:
    run = TestRun(RunStatus.WRONG_ANSWER, output, value=value)
    return "\n".join(explain(Case("", expected), run, None if value is None else "f", code).lines(ROOM))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("x = 1", "never prints"),
        (
            "import sys\n\n# main()\nclass A:\n    def f(\n        self,\n    ):\n        print(1)",
            "nothing but imports",
        ),
        ("def f():\n    print(1)\n", "nothing but imports"),
        ("def f():\n    print(1)\nf()", ""),
        ("@f\ndef g():\n    print(1)", ""),
        ("import sys; main()\ndef f(): print(1)", ""),
        ("if x:\n    print(1)", ""),
        ("import sys\nsys.stdout.write('')", ""),
        ("def f():\n    x = '''\nprint()\n'''", ""),
    ],
)
def test_why_nothing_was_printed_is_said_only_if_sure(code: str, why: str) -> None:
    text = told(code)
    assert why in text
    assert bool(text) == bool(why)


@pytest.mark.parametrize(
    ("code", "printed", "expected", "why"),
    [
        ("def f(x):\n    print(x)", b"[1, 2]\n", "[1,2]", "prints the expected value"),
        ("def f(x):\n    print(x)", b"ab\n", '"ab"', "prints the expected value"),
        ("def f(x):\n    print(x)", b"True\n", "true", "prints the expected value"),
        ("def f(x):\n    print(x)", b"2\n", "3", "there is no `return`"),
        ("def f(x):\n    if x:\n        return 1", b"", "3", "null is None"),
        ("f = lambda x: print(x)", b"2", "3", "null is None"),
    ],
)
def test_what_a_returned_none_may_come_from(code: str, printed: bytes, expected: str, why: str) -> None:
    assert why in told(code, printed, expected, b"null")


def test_lines_that_are_missing_or_too_many() -> None:
    assert told("", b"1\n2", "1\n2\n3").split("\n") == [
        "Number of lines: yours 2, expected 3.",
        "Your output is right as far as it goes; the lines after it are missing.",
    ]
    assert "The beginning of your output is right" in told("", b"1\n2\n3", "1\n2")
    assert "The end of your output is right" in told("", b"1\n2\n3", "2\n3")
    assert told("print()", b"", "1\n2") == "Number of lines: yours 0, expected 2."


def test_lines_that_differ_are_counted_and_the_first_is_shown_where_the_quote_does_not_reach() -> None:
    text = told("", b"a" * 100 + b"\n" + b"b" * 100 + b"\nx", "a" * 100 + "\n" + "b" * 100 + "\ny")
    assert "Lines that differ: 1 of 3.\nFirst difference: line 3, character 1." in text
    assert text.endswith("That line, yours:\n| x\nThat line, expected:\n| y")
    short = told("", b"1\n2\n4", "1\n2\n3")
    assert short == "Lines that differ: 1 of 3.\nFirst difference: line 3, character 1."


def test_characters_that_are_easily_overlooked() -> None:
    assert "not UTF-8" in told("", b"\xff3")
    assert "do not print" in told("", b"3\x00")
    assert "outside of ASCII" in told("", "−3".encode(), "-3")
    assert told("", "né".encode(), "né!") == ""
