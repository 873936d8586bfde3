"""Build the science questions of the sample set from their sources in `questions/`.

    python envs/authoring/sciknoweval/build.py [--check]

writes `sample.jsonl` (rows as the SDPO reference writes its data, with `subject` and `difficulty`),
`sample_completions.jsonl` (four recorded completions per question, as a model might write them) and `fixtures.jsonl`
(cases that the judge must decide as they say); `--check` only compares what it would write with what is there.

`questions/<subject>.py` holds a list `QUESTIONS` of dictionaries:

    difficulty      easy, medium or hard
    text            the question
    right           the right option
    wrong           the other options; the first is the one that `mistake` leads to
    steps           the derivation, a sentence or two each; the last one names the result
    mistake         a derivation with a characteristic mistake
    value           optional: computes the right answer, as a number or as the text of the right option
    mistake_value   optional: computes what `mistake` comes to

A computed number must be the option's, rounded as the option is, and no other option may fit it. Letters are dealt so
that each is right equally often.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import runpy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
QUESTIONS = HERE / "questions"
PRODUCTS = HERE.parents[1] / "sdpo_envs" / "sciknoweval"
SUBJECTS = ("chemistry", "physics", "biology", "materials")
ROWS, COMPLETIONS, FIXTURES = "sample.jsonl", "sample_completions.jsonl", "fixtures.jsonl"
REQUEST = "Please reason step by step."

_LETTERS = {4: "ABCD", 2: "AB"}
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d+)?)(?: × 10\^(-?\d+))?(?![\d.]|/\d)")
_FRACTION_OF_A_UNIT = Decimal("0.501")  # half a unit of the last digit, and a breath for rounding in binary


@dataclass(frozen=True)
class Question:
    """One question's source, with its options in order and the letters of the right one and of the mistaken one."""

    subject: str
    number: int
    difficulty: str
    text: str
    options: dict[str, str]
    key: str
    mistaken: str
    steps: tuple[str, ...]
    mistake: tuple[str, ...]

    @property
    def idx(self) -> str:
        return f"sample-{self.number:02}"

    @property
    def task_id(self) -> str:
        return f"{self.subject}-{self.idx}"

    @property
    def unknown(self) -> str:
        """A letter that is no option."""
        return "ABCDE"[len(self.options)]


def load_questions(root: Path = QUESTIONS) -> list[Question]:
    """Read all questions under `root`; ValueError if a computation does not confirm a key."""
    questions = []
    for place, subject in enumerate(SUBJECTS):
        raw = runpy.run_path(str(root / f"{subject}.py"))["QUESTIONS"]
        keys = {size: _deal(subject, place, letters) for size, letters in _LETTERS.items()}
        for number, fields in enumerate(raw, 1):
            question = _question(subject, number, fields, keys)
            _confirm(question.task_id, fields)
            questions.append(question)
    return questions


def _deal(subject: str, place: int, letters: str) -> Iterator[str]:
    """Deal the letters in a seeded order; each subject starts at another one, so that they come out even over all."""
    start = place * 2 % len(letters)
    dealt = [letters[(start + i) % len(letters)] for i in range(10 if len(letters) == 4 else 2)]
    random.Random(f"{subject}/{letters}").shuffle(dealt)
    return iter(dealt)


def _question(subject: str, number: int, fields: dict[str, Any], keys: dict[int, Iterator[str]]) -> Question:
    size = 1 + len(fields["wrong"])
    key = next(keys[size])
    texts = list(fields["wrong"])
    if size > 2:  # so that the mistaken option is not always next to the right one
        random.Random(f"{subject}/{number}").shuffle(texts)
    texts.insert(_LETTERS[size].index(key), fields["right"])
    options = dict(zip(_LETTERS[size], texts, strict=True))
    if len(set(texts)) < size:
        raise ValueError(f"{subject} {number}: two options are the same")
    return Question(
        subject=subject,
        number=number,
        difficulty=fields["difficulty"],
        text=fields["text"],
        options=options,
        key=key,
        mistaken=next(letter for letter, text in options.items() if text == fields["wrong"][0]),
        steps=tuple(fields["steps"]),
        mistake=tuple(fields["mistake"]),
    )


