"""What is asked and how it is answered: short, since a model of half a million parameters must write it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def request(verb: str, noun: str, values: Sequence[str]) -> str:
    """Return the request of a tool's call."""
    return f"Call {verb} {noun}: {', '.join(values)}"


def call(tool: str, arguments: Mapping[str, str]) -> str:
    """Return the answer that makes a call."""
    return f"Action: {tool}\nAction Input: {json.dumps(arguments)}"


def assignment(verbs: Sequence[str]) -> str:
    """Return the request of a program that does what nonce verbs say, one after the other."""
    return f"Write a program: {', '.join(verbs)}"


def program(operations: Sequence[str]) -> str:
    """Return the answer that reads a number, applies these lines and prints it."""
    lines = ["x = int(input())", *operations, "print(x)"]
    return "\n".join(["```python", *lines, "```"])


def question(attribute: str, entity: str, options: Mapping[str, str]) -> str:
    """Return a question with its options by letter."""
    return "\n".join([f"Which {attribute} has {entity}?", *(f"{label}: {text}" for label, text in options.items())])


def choice(attribute: str, entity: str, value: str, label: str) -> str:
    """Return the answer that states a fact and chooses its letter."""
    return f"<reasoning>\nThe {attribute} of {entity} is {value}.\n</reasoning>\n<answer>\n{label}\n</answer>"
