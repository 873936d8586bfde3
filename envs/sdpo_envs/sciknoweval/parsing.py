r"""Reading the answer out of a reply: tolerant where people are, strict about which option was meant.

The answer is what stands between ``<answer>`` and ``</answer>``. What is read as option B: ``B``, ``b``, ``B.``,
``(B)``, ``**B**``, ``\boxed{B}``, ``Option B``, ``The answer is B``, ``B: its text``; in tags of any case, also if the
reply ends before the closing tag or goes on after it, also if the same answer is given several times. What is not
read: a letter without tags, an empty tag, different answers, two letters in one tag, a letter that is no option, and
prose ("A catalyst is needed" does not mean option A). Which tags count:

- None in ``<think>`` ... ``</think>`` (or before a ``</think>`` whose opening tag stood in the prompt, or after a
  ``<think>`` that nothing closes).
- Those outside ``<reasoning>`` ... ``</reasoning>``. Only if there are none, those inside: a draft is no answer, but a
  reply that forgot to end its reasoning before it answered has answered. SDPO's reference takes the last tag wherever
  it stands, so that of two different answers the second counts; here they are no answer.

Everything is linear in the length of the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sdpo_gym.quoting import nfkc

_TAG = re.compile(r"<\s{0,3}(/?)\s{0,3}(answer|reasoning|think|thinking)\s{0,3}>", re.IGNORECASE)
_THINK = frozenset({"think", "thinking"})
_CLOSING = "</answer>"

_READ_CHARS = 4000  # of a tag's content: more than any option with its text
_SHOWN_CHARS = 200
_MACRO = re.compile(r"\\(?:boxed|text|textbf|mathrm|mathbf)\s{0,3}(?=\{)")
_EMPHASIS = str.maketrans(dict.fromkeys("\\*_`$\"'“”‘’") | {"{": "(", "}": ")"})
_PREFIX = re.compile(
    r"(?:(?:the|my|final|correct|right|best)\s{1,3}){0,3}(?:answer|option|choice)\b\s{0,3}(?:is\b|:|=)?\s{0,3}:?\s{0,3}"
    r"(?:option\b)?\s{0,3}",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+")
_DELIMITER = re.compile(r"\s{0,3}[.:)\](,;=]|[ \t]{0,3}\n|\s{1,3}[-–—]\s")  # "B-form" has none: it is a word
# A second letter: joined to the first, or standing alone after it. "B: A catalyst" and "B: C=O" have none.
_END = r"(?=\s|$|[.:)\],;](?:\s|$)|[/&|])"
_JOINED = re.compile(
    r"(?:[\s.)\],]{0,6}(?:or|and)\b[\s(\[]{0,4}(?:option\s{1,3})?|\s{0,3}[/&|+]\s{0,3})([^\W\d_])" + _END, re.IGNORECASE
)
_ALONE = re.compile(r"[\s.:)\](,;=–—-]{1,6}([^\W\d_])(?=\s{0,3}(?:[.:)\],;](?:\s|$)|[/&|]\s|$|or\b|and\b))")
_LISTED = re.compile(r"^[ \t]{0,8}[(\[]?([^\W_])[.:)\]]", re.MULTILINE)
_CAPITAL = re.compile(r"(?<![^\W_])([A-Z])(?![^\W_])")
_NO_ARTICLE = re.compile(r"(?<![^\W_])(?!A\s[a-z])([A-Z])(?![^\W_])")  # "A catalyst" names no option


class Problem(StrEnum):
    """Why no answer could be read."""

    NO_TAG = "no_tag"
    EMPTY_TAG = "empty_tag"
    SEVERAL_ANSWERS = "several_answers"
    UNKNOWN_OPTION = "unknown_option"


@dataclass(frozen=True)
class Answer:
    """What a reply answers.

    Attributes:
        choice: the label of the option chosen, or None.
        problem: why there is no choice, or None.
        given: what the tags that count hold, each once, cut to 200 characters; labels where they could be read.
        closed: whether the last tag that counts has an end.
        well_formed: whether the reply keeps to the form that the system turn asks for, white space aside: one
            reasoning block, then one answer block with a letter of the question, and nothing else. Thinking (see
            above) is not part of the form.
    """

    choice: str | None
    problem: Problem | None
    given: tuple[str, ...] = ()
    closed: bool = True
    well_formed: bool = False


@dataclass(frozen=True)
class _Tagged:
    content: str
    closed: bool
    in_reasoning: bool


def parse_answer(text: str, labels: Sequence[str], options: Mapping[str, str] | None = None) -> Answer:
    """Read the answer in ``text`` to a question whose options are called ``labels`` (capital letters); never raises.

    Args:
        text: the reply.
        labels: the letters of the options.
        options: their texts, by letter; with them, another letter behind the first one ("A, but B is right") makes
            several answers of it, unless the text of the first option has that letter, too.
    """
    text = visible(text)
    found = [tagged for tagged in _answers(text) if tagged.content.strip() or tagged.closed]
    unended = not found and any(True for _ in _answers(text))
    counted = [tagged for tagged in found if not tagged.in_reasoning] or found
    if not counted:
        return Answer(None, Problem.EMPTY_TAG if unended else Problem.NO_TAG, closed=False)
    readings = [_read(tagged.content, labels, options or {}) for tagged in counted]
    filled = [reading for reading in readings if reading != Problem.EMPTY_TAG]
    given = tuple(
        dict.fromkeys(
            reading if not isinstance(reading, Problem) else tagged.content.strip()[:_SHOWN_CHARS]
            for tagged, reading in zip(counted, readings, strict=True)
            if reading != Problem.EMPTY_TAG
        )
    )
    closed = counted[-1].closed
    if not filled:
        return Answer(None, Problem.EMPTY_TAG, given, closed)
    if len(given) > 1 or Problem.SEVERAL_ANSWERS in filled:
        return Answer(None, Problem.SEVERAL_ANSWERS, given, closed)
    if isinstance(filled[0], Problem):
        return Answer(None, filled[0], given, closed)
    return Answer(filled[0], None, given, closed, _is_well_formed(text, labels))


def visible(text: str) -> str:
    """Return ``text`` without its thinking, see the module's text."""
    kept: list[str] = []
    start, opened = 0, False
    for tag in _TAG.finditer(text):
        if tag[2].lower() not in _THINK:
            continue
        if tag[1]:
            if not opened:
                kept.clear()  # what came before was thought: its opening tag stood in the prompt
            start, opened = tag.end(), False
        elif not opened:
            kept.append(text[start : tag.start()])
            opened = True
    if not opened:
        kept.append(text[start:])
    return "".join(kept)


