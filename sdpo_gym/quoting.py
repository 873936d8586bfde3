"""Quoting text that we did not write, so that nothing in it can pass for ours."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

PREFIX = "| "
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # kinds of characters that act, or are not shown
_LEAST_CHARS = 20


@dataclass(frozen=True)
class Room:
    """How much of a text may be shown: lines, characters per line, and characters in all."""

    lines: int
    line_chars: int
    chars: int

    def scaled(self, factor: float) -> Room:
        """Return a room with ``factor`` times the characters, but some."""
        return Room(
            self.lines,
            max(_LEAST_CHARS, int(self.line_chars * factor)),
            max(_LEAST_CHARS, int(self.chars * factor)),
        )


def escaped(character: str) -> str:
    r"""Return a character as an escape of Python's, such as ``\x1b``."""
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def quote(text: str, room: Room) -> list[str]:
    """Return ``text`` as lines that begin with "| "; what is ours, such as cut marks, does not begin so.

    Characters that do not print are escaped, so that a text has no line ends but those it is split at.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    if not text:
        return ["(empty)"]
    quoted: list[str] = []
    lines, left, start = 0, room.chars, 0
    while start <= len(text) and lines < room.lines and left > 0:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        limit = min(room.line_chars, left)
        clean, taken = _printable(text[start : min(end, start + limit)], limit)
        quoted.append(PREFIX + clean)
        lines, left = lines + 1, left - len(clean) - 1
        if start + taken < end:
            quoted.append(f"[cut: {_more(end - start - taken, 'character')} in this line]")
        start = end + 1
    if start <= len(text):
        quoted.append(f"[cut: {_more(text.count(chr(10), start) + 1, 'line')}]")
    return quoted


def _more(count: int, what: str) -> str:
    return f"{count:,} more {what}{'' if count == 1 else 's'}"


def _printable(line: str, limit: int) -> tuple[str, int]:
    """Escape what does not print; return at most ``limit`` characters of it, and of how many characters they are."""
    pieces: list[str] = []
    used = 0
    for taken, char in enumerate(line):
        piece = char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        used += len(piece)
        if used > limit:
            return "".join(pieces), taken
        pieces.append(piece)
    return "".join(pieces), len(line)


def nfkc(text: str) -> str:
    """Return ``text`` without compatibility characters (form NFKC), in time that is linear also on hostile text.

    A run of combining marks costs its length squared, so pieces are taken by themselves; a mark at a piece's beginning
    stays apart from its letter.
    """
    step = 256
    return "".join(unicodedata.normalize("NFKC", text[i : i + step]) for i in range(0, len(text), step))
