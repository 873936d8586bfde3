"""Comparing an answer's calls with the gold calls: which call differs, and in what."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sdpo_envs.tooluse.calls import Call
from sdpo_envs.tooluse.documentation import ParameterType, Tool, as_number

_OPEN = re.compile(r"\$\{[^{}]*\}?")
_MOST_ALIGNED = 50  # calls of an answer; gold has a handful, and what is beyond is too much in any case


class Match(StrEnum):
    """Which answers are right: the same calls in order, in any order, or what the reference's rule accepts."""

    ORDERED = "ordered"
    UNORDERED = "unordered"
    PAPER = "paper"


@dataclass(frozen=True)
class CallDifference:
    """One call of the answer with the gold call it stands for.

    Attributes:
        call: its number in the answer, counted from 1; None for a gold call that the answer lacks.
        gold: the number of the gold call; None for a call too many.
        tool_wrong: whether the tools differ; the arguments are then not compared.
        missing: names of arguments that only the gold call has.
        extra: names of arguments that only the answer's call has.
        wrong: names of arguments whose values differ.
    """

    call: int | None
    gold: int | None
    tool_wrong: bool = False
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def paired(self) -> bool:
        """Whether the answer has this call and gold too."""
        return self.call is not None and self.gold is not None

    @property
    def right(self) -> bool:
        """Whether there is no difference."""
        return self.paired and not (self.tool_wrong or self.missing or self.extra or self.wrong)


@dataclass(frozen=True)
class Difference:
    """How an answer's calls differ from gold.

    Attributes:
        calls: every call of the answer, then the gold calls that it lacks.
        answered: how many calls the answer has.
        wanted: how many gold has.
        only_order: whether the calls are the same but for their order, and the order counts.
    """

    calls: tuple[CallDifference, ...]
    answered: int
    wanted: int
    only_order: bool

    @property
    def none(self) -> bool:
        """Whether the answer is right."""
        return all(call.right for call in self.calls)

    @property
    def tools_right(self) -> float:
        """The share of calls with the right tool, of the answer's or gold's calls, whichever are more."""
        return self._share(call.paired and not call.tool_wrong for call in self.calls)

    @property
    def calls_right(self) -> float:
        """The share of calls that are right, of the answer's or gold's calls, whichever are more."""
        return self._share(call.right for call in self.calls)

    def _share(self, right: Iterable[bool]) -> float:
        return sum(right) / max(self.answered, self.wanted, 1)


def compare(calls: Sequence[Call], gold: Sequence[Call], tools: Mapping[str, Tool], *, ordered: bool) -> Difference:
    """Compare calls, each with its own arguments; values by the parameter types that ``tools`` documents."""
    answered, wanted = [_Keyed.of(call, tools) for call in calls], [_Keyed.of(call, tools) for call in gold]
    pairs = _in_order(answered, wanted) if ordered else _assigned(answered, wanted)
    partners = dict(pairs)
    taken = set(partners.values())
    found = [_difference(a, answered[a], partners.get(a), wanted) for a in range(len(answered))]
    found += [CallDifference(None, g + 1) for g in range(len(wanted)) if g not in taken]
    # Counted only if as many as gold: very many calls can be made whose keys have one hash, and counting is then slow.
    same = len(calls) == len(gold) and _counts(answered) == _counts(wanted)
    return Difference(tuple(found), len(calls), len(gold), same and not all(call.right for call in found))


def digest_of_calls(calls: Sequence[Call], tools: Mapping[str, Tool], *, ordered: bool) -> str:
    """Return a sha256 (hex) that is equal for calls in which :func:`compare` finds no difference."""
    texts = [_text((call.action, frozenset(call.arguments.items()))) for call in (_Keyed.of(c, tools) for c in calls)]
    return hashlib.sha256("\n".join(texts if ordered else sorted(texts)).encode("utf-8", "surrogatepass")).hexdigest()


def _text(key: Hashable) -> str:
    """Return a text that is equal for equal keys, other than their ``repr``: 1 equals 1.0, and a set has no order."""
    match key:
        case tuple() as items:
            return "(" + ",".join(map(_text, items)) + ")"
        case frozenset() as items:
            return "{" + ",".join(sorted(map(_text, items))) + "}"
        case float(number) if number.is_integer():
            return repr(int(number))
    return ascii(key)


def same_value(first: Any, second: Any, tool: Tool | None, name: str) -> bool:
    """Whether two values are equal as argument ``name`` of ``tool``."""
    return _argument_key(first, tool, name) == _argument_key(second, tool, name)


