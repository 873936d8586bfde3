"""A call of a tool, and the gold calls as the data stores and as an answer writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        action: the tool's name.
        arguments: a JSON value, as a rule an object.
    """

    action: str
    arguments: Any


def decode_calls(stored: str) -> tuple[Call, ...]:
    """Read gold calls as the data stores them: a JSON list of ``{"Action": name, "Action_Input": JSON text}``.

    Raises:
        ValueError: saying what is wrong with it.
    """
    try:
        items = json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"gold calls are not JSON ({error})") from None
    if not isinstance(items, list) or not items:
        raise ValueError(f"gold calls must be a list of at least one call, got {stored!r:.80}")
    calls = []
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict) or not isinstance(item.get("Action"), str):
            raise ValueError(f"gold call {number} must be an object with the text 'Action', got {item!r:.80}")
        given = item.get("Action_Input", "{}")
        try:
            arguments = json.loads(given) if isinstance(given, str) else given
        except (ValueError, RecursionError) as error:
            raise ValueError(f"'Action_Input' of gold call {number} is not JSON ({error}): {given!r:.80}") from None
        calls.append(Call(item["Action"], arguments))
    return tuple(calls)


def encode_calls(calls: Sequence[Call]) -> str:
    """Return calls as the data stores them, the reverse of :func:`decode_calls`."""
    return json.dumps(
        [{"Action": c.action, "Action_Input": json.dumps(c.arguments, ensure_ascii=False)} for c in calls],
        ensure_ascii=False,
    )


def write_answer(calls: Sequence[Call], thought: str = "I know which calls are needed.") -> str:
    """Return an answer that makes these calls in the form that the prompt asks for."""
    lines = [f"Thought: {thought}"]
    for call in calls:
        lines += [f"Action: {call.action}", f"Action Input: {json.dumps(call.arguments, ensure_ascii=False)}"]
    return "\n".join(lines)
