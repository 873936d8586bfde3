"""Numbers in text: finding them whatever their form, and telling whether one gives another away."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_NUMBER = re.compile(
    r"(?<![^\W\d_])(?<![\d.])"
    r"(?P<whole>\d{1,3}(?:[, ]\d{3}){1,6}(?!\d)|\d+|(?=\.\d))(?P<part>\.\d+)?"
    r"(?:[eE](?P<e>[-+]?\d{1,4})(?![^\W_])|\s?(?:x|×|\*|·|⋅|\\times|\\cdot)\s?10\s?(?:\^|\*\*)?\s?[{(]?\s?(?P<power>[-+]?\d{1,4}))?"
)
_POWER = re.compile(r"(?<![^\W_])10\s?(?:\^|\*\*)\s?[{(]?\s?(?P<power>[-+]?\d{1,4})")
_NUMERALS = {
    "zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0,
    "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0,
}  # fmt: skip
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST_DIGITS = 40
_UNITS = frozenset({2, 3, 6, 9, 12, 15, 18})  # powers of ten between units of one quantity, and of per cent


@dataclass(frozen=True)
class Numbers:
    """The numbers in a text.

    Attributes:
        values: each once, in order.
        scientific: those written with a power of ten.
        spelled: those written as a word.
    """

    values: tuple[float, ...]
    scientific: frozenset[float]
    spelled: frozenset[float]


def numbers_in(text: str) -> Numbers:
    """Find the numbers in ``text``; what can be read in two ways, such as ``1,000``, is read in both."""
    values: list[float] = []
    scientific = set()
    for match in _NUMBER.finditer(text):
        if len(match["whole"]) + len(match["part"] or "") > _MOST_DIGITS:
            continue
        sign = "-" if re.search(r"(?:^|[^\w)\]])-\s?$", text[max(0, match.start() - 3) : match.start()]) else ""
        wholes = {re.sub("[, ]", "", match["whole"]), *re.split("[, ]", match["whole"])}
        power = match["e"] or match["power"]
        for whole in sorted(wholes):
            value = float(f"{sign}{whole}{match['part'] or ''}e{power or 0}")
            values.append(value)
            if power:
                scientific.add(value)
    values += [float(f"1e{match['power']}") for match in _POWER.finditer(text)]
    spelled = {_NUMERALS[word] for word in _LETTERS.findall(text.casefold()) if word in _NUMERALS}
    finite = [value for value in [*values, *sorted(spelled)] if abs(value) != float("inf")]
    return Numbers(tuple(dict.fromkeys(finite)), frozenset(scientific), frozenset(spelled.difference(values)))


def tells(said: Numbers, number: float, mine: Collection[float], asked: Collection[float]) -> bool:
    """Whether one of the numbers ``said`` tells ``number``: by itself, rounded, or with another sign or power of ten.

    What is no more than a number of the chosen option (``mine``) or of the question (``asked``) does not, unless it is
    ``number`` itself.
    """
    return any(
        _same(value, number, value in said.scientific, value in said.spelled, mine, asked) for value in said.values
    )


def _same(
    value: float, number: float, scientific: bool, spelled: bool, mine: Collection[float], asked: Collection[float]
) -> bool:
    if value == number:
        return True
    if spelled or value in mine or value in asked:
        return False
    if abs(value) == abs(number):
        return -number not in mine
    digits = min(_digits(value), _digits(number))
    if digits >= 2:
        rounded = _mantissa(value, digits)
        return rounded == _mantissa(number, digits) and all(rounded != _mantissa(own, digits) for own in mine)
    if _mantissa(value, 2) == _mantissa(number, 2) and abs(_power(value) - _power(number)) in _UNITS:
        return all(_mantissa(value, 2) != _mantissa(own, 2) for own in mine)
    return scientific and f"{value:.0e}" == f"{number:.0e}" and all(f"{value:.0e}" != f"{own:.0e}" for own in mine)


def _digits(value: float) -> int:
    """Return how many significant digits ``value`` has."""
    return len(f"{abs(value):.12e}".partition("e")[0].replace(".", "").rstrip("0")) or 1


def _power(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _mantissa(value: float, digits: int) -> str:
    return f"{abs(value):.{digits - 1}e}".partition("e")[0]
