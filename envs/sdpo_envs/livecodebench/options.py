"""Turning option texts into the closed sets they stand for."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

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
