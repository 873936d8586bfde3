"""Finding the program in an answer: its fenced code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# An opening fence may follow other text ("Answer: ```python"), but nothing but a tag may follow it.
# Possessive, because what may follow a part never begins like it: a hostile line then costs linear time.
_OPENING = re.compile(r"(?P<before>[^`]*+)(?P<ticks>`{3,}+)[ \t]*+(?P<tag>[\w+#.-]*+)[ \t]*+(?:\{[^`]*\})?[ \t]*+")
_CLOSING = re.compile(r"(?P<code>[^`]*+)(?P<ticks>`{3,}+)[ \t]*+")


class Extraction(StrEnum):
    """Which of several code blocks is the answer."""

    LAST = "last"
    LONGEST = "longest"


@dataclass(frozen=True)
class Extracted:
    """The program found in an answer.

    Attributes:
        code: the program's text.
        blocks: how many code blocks with content the answer had.
        closed: whether the block had an end; an answer that was cut often has none.
    """

    code: str
    blocks: int
    closed: bool


def extract(text: str, which: Extraction = Extraction.LAST) -> Extracted | None:
    """Return the program in ``text``: its last (or longest) fenced block with any content, or None if it has none.

    A fence is three or more backticks with an optional language tag, at the end of a line. A block ends at a line that
    ends in at least as many backticks, at the next opening fence with a tag, or at the end of the text. Code in an
    indented block is dedented by the fence's indentation.
    """
    blocks = [block for block in _blocks(text) if block[0].strip()]
    if not blocks:
        return None
    code, closed = blocks[-1] if which is Extraction.LAST else max(reversed(blocks), key=lambda block: len(block[0]))
    return Extracted(code, len(blocks), closed)


def _blocks(text: str) -> list[tuple[str, bool]]:
    blocks: list[tuple[str, bool]] = []
    lines: list[str] | None = None  # of the open block
    ticks = indent = 0

    def end(closed: bool) -> None:
        if lines is not None:
            blocks.append(("\n".join(line[:indent].lstrip() + line[indent:] for line in lines), closed))

    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        opening = _OPENING.fullmatch(line)
        if lines is not None:
            closing = _CLOSING.fullmatch(line)
            if closing and len(closing["ticks"]) >= ticks:
                if closing["code"].strip():
                    lines.append(closing["code"])
                end(closed=True)
                lines = None
                continue
            if not (opening and opening["tag"] and len(opening["ticks"]) >= ticks):
                lines.append(line)
                continue
            end(closed=False)  # a new block begins although the last one has no end
        if opening:
            before = opening["before"]
            lines, ticks, indent = [], len(opening["ticks"]), len(before) if not before.strip() else 0
    end(closed=False)
    return blocks
