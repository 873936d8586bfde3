"""Where and how a wrong return value differs from the expected one, both as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sdpo_envs.livecodebench.relation import MOST_CHARS, rounding


@dataclass(frozen=True)
class ValueDifference:
    """How two values differ.

    Attributes:
        lengths: the lengths of both, if they are lists of different lengths.
        path: indices of the first difference: ``(2, 0)`` is ``value[2][0]``; empty if the values are no lists, or if
            one list is the beginning of the other.
        got: what the returned value has there, as JSON.
        expected: what is expected there, as JSON.
        relation: one sentence on how they are related, as :func:`sdpo_envs.livecodebench.relation.relation` has it.
    """

    lengths: tuple[int, int] | None
    path: tuple[int, ...]
    got: str
    expected: str
    relation: str | None


def find_value_difference(got: str, expected: str) -> ValueDifference | None:
    """Compare two values as JSON; None if they are equal, or too long or too deep to be looked at."""
    if max(len(got), len(expected)) > MOST_CHARS:
        return None
    try:
        mine, right = json.loads(got), json.loads(expected)
        if mine == right:
            return None
        lengths = None
        if isinstance(mine, list) and isinstance(right, list) and len(mine) != len(right):
            lengths = len(mine), len(right)
        path, here, there = _first(mine, right)
        return ValueDifference(lengths, path, _text(here), _text(there), _relation(mine, right))
    except (ValueError, RecursionError):  # an integer of many digits, a list in a list in a list
        return None


def _first(mine: Any, right: Any) -> tuple[tuple[int, ...], Any, Any]:
    path: list[int] = []
    while isinstance(mine, list) and isinstance(right, list):
        at = next((i for i, (a, b) in enumerate(zip(mine, right, strict=False)) if a != b), None)
        if at is None:
            break
        path.append(at)
        mine, right = mine[at], right[at]
    return tuple(path), mine, right


def _relation(mine: Any, right: Any) -> str | None:
    leaves = list(_leaves(mine, right))
    differing = [(a, b) for a, b in leaves if a != b]
    if all(_is_number(a) and _is_number(b) for a, b in differing):
        found = rounding([(_text(a), _text(b)) for a, b in differing])
    elif all(isinstance(a, str) and isinstance(b, str) for a, b in differing):
        found = _texts(differing)
    elif all(isinstance(a, str) != isinstance(b, str) and _bare(a) == _bare(b) for a, b in differing):
        found = "Only types differ: a text in quotes does not equal a number or another value that is written alike."
    else:
        found = None
    if found is None and isinstance(mine, list) and _sorted(mine) == _sorted(right):
        return "The elements are right, but not their order."
    return found


def _leaves(mine: Any, right: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what stands at the same place in both; lists of different lengths, and dictionaries, are one place."""
    stack = [(mine, right)]
    while stack:
        a, b = stack.pop()
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            stack += zip(a, b, strict=True)
        else:
            yield a, b


def _texts(pairs: list[tuple[str, str]]) -> str | None:
    if all(a.casefold() == b.casefold() for a, b in pairs):
        return "Only upper and lower case differ."
    if all("".join(a.split()) == "".join(b.split()) for a, b in pairs):
        return "Only white space within texts differs."
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bare(value: Any) -> str:
    """Return a value as it is written, without the quotes of a text; True is true, and None is null."""
    text = str(value).strip()
    return {"None": "null", "True": "true", "False": "false"}.get(text, text)


def _sorted(value: Any) -> str:
    """Return a value as JSON with all its lists sorted."""
    return "[" + ",".join(sorted(map(_sorted, value))) + "]" if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
