"""What the model is told: the information of the paper's prompts, in our words and true of the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_REQUEST = "\n\nReason step by step before you answer."


def render_system(labels: Sequence[str]) -> str:
    """Return the system turn for a question whose options are called ``labels``; it promises those and no others."""
    count = _COUNTS[len(labels)] if len(labels) < len(_COUNTS) else str(len(labels))
    return (
        f"You are given a question and {count} options, of which one is right. Answer in this form:\n"
        "<reasoning>\n...\n</reasoning>\n<answer>\n...\n</answer>\n\n"
        "Think inside <reasoning>. Inside <answer>, give the letter of the right option "
        f"({either(labels)}) and nothing else: do not repeat the option's text. "
        f'If the right option were "{labels[0]}", you would end with:\n'
        f"<answer>\n{labels[0]}\n</answer>"
    )


def render_user(question: str, options: Mapping[str, str]) -> str:
    """Return the user turn: the question, one line ``A: text`` per option, and the request to reason first."""
    return f"{question.strip()}{_listed(options)}{_REQUEST}"


def question_of(user: str, options: Mapping[str, str]) -> str:
    """Return the question in a user turn that :func:`render_user` made for ``options``; empty if it is no such turn."""
    question, listed, _ = user.rpartition(f"{_listed(options)}{_REQUEST}")
    return question if listed else ""


def _listed(options: Mapping[str, str]) -> str:
    return "\n\n" + "\n".join(f"{label}: {text}" for label, text in options.items())


def either(labels: Sequence[str]) -> str:
    """Return ``A or B``, ``A, B, C or D``."""
    return " or ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
