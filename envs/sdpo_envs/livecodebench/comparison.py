"""LiveCodeBench's rules for when an output is right, made safe against outputs built to hurt the judge."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from itertools import zip_longest
from typing import Any

_TOKEN = re.compile(r"\S+")
# Matches at every quote, closed or not, and never goes back: a forged value of escaped quotes costs linear time.
_JSON_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_LARGE = 64 << 10  # from here on a returned value's shape is compared before it is parsed
# Equal JSON values differ in length by less than this factor: the integer 10**308 has 309 digits, as 1e308 it has 5.
_LONGEST_RATIO = 64


class Tuples(StrEnum):
    """What to make of tuples below the top level of a returned value."""

    LCB = "lcb"  # they never equal a list
    ANY = "any"  # they equal a list with equal elements


class BadExpectationError(RuntimeError):
    """The expected value of a test is not JSON: the test is broken, whatever the program does."""


def output_lines(text: str) -> list[str]:
    """Split an output as LiveCodeBench does: strip the whole, split at newlines, strip each line."""
    return [line.strip() for line in text.strip().split("\n")]


def lines_equal(got: str, expected: str) -> bool:
    """Whether two stripped lines are equal, or both are lists of decimals that are equal one by one."""
    if got == expected:
        return True
    for got_token, expected_token in zip_longest(_TOKEN.finditer(got), _TOKEN.finditer(expected)):
        if got_token is None or expected_token is None:
            return False
        try:
            if Decimal(got_token[0]) != Decimal(expected_token[0]):
                return False
        except InvalidOperation:  # not a number, or a signalling NaN
            return False
    return True


def decode_output(stdout: bytes) -> str:
    """Decode what a program printed; bytes that are not UTF-8 become lone surrogates, which equal nothing expected."""
    return stdout.decode("utf-8", "surrogateescape")


def stdout_equal(stdout: bytes, expected: str) -> bool:
    """Whether printed output is right by LiveCodeBench's rules.

    Whole output and each line are stripped, the number of lines must agree, and a line is right if it is equal or if
    both lines are decimals that are equal one by one ("1.0" is "1", there is no tolerance, NaN equals nothing).
    """
    wanted = expected.encode("utf-8", "surrogatepass")
    if stdout == wanted or stdout.strip() == wanted.strip():
        return True
    got_text, expected_text = decode_output(stdout).strip(), expected.strip()
    if got_text.count("\n") != expected_text.count("\n"):  # before splitting: an output of newlines alone is large
        return False
    return all(map(lines_equal, output_lines(got_text), output_lines(expected_text)))


def value_equal(value: bytes, expected: str, *, nested_tuple: bool = False, tuples: Tuples = Tuples.LCB) -> bool:
    """Whether a returned value (as JSON) equals the expected one as Python compares them, so 1 == 1.0 == True.

    Args:
        value: the returned value as JSON; a tuple at its top level counts as a list.
        expected: the test's expected value as JSON.
        nested_tuple: whether the value held a tuple below its top level.
        tuples: what that means.

    Raises:
        BadExpectationError: if ``expected`` is not JSON.
    """
    if nested_tuple and tuples is Tuples.LCB:
        return False
    wanted = expected.encode("utf-8", "surrogatepass")
    if b'"' not in wanted:
        wanted = b"".join(wanted.split())  # without strings, white space means nothing
    if value == wanted and b"N" not in value:  # NaN equals nothing, itself included
        return True
    if len(value) > _LONGEST_RATIO * (len(wanted) + _LONGEST_RATIO):
        return False
    if len(value) > _LARGE and _shape(value) != _shape(wanted):
        return False  # parsed, 16 MB of "[]," would take 30 times as much
    try:
        right = _parse(wanted)
    except (ValueError, RecursionError) as error:
        raise BadExpectationError(f"the expected value {expected[:80]!r} is not JSON ({error})") from error
    try:
        return bool(_parse(value) == right)
    except (ValueError, RecursionError):
        return False


def _shape(value: bytes) -> tuple[int, ...]:
    """Count brackets and separators outside strings: equal values agree in all of them."""
    bare = _JSON_STRING.sub(b"", value)
    return tuple(bare.count(mark) for mark in (b"[", b"{", b":", b","))


def _parse(value: bytes) -> Any:
    text = value.decode("utf-8", "surrogatepass")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # an integer longer than int() takes; Decimal is exact and linear, and compares with numbers
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else Decimal(digits))
