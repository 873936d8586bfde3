"""The leak filter: does a critique of a wrong answer give away what is right?

:func:`leaks` withholds a critique that names, quotes, enumerates or counts out any option but the chosen one. To name
a wrong option would help to eliminate it, so the key is treated like the others, and whether a critique is withheld
says nothing of which of them it is. When it is unsure, it withholds: a withheld critique costs a hint, a leak costs
the task.

Caught, each in any case and markup, after Unicode's compatibility normalisation (fullwidth and superscript characters,
characters of no width):

- Labels: ``option B``, ``(B)``, ``B:``, ``B is``, ``optionB``, and B standing alone; small ones beside a word such as
  "answer" or in brackets, and alone, but for the article "a". Let through: "A" as an article at the start of a
  sentence, a letter that the question uses in the same way (``vitamin C``, ``5 A``), ``°C``, a long formula that the
  question or the chosen option has, a bond (``C-H``), a letter that a hyphen joins to a word of the question
  (``D-glucose``).
- An option's text: word for word whatever the punctuation; without its spaces and punctuation from 6 characters on;
  three words of it in a row, or 8 characters of a long word such as a sequence or a SMILES string, that neither the
  question nor the chosen option has; its own words, by their first 6 letters, that the chosen option lacks. Of these
  words, if the option has more than two, those of the question and of the reply are let through unless most of them
  occur. For the rest it does not matter whether the question or the reply has the text: it may quote all options.
- An option's numbers, whatever their form (1.0e3, 1,000, 10^3, 1 × 10³), also rounded to two or more digits, with
  another power of ten (other units, per cent), with another sign unless the chosen option has that, or as a word up to
  ten.
- Places: "the second option", "listed second", "the last one", "option number 2", "the other option", "the one below
  yours", "the largest value of the options".

Not caught: codes ("Bravo", "the grade after an excellent one", acrostics, letters of other scripts), other languages,
synonyms and descriptions of an option's content, results by other means (fractions, conversions by factors that are no
powers of ten), comparisons ("larger than that", "the wrong sign"), and what several remarks tell together. A question
with two options has no secret once the chosen one is known to be wrong.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sdpo_envs.sciknoweval.quantities import Numbers, numbers_in, tells
from sdpo_gym.quoting import nfkc

_SUPERSCRIPT = re.compile(r"10([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})")
_WORD = re.compile(r"[^\W_]+")


def leaks(
    critique: str, *, key: str, options: Mapping[str, str], chosen: str, question: str, completion: str
) -> str | None:
    """Return why ``critique`` must be withheld, or None.

    Args:
        critique: the text that the model would be shown.
        key: the label of the right option.
        options: text by label (capital letters).
        chosen: the label of the wrong option that was chosen.
        question: the question without its options.
        completion: the reply that is criticised.
    """
    text, asked = plain(critique), plain(question)
    if reason := _place(text, len(options)):
        return reason
    mine = _Option.of(options[chosen])
    asked_words, replied_words = _stems(asked), _stems(plain(completion))
    others = [key, *(label for label in options if label not in (key, chosen))]
    said = _Option.of(critique)
    unquoted = _without_formulas(text, (plain(options[chosen]), asked))
    for label in others:
        if label != chosen:
            if _names(unquoted, label, asked):
                return f"it names option {label}"
            if found := _gives(said, _Option.of(options[label]), mine, asked, asked_words, replied_words):
                return f"it gives {found} of option {label}"
    return None


def plain(text: str) -> str:
    """Return ``text`` without compatibility characters and characters of no width; powers of ten keep their mark."""
    text = _SUPERSCRIPT.sub(r"10^\1", text)
    text = nfkc(text).replace("−", "-")
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


# --- places

_THING = r"(?:options?|choices?|answers?|alternatives?|candidates?|possibilit(?:y|ies)|letters?|entry|one)"
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|last|final|penultimate|1st|2nd|3rd|[4-9]th|former|latter|remaining|next|"
    r"previous|preceding|following|adjacent|neighbou?ring|top|bottom|middle|upper|lower)"
)
_EXTREME = r"(?:largest|smallest|highest|lowest|greatest|longest|shortest|biggest|lightest|heaviest)"
_PLACES = (
    re.compile(rf"\b{_ORDINAL}\s{{1,3}}(?:(?:of|the|listed|given|remaining|answer|among|two|four)\s{{1,3}}){{0,4}}{_THING}\b"),
    re.compile(rf"\b{_EXTREME}\s{{1,3}}(?:(?:of|the|listed|given|remaining|answer|value|among|in)\s{{1,3}}){{0,4}}(?!one\b){_THING}\b"),
    re.compile(rf"\b{_ORDINAL}\s{{1,3}}(?:\w{{1,20}}\s{{1,3}})?(?:in|on|of|from|among)\s{{1,3}}(?:the\s{{1,3}}|your\s{{1,3}}|this\s{{1,3}})?"
               r"(?:list|options|choices|answers|alternatives|candidates|four|end)\b"),
    re.compile(r"\bother\s{1,3}(?:option|choice|answer|alternative|candidate|possibility|letter|one)\b"),
    re.compile(r"\b(?:option|choice|answer|alternative|candidate)\s{0,3}(?:number|no\.?|nr\.?|#)?\s{0,3}"
               r"(?:[1-9](?![\d.,]?\d)|one|two|three|four|five|i{1,3}|iv|v)\b"),
    re.compile(r"(?:\bnumber\s{1,3}|\bno\.\s{0,3}|#\s{0,3})(?:[1-9]|one|two|three|four|five)\s{1,3}(?:in|on|of|from)\s{1,3}the\b|#\s{0,3}[1-9]\b"),
    re.compile(rf"\b(?:listed|named|given|placed|printed)\s{{1,3}}(?:as\s{{1,3}})?(?:the\s{{1,3}})?{_ORDINAL}\b"),
    re.compile(rf"\b{_THING}\s{{1,3}}(?:that|which)\s{{1,3}}(?:(?:directly|right|just|is)\s{{1,3}})?(?:follows|precedes|comes|stands|listed)\b"),
    re.compile(r"\bletter\s{1,3}(?:after|before|between|following|preceding|next)\b|\balphabet"),
    re.compile(r"\b(?:after|before|above|below|under|beneath|beside|next\s{1,3}to|preceding|following|adjacent\s{1,3}to|over)\s{1,3}"
               r"(?:yours\b|(?:the\s{1,3}one|option|your\s{1,3}(?:option|choice|letter|pick))\b)"),
)  # fmt: skip
_PLACES_OF_TWO = (
    re.compile(r"\b(?:the|an?)?\s{0,3}(?:other|another|alternative|opposite)\s{1,3}(?:options?|choices?|answers?|alternatives?|sequence|value)\b"),
    re.compile(r"\bthe\s{1,3}(?:other|former|latter)\b|\b(?:first|second)\s{1,3}of\s{1,3}the\s{1,3}two\b"),
)  # fmt: skip
_YOUR_ANSWER = re.compile(r"\bfinal\s{1,3}(?:answer|choice)\b")


def _place(text: str, count: int) -> str | None:
    folded = _YOUR_ANSWER.sub("result", text.casefold())
    for pattern in (*_PLACES, *(_PLACES_OF_TWO if count == 2 else ())):
        if found := pattern.search(folded):
            return f"it points at an option by its place: {found[0].strip()!r:.60}"
    return None


# --- labels

_ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "P", "S", "Si", "Cl", "Br", "I", "R", "M", "X"})
_BOND = re.compile(r"[A-Z][a-z]?(?:[-–=≡][A-Z][a-z]?){1,3}")
_NEAR = 24  # characters looked at before and behind a letter
_POINTER = re.compile(
    r"\b(?:options?|choices?|answers?|alternatives?|letters?|key|labels?|labelled|labeled|select|choose|chose|chosen|pick)"
    r"\W{0,4}(?:(?:is|was|are|be|being|should|would|must|to|the|marked|with|as|namely)\W{1,3}){0,3}\W{0,3}$"
)
_ASIDE = frozenset((
    "is", "was", "are", "as", "or", "and", "the", "to", "of", "in", "be", "not", "than", "with", "for", "from",
    "option", "choice", "answer", "letter",
))  # fmt: skip
# After an article comes none of these, nor a verb; a third person ends in s, a past tense in ed.
_NO_NOUN = frozenset((
    "is", "was", "are", "as", "or", "and", "nor", "not", "would", "must", "should", "can", "could", "may", "might",
    "will", "has", "had", "have", "because", "since", "seems", "looks", "but", "over", "to", "in", "for", "the",
    "than", "rather", "instead", "from", "at", "by", "on", "if", "with", "does", "did", "do", "cannot", "only",
    "also", "fits", "then", "so", "it",
))  # fmt: skip
_SENTENCE_END = re.compile(r"(?:^|[.!?:;\n\"“(>*-])\s{0,3}$")
_NEXT_WORD = re.compile(r"\s{1,3}([a-z][a-z-]*)")
_MARKS = "`*'\"“”‘’.,;:!?"
_PREVIOUS = re.compile(r"([^\W_]+)(\s{0,3})$")


def _without_formulas(text: str, known: Collection[str]) -> str:
    """Blank long words with signs or digits in them that the texts ``known`` have as well: SMILES hold lone letters."""

    def blank(match: re.Match[str]) -> str:
        word = match[0].strip(_MARKS)
        is_formula = len(word) >= _PIECE and not word.isalpha()
        return "~" if is_formula and any(word in text for text in known) else match[0]

    return re.sub(r"\S+", blank, text)


def _names(text: str, label: str, asked: str) -> bool:
    """Whether ``text`` has the letter ``label`` standing alone, in a way that may mean the option."""
    glued = re.search(rf"(?i)(?:option|choice|answer|alternative)[_-]?{re.escape(label)}(?![^\W_])", text)
    if glued:
        return True
    alone = re.compile(rf"(?i)(?<![^\W_]){re.escape(label)}(?![^\W_])")
    return any(_is_option(text, match, label, asked, alone) for match in alone.finditer(text))


def _is_option(text: str, match: re.Match[str], label: str, asked: str, alone: re.Pattern[str]) -> bool:
    before, behind = text[max(0, match.start() - _NEAR) : match.start()], text[match.end() : match.end() + _NEAR]
    small = match[0] != label
    bracketed = bool(re.match(r"[*_`]{0,2}[):\]]", behind))
    pointed = bool(_POINTER.search(before.casefold()))
    if bracketed:
        return True
    if before.endswith(("°", "º")):
        return False
    if small and label == "A":
        # "option a", "the answer is a."; not "the answer is a number"
        direct = bool(re.search(r"\b(?:option|choice|letter|alternative)\W{0,3}$", before.casefold()))
        return direct or (pointed and _NEXT_WORD.match(behind) is None)
    if pointed:
        return True
    if _is_compound(text, match, asked) or _is_of_the_question(before, match[0], behind, asked):
        return False
    if small:
        elided = bool(re.search(r"[^\W\d_]['’]$", before))  # you'd
        return not elided and match[0] not in {found[0] for found in alone.finditer(asked)}
    return not (label == "A" and _is_article(before, behind))


def _is_compound(text: str, match: re.Match[str], asked: str) -> bool:
    """Whether the letter is part of a bond, or of a hyphenated word that the question has as well."""
    start, end = match.span()
    while start > 0 and end - start < _NEAR and _joins(text[start - 1]):
        start -= 1
    while end < len(text) and end - start < _NEAR and _joins(text[end]):
        end += 1
    whole = text[start:end].strip("-–=≡")
    if len(whole) == 1:
        return False
    if _BOND.fullmatch(whole):
        parts = re.split(r"[-–=≡]", whole)
        return set(parts) <= _ELEMENTS and (len(set(parts)) == 1 or bool(set(parts) - set("ABCDEFG")))
    head, _, tail = whole.partition("-")
    joined = len(head) == 1 and len(tail) >= 3 and tail.isalpha() and tail.casefold() not in _NO_NOUN
    return joined and re.search(rf"(?<![^\W_]){re.escape(whole)}(?![^\W_])", asked) is not None


def _joins(char: str) -> bool:
    return char.isalnum() or char in "-–=≡"


def _is_of_the_question(before: str, letter: str, behind: str, asked: str) -> bool:
    """Whether the letter follows the same word as somewhere in the question, or a number that it is the unit of."""
    previous = _PREVIOUS.search(before)
    if previous is None or behind[:1] in ":)]":
        return False
    word = previous[1].casefold()
    if word[0].isdigit():
        return re.search(rf"\d\s{{0,3}}{letter}(?![^\W_])", asked) is not None
    if word in _ASIDE or not previous[2]:
        return False
    return re.search(rf"(?i:(?<![^\W_]){re.escape(word)}\s{{1,3}}){letter}(?![^\W_])", asked) is not None


def _is_article(before: str, behind: str) -> bool:
    following = _NEXT_WORD.match(behind + " ")
    if following is None or not _SENTENCE_END.search(before):
        return False
    word = following[1]
    is_verb = word.endswith("ed") or (word.endswith("s") and not word.endswith(("ss", "us", "is", "as")))
    return word not in _NO_NOUN and not is_verb


# --- texts

_STEM = 6
_SQUASHED = 6  # least characters of a text to be looked for without its spaces
_LONG, _PIECE = 12, 8
_RUN = 3
_COMMON = frozenset((
    "this", "that", "with", "from", "into", "then", "than", "they", "them", "their", "there", "these", "those",
    "which", "while", "when", "where", "what", "will", "would", "could", "should", "must", "have", "been", "being",
    "does", "more", "less", "most", "least", "very", "only", "also", "same", "both", "each", "such", "between",
    "under", "over", "about", "after", "before", "because", "since", "though", "through", "during", "above",
    "below", "within", "without", "equal", "value", "values", "option", "answer", "correct", "right", "wrong",
    "number", "following", "given", "true", "false", "some", "many", "much", "other", "your",
))  # fmt: skip


@dataclass(frozen=True)
class _Option:
    """An option's text, or any other, in the forms that are compared."""

    words: tuple[str, ...]
    squashed: str
    dense: str
    long: tuple[str, ...]
    content: frozenset[str]
    numbers: Numbers
    bare: str

    @classmethod
    def of(cls, text: str) -> _Option:
        """Take a text apart."""
        normal = plain(text)
        words = tuple(_WORD.findall(normal.casefold()))
        return cls(
            words=words,
            squashed="".join(words),
            dense="".join(normal.split()),
            long=tuple(word for word in normal.split() if len(word) >= _LONG),
            content=_stems(normal),
            numbers=numbers_in(normal),
            bare=normal.strip(),
        )


