"""Text that we did not write, fit for a page: escaped, cut, and with all that acts or does not show made visible."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from sdpo_gym.quoting import UNSEEN, escaped

SHOWN_CHARS = 20_000  # of a text; what is longer is cut in its middle
_TAIL_CHARS = 5_000

_SUSPECT = re.compile(r"[^\x20-\x7e\n\t]+")


@dataclass(frozen=True)
class Cut:
    """A text as far as it is shown: its beginning, how many characters are left out behind that, and its end."""

    head: Markup
    missing: int
    tail: Markup


def seen(text: str) -> Markup:
    r"""Return HTML of ``text`` in which nothing acts and nothing is hidden.

    Markup is escaped. Control and format characters (ANSI escapes, bidirectional overrides, zero-width characters),
    lone surrogates and unassigned code points stand as escapes such as ``\x1b`` in an element of class ``esc``.
    """
    return Markup(_SUSPECT.sub(_marked, str(escape(text))))


def plain(text: str) -> str:
    """Return ``text`` with the same escapes, without markup."""
    return _SUSPECT.sub(lambda match: match[0] if match[0].isprintable() else "".join(map(_plain, match[0])), text)


def cut(text: str, chars: int = SHOWN_CHARS) -> Cut:
    """Return as much of ``text`` as a page shows: all, or its beginning and its end."""
    if len(text) <= chars:
        return Cut(seen(text), 0, Markup())
    tail = min(_TAIL_CHARS, chars // 4)
    return Cut(seen(text[: chars - tail]), len(text) - chars, seen(text[len(text) - tail :]))


def short(text: str, chars: int) -> Markup:
    """Return the beginning of ``text``, with a mark where it is cut."""
    return seen(text) if len(text) <= chars else seen(text[:chars]) + Markup('<span class="cut">…</span>')


def _marked(match: re.Match[str]) -> str:
    run = match[0]
    if run.isprintable():
        return run
    return "".join(
        f'<span class="esc">{"".join(map(escaped, part))}</span>' if unseen else "".join(part)
        for unseen, part in groupby(run, key=_is_unseen)
    )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN


def _plain(character: str) -> str:
    return escaped(character) if _is_unseen(character) else character
