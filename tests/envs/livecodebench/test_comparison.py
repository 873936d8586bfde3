from __future__ import annotations

import json
import time
import tracemalloc
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.livecodebench.comparison import BadExpectationError, Tuples, stdout_equal, value_equal


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ("3\n", "3"),
        ("  3  \n\n", "3"),
        ("a b\nc", "a b  \n  c\n"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("05", "5"),
        ("+5", "5"),
        ("-0", "0"),
        ("1_000", "1000"),
        ("１２", "12"),  # full-width digits
        ("1\t2   3", "1 2 3"),
        ("1\r\n2\r\n", "1\n2"),
        ("-", "-"),
        ("5-", "5-"),
        ("NaN", "NaN"),  # equal as text
        ("", ""),
        ("\n\n", ""),
        ("1e999999999", "1E+999999999"),
    ],
)
def test_outputs_that_livecodebench_accepts(got: str, expected: str) -> None:
    assert stdout_equal(got.encode(), expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        ("6 15", "6\n15"),
        ("1\n\n2", "1\n2"),
        ("yes", "Yes"),
        ("0.3333333", "0.333333"),
        ("a  b", "a b"),
        ("a 1", "a 1.0"),
        ("NaN 1", "NaN 1.0"),
        ("sNaN", "NaN"),
        ("sNaN  1", "sNaN 1"),
        ("5", "5-"),
        ("", "-"),
        ("", "0"),
        ("1 2", "1"),
        ("1", "1 2"),
        ("1e99999999999999999999", "1"),
        ("Infinity", "1e999999"),
    ],
)
def test_outputs_that_livecodebench_rejects(got: str, expected: str) -> None:
    assert not stdout_equal(got.encode(), expected)


def test_output_that_is_no_utf8_equals_nothing_expected() -> None:
    assert not stdout_equal(b"\xff", "\N{REPLACEMENT CHARACTER}")


def _livecodebench(got: str, expected: str) -> bool:
    """The rule as stated, without regard to cost."""
    mine, right = ([line.strip() for line in text.strip().split("\n")] for text in (got, expected))
    if len(mine) != len(right):
        return False
    for a, b in zip(mine, right, strict=True):
        if a == b:
            continue
        try:
            if [Decimal(x) for x in a.split()] != [Decimal(x) for x in b.split()]:
                return False
        except ArithmeticError:
            return False
    return True


_outputs = st.lists(
    st.sampled_from(["1", "1.0", "01", "x", "NaN", "sNaN", " ", "\t", "\n", "\r", "\x1c", "\u2003", "-"])
).map("".join)


@given(_outputs, _outputs)
def test_stdout_agrees_with_the_rule(got: str, expected: str) -> None:
    assert stdout_equal(got.encode(), expected) == _livecodebench(got, expected)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_stdout_equals_itself_and_with_blank_ends(text: str) -> None:
    assert stdout_equal(f" \n{text}\n\n".encode(), text)


@pytest.mark.parametrize(
    ("got", "expected"),
    [("1", "1.0"), ("true", "1"), ("[1,2]", "[1, 2]"), ('{"b":1,"a":[2]}', '{"a": [2], "b": 1}'), ('"\\u00e9"', '"é"')],
)
def test_values_equal_as_python_compares_them(got: str, expected: str) -> None:
    assert value_equal(got.encode(), expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [("1", '"1"'), ("[1]", "[1, 2]"), ("0.30000000000000004", "0.3"), ("null", "0"), ("NaN", "NaN"), ("not json", "1")],
)
def test_values_that_differ(got: str, expected: str) -> None:
    assert not value_equal(got.encode(), expected)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_json, _json)
def test_values_agree_with_python_equality(got: object, expected: object) -> None:
    assert value_equal(json.dumps(got, separators=(",", ":")).encode(), json.dumps(expected)) == (got == expected)
    assert value_equal(json.dumps(expected).encode(), json.dumps(expected, indent=1))


def test_nested_tuples_are_an_option() -> None:
    assert not value_equal(b"[[1]]", "[[1]]", nested_tuple=True)
    assert value_equal(b"[[1]]", "[[1]]", nested_tuple=True, tuples=Tuples.ANY)


def test_huge_integers_compare_exactly() -> None:
    digits = "7" * 20_000
    assert value_equal(f"[{digits}]".encode(), f"[ {digits} ]")
    assert not value_equal(f"[{digits}1]".encode(), f"[ {digits}2 ]")


def test_broken_expectation_is_an_error_not_a_wrong_answer() -> None:
    with pytest.raises(BadExpectationError, match="not JSON"):
        value_equal(b"1", "[1")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (b"[" * 1_000_000, "[1]"),
        (b"[" * 900 + b"]" * 900, "[1]"),
        (b"9" * 10_000_000, "9"),
        (b"[" + b"[]," * 5_000_000 + b"1]", "[" + "1," * 5_000_000 + "1]"),
        (b'["' + b"[,{" * 1_000_000 + b'"]', '["x"]'),
    ],
)
def test_hostile_values_cost_little(got: bytes, expected: str) -> None:
    tracemalloc.start()
    begin = time.process_time()
    try:
        assert not value_equal(got, expected)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (b"\n" * (16 << 20), "1"),
        (b"1\n" * (8 << 20), "1\n2"),
        (b"1 " * (8 << 20), "1 2"),
        (b"9" * (16 << 20), "8"),
        (b"1e1000000000 " * 1000, " ".join(["1e-1000000000"] * 1000)),
    ],
)
def test_hostile_outputs_cost_little(got: bytes, expected: str) -> None:
    tracemalloc.start()
    begin = time.process_time()
    try:
        assert not stdout_equal(got, expected)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - begin < 5


def test_equal_16_mb_outputs_compare_quickly() -> None:
    text = "123456 " * 100 + "\n"
    large = text * ((16 << 20) // len(text))
    begin = time.process_time()
    assert stdout_equal(large.encode(), large.rstrip())
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("end", [b"", b"\\"])
@pytest.mark.parametrize(("got_chars", "expected_chars"), [(4 << 20, 100_000), (600_000, 10_000)])
def test_forged_strings_without_end_cost_little(got_chars: int, expected_chars: int, end: bytes) -> None:
    begin = time.process_time()
    assert not value_equal(b'"' + b'\\"' * (got_chars // 2) + end, json.dumps("x" * expected_chars))
    assert time.process_time() - begin < 2


def test_large_values_with_brackets_in_strings_are_compared_whole() -> None:
    value = ['["\\', "{,", 'a"]'] * 10_000
    assert value_equal(json.dumps(value).encode(), json.dumps(value, indent=1))
    assert not value_equal(json.dumps(value).encode(), json.dumps([*value[:-1], "b"], indent=1))
