"""What feedback must not say: the texts and numbers of a task's payload and of its gold answer."""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MIN_CHARS = 4  # shorter ones turn up by chance
_MOST_LEAVES = 50_000
_DEPTH = 12
_MOST_BYTES = 16 << 20  # of an unpacked text
_LONG = 40  # quotes are cut: of a long line its beginning alone is a secret too
_WORD = 20  # up to this length a secret must stand as a word, not within one

_NUMBER = re.compile(r"[-+]?(\d+(?:\.\d+)?)")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)")
_QUOTED = re.compile(r"^\| ?", re.MULTILINE)


@dataclass(frozen=True)
class Secret:
    """One thing that feedback must not say.

    Attributes:
        text: it, in the form that :func:`normal` gives.
        where: what holds it, for messages.
        number: whether it is a number, which is compared as a whole, without its sign.
    """

    text: str
    where: str
    number: bool


class Said:
    """A text in which secrets are looked for."""

    def __init__(self, text: str) -> None:
        self.text = normal(_QUOTED.sub("", text))
        self.numbers = frozenset(_NUMBERS.findall(self.text)) | {
            number.replace(",", "") for number in _THOUSANDS.findall(self.text)
        }

    def holds(self, secret: Secret) -> bool:
        """Whether it says ``secret``: a number as a number, a short text as a word."""
        if secret.number:
            return secret.text in self.numbers
        if secret.text not in self.text:
            return False
        return len(secret.text) > _WORD or _stands_alone(secret.text, self.text)


def normal(text: str) -> str:
    """Return ``text`` in small letters with each run of white space as one space."""
    return " ".join(text.split()).casefold()


def secrets_of(payload: Mapping[str, Any], gold: str | None, shown: Iterable[str], known: Said) -> list[Secret]:
    """Return what feedback on a task must not say.

    Args:
        payload: the task's payload; texts that are JSON, or base64 of zlib of JSON or of a pickled text, are opened.
        gold: the gold answer, whose lines are secrets.
        shown: keys of the payload whose contents feedback may show.
        known: what the policy knows anyway, the task's messages; nothing in it is a secret.
    """
    shown = frozenset(shown)
    open_texts = Said("\n".join(text for key in shown if key in payload for _, text in leaves(payload[key])))
    found: dict[tuple[str, bool], Secret] = {}
    for where, text in _hidden(payload, gold, shown):
        for secret in _secrets(text, where):
            if not known.holds(secret) and not open_texts.holds(secret):
                found.setdefault((secret.text, secret.number), secret)
    return list(found.values())


def _hidden(payload: Mapping[str, Any], gold: str | None, shown: frozenset[str]) -> Iterator[tuple[str, str]]:
    for key, value in payload.items():
        if key not in shown:
            yield from leaves(value, f"payload[{key!r}]")
    if gold is not None:
        yield "its gold answer", gold


def _secrets(text: str, where: str) -> Iterator[Secret]:
    lines = text.splitlines()
    pieces = [text, *lines] if len(lines) > 1 else [text]
    for piece in pieces:
        clean = normal(piece)
        if number := _NUMBER.fullmatch(clean):
            if len(number.group(1)) >= MIN_CHARS:
                yield Secret(number.group(1), where, True)
        elif len(clean) >= MIN_CHARS:
            yield Secret(clean, where, False)
            if len(clean) > _LONG:
                yield Secret(clean[:_LONG].rstrip(), where, False)


def _stands_alone(word: str, text: str) -> bool:
    before = r"(?<!\w)" if word[0].isalnum() else ""
    after = r"(?!\w)" if word[-1].isalnum() else ""
    return re.search(before + re.escape(word) + after, text) is not None


def leaves(value: Any, where: str = "payload") -> Iterator[tuple[str, str]]:
    """Yield the texts and numbers in ``value``, as texts, with where each is; at most 50,000 of them."""
    stack = [(where, value, _DEPTH)]
    left = _MOST_LEAVES
    while stack and left > 0:
        where, item, depth = stack.pop()
        if isinstance(item, str):
            inner = _opened(item) if depth else None
            if inner is None:
                left -= 1
                yield where, item
            else:
                stack.append((where, inner, depth - 1))
        elif isinstance(item, Mapping):
            if depth:
                stack += [(f"{where}[{key!r}]", part, depth - 1) for key, part in reversed(list(item.items()))]
        elif isinstance(item, list | tuple):
            if depth:
                stack += [(f"{where}[{index}]", part, depth - 1) for index, part in reversed(list(enumerate(item)))]
        elif isinstance(item, int | float) and not isinstance(item, bool):
            left -= 1
            yield where, repr(item)


def _opened(text: str) -> Any:
    """Return what a text holds that is JSON or packed, or None if it is neither."""
    if text.lstrip()[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None
    return _unpacked(text)


def _unpacked(text: str) -> Any:
    """Return what base64 of zlib holds: a text, or the texts of a pickle, which is read and not run."""
    if not text.startswith("e"):  # 0x78, as zlib data begin, in base64
        return None
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except (binascii.Error, ValueError, zlib.error):
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:
        return [value for _, value, _ in pickletools.genops(data) if isinstance(value, str)]
    except Exception:  # genops raises whatever the damage leads to
        return None