def _gives(
    said: _Option,
    other: _Option,
    mine: _Option,
    asked: str,
    asked_words: Collection[str],
    replied_words: Collection[str],
) -> str | None:
    """Say what of the option ``other`` is in ``said`` that is not in ``mine``, the chosen option."""
    if _has_text(said, other, mine):
        return "the text"
    own = other.content - mine.content
    if own:
        allowed = {*asked_words, *replied_words} if len(own) > 2 else set()
        seen = {stem for stem in own if _has_stem(said, stem)}
        if seen - allowed:
            return f"a word ({min(seen - allowed)!r})"
        if len(seen) * 2 > len(own):
            return "most words"
    runs = _runs(other.words) - _runs(mine.words) - _runs(tuple(_WORD.findall(asked.casefold())))
    if runs & _runs(said.words):
        return "several words in a row"
    if pieces := _pieces(other.long):
        known = _pieces((mine.dense, "".join(asked.split()), *mine.long, *asked.split()))
        if (pieces - known) & _pieces((said.dense,)):
            return "a piece"
    asked_numbers = numbers_in(asked).values
    is_prose = len(other.content) >= 3  # then it may have numbers of the question
    for number in other.numbers.values:
        if number in mine.numbers.values or (is_prose and number in asked_numbers):
            continue
        if tells(said.numbers, number, mine.numbers.values, asked_numbers):
            return f"the number {number:g}"
    return None


