"""Reading the calls out of an answer: lines ``Action: tool`` and ``Action Input: {...}``."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sdpo_envs.tooluse.calls import Call

# Anchored at a line's start and with no two repetitions that can share a character: linear on a hostile line.
_LABEL = re.compile(
    r"[ \t*_`#]*(?P<label>action[ \t]+input|action|thought|observation|final[ \t]+answer)[ \t*_`]*:", re.I | re.ASCII
)
_FENCE = re.compile(r"[ \t]*`{3,}[ \t]*(?:\w+[ \t]*)?")
_INPUT_OPENING = re.compile(r"[\s*_]*(?:`{3,}[ \t]*\w*|`)?\s*")
_THINKING, _THOUGHT = "<think>", "</think>"
_MOST_DEPTH = 64
_MOST_DIGITS = 300  # a float holds no greater integer, and no tool takes one
_EXCERPT, _BEFORE = 120, 40


class ProblemKind(StrEnum):
    """What is wrong with the form of an answer."""

    MISSING_INPUT = "missing_input"
    MISSING_ACTION = "missing_action"
    EMPTY_NAME = "empty_name"
    NOT_JSON = "not_json"
    SINGLE_QUOTES = "single_quotes"
    UNCLOSED = "unclosed"
    NOT_OBJECT = "not_object"
    DUPLICATE_KEY = "duplicate_key"
    BAD_NUMBER = "bad_number"
    TOO_DEEP = "too_deep"
    TEXT_AFTER_INPUT = "text_after_input"
    TEXT_AFTER_CALLS = "text_after_calls"


@dataclass(frozen=True)
class Problem:
    """One mistake of form.

    Attributes:
        kind: what is wrong.
        line: where, counted from 1.
        excerpt: the answer's own text there, at most 120 characters.
    """

    kind: ProblemKind
    line: int
    excerpt: str


@dataclass(frozen=True)
class Parsed:
    """The calls that an answer makes, whose arguments are objects, and its mistakes of form, both in order."""

    calls: tuple[Call, ...]
    problems: tuple[Problem, ...]

    @property
    def well_formed(self) -> bool:
        """Whether the answer makes a call and has no mistake of form."""
        return bool(self.calls) and not self.problems

    @property
    def nothing_but_a_cut(self) -> bool:
        """Whether there is no call, and no mistake but that the text ended within its first one."""
        open_end = (ProblemKind.MISSING_INPUT, ProblemKind.UNCLOSED)
        return not self.calls and [p.kind in open_end for p in self.problems] in ([], [True])


class _Label(StrEnum):
    ACTION = "action"
    INPUT = "action input"
    FREE = "free"  # a thought, an observation, a final answer: free text up to the next label


@dataclass(frozen=True)
class _Line:
    """A line that a label begins: which label, and the text after its colon."""

    number: int
    label: _Label
    rest: str


def parse_calls(text: str) -> Parsed:
    """Read the calls of an answer; no text makes it raise, and it takes linear time.

    A call is a line ``Action: name`` and, after at most blank lines, a line ``Action Input:`` with a JSON object, which
    may have several lines or a code fence; nothing at all after that label stands for ``{}``. Labels may have any case
    and Markdown marks. Before the first call there may be any text, and everywhere sections ``Thought:``,
    ``Observation:`` and ``Final Answer:``; an ``Action:`` line within such text that goes on in prose is a mention.
    What a line with ``</think>`` ends is thought. After a call, other text than these sections is a mistake.
    """
    return _Reader(text).read()


class _Reader:
    """Goes through the labelled lines of one answer; what stands between two of them belongs to the first."""

    def __init__(self, text: str) -> None:
        self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        start = self._end_of_thinking(text)
        self._labels = [found for n in range(start, len(self._lines)) if (found := _label(n, self._lines[n]))]
        self._calls: list[Call] = []
        self._problems: list[Problem] = []
        self._free = True  # whether free text stands here: before the first call, or in a thought or the like

    def read(self) -> Parsed:
        at = 0
        while at < len(self._labels):
            here, end = self._labels[at], self._begin(at + 1)
            text = self._first_text(here.number + 1, end)
            at += 1
            if here.label is _Label.FREE:
                self._free = True
            elif here.label is _Label.INPUT:
                self._lone_input(here, text)
            elif text is None and at < len(self._labels) and self._labels[at].label is _Label.INPUT:
                self._call(here, self._labels[at], self._begin(at + 1))
                at += 1
            else:
                self._lone_action(here, text)
        return Parsed(tuple(self._calls), tuple(self._problems))

    def _end_of_thinking(self, text: str) -> int:
        """Return the line that the answer begins in, after all thinking, of which that line is rid."""
        ends = [number for number, line in enumerate(self._lines) if _THOUGHT in line]
        if ends:
            self._lines[ends[-1]] = self._lines[ends[-1]].rpartition(_THOUGHT)[2]
            return ends[-1]
        return len(self._lines) if text.lstrip().startswith(_THINKING) else 0

    def _begin(self, label: int) -> int:
        return self._labels[label].number if label < len(self._labels) else len(self._lines)

    def _first_text(self, begin: int, end: int) -> str | None:
        """Return the first line that is neither blank nor a fence."""
        lines = (self._lines[n].strip() for n in range(begin, end))
        return next((line for line in lines if line and not _FENCE.fullmatch(line)), None)

    def _call(self, action: _Line, given: _Line, end: int) -> None:
        """Read one call and check what stands after it, up to line ``end``."""
        self._free = False
        name = action.rest.strip(" \t`*").strip()
        if not name:
            self._problem(ProblemKind.EMPTY_NAME, action.number)
        body = "\n".join([given.rest, *self._lines[given.number + 1 : end]])
        try:
            arguments, used = _read_object(body)
        except _RefusedError as refused:
            line = given.number + body.count("\n", 0, refused.at)
            self._problem(refused.kind, line, refused.excerpt or _around(body, refused.at))
            return
        if name:
            self._calls.append(Call(name, arguments))
        number = given.number + body.count("\n", 0, used)
        tail = body[used:].partition("\n")[0].strip(" \t`*")
        if tail:
            self._problem(ProblemKind.TEXT_AFTER_INPUT, number, tail)
            return
        for stray in range(number + 1, end):
            line_text = self._lines[stray].strip()
            if line_text and not _FENCE.fullmatch(line_text):
                self._problem(ProblemKind.TEXT_AFTER_CALLS, stray)
                return

    def _lone_action(self, action: _Line, text: str | None) -> None:
        """Complain of an action without input, unless it is a mention: free text that goes on in prose."""
        if not (self._free and text and not text.startswith(("{", "`{"))):
            self._problem(ProblemKind.MISSING_INPUT, action.number)

    def _lone_input(self, given: _Line, text: str | None) -> None:
        given_text = given.rest.strip(" \t*_`") or (text or "")
        if not self._free or given_text.startswith("{"):
            self._free = False
            self._problem(ProblemKind.MISSING_ACTION, given.number)

    def _problem(self, kind: ProblemKind, number: int, excerpt: str | None = None) -> None:
        shown = self._lines[number].strip() if excerpt is None else excerpt
        self._problems.append(Problem(kind, number + 1, shown[:_EXCERPT]))


def _label(number: int, line: str) -> _Line | None:
    found = _LABEL.match(line)
    if found is None:
        return None
    words = " ".join(found["label"].lower().split())
    label = _Label(words) if words in (_Label.ACTION, _Label.INPUT) else _Label.FREE
    return _Line(number, label, line[found.end() :])


class _RefusedError(ValueError):
    """Why an Action Input cannot be read, and at which character."""

    def __init__(self, kind: ProblemKind, at: int = 0, excerpt: str = "") -> None:
        super().__init__(kind)
        self.kind, self.at, self.excerpt = kind, at, excerpt


def _read_object(body: str) -> tuple[dict[str, Any], int]:
    """Read the JSON object that ``body`` begins with, after blanks and a fence, and return it and where it ends."""
    if all(not line.strip(" \t*_") or _FENCE.fullmatch(line) for line in body.split("\n")):
        return {}, len(body)
    opening = _INPUT_OPENING.match(body)
    start = opening.end() if opening else 0
    try:
        value, end = _DECODER.raw_decode(body, start)
    except json.JSONDecodeError as error:
        raise _not_json(body, error) from None
    except RecursionError:
        raise _RefusedError(ProblemKind.TOO_DEEP, start) from None
    except _RefusedError as refused:
        raise _RefusedError(refused.kind, start, refused.excerpt) from None
    if not isinstance(value, dict):
        raise _RefusedError(ProblemKind.NOT_OBJECT, start)
    if not _shallow(value):
        raise _RefusedError(ProblemKind.TOO_DEEP, start)
    return value, end


def _not_json(body: str, error: json.JSONDecodeError) -> _RefusedError:
    if body[error.pos : error.pos + 1] == "'":
        return _RefusedError(ProblemKind.SINGLE_QUOTES, error.pos)
    last = len(body.rstrip()) - 1
    open_text = error.msg.startswith("Unterminated string") and body.find("\n", error.pos, last) < 0
    if error.pos > last or open_text:
        return _RefusedError(ProblemKind.UNCLOSED, last)
    return _RefusedError(ProblemKind.NOT_JSON, error.pos)


def _shallow(value: Any) -> bool:
    """Whether a value is nested at most ``_MOST_DEPTH`` deep; without recursion, which is what deep values break."""
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise _RefusedError(ProblemKind.BAD_NUMBER, excerpt=digits)
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _RefusedError(ProblemKind.BAD_NUMBER, excerpt=digits)
    return number


def _constant(name: str) -> Any:
    raise _RefusedError(ProblemKind.BAD_NUMBER, excerpt=name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys: set[str] = set()
    for key, _ in pairs:
        if key in keys:
            raise _RefusedError(ProblemKind.DUPLICATE_KEY, excerpt=key)
        keys.add(key)
    return dict(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)


def _around(body: str, at: int) -> str:
    """Return the line of ``body`` that holds character ``at``, from a little before it."""
    begin = max(body.rfind("\n", 0, at) + 1, at - _BEFORE)
    return body[begin : begin + _EXCERPT].partition("\n")[0].strip()
