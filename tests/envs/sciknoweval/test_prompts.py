from __future__ import annotations

import pytest

from sdpo_envs.sciknoweval.parsing import parse_answer
from sdpo_envs.sciknoweval.prompts import either, question_of, render_system, render_user

OPTIONS = {"A": "It sinks", "B": "It floats"}


def test_the_system_turn_says_the_form() -> None:
    text = render_system("ABCD")
    for part in ("<reasoning>", "</reasoning>", "<answer>", "</answer>", "four options", "A, B, C or D"):
        assert part in text


def test_two_options_are_promised_as_two() -> None:
    text = render_system("AB")
    assert "two options" in text
    assert "(A or B)" in text
    assert "four" not in text
    assert "C" not in text
    assert "D" not in text


@pytest.mark.parametrize(("labels", "expected"), [("A", "A"), ("AB", "A or B"), ("ABCDE", "A, B, C, D or E")])
def test_letters_are_listed(labels: str, expected: str) -> None:
    assert either(labels) == expected


def test_the_example_is_an_answer_that_can_be_read() -> None:
    example = render_system("AB").rpartition("end with:\n")[2]
    assert parse_answer(example, "AB").choice == "A"


def test_the_user_turn_has_question_and_options() -> None:
    text = render_user(" What does cork do in water?\n", OPTIONS)
    assert text.startswith("What does cork do in water?\n\nA: It sinks\nB: It floats\n\n")
    assert "step by step" in text


def test_the_question_is_found_again() -> None:
    question = "A: is no option here.\n\nWhat does cork do in water?"
    assert question_of(render_user(question, OPTIONS), OPTIONS) == question


def test_another_turn_has_no_question() -> None:
    assert question_of("What does cork do?\nA: It sinks", OPTIONS) == ""
