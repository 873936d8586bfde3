"""The one template that turns a reading of the reply into what the model is told."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sdpo_envs.sciknoweval.parsing import Answer, Problem
from sdpo_envs.sciknoweval.prompts import either
from sdpo_gym.quoting import Room, quote

NOT_PASSED = "Your answer did not pass."
REMARK = "A reviewer's remark on your reasoning:"
_GIVEN = Room(3, 120, 200)
_MOST_LETTERS = 10


class Reveal(StrEnum):
    """What feedback on a wrong option tells of the key."""

    NONE = "none"  # nothing: the same line whatever was chosen and whatever is right
    VERDICT = "verdict"  # that the chosen option is wrong; of a question with two options that is everything
    KEY = "key"  # which option is right


def render_form(answer: Answer, labels: Sequence[str], *, cut: bool) -> str:
    """Return the feedback on a reply whose answer could not be read: what was wrong, and what the form is."""
    if cut:
        wrong = (
            "Your reply was cut off at the maximum length before it gave an answer, so nothing could be judged. "
            "Reason more briefly."
        )
    else:
        wrong = _wrong(answer, labels)
    return f"{wrong}\n{_form(labels)}"


def _wrong(answer: Answer, labels: Sequence[str]) -> str:
    match answer.problem:
        case Problem.EMPTY_TAG:
            return "The <answer> tag of your reply is empty, so there is no answer to judge."
        case Problem.SEVERAL_ANSWERS if len(answer.given) <= _MOST_LETTERS and set(answer.given) <= set(labels):
            return f"Your reply gives several different answers ({', '.join(answer.given)}). Decide on one."
        case Problem.SEVERAL_ANSWERS:
            return "Your reply gives several different answers. Decide on one."
        case Problem.UNKNOWN_OPTION:
            quoted = "\n".join(quote(answer.given[0], _GIVEN))
            return (
                f"What your reply has inside <answer> cannot be read as one of the options {either(labels)}:\n{quoted}"
            )
        case _:
            return (
                "Your reply has no <answer> tag, so no answer could be read. "
                "A letter outside the tag does not count, nor does a tag inside <think>."
            )


def _form(labels: Sequence[str]) -> str:
    return (
        "Put your reasoning between <reasoning> and </reasoning>. Then put one letter, "
        f"{either(labels)}, between <answer> and </answer>, and nothing else."
    )


def render_wrong(chosen: str, key: str, reveal: Reveal) -> str:
    """Return the feedback on a wrong option; only ``Reveal.KEY`` lets it depend on ``key``."""
    match reveal:
        case Reveal.NONE:
            return NOT_PASSED
        case Reveal.VERDICT:
            return f"Your answer, option {chosen}, is wrong."
        case Reveal.KEY:
            return f"Your answer, option {chosen}, is wrong. The right option is {key}."


def render_remark(remark: str, chars: int) -> str:
    """Return a reviewer's remark, quoted and attributed, at most ``chars`` characters of it."""
    return "\n".join([REMARK, *quote(remark, Room(lines=20, line_chars=chars, chars=chars))])
