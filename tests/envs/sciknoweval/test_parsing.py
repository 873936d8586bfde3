from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.sciknoweval.parsing import Answer, Problem, parse_answer, visible

FORM = "<reasoning>\nBecause.\n</reasoning>\n<answer>\nB\n</answer>"

B = [
    FORM,
    "<answer>B</answer>",
    "<answer>\n\n  B \t\n</answer>",
    "<answer>b</answer>",
    "<Answer>B</ANSWER>",
    "< answer >B</ answer >",
    "So:\n<answer>B</answer>\nI hope this helps. A would be wrong.",
    "<answer>B",
    "<answer>\nB\n",
    "<answer>B</answ",
    "<answer>B<answer>",
    "<reasoning>It floats.<answer>B</answer>",
    "<reasoning>It floats.\n<answer>B</answer></reasoning>",
    "It floats.</reasoning><answer>B</answer>",
    "<answer>B</answer><reasoning>It floats.</reasoning>",
    "**<answer>B</answer>**",
    "`<answer>B</answer>`",
    "<answer>B.</answer>",
    "<answer>(B)</answer>",
    "<answer>[B]</answer>",
    "<answer>B)</answer>",
    '<answer>"B"</answer>',
    "<answer>**B**</answer>",
    "<answer>__B__</answer>",
    "<answer>\\boxed{B}</answer>",
    "<answer>$\\boxed{\\text{B}}$</answer>",
    "<answer>\\(B\\)</answer>",
    "<answer>Option B</answer>",
    "<answer>option (b)</answer>",
    "<answer>Answer: B</answer>",
    "<answer>The correct answer is **B**.</answer>",
    "<answer>My final answer is: option B</answer>",
    "<answer>B: It floats</answer>",
    "<answer>**B:** It floats</answer>",
    "<answer>B. A body that is lighter than water floats</answer>",
    "<answer>B: A body that is lighter than water floats</answer>",
    "<answer>(B) It floats</answer>",
    "<answer>B) It floats</answer>",
    "<answer>B - it floats</answer>",
    "<answer>B (it floats)</answer>",
    "<answer>B\nIt floats</answer>",
    "<answer>B: C=CC(=O)O</answer>",
    "<answer>B. C.CC/C=C/D</answer>",
    "<answer>B: vitamins A and C</answer>",
    "<answer>B: 5</answer>",
    "<answer>B, B</answer>",
    "<answer>Ｂ</answer>",
    "<answer>B</answer> I repeat: <answer>B</answer>",
    "<answer>b</answer><answer>(B)</answer>",
    "I answer in the form <answer>...</answer>: <answer>B</answer>",
    "<answer></answer><answer>B</answer>",
    "<reasoning>First <answer>A</answer>, then no.</reasoning><answer>B</answer>",
    "First <answer>A</answer>, then no.</reasoning><answer>B</answer>",
    "<think><answer>A</answer></think><answer>B</answer>",
    "<think>A</think>" + FORM,
    "Perhaps <answer>A</answer></think><answer>B</answer>",
    "<THINK>x</THINK><answer>B</answer><think><answer>A</answer>",
    "<thinking><answer>A</answer></thinking><answer>B</answer>",
]


@pytest.mark.parametrize("text", B)
def test_people_write_it_so(text: str) -> None:
    answer = parse_answer(text, "ABCD")
    assert (answer.choice, answer.problem, answer.given) == ("B", None, ("B",))