def _confirm(name: str, fields: dict[str, Any]) -> None:
    """Compute the answer and what the mistake comes to: each must fit its option and no other."""
    options = [fields["right"], *fields["wrong"]]
    for field, option in (("value", options[0]), ("mistake_value", options[1])):
        compute: Callable[[], float | str] | None = fields.get(field)
        if compute is None:
            continue
        value = compute()
        fitting = [text for text in options if fits(value, text)]
        if fitting != [option]:
            raise ValueError(f"{name}: {field} comes to {value!r}, which fits {fitting}, not just {option!r}")


def fits(value: float | str, option: str) -> bool:
    """Say whether an option is the text `value`, or begins with the number `value` as far as it is rounded."""
    if isinstance(value, str):
        return value == option
    found = _NUMBER.match(option)
    if found is None:
        raise ValueError(f"option {option!r} does not begin with a number")
    digits, power = Decimal(found[1]), Decimal(10) ** int(found[2] or 0)
    unit = Decimal(10) ** int(digits.as_tuple().exponent)
    return abs(Decimal(value) / power - digits) <= _FRACTION_OF_A_UNIT * unit


def build_row(question: Question) -> dict[str, Any]:
    """Make a question's row as the reference writes it."""
    letters = list(question.options)
    listed = "\n".join(f"{letter}: {text}" for letter, text in question.options.items())
    return {
        "idx": question.idx,
        "kind": "mcq",
        "dataset": "sdpo_gym_sample",
        "answer": question.key,
        "prompt": f"{question.text}\n\n{listed}\n{REQUEST}",
        "description": question.text,
        "tests": "-",
        "system": f"Choose the right option and end with its letter ({' or '.join(letters)}) between <answer> tags.",
        "subject": question.subject,
        "difficulty": question.difficulty,
    }


def reply(steps: tuple[str, ...], answer: str) -> str:
    """Write a reply in the form that is asked for."""
    return f"<reasoning>\n{' '.join(steps)}\n</reasoning>\n<answer>\n{answer}\n</answer>"


def accepted_variant(question: Question, turn: int) -> str:
    """Write a right reply in one of the looser forms that models use."""
    key, text = question.key, question.options[question.key]
    brief = " ".join(question.steps[1:])
    return [
        f"<reasoning>\n{brief}\n</reasoning>\n<answer>{key}: {text}</answer>",
        f"<reasoning>\n{brief}\n</reasoning>\n\n<answer>\n{key.lower()}\n</answer>",
        f"{brief}\n\n<answer>{key}</answer>",
        f"<reasoning>\n{' '.join(question.steps)}\n</reasoning>\n<answer> {key} </answer>\n\nI hope this helps!",
    ][turn % 4]


