"""What people type: do option values fit the function that takes them, and what may a misspelt name have meant?"""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sdpo_gym.errors import UsageError

Choice = TypeVar("Choice", bound=StrEnum)


def choice(kind: type[Choice], name: str, value: str) -> Choice:
    """Return the member of ``kind`` with this value.

    Raises:
        UsageError: if there is none; it lists the values.
    """
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"option {name} must be one of {', '.join(kind)}, got {value!r}") from None


def suggestion(word: str, choices: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the choice nearest to ``word``, or nothing if none is near."""
    by_folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def check_types(function: Callable[..., object], options: Mapping[str, object]) -> None:
    """Refuse an option whose value does not fit the function's annotation, as far as that is of plain types.

    A number that is not finite fits nothing: records, which are JSON, could not hold it.

    Raises:
        UsageError: naming the option, the type it must have, and the value.
    """
    for name, value in options.items():
        if not _is_finite(value):
            raise UsageError(f"option {name!r} must be finite, got {value!r}")
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that need names we cannot see, or none
        return
    for name, value in options.items():
        if name not in hints:
            continue
        hint = hints[name]
        is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        kinds = set(typing.get_args(hint)) if is_union else {hint}
        if kinds <= {int, float, str, bool, type(None)} and not _fits(value, kinds):
            wanted = " or ".join(sorted("nothing" if kind is type(None) else kind.__name__ for kind in kinds))
            raise UsageError(f"option {name!r} must be of type {wanted}, got {value!r}")


def _is_finite(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _fits(value: object, kinds: set[Any]) -> bool:
    return type(value) in kinds or (type(value) is int and float in kinds)