def _has_text(said: _Option, other: _Option, mine: _Option) -> bool:
    if not other.words:  # signs only, such as "+"
        return other.bare in said.bare.split() if other.bare else False
    if _within(_spaced(said.words), _spaced(other.words), _spaced(mine.words)):
        return True
    if len(other.squashed) >= _SQUASHED and other.squashed not in mine.squashed and other.squashed in said.squashed:
        return True
    return len(other.dense) >= _SQUASHED and _within(said.dense, other.dense, mine.dense)


def _within(said: str, other: str, mine: str) -> bool:
    """Whether ``said`` has ``other``, not counting where it is part of ``mine``."""
    if other in mine:
        if other == mine:
            return False
        said = said.replace(mine, " \0 ")
    return other in said


def _spaced(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "


def _stems(text: str) -> frozenset[str]:
    """Return the words of ``text`` that say something, by their first letters."""
    return frozenset(_stem(word) for word in _WORD.findall(text) if _says_something(word))


def _says_something(word: str) -> bool:
    if word.isdigit() or word.casefold() in _COMMON:
        return False
    mixed = any(char.isdigit() for char in word) and any(char.isalpha() for char in word)
    return len(word) >= 4 or (mixed and len(word) >= 3) or sum(char.isupper() for char in word) >= 2


def _stem(word: str) -> str:
    word = word.casefold()
    return (word.removesuffix("s") if len(word) > 4 else word)[:_STEM]


def _has_stem(said: _Option, stem: str) -> bool:
    return stem in said.content or (len(stem) >= _STEM - 1 and any(word.startswith(stem) for word in said.words))


def _runs(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    runs = {words[i : i + _RUN] for i in range(len(words) - _RUN + 1)}
    return {run for run in runs if any(_says_something(word) for word in run)}


def _pieces(texts: Iterable[str]) -> set[str]:
    return {text[i : i + _PIECE] for text in texts for i in range(len(text) - _PIECE + 1)}