PROBLEMS = {
    Problem.NO_TAG: [
        "",
        "B",
        "The answer is B.",
        "Answer: \\boxed{B}",
        "[answer]B[/answer]",
        "<answer=B>",
        '<answer type="letter">B</answer>',
        "</answer>B",
        "<reasoning>B</reasoning>",
        "<think><answer>B</answer></think>",
        "<answer>B</answer></think>",
        "<think><answer>B</answer>",
        "<answers>B</answers>",
    ],
    Problem.EMPTY_TAG: [
        "<answer></answer>",
        "<answer>\n \n</answer>",
        "<answer>",
        "<answer>...</answer>",
        "B <answer>**</answer>",
        "<answer></answer><answer></answer>",
    ],
    Problem.SEVERAL_ANSWERS: [
        "<answer>A</answer><answer>B</answer>",
        "<answer>A</answer> No: <answer>B",
        "<answer>A</answer><reasoning>x</reasoning><answer>B</answer>",
        "<reasoning><answer>A</answer><answer>B</answer></reasoning>",
        "<answer>B</answer><answer>E</answer>",
        "<answer>A or B</answer>",
        "<answer>a or b</answer>",
        "<answer>A and B</answer>",
        "<answer>A/B</answer>",
        "<answer>A & B</answer>",
        "<answer>A, B</answer>",
        "<answer>A, B and D</answer>",
        "<answer>(A) (B)</answer>",
        "<answer>(A) or (B)</answer>",
        "<answer>A B</answer>",
        "<answer>AB</answer>",
        "<answer>A\nB</answer>",
        "<answer>A: sinks\nB: floats</answer>",
        "<answer>Option A or option B</answer>",
        "<answer>Neither A nor B</answer>",
    ],
    Problem.UNKNOWN_OPTION: [
        "<answer>E</answer>",
        "<answer>E: something new</answer>",
        "<answer>1</answer>",
        "<answer>none of the above</answer>",
        "<answer>It floats</answer>",
        "<answer>A body that is lighter than water floats</answer>",
        "<answer>A catalyst</answer>",
        "<answer>B-form DNA</answer>",
        "<answer>Be</answer>",
        "<answer>option</answer>",
        "<answer>В</answer>",  # a Cyrillic letter
    ],
}


@pytest.mark.parametrize(
    ("problem", "text"), [(problem, text) for problem, texts in PROBLEMS.items() for text in texts]
)
def test_what_cannot_be_read_is_not_guessed(problem: Problem, text: str) -> None:
    answer = parse_answer(text, "ABCD")
    assert (answer.choice, answer.problem) == (None, problem)
    assert not answer.well_formed


def test_a_letter_beyond_the_options_of_this_question_is_unknown() -> None:
    assert parse_answer("<answer>C</answer>", "AB").problem is Problem.UNKNOWN_OPTION
    assert parse_answer("<answer>C</answer>", "ABCD").choice == "C"


def test_what_was_given_is_kept() -> None:
    assert parse_answer("<answer>A</answer><answer>D.</answer><answer>A</answer>", "ABCD").given == ("A", "D")
    assert parse_answer("<answer> a boat </answer>", "ABCD").given == ("a boat",)
    assert len(parse_answer(f"<answer>{'x' * 999}</answer>", "ABCD").given[0]) == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FORM, True),
        (FORM.replace("\n", ""), True),
        (f"\n {FORM} \n\n", True),
        (f"<think>hm</think>\n{FORM}", True),
        (FORM.replace("B", "(B)"), False),
        (FORM.replace("B\n", "b\n"), False),
        (FORM.replace("<reasoning>", ""), False),
        (f"{FORM} Done.", False),
        (f"Sure! {FORM}", False),
        (f"{FORM}<answer>B</answer>", False),
        (FORM.removesuffix("</answer>"), False),
        ("<answer>B</answer>", False),
    ],
)
def test_the_form_is_told_apart_from_the_answer(text: str, expected: bool) -> None:
    answer = parse_answer(text, "ABCD")
    assert answer.choice == "B"
    assert answer.well_formed is expected


def test_whether_the_answer_has_an_end_is_known() -> None:
    assert parse_answer(FORM, "ABCD").closed
    assert not parse_answer("<answer>B", "ABCD").closed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<think>b</think>c", "ac"),
        ("a</think>b", "b"),
        ("a</think>b</think>c", "c"),
        ("a<think>b<think>c</think>d", "ad"),
        ("a<think>b", "a"),
        ("a", "a"),
    ],
)
def test_thinking_is_taken_out(text: str, expected: str) -> None:
    assert visible(text) == expected


