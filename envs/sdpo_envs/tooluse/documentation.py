"""What a prompt documents: its tools, their parameters, and what in a call breaks that documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

_BEGIN, _END = "\nDocumentation:\n", "Use the following format:"
_PARAMETERS = "Parameters:"
_OTHER_LINES = ("Output:", " - Format:", " - Structure:")
_REQUIRED = "required."
_TYPE = re.compile(r"\w+")
_CHOICES = re.compile(r"\bOne of: \[([^\]]*)\]", re.I)
_WHOLE = re.compile(r"-?\d{1,300}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


class ParameterType(StrEnum):
    """A documented type."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Parameter:
    """One documented parameter.

    Attributes:
        name: its name.
        type: its type; unknown where the documentation names none that we know.
        items: of an array: the type of its items, unknown unless it is plain.
        required: whether a call must have it.
        choices: the values that it may have; empty where it is free.
    """

    name: str
    type: ParameterType
    items: ParameterType = ParameterType.UNKNOWN
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tool:
    """One documented tool; ``parameters`` is None where its line of parameters cannot be read."""

    name: str
    parameters: Mapping[str, Parameter] | None


class ComplaintKind(StrEnum):
    """In which way an argument breaks the documentation."""

    UNKNOWN_NAME = "unknown_name"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_A_CHOICE = "not_a_choice"


@dataclass(frozen=True)
class Complaint:
    """One argument of a call that breaks the documentation; ``parameter`` is None for a name that it does not know."""

    kind: ComplaintKind
    name: str
    parameter: Parameter | None


@lru_cache(maxsize=256)
def parse_documentation(prompt: str) -> Mapping[str, Tool]:
    """Return the tools that a prompt documents, by name and in its order; empty if it documents none.

    A tool is a line ``name: description`` (which may go on over lines) and a line ``Parameters: {...}``, a JSON object
    of name to text: ``Required.`` if so, the type, ``One of: [a, b]`` if so, and a description.
    """
    begin = prompt.find(_BEGIN)
    lines = prompt[begin + len(_BEGIN) :].split("\n") if begin >= 0 else []
    tools: dict[str, Tool] = {}
    heading: str | None = None  # the first line since the last tool's lines
    for line in lines:
        if line.startswith(_END):
            break
        if line.startswith(_PARAMETERS) and heading is not None:
            name = heading.partition(": ")[0].removesuffix(":").strip()
            tools.setdefault(name, Tool(name, _parameters(line.removeprefix(_PARAMETERS))))
            heading = None
        elif line.startswith(_OTHER_LINES) or not line.strip():
            heading = None
        elif heading is None:
            heading = line
    return tools


def _parameters(text: str) -> Mapping[str, Parameter] | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    return {name: _parameter(name, spec if isinstance(spec, str) else "") for name, spec in given.items()}


def _parameter(name: str, spec: str) -> Parameter:
    spec = spec.strip()
    required = spec.lower().startswith(_REQUIRED)
    if required:
        spec = spec[len(_REQUIRED) :].lstrip()
    kind, inner, rest = _split_type(spec)
    found = _CHOICES.search(rest)
    choices = tuple(choice.strip() for choice in found[1].split(",")) if found else ()
    items = _split_type(inner)[0] if kind is ParameterType.ARRAY else ParameterType.UNKNOWN
    return Parameter(name, kind, items, required, tuple(choice for choice in choices if choice))


def _split_type(spec: str) -> tuple[ParameterType, str, str]:
    """Split ``Array[string]. Text`` into the type, what its brackets hold, and the rest."""
    word = _TYPE.match(spec)
    try:
        kind = ParameterType(word[0].lower()) if word else ParameterType.UNKNOWN
    except ValueError:
        return ParameterType.UNKNOWN, "", spec
    rest = spec[word.end() :] if word else spec
    if not rest.startswith(("[", "{")):
        return kind, "", rest
    depth = 0
    for at, char in enumerate(rest):
        depth += (char in "[{") - (char in "]}")
        if depth == 0:
            return kind, rest[1:at], rest[at + 1 :]
    return kind, rest[1:], ""


def complaints(arguments: Mapping[str, Any], tool: Tool) -> list[Complaint]:
    """Return what in a call's arguments breaks the documentation of its tool, in the order of the arguments."""
    if tool.parameters is None:
        return []
    found = []
    for name, value in arguments.items():
        parameter = tool.parameters.get(name)
        if parameter is None:
            found.append(Complaint(ComplaintKind.UNKNOWN_NAME, name, None))
        elif not _fits(value, parameter.type, parameter.items):
            found.append(Complaint(ComplaintKind.WRONG_TYPE, name, parameter))
        elif parameter.choices and isinstance(value, str) and value not in parameter.choices:
            found.append(Complaint(ComplaintKind.NOT_A_CHOICE, name, parameter))
    return found + [
        Complaint(ComplaintKind.MISSING, parameter.name, parameter)
        for parameter in tool.parameters.values()
        if parameter.required and parameter.name not in arguments
    ]


def as_number(text: str) -> int | float | None:
    """Return the number that a text writes as JSON does, such as ``3`` for ``"3"``, or None if it writes none."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def _fits(value: Any, kind: ParameterType, items: ParameterType) -> bool:
    """Whether a value is of a documented type, as freely as values are compared (see :mod:`matching`)."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case ParameterType.UNKNOWN:
            return True
        case ParameterType.STRING:
            return isinstance(value, str) or is_number
        case ParameterType.INTEGER | ParameterType.NUMBER:
            number = as_number(value) if isinstance(value, str) else value if is_number else None
            return number is not None and (kind is ParameterType.NUMBER or number == number // 1)
        case ParameterType.BOOLEAN:
            return isinstance(value, bool) or value in ("true", "false")
        case ParameterType.ARRAY:
            return isinstance(value, list) and all(_fits(v, items, ParameterType.UNKNOWN) for v in value)
        case ParameterType.OBJECT:
            return isinstance(value, dict)
