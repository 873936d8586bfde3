"""Options that people type: do their values fit the function that takes them?"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

from sdpo_gym.errors import UsageError


def check_types(function: Callable[..., object], options: Mapping[str, object]) -> None:
    """Refuse an option whose value does not fit the function's annotation, as far as that is of plain types.

    Raises:
        UsageError: naming the option, the type it must have, and the value.
    """
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # annotations that need names we cannot see, or none
        return
    for name, value in options.items():
        if name not in hints:
            continue
        kinds = set(typing.get_args(hints[name]) or (hints[name],))
        if kinds <= {int, float, str, bool, type(None)} and not _fits(value, kinds):
            wanted = " or ".join(sorted("nothing" if kind is type(None) else kind.__name__ for kind in kinds))
            raise UsageError(f"option {name!r} must be of type {wanted}, got {value!r}")


def _fits(value: object, kinds: set[Any]) -> bool:
    return type(value) in kinds or (type(value) is int and float in kinds)