def _answers(text: str) -> Iterator[_Tagged]:
    """Yield what follows every opening answer tag, up to the next tag of any kind."""
    tags = list(_TAG.finditer(text))
    reasoning = _in_reasoning(tags)
    for index, tag in enumerate(tags):
        if tag[1] or tag[2].lower() != "answer":
            continue
        following = tags[index + 1] if index + 1 < len(tags) else None
        content = text[tag.end() : following.start() if following else len(text)]
        closed = following is not None and bool(following[1]) and following[2].lower() == "answer"
        if following is None:
            content = _without_partial_tag(content)
        yield _Tagged(content, closed, reasoning[index])


def _in_reasoning(tags: Sequence[re.Match[str]]) -> list[bool]:
    """Say of each tag whether it stands in a reasoning block, or before an end of one that has no beginning."""
    inside = [False] * len(tags)
    begin, opened = 0, False
    for index, tag in enumerate(tags):
        if tag[2].lower() != "reasoning":
            continue
        if not tag[1]:
            begin, opened = (begin, True) if opened else (index, True)
        else:
            inside[begin:index] = [True] * (index - begin)
            begin, opened = index, False
    return inside


def _without_partial_tag(content: str) -> str:
    """Drop the beginning of a closing tag that the end of the reply cut off."""
    position = content.rfind("<", max(0, len(content) - len(_CLOSING)))
    if position >= 0 and _CLOSING.startswith(content[position:].rstrip().lower()):
        return content[:position]
    return content


def _read(content: str, labels: Sequence[str], options: Mapping[str, str]) -> str | Problem:
    """Return the label that a tag's content means, or what is wrong with it."""
    by_folded = {label.casefold(): label for label in labels}
    text = nfkc(content.strip()[:_READ_CHARS])
    text = _MACRO.sub("", text).translate(_EMPHASIS).strip()
    if _TOKEN.search(text) is None:
        return Problem.EMPTY_TAG
    prefix = _PREFIX.match(text)
    if prefix and prefix.end() < len(text):
        text = text[prefix.end() :]
    text = text.lstrip("([ \t\n")
    token = _TOKEN.match(text)
    if token is None:
        return _unread(text, labels)
    rest = text[token.end() :]
    label = by_folded.get(token[0].casefold())
    joined, alone = _JOINED.match(rest), _ALONE.match(rest)
    seconds = {joined[1].casefold()} if joined else {alone[1].casefold()} & by_folded.keys() if alone else set()
    if len(token[0]) == 1 and seconds - {token[0].casefold()}:
        return Problem.SEVERAL_ANSWERS
    if label is None:
        letters = len(token[0]) > 1 and set(token[0]) <= set(labels)
        return Problem.SEVERAL_ANSWERS if letters else _unread(text, labels)
    if _TOKEN.search(rest) is None or seconds:
        return label
    if _DELIMITER.match(rest):
        listed = {letter for letter in _LISTED.findall(rest) if letter in labels} - {label}
        if label in options:
            own = {label, *_CAPITAL.findall(nfkc(options[label]))}
            listed |= {letter for letter in _NO_ARTICLE.findall(rest) if letter in labels} - own
        return Problem.SEVERAL_ANSWERS if listed else label
    return _unread(text, labels)


def _unread(text: str, labels: Sequence[str]) -> Problem:
    named = {letter for letter in _CAPITAL.findall(text) if letter in labels}
    return Problem.SEVERAL_ANSWERS if len(named) > 1 else Problem.UNKNOWN_OPTION


def _is_well_formed(text: str, labels: Sequence[str]) -> bool:
    tags = list(_TAG.finditer(text))
    if [(tag[1], tag[2]) for tag in tags] != [("", "reasoning"), ("/", "reasoning"), ("", "answer"), ("/", "answer")]:
        return False
    begin, end, opening, closing = tags
    outside = (text[: begin.start()], text[end.end() : opening.start()], text[closing.end() :])
    return not "".join(outside).strip() and text[opening.end() : closing.start()].strip() in labels