@dataclass(frozen=True)
class _Keyed:
    """A call with its arguments as keys that are equal exactly if the values are."""

    action: str
    arguments: Mapping[str, Hashable]

    @classmethod
    def of(cls, call: Call, tools: Mapping[str, Tool]) -> _Keyed:
        tool = tools.get(call.action)
        return cls(call.action, {name: _argument_key(value, tool, name) for name, value in call.arguments.items()})

    @property
    def key(self) -> Hashable:
        return self.action, frozenset(self.arguments.items())


def _counts(calls: Iterable[_Keyed]) -> dict[Hashable, int]:
    counts: dict[Hashable, int] = {}
    for call in calls:
        counts[call.key] = counts.get(call.key, 0) + 1
    return counts


def _argument_key(value: Any, tool: Tool | None, name: str) -> Hashable:
    parameter = tool.parameters.get(name) if tool and tool.parameters else None
    if parameter is None:
        return _key(value)
    return _key(value, parameter.type, parameter.items)


def _key(
    value: Any, kind: ParameterType = ParameterType.UNKNOWN, items: ParameterType = ParameterType.UNKNOWN
) -> Hashable:
    """Return a key that is equal for values that count as equal where a parameter of this type is documented.

    Every key names its JSON type, since true equals 1 in Python; without a type, only 1 and 1.0 are equal.
    """
    match value:
        case bool():
            return "boolean", value
        case int() | float():
            return ("string", json.dumps(value)) if kind is ParameterType.STRING else ("number", value)
        case str():
            if kind is ParameterType.BOOLEAN and value in ("true", "false"):
                return "boolean", value == "true"
            if kind in (ParameterType.INTEGER, ParameterType.NUMBER):
                number = as_number(value)
                return ("string", value) if number is None else ("number", number)
            return "string", value
        case list():
            return "array", tuple(_key(item, items) for item in value)
        case dict():
            return "object", frozenset((name, _key(item)) for name, item in value.items())
        case _:
            return "null", None


def _difference(number: int, call: _Keyed, partner: int | None, wanted: Sequence[_Keyed]) -> CallDifference:
    if partner is None:
        return CallDifference(number + 1, None)
    gold = wanted[partner]
    if call.action != gold.action:
        return CallDifference(number + 1, partner + 1, tool_wrong=True)
    mine, theirs = call.arguments, gold.arguments
    return CallDifference(
        number + 1,
        partner + 1,
        missing=tuple(name for name in theirs if name not in mine),
        extra=tuple(name for name in mine if name not in theirs),
        wrong=tuple(n for n in mine if n in theirs and mine[n] != theirs[n] and not _is_open(theirs[n])),
    )


def _is_open(key: Hashable) -> bool:
    """Whether a gold value is a placeholder, such as ``${id from findBell}``, that any value may stand for.

    ToolAlpaca's development data have them where only an earlier call's result could tell; the paper's test tasks have
    none.
    """
    match key:
        case ("string", str(text)):
            return _OPEN.fullmatch(text) is not None
        case ("array", tuple(items)):
            return bool(items) and all(map(_is_open, items))
    return False


def _likeness(call: _Keyed, gold: _Keyed) -> int:
    if call.action != gold.action:
        return 1
    return 100 if call.key == gold.key else 10


def _in_order(calls: Sequence[_Keyed], gold: Sequence[_Keyed]) -> list[tuple[int, int]]:
    """Pair calls one by one, or, if there are too many or too few, so that in order as many as can be are alike."""
    if len(calls) == len(gold):
        return [(i, i) for i in range(len(calls))]
    n, m = min(len(calls), _MOST_ALIGNED), min(len(gold), _MOST_ALIGNED)
    best = [[0] * (m + 1) for _ in range(n + 1)]  # best[i][j]: greatest likeness of calls[i:] and gold[j:]
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            paired = best[i + 1][j + 1] + _likeness(calls[i], gold[j])
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < n and j < m:
        if best[i][j] == best[i + 1][j + 1] + _likeness(calls[i], gold[j]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _assigned(calls: Sequence[_Keyed], gold: Sequence[_Keyed]) -> list[tuple[int, int]]:
    """Pair equal calls first, which is best since equality is an equivalence, then those of one tool, then the rest."""
    pairs: list[tuple[int, int]] = []
    for of in (lambda call: call.key, lambda call: call.action, lambda call: None):
        paired_calls, paired_gold = {a for a, _ in pairs}, {g for _, g in pairs}
        free: dict[Hashable, list[int]] = {}
        for g in reversed(range(len(gold))):
            if g not in paired_gold:
                free.setdefault(of(gold[g]), []).append(g)
        for a, call in enumerate(calls):
            if a not in paired_calls and free.get(of(call)):
                pairs.append((a, free[of(call)].pop()))
    return pairs