def malformed(question: Question, turn: int) -> dict[str, str]:
    """Write a reply from which no single option can be read."""
    key, mistaken, steps = question.key, question.mistaken, " ".join(question.steps)
    first, second = sorted((key, mistaken))
    cut = steps[: len(steps) // 2]
    return [
        {"text": f"{steps}\n\nThe answer is {key}.", "expect": "no_answer"},
        {
            "text": f"{reply(question.mistake, mistaken)}\n\nWait, that cannot be right. {question.steps[0]} "
            f"{question.steps[-1]}\n\n<answer>\n{key}\n</answer>",
            "expect": "several_answers",
        },
        {
            "text": reply((question.steps[0], "What I get from this is none of the options."), question.unknown),
            "expect": "unknown_option",
        },
        {"text": f"<reasoning>\n{cut}", "finish_reason": "length", "expect": "truncated"},
        {"text": reply((question.steps[0], "I cannot decide which option that means."), ""), "expect": "no_answer"},
        {
            "text": reply((question.steps[0], f"Both {first} and {second} look possible."), f"{first} or {second}"),
            "expect": "several_answers",
        },
    ][turn % 6]


def build_completions(question: Question, turn: int) -> dict[str, Any]:
    """Make a question's line of recorded completions: the harder it is, the fewer of them are right."""
    right = {"text": reply(question.steps, question.key), "expect": "accepted"}
    loose = {"text": accepted_variant(question, turn), "expect": "accepted"}
    wrong = {"text": reply(question.mistake, question.mistaken), "expect": "wrong_option"}
    chosen_text = f"{question.mistaken}: {question.options[question.mistaken]}"
    guess = {"text": f"{question.mistake[-1]}\n\n<answer>{chosen_text}</answer>", "expect": "wrong_option"}
    bad = malformed(question, turn)
    chosen = {
        "easy": [right, loose, {**right, "text": reply(question.steps[-1:], question.key)}, bad if turn % 2 else wrong],
        "medium": [right, loose, wrong, bad],
        "hard": [right if turn % 2 else loose, wrong, guess, bad],
    }[question.difficulty]
    random.Random(f"{question.task_id}/completions").shuffle(chosen)
    lines = [{"finish_reason": "stop", **completion} for completion in chosen]
    return {"task_id": question.task_id, "completions": lines}


def build_fixtures(questions: list[Question]) -> list[dict[str, Any]]:
    """Make the cases that the judge must decide as they say, over questions with four and with two options."""
    four = [question for question in questions if len(question.options) == 4]
    two = [question for question in questions if len(question.options) == 2]
    cases: list[tuple[Question, str, str, str]] = []
    for question in (four[0], four[-1], two[0]):
        cases.append((question, reply(question.steps, question.key), "full_reward", "accepted"))
        cases.append((question, reply(question.mistake, question.mistaken), "zero_reward", "wrong_option"))
    for turn, question in enumerate(four[10:14]):
        cases.append((question, accepted_variant(question, turn), "full_reward", "accepted"))
    for turn, question in enumerate(four[20:26]):
        case = malformed(question, turn)
        if case["expect"] != "truncated":
            cases.append((question, case["text"], "malformed", case["expect"]))
    every = ", ".join(four[1].options)
    cases += [
        (two[1], reply(two[1].steps, "C"), "malformed", "unknown_option"),
        (four[1], reply(four[1].steps[:1], every), "malformed", "several_answers"),
        (four[1], "", "malformed", "no_answer"),
        (four[2], four[2].key, "malformed", "no_answer"),
    ]
    rows = [
        {"task_id": question.task_id, "completion": text, "expect": expect, "outcome": outcome}
        for question, text, expect, outcome in cases
    ]
    cut = {"completion": malformed(four[3], 3)["text"], "finish_reason": "length"}
    return [*rows, {"task_id": four[3].task_id, **cut, "expect": "zero_reward", "outcome": "truncated"}]


def build(root: Path = QUESTIONS) -> dict[str, str]:
    """Build all products from the sources under `root`: file name -> text."""
    questions = load_questions(root)
    products = {
        ROWS: [build_row(question) for question in questions],
        COMPLETIONS: [build_completions(question, turn) for turn, question in enumerate(questions)],
        FIXTURES: build_fixtures(questions),
    }
    return {
        name: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) for name, rows in products.items()
    }


def differing(built: dict[str, str], directory: Path = PRODUCTS) -> list[str]:
    """Name the products in `directory` that are missing or hold something else than `built`."""
    return [
        name
        for name, text in built.items()
        if not (directory / name).exists() or (directory / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a product is out of date")
    check = parser.parse_args().check
    built = build()
    if check:
        stale = differing(built)
        for name in stale:
            print(f"{PRODUCTS / name} does not match its sources; run build.py without --check")
        return bool(stale)
    for name, text in built.items():
        (PRODUCTS / name).write_text(text, encoding="utf-8")
        print(f"{PRODUCTS / name}: {len(text.splitlines())} lines, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
