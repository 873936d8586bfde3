"""Taking questions out of prompts and hub rows, and knowing them by their content."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdpo_envs.sciknoweval.rows import Question, parse_hub, parse_local, split_prompt
from sdpo_envs.sciknoweval.source import LocalFile, Subject
from sdpo_gym.data.rows import Row
from sdpo_gym.errors import UsageError
from shared_data import shared

REQUEST = "Please reason step by step."
DESCRIPTION_END = " The solution will be evaluated in a mcq environment."
FILE = LocalFile(Path("data.jsonl"), Subject.PHYSICS)
FIELDS: dict[str, Any] = {"idx": 7, "prompt": f"Which one?\n\nA: this\nB: that\n{REQUEST}", "answer": "B"}


def local(**fields: Any) -> Row:
    return Row("data.jsonl:3", {**FIELDS, **fields})


def test_a_prompt_comes_apart() -> None:
    assert split_prompt(FIELDS["prompt"], "x") == ("Which one?", {"A": "this", "B": "that"})


def test_blank_lines_and_spaces_around_options_do_not_matter() -> None:
    prompt = f"Given:\n\na = 1\n\n\n\nA: 1 \n\nB: 2\n\nC: 3\n\nD: 4\n\n{REQUEST}\n"
    assert split_prompt(prompt, "x") == ("Given:\n\na = 1", {"A": "1", "B": "2", "C": "3", "D": "4"})


def test_a_question_may_hold_lines_that_look_like_options() -> None:
    question = "Two bases:\nA: adenine\nB: none\nC: cytosine\nWhich pairs with G?"
    prompt = f"{question}\n\nA: the first\nB: the last\n{REQUEST}"
    assert split_prompt(prompt, "x") == (question, {"A": "the first", "B": "the last"})


def test_an_option_may_span_lines() -> None:
    prompt = f"Which?\n\nA: first line\nsecond: line\n\nthird\nB: that\n{REQUEST}"
    assert split_prompt(prompt, "x")[1] == {"A": "first line\nsecond: line\n\nthird", "B": "that"}


def test_a_prompt_need_not_end_with_the_request() -> None:
    assert split_prompt("Which?\n\nA: this\nB: that", "x")[1] == {"A": "this", "B": "that"}


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        ("Which?", "has no options"),
        ("Which?\n\n1: this\n2: that", "has no options"),
        ("Which?\n\nA: this", "labels are A, but must be"),
        ("Which?\n\nA: this\nC: that", "labels are A, C, but must be"),
        ("Which?\n\nA: this\nB: that\nB: again", "labels are A, B, B, but must be"),
        ("Which?\n\nA: this\nB: so\nA: adenine\nC: that", "labels are A, C, but must be"),
        ("Which?\n\nA: this\nB: ", "option B is empty"),
        ("Which?\n\nA:\nB: that", "option A is empty"),
        ("A: this\nB: that", "question is empty"),
    ],
)
def test_options_that_cannot_be_told_apart_are_refused(prompt: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=rf"^data:9: the prompt('s)? .*{complaint}|^data:9: the prompt {complaint}"):
        split_prompt(f"{prompt}\n{REQUEST}", "data:9")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1).map(
    lambda text: f"- {text}".rstrip()  # no line of it can look like an option
)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map("\n".join)


@given(TEXTS, st.lists(TEXTS, min_size=2, max_size=6))
@settings(deadline=None)
def test_what_was_put_together_comes_apart(question: str, options: list[str]) -> None:
    labelled = dict(zip(string.ascii_uppercase, options, strict=False))
    prompt = f"{question}\n\n" + "\n".join(f"{label}: {text}" for label, text in labelled.items()) + f"\n{REQUEST}"
    found, apart = split_prompt(prompt, "x")
    assert found == question.strip()
    assert apart == {label: text.strip() for label, text in labelled.items()}


@given(st.text(st.sampled_from("AB: \nx"), max_size=40))
@settings(deadline=None)
def test_any_prompt_comes_apart_or_is_refused(prompt: str) -> None:
    try:
        question, options = split_prompt(prompt, "x")
    except UsageError:
        return
    assert question
    assert all(options.values())
    assert list(options) == list(string.ascii_uppercase[: len(options)])


def test_a_local_row_becomes_an_entry() -> None:
    entry = parse_local(local(), FILE)
    assert (entry.id, entry.subject, entry.difficulty) == ("physics-7", Subject.PHYSICS, "")
    assert entry.question == Question("Which one?", {"A": "this", "B": "that"}, "B")


def test_a_row_may_name_its_subject_and_difficulty() -> None:
    entry = parse_local(local(idx="sample-01", subject="material", difficulty="hard"), LocalFile(Path("x"), None))
    assert (entry.id, entry.subject, entry.difficulty) == ("materials-sample-01", Subject.MATERIALS, "hard")


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"prompt": None}, "field 'prompt' must be a text"),
        ({"prompt": "Which?"}, "has no options"),
        ({"answer": "C"}, "field 'answer' is 'C', which is none of A, B"),
        ({"answer": "b"}, "field 'answer' is 'b', which is none of A, B"),
        ({"answer": 1}, "field 'answer' must be a text"),
        ({"idx": -1}, "field 'idx' must be"),
        ({"idx": True}, "field 'idx' must be"),
        ({"idx": "a b"}, "field 'idx' must be"),
        ({"idx": None}, "field 'idx' must be"),
        ({"subject": "alchemy"}, "'subject' of data.jsonl:3 must be one of chemistry, physics"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=rf"data\.jsonl:3.*{complaint}|{complaint}"):
        parse_local(local(**fields), FILE)


@pytest.mark.parametrize("field", ["idx", "prompt", "answer"])
def test_a_row_that_lacks_a_field_is_refused(field: str) -> None:
    row = Row("data.jsonl:3", {name: value for name, value in FIELDS.items() if name != field})
    with pytest.raises(UsageError, match=rf"^data\.jsonl:3: field '{field}'"):
        parse_local(row, FILE)


def test_a_row_of_no_known_subject_is_refused() -> None:
    with pytest.raises(UsageError, match=r"data\.jsonl:3: .*say subject="):
        parse_local(local(), LocalFile(Path("data.jsonl"), None))


def test_white_space_does_not_change_the_digest_and_all_else_does() -> None:
    one = Question("Which  one?\n", {"A": "this", "B": "that\n"}, "B")
    same = Question(" Which\none?", {"A": " this", "B": "that"}, "B")
    assert one.digest == same.digest
    others = [
        Question("Which one ?", {"A": "this", "B": "that"}, "B"),
        Question("Which one?", {"A": "this", "B": "that"}, "A"),
        Question("Which one?", {"A": "that", "B": "this"}, "B"),
        Question("Which one?", {"A": "this", "B": "that", "C": "it"}, "B"),
        Question("Which one? A: this", {"A": "that", "B": ""}, "B"),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 6


HUB_ROW: dict[str, Any] = {
    "question": "Which one?\n\n",
    "choices": {"text": ["this", "that\n"], "label": ["A", "B"]},
    "answerKey": "B",
    "type": "mcq-2-choices",
}


def test_a_hub_row_and_a_local_row_of_one_question_are_equal() -> None:
    question = parse_hub(HUB_ROW)
    assert question == parse_local(local(), FILE).question


@pytest.mark.parametrize(
    "fields",
    [
        {"question": None},
        {"choices": None},
        {"choices": {"text": [], "label": []}},
        {"choices": {"text": None, "label": None}},
        {"choices": {"text": ["this"], "label": ["A", "B"]}},
        {"choices": {"text": ["this", None], "label": ["A", "B"]}},
        {"answerKey": None},
    ],
)
def test_a_hub_row_that_is_no_multiple_choice_is_passed_over(fields: dict[str, Any]) -> None:
    assert parse_hub({**HUB_ROW, **fields}) is None


@pytest.mark.parametrize("folder", ["biology", "chemistry", "material", "physics"])
def test_every_real_row_comes_apart_right(folder: str) -> None:
    """The reference repeats the question alone in `description`, which is what to compare with."""
    for path in sorted(shared(f"sciknoweval/{folder}").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            entry = parse_local(Row("x", row), LocalFile(path, Subject.BIOLOGY))
            assert entry.question.text == row["description"].removesuffix(DESCRIPTION_END).strip()
            options = entry.question.options
            assert "".join(options) in ("ABCD", "AB")
            assert entry.question.answer in options
            rebuilt = f"{entry.question.text} {' '.join(f'{k}: {v}' for k, v in options.items())} {REQUEST}"
            assert rebuilt.split() == row["prompt"].split()
