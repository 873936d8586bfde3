"""What a wrong output has in common with the right one, where it is more than chance: white space, case, rounding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, DecimalException

from sdpo_envs.livecodebench.comparison import lines_equal, output_lines

MOST_CHARS = 1 << 16  # of an output or a value; longer ones are not looked at
_NUMBER_CHARS = 40
_CLOSE = Decimal("1e-6")
_FORM = str.maketrans(dict.fromkeys("[](){},'\"", " "))

NOTHING_BESIDES = "print nothing besides the answer."


def relation(got: str, expected: str) -> str | None:
    """Return one sentence on how a wrong output relates to the expected one; None if it simply differs.

    The sentence is true whatever caused the difference, and holds no text of either.
    """
    if max(len(got), len(expected)) > MOST_CHARS:
        return None
    mine, right = got.split(), expected.split()
    if not mine or not right:
        return None
    return (
        _spacing(got, expected)
        or _case(mine, right)
        or _form(got, expected)
        or _rounded_lines(got, expected)
        or _order(got, expected)
        or _label(got, expected)
    )


def _spacing(got: str, expected: str) -> str | None:
    mine, right = got.split(), expected.split()
    if mine == right:
        if [len(line.split()) for line in output_lines(got)] == [len(line.split()) for line in output_lines(expected)]:
            return "Only the white space within lines differs."
        return "Only the line breaks differ: the words and their order are right."
    return "Only white space differs: without it the two are equal." if "".join(mine) == "".join(right) else None


def _case(mine: Sequence[str], right: Sequence[str]) -> str | None:
    if [word.casefold() for word in mine] == [word.casefold() for word in right]:
        return "Only upper and lower case differ."
    if "".join(mine).casefold() == "".join(right).casefold():
        return "Only upper and lower case and white space differ."
    return None


def _form(got: str, expected: str) -> str | None:
    mine, right = got.translate(_FORM).split(), expected.translate(_FORM).split()
    if mine and lines_equal(" ".join(mine), " ".join(right)):
        return "Only brackets, commas or quotation marks differ: the values and their order are right."
    return None


def _rounded_lines(got: str, expected: str) -> str | None:
    mine, right = ([line.split() for line in output_lines(text)] for text in (got, expected))
    if [len(line) for line in mine] != [len(line) for line in right]:
        return None
    return rounding([pair for lines in zip(mine, right, strict=True) for pair in zip(*lines, strict=True)])


def rounding(pairs: Sequence[tuple[str, str]]) -> str | None:
    """Return a sentence if pairs of words are equal but for the rounding of numbers, at least one of them no integer.

    Rounding is: one number is the other with fewer decimals, or they differ by at most 1e-6 of the expected one, or of
    1 if that is more.
    """
    differing = [pair for pair in pairs if not lines_equal(*pair)]
    if not differing or any(len(word) > _NUMBER_CHARS for pair in differing for word in pair):
        return None
    try:
        numbers = [(Decimal(mine), Decimal(right)) for mine, right in differing]
        if not all(a.is_finite() and b.is_finite() for a, b in numbers):
            return None
        if all(_decimals(a) == _decimals(b) == 0 for a, b in numbers):
            return None
        largest = f"{max(abs(a - b) for a, b in numbers):.1g}"
        if all(_is_rounded(mine, right) for mine, right in numbers):
            how = ": rounded to the decimals of the expected numbers, yours are right"
        elif all(_is_rounded(right, mine) for mine, right in numbers):
            how = ": yours are the expected numbers with fewer decimals"
        elif all(abs(mine - right) <= _CLOSE * max(Decimal(1), abs(right)) for mine, right in numbers):
            how = ""
        else:
            return None
    except DecimalException:  # not a number, or of an absurd size
        return None
    return f"Only rounding differs, by at most about {largest}{how}. Numbers are compared exactly, without tolerance."


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _is_rounded(long: Decimal, short: Decimal) -> bool:
    """Whether ``short`` is ``long``, or ``long`` rounded to the decimals that ``short`` has."""
    if long == short:
        return True
    unit = Decimal(1).scaleb(-_decimals(short))
    return _decimals(long) > _decimals(short) and any(
        long.quantize(unit, how) == short for how in (ROUND_HALF_EVEN, ROUND_HALF_UP)
    )


def _order(got: str, expected: str) -> str | None:
    mine, right = output_lines(got), output_lines(expected)
    if len(mine) != len(right):
        return None
    if Counter(mine) == Counter(right):
        return "The lines are right, but not their order."
    if all(Counter(a.split()) == Counter(b.split()) for a, b in zip(mine, right, strict=True)):
        return f"The words of {'each' if len(mine) > 1 else 'the'} line are right, but not their order."
    return None


def _label(got: str, expected: str) -> str | None:
    """Recognise lines that have words before the expected ones, or lack them."""
    mine, right = output_lines(got), output_lines(expected)
    if len(mine) == len(right):
        for long, short, what in (
            (mine, right, f"Each of your lines ends as expected: {NOTHING_BESIDES}"),
            (right, mine, "Each of your lines is the end of the expected one: words before it are missing."),
        ):
            if all(_ends_with(a, b) for a, b in zip(long, short, strict=True)):
                return what if len(mine) > 1 else what.replace("Each of your lines", "Your line")
    return None


def _ends_with(long: str, short: str) -> bool:
    """Whether the words of ``long`` are those of ``short`` after others, of which one has a letter; or are the same."""
    words, end = long.split(), short.split()
    before = words[: len(words) - len(end)]
    if not before:
        return words == end
    return bool(end) and words[len(before) :] == end and any(char.isalpha() for word in before for char in word)
