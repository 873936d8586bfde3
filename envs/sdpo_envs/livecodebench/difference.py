"""Where a wrong output first differs from the expected one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sdpo_envs.livecodebench.comparison import lines_equal, output_lines

_TOKEN = re.compile(r"\S+")
EXCERPT = 60


@dataclass(frozen=True)
class Difference:
    """How two outputs differ, both split into stripped lines.

    Attributes:
        got_lines: number of lines of the output; 0 if it is empty or white space.
        expected_lines: number of lines expected.
        end_is_right: whether the output is the expected one with further lines before it.
        line: first line that differs, from 0; None if one output is the beginning of the other.
        column: where that line first differs, from 0.
        begin: where the excerpts begin in it.
        got: an excerpt of that line of the output.
        expected: the same of the expected line.
        wrong_lines: how many lines differ, of those that both outputs have.
        chars_before: characters of the longer of the two before that line.
    """

    got_lines: int
    expected_lines: int
    end_is_right: bool
    line: int | None = None
    column: int = 0
    begin: int = 0
    got: str = ""
    expected: str = ""
    wrong_lines: int = 0
    chars_before: int = 0


def find_difference(got: str, expected: str) -> Difference:
    """Compare two outputs; time and memory beyond a pass over ``got`` grow with ``expected`` only."""
    got, right = got.strip(), output_lines(expected)
    got_lines = got.count("\n") + 1 if got else 0
    mine = [line.strip() for line in got.split("\n", len(right))[: len(right)]]
    end = [line.strip() for line in got.rsplit("\n", len(right))[-len(right) :]] if got_lines > len(right) else []
    end_is_right = bool(end) and all(map(lines_equal, end, right))
    wrong = [i for i, pair in enumerate(zip(mine, right, strict=False)) if not lines_equal(*pair)]
    if not got_lines or not wrong:
        return Difference(got_lines, len(right), end_is_right)
    number = wrong[0]
    before = max(sum(len(line) + 1 for line in lines[:number]) for lines in (mine, right))
    column = _column(mine[number], right[number])
    begin = max(0, column - EXCERPT // 3)
    yours, wanted = (line[number][begin : begin + EXCERPT] for line in (mine, right))
    return Difference(got_lines, len(right), end_is_right, number, column, begin, yours, wanted, len(wrong), before)


def _column(mine: str, right: str) -> int:
    """Return where ``mine`` first differs, passing over numbers that are equal but written otherwise."""
    start = 0
    for a, b in zip(_TOKEN.finditer(mine), _TOKEN.finditer(right), strict=False):
        if a.start() != b.start() or not lines_equal(a[0], b[0]):
            start = a.start() if a.start() == b.start() else 0
            break
    pairs = zip(mine[start:], right[start:], strict=False)
    return start + next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(mine), len(right)) - start)


def compact_json(text: str) -> str:
    """Return JSON text without optional white space, as returned values are written; ``text`` itself if it is none."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"))
    except (ValueError, RecursionError):
        return text