PIECES = st.sampled_from(
    ["<answer>", "</answer>", "<reasoning>", "</reasoning>", "<think>", "</think>", "A", "B", "b", "E", " ", "\n", "or",
     "and", ",", ":", "(", ")", "**", "\\boxed{", "}", "option ", "answer", "<", ">", "/", "\ud800", "ß", "ﬃ", "²"]
)  # fmt: skip
REPLY = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))


def check(answer: Answer, labels: str) -> None:
    assert (answer.choice is None) != (answer.problem is None)
    if answer.choice is not None:
        assert answer.choice in labels
        assert answer.given == (answer.choice,)
    else:
        assert not answer.well_formed


@given(REPLY, st.sampled_from(["AB", "ABCD", "ABCDEFGHIJ"]))
def test_any_reply_can_be_read(text: str, labels: str) -> None:
    check(parse_answer(text, labels), labels)


@given(REPLY, st.sampled_from("ABCD"))
def test_an_answer_after_all_reasoning_and_thinking_counts(text: str, letter: str) -> None:
    reply = (
        f"<think>{text.replace('<', '')}</think><reasoning>{text.replace('<', '')}</reasoning><answer>{letter}</answer>"
    )
    answer = parse_answer(reply, "ABCD")
    assert answer.choice == letter
    assert answer.well_formed


@given(st.text().filter(lambda text: "<" not in text))
def test_without_a_tag_there_is_no_answer(text: str) -> None:
    assert parse_answer(text, "ABCD").problem is Problem.NO_TAG


@given(REPLY, st.sampled_from("ABCD"), st.sampled_from("ABCD"))
def test_of_two_different_answers_none_counts(between: str, first: str, second: str) -> None:
    text = f"<answer>{first}</answer>{between.replace('<', '')}<answer>{second}</answer>"
    assert parse_answer(text, "ABCD").choice == (first if first == second else None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["<answer>", "</answer>", "<answer>A", "<answer>A</answer>", "<", "< ", "<think>", "</think>", "</reasoning>", " ",
     "<reasoning><answer>", "<answer>A</answer></reasoning>", "\n", "(", "A ", "A\n", "option ", "is ", "\\boxed{"],
)  # fmt: skip
@pytest.mark.parametrize("begin", ["", "<answer>", "<answer>A", "<answer>A:"])
def test_time_is_linear(begin: str, piece: str) -> None:
    text = begin + piece * (200_000 // len(piece))
    start = time.process_time()
    check(parse_answer(text, "ABCD"), "ABCD")
    assert time.process_time() - start < 20  # a quadratic step would take minutes


FLOATING = {"A": "It sinks", "B": "Vitamin C floats", "C": "A body of water", "D": "Nothing"}


@pytest.mark.parametrize(
    "content",
    [
        "A, but B is right", "A.\nFinal answer: B", "A; alternatively B", "A (or B)", "A\nOption B",
        "A" + "\n" * 7 + "B", "B. No wait, D", "B: incorrect. D: correct",
    ],
)  # fmt: skip
def test_an_answer_that_is_taken_back_is_none(content: str) -> None:
    answer = parse_answer(f"<answer>{content}</answer>", "ABCD", FLOATING)
    assert (answer.choice, answer.problem) == (None, Problem.SEVERAL_ANSWERS)


@pytest.mark.parametrize(
    "content", ["B: Vitamin C floats", "B. vitamin C", "B: A vitamin C tablet", "C: A body of water"]
)
def test_letters_of_the_options_own_text_are_no_second_answer(content: str) -> None:
    assert parse_answer(f"<answer>{content}</answer>", "ABCD", FLOATING).choice == content[0]
