"""What is said of a wrong output or return value below the quotes of it and of the expected one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sdpo_envs.livecodebench.comparison import decode_output
from sdpo_envs.livecodebench.difference import EXCERPT, Difference, compact_json, find_difference
from sdpo_envs.livecodebench.relation import MOST_CHARS, NOTHING_BESIDES, relation
from sdpo_envs.livecodebench.values import ValueDifference, find_value_difference
from sdpo_gym.quoting import Room, quote
from sdpo_gym.sandbox.job import Case, TestRun

_DEFINING = ("def ", "async def ", "class ", "import ", "from ", "#", ")")


@dataclass(frozen=True)
class Explanation:
    """How a wrong output differs from the expected one.

    Attributes:
        got: the output, or the returned value as JSON.
        difference: where it differs as a text.
        value: where it differs as a value; None for printed output, or if that is not known.
        notes: what else can be said for sure: sentences of ours.
    """

    got: str
    difference: Difference
    value: ValueDifference | None
    notes: tuple[str, ...]

    def lines(self, room: Room) -> list[str]:
        """Return the explanation; ``room`` is what the output was quoted in."""
        if self.value is not None:
            return [*self._value_lines(self.value, room), *self.notes]
        return [*self._text_lines(room), *self.notes]

    def _value_lines(self, value: ValueDifference, room: Room) -> list[str]:
        lines = []
        if value.lengths is not None:
            lines.append("Number of elements: yours {:,}, expected {:,}.".format(*value.lengths))
        if value.path and self.difference.column >= EXCERPT:
            lines.append(f"First difference: at {''.join(f'[{at}]' for at in value.path[:20])}, counted from 0.")
            if self.difference.column >= _reach(room):
                lines += ["Yours there:", *quote(value.got, Room(1, EXCERPT, EXCERPT))]
                lines += ["Expected there:", *quote(value.expected, Room(1, EXCERPT, EXCERPT))]
        elif not value.path and self.difference.line is not None:
            lines += self._position(room)
        return lines

    def _text_lines(self, room: Room) -> list[str]:
        difference, lines = self.difference, []
        mine, right = difference.got_lines, difference.expected_lines
        if mine != right and max(mine, right) > 1:
            lines.append(f"Number of lines: yours {mine:,}, expected {right:,}.")
        if difference.end_is_right:
            return [*lines, f"The end of your output is right: {NOTHING_BESIDES}"]
        if difference.line is not None:
            if mine == right > 1:
                lines.append(f"Lines that differ: {difference.wrong_lines:,} of {right:,}.")
            lines += self._position(room)
        elif 0 < mine < right:
            lines.append("Your output is right as far as it goes; the lines after it are missing.")
        elif mine > right:
            lines.append(f"The beginning of your output is right: {NOTHING_BESIDES}")
        return lines

    def _position(self, room: Room) -> list[str]:
        """Say where the output differs, and show it if the quotes may not reach it."""
        difference = self.difference
        if difference.line is None or (difference.expected_lines == 1 and difference.column < EXCERPT):
            return []
        lines = [f"First difference: line {difference.line + 1:,}, character {difference.column + 1:,}."]
        if (
            difference.line >= room.lines // 2
            or difference.column >= _reach(room)
            or difference.chars_before + difference.column >= _reach(room)
        ):
            begin = f", from character {difference.begin + 1:,}" if difference.begin else ""
            for name, excerpt in (("yours", difference.got), ("expected", difference.expected)):
                lines += [f"That line{begin}, {name}:", *quote(excerpt, Room(1, EXCERPT, EXCERPT))]
        return lines


def explain(case: Case, run: TestRun, entry: str | None, source: str) -> Explanation:
    """Compare the output, or the returned value, of a wrong run with the expected one."""
    if entry is not None:
        got, expected = decode_output(run.value or b""), compact_json(case.expected)
        difference, value = find_difference(got, expected), find_value_difference(got, expected)
        notes = [value.relation] if value is not None and value.relation else []
        if run.nested_tuple:
            notes.append("Your return value holds tuples where lists are expected.")
        elif got == "null":
            notes.append(_why_none(case, run, source))
        return Explanation(got, difference, value, tuple(notes))
    got = decode_output(run.stdout)
    difference = find_difference(got, case.expected)
    if not run.stdout:
        why = _why_nothing(source)
        return Explanation(got, difference, None, (why,) if why else ())
    related = None if difference.end_is_right or difference.line is None else relation(got, case.expected)
    return Explanation(got, difference, None, (*([related] if related else []), *_characters(got, case.expected)))


def _reach(room: Room) -> int:
    return min(room.line_chars, room.chars // 2)


def _why_nothing(source: str) -> str | None:
    """Say why a program printed nothing, if its text alone makes that sure."""
    if "print" not in source and "write" not in source:
        return "Your code never prints: there is no `print` in it."
    written = [line for line in source.split("\n") if line.strip()]
    outside = [line for line in written if not line[0].isspace() and line.lstrip()[0] != "#"]
    if all(line.startswith(_DEFINING) and ";" not in line for line in outside):
        return "Outside of functions and classes your code has nothing but imports, so nothing calls them."
    return None


def _why_none(case: Case, run: TestRun, source: str) -> str:
    """Say what a returned None may come from."""
    if _is_printed(run.stdout, case.expected):
        return "Your code prints the expected value, but does not return it."
    if "return" not in source and "lambda" not in source:
        return "Your function returns nothing: there is no `return` in your code."
    return "null is None, which a function returns that ends without a `return`."


def _is_printed(stdout: bytes, expected: str) -> bool:
    if not stdout or max(len(stdout), len(expected)) > MOST_CHARS:
        return False
    printed = decode_output(stdout).strip()
    try:
        return printed == str(json.loads(expected)) or compact_json(printed) == compact_json(expected)
    except (ValueError, RecursionError):
        return False


def _characters(got: str, expected: str) -> list[str]:
    """Say of characters that are easily overlooked that they are there."""
    if len(got) > MOST_CHARS:
        return []
    if any("\ud800" <= char <= "\udfff" for char in got):
        return ["Your output holds bytes that are not UTF-8; they are shown as \\udc80 to \\udcff."]
    if _controls(got) > _controls(expected):
        return ["Your output holds characters that do not print; they are shown as escapes such as \\x1b."]
    if expected.isascii() and not got.isascii():
        return ["Your output holds characters outside of ASCII, the expected one none."]
    return []


def _controls(text: str) -> int:
    return sum(not (char.isprintable() or char.isspace()) for char in text)
