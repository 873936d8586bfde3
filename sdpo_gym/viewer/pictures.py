"""Credit pictures as HTML: each token marked by what the teacher thinks of it, with all figures beside it as data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from markupsafe import Markup

from sdpo_gym.credit import Credit, TokenCredit
from sdpo_gym.viewer.texts import plain, seen

# |credit| in nats from which a token is marked, more strongly at each step
STEPS = (0.1, 0.5, 1.0, 2.0, 4.0)


def level(credit: float) -> int:
    """Return how strongly a token is marked: 0 to 5, negative where the teacher objects."""
    size = sum(abs(credit) >= step for step in STEPS)
    return -size if credit < 0 else size


def tokens_html(credit: Credit) -> Markup:
    """Return the completion, each token an element of class ``tok`` and one for its level, ``n5`` to ``p5``."""
    return Markup().join(_token(token) for token in credit.tokens)


def data(credit: Credit) -> Markup:
    """Return what a page's script shows of each token: JSON that is safe within a ``script`` element.

    A token is ``[text, student, teacher, alternatives]``, an alternative ``[text, student, teacher]``; numbers are
    natural log-probabilities, texts have their escapes already.
    """
    rows = [
        [
            plain(token.text),
            _number(token.student),
            _number(token.teacher),
            [[plain(a.text), _number(a.student), _number(a.teacher)] for a in token.alternatives],
        ]
        for token in credit.tokens
    ]
    return Markup(json.dumps(rows, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026"))


def _token(token: TokenCredit) -> str:
    return Markup('<span class="{}">{}</span>').format(" ".join(_classes(token)), seen(token.text))


def _classes(token: TokenCredit) -> Iterator[str]:
    yield "tok"
    if found := level(token.credit):
        yield f"{'n' if found < 0 else 'p'}{abs(found)}"
    if token.is_end:
        yield "end"
    elif not token.text:
        yield "part"
    elif token.text.isspace() and "\n" in token.text:
        yield "line"


def _number(value: float) -> float:
    return round(max(value, -99.0), 3) if math.isfinite(value) else -99.0
