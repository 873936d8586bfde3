"""Questions: taken out of the reference's prompts or the hub's rows, and known by a digest of their content."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdpo_envs.sciknoweval.source import LocalFile, Subject, subject_named
from sdpo_gym.data.rows import Row
from sdpo_gym.errors import UsageError
from sdpo_gym.task import digest_of

_REQUEST = "Please reason step by step."  # the last line of the reference's prompts
_OPTION = re.compile(r"([A-Z]):(?: |$)")
_IDX = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Question:
    """A multiple-choice question.

    Attributes:
        text: the question without its options.
        options: text by label, with labels A, B ... in order.
        answer: the label of the right option.
    """

    text: str
    options: Mapping[str, str]
    answer: str

    @cached_property
    def digest(self) -> str:
        """The first 16 hex digits of the sha256 of question, options and key.

        It is taken of the canonical JSON of ``[text, [[label, option], ...], answer]``, in which every run of white
        space in text and options is one space and there is none at their ends: the hub's rows and the reference's
        prompts differ in nothing else.
        """
        options = [[label, " ".join(option.split())] for label, option in self.options.items()]
        return digest_of([" ".join(self.text.split()), options, self.answer])[:16]


@dataclass(frozen=True)
class Entry:
    """A question as it becomes a task.

    Attributes:
        id: the task's id: subject and number, as in ``chemistry-1522``.
        difficulty: as the sample set says it; empty where nobody does.
    """

    id: str
    subject: Subject
    question: Question
    difficulty: str = ""


def parse_local(row: Row, file: LocalFile) -> Entry:
    """Read a row as the reference writes it: ``idx, prompt, answer``, in the sample set also ``subject, difficulty``.

    Raises:
        UsageError: naming file and line, if a field is missing or wrong, or the prompt cannot be taken apart.
    """
    text, options = split_prompt(row.text("prompt"), row.where)
    answer = row.text("answer").strip()
    if answer not in options:
        raise UsageError(f"{row.where}: field 'answer' is {answer!r:.80}, which is none of {', '.join(options)}")
    subject = subject_named(row.where, row.text("subject")) if "subject" in row.fields else file.subject
    if subject is None:
        raise UsageError(
            f"{row.where}: the row does not say its subject and the file lies in no subject's folder; "
            f"say subject={'|'.join(Subject)}"
        )
    difficulty = row.text("difficulty") if "difficulty" in row.fields else ""
    return Entry(f"{subject}-{_idx(row)}", subject, Question(text, options, answer), difficulty)


def _idx(row: Row) -> str:
    idx = row.fields.get("idx")
    if type(idx) is int and idx >= 0:
        return str(idx)
    if isinstance(idx, str) and _IDX.fullmatch(idx):
        return idx
    raise UsageError(
        f"{row.where}: field 'idx' must be an integer of at least 0, or a name of letters, digits and ._-, "
        f"got {idx!r:.80}"
    )


def split_prompt(prompt: str, where: str) -> tuple[str, dict[str, str]]:
    """Take a prompt of the reference apart: the question, and the options by label.

    The options begin with the last line that starts with ``A: ``; from there on the labels must be A, B, C ... in
    order. Other lines belong to the option before them.

    Raises:
        UsageError: beginning with ``where``, if the options cannot be told apart for certain.
    """
    lines = prompt.strip().removesuffix(_REQUEST).rstrip().split("\n")
    starts = [number for number, line in enumerate(lines) if _OPTION.match(line)]
    first = max((number for number in starts if lines[number][0] == "A"), default=None)
    if first is None:
        raise UsageError(f"{where}: the prompt has no options; each must be on a line of its own, as in 'A: text'")
    starts = [number for number in starts if number >= first]
    labels = [lines[number][0] for number in starts]
    if len(labels) < 2 or labels != list(string.ascii_uppercase[: len(labels)]):
        raise UsageError(
            f"{where}: the prompt's options cannot be taken apart: their labels are {', '.join(labels)}, "
            "but must be A, B and so on in order"
        )
    ends = [*starts[1:], len(lines)]
    texts = ["\n".join(lines[start:end])[2:].strip() for start, end in zip(starts, ends, strict=True)]
    question = "\n".join(lines[:first]).strip()
    if not question or not all(texts):
        what = "question" if not question else f"option {labels[texts.index('')]}"
        raise UsageError(f"{where}: the prompt's {what} is empty")
    return question, dict(zip(labels, texts, strict=True))


def parse_hub(fields: Mapping[str, Any]) -> Question | None:
    """Read a row of the hub's file (``question, choices {text, label}, answerKey``); None if it is no such question."""
    text, choices, answer = fields.get("question"), fields.get("choices"), fields.get("answerKey")
    if not isinstance(text, str) or not isinstance(choices, Mapping) or not isinstance(answer, str):
        return None
    labels, texts = choices.get("label") or [], choices.get("text") or []
    if len(labels) < 2 or len(labels) != len(texts) or not all(isinstance(part, str) for part in (*labels, *texts)):
        return None
    options = {label: option.strip() for label, option in zip(labels, texts, strict=True)}
    return Question(text.strip(), options, answer.strip())
