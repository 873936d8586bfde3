from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.sciknoweval import SPEC, make_judge
from sdpo_envs.sciknoweval.feedback import NOT_PASSED
from sdpo_envs.sciknoweval.prompts import render_system, render_user
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict
from shared_data import shared

OPTIONS = {"A": "It sinks", "B": "It floats", "C": "It dissolves", "D": "It burns"}
JUDGE = make_judge()
FORM = "<reasoning>\nCork is light.\n</reasoning>\n<answer>\n{}\n</answer>"


def make_task(
    answer: str = "B", options: dict[str, str] = OPTIONS, question: str = "What does cork do in water?"
) -> Task:
    messages = (Message("system", render_system(tuple(options))), Message("user", render_user(question, options)))
    return Task(
        "cork", messages, {"answer": answer, "options": options}, {"subject": "physics", "options": len(options)}
    )


def check(verdict: Verdict) -> None:
    SPEC.card.check(verdict)
    assert verdict.reward == verdict.scores["score"] == float(verdict.passed)
    json.dumps(dict(verdict.detail), allow_nan=False)


OUTCOMES = [
    (FORM.format("B"), Status.PASSED, "accepted", 1.0),
    ("<answer>b</answer>", Status.PASSED, "accepted", 0.0),
    (FORM.format("A"), Status.FAILED, "wrong_option", 1.0),
    ("<answer>A: It sinks</answer>", Status.FAILED, "wrong_option", 0.0),
    ("", Status.BAD_FORMAT, "no_answer", 0.0),
    ("B", Status.BAD_FORMAT, "no_answer", 0.0),
    ("<answer></answer>", Status.BAD_FORMAT, "no_answer", 0.0),
    ("<answer>B</answer><answer>A</answer>", Status.BAD_FORMAT, "several_answers", 0.0),
    (FORM.format("A or B"), Status.BAD_FORMAT, "several_answers", 0.0),
    (FORM.format("E"), Status.BAD_FORMAT, "unknown_option", 0.0),
]


@pytest.mark.parametrize(("text", "status", "outcome", "well_formed"), OUTCOMES)
def test_outcomes(text: str, status: Status, outcome: str, well_formed: float) -> None:
    verdict = JUDGE(make_task(), Completion(text))
    check(verdict)
    assert (verdict.status, verdict.outcome, verdict.scores["well_formed"]) == (status, outcome, well_formed)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", "truncated"),
        ("<reasoning>Cork is", "truncated"),
        ("<think>Cork <answer>B</answer> is", "truncated"),
        ("<reasoning>x</reasoning><answer>", "truncated"),
        ("<reasoning>x</reasoning><answer>\nThe ans", "truncated"),
        ("<reasoning>x</reasoning><answer>\nB", "accepted"),
        ("<reasoning>x</reasoning><answer>\nB</ans", "accepted"),
        ("<answer>A</answer> I", "wrong_option"),
        ("<answer>E</answer> I", "unknown_option"),
        ("<answer>A or B</answer>", "several_answers"),
    ],
)
def test_a_cut_reply_is_judged_as_far_as_it_can_be(text: str, outcome: str) -> None:
    verdict = JUDGE(make_task(), Completion(text, FinishReason.LENGTH))
    check(verdict)
    assert verdict.outcome == outcome
    assert (verdict.status is Status.TRUNCATED) == (outcome == "truncated")


# What SDPO's reference gets wrong; the numbers are those of our notes on it.


def test_m1_a_well_formed_reply_is_reported_as_such() -> None:
    assert JUDGE(make_task(), Completion(FORM.format("A"))).scores["well_formed"] == 1
    assert JUDGE(make_task(), Completion("<answer>A</answer>")).scores["well_formed"] == 0


@pytest.mark.parametrize("text", ["B", " B\n", "The answer is B", "\\boxed{B}", "B</answer>"])
def test_m2_without_a_tag_nothing_is_earned(text: str) -> None:
    verdict = JUDGE(make_task(), Completion(text))
    assert (verdict.reward, verdict.status) == (0, Status.BAD_FORMAT)


@pytest.mark.parametrize(
    "text", ["<answer>A</answer><answer>B</answer>", "<answer>A <answer>B", "<answer>A</answer><answer>B"]
)
def test_m3_the_last_of_several_different_answers_does_not_win(text: str) -> None:
    verdict = JUDGE(make_task(), Completion(text))
    assert (verdict.reward, verdict.outcome) == (0, "several_answers")


@pytest.mark.parametrize("content", ["b", "B: It floats", "B.", "(B)", "**B**", "Option B"])
def test_m4_the_same_answer_in_other_dress_is_right(content: str) -> None:
    assert JUDGE(make_task(), Completion(FORM.format(content))).passed


@pytest.mark.parametrize("end", ["\n", "  ", "\n\n\t\n"])
def test_m5_white_space_does_not_matter_to_the_form(end: str) -> None:
    assert JUDGE(make_task(), Completion(FORM.format("B") + end)).scores == {"score": 1, "well_formed": 1}


def test_the_article_is_no_answer() -> None:
    verdict = JUDGE(make_task("A"), Completion("<answer>a body that is light floats</answer>"))
    assert (verdict.reward, verdict.outcome) == (0, "unknown_option")


@pytest.mark.parametrize(
    "options", [{}, {"split": "test"}, {"split": "train"}, {"reveal": "none"}, {"reveal": "verdict"}]
)
@pytest.mark.parametrize("text", [FORM.format("A"), FORM.format("E"), "", "<answer>A or B</answer>"])
def test_feedback_does_not_depend_on_the_key(options: dict[str, Any], text: str) -> None:
    judge = make_judge(**options)
    assert len({judge(make_task(key), Completion(text)).feedback for key in "BCD"}) == 1


def test_in_training_a_wrong_option_is_told_nothing_by_default() -> None:
    feedback = [make_judge(split="train")(make_task(), Completion(FORM.format(x))).feedback for x in "ACD"]
    assert feedback == [NOT_PASSED] * 3


@pytest.mark.parametrize("split", [None, "test"])
def test_elsewhere_the_verdict_is_told(split: str | None) -> None:
    feedback = make_judge(split=split)(make_task(), Completion(FORM.format("C"))).feedback
    assert feedback == "Your answer, option C, is wrong."


def test_reveal_decides_before_the_split() -> None:
    wrong = Completion(FORM.format("C"))
    assert "option C" in make_judge(split="train", reveal="verdict")(make_task(), wrong).feedback
    assert make_judge(split="test", reveal="none")(make_task(), wrong).feedback == NOT_PASSED
    assert make_judge(reveal="key")(make_task(), wrong).feedback.endswith("The right option is B.")


@pytest.mark.parametrize("split", [None, "train"])
def test_the_form_is_told_in_training_too(split: str | None) -> None:
    assert "<answer>" in make_judge(split=split)(make_task(), Completion("B")).feedback


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reveal": "all"}, "reveal must be one of none, verdict, key, got 'all'"),
        ({"critique_chars": 5}, "critique_chars must be at least 100, got 5"),
        ({"judge_base_url": "http://127.0.0.1:1/v1"}, "needs judge_model"),
        ({"judge_model": "nobody:x"}, "nobody"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        make_judge(**options)


@pytest.mark.parametrize(
    "payload",
    [{}, {"answer": "E", "options": OPTIONS}, {"answer": None, "options": OPTIONS}, {"answer": "A"},
     {"answer": "A", "options": {"A": 1}}],
)  # fmt: skip
def test_a_broken_task_is_an_outage(payload: dict[str, Any]) -> None:
    with pytest.raises(JudgeError, match="cannot judge task broken"):
        JUDGE(Task("broken", (Message("user", "?"),), payload, {}), Completion("<answer>A</answer>"))


@given(st.text(), st.sampled_from(FinishReason), st.sampled_from("ABCD"))
def test_any_reply_gets_a_verdict(text: str, reason: FinishReason, key: str) -> None:
    for reply in (text, f"<answer>{text}</answer>", f"<answer>{text}"):
        verdict = JUDGE(make_task(key), Completion(reply, reason))
        check(verdict)
        assert JUDGE(make_task(key), Completion(reply, reason)) == verdict


# The real questions.

COUNTS = {
    ("biology", "test"): 50,
    ("biology", "train"): 450,
    ("chemistry", "test"): 210,
    ("chemistry", "train"): 1890,
    ("material", "test"): 94,
    ("material", "train"): 841,
    ("physics", "test"): 80,
    ("physics", "train"): 720,
}


def real_tasks(folder: str, split: str) -> list[Task]:
    tasks = []
    for line in shared(f"sciknoweval/{folder}/{split}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        question, listed = row["prompt"].rsplit("\nA: ", 1)
        pieces = re.split(r"\n([B-Z]): ", f"{listed.rsplit(chr(10), 1)[0]}")
        options = {"A": pieces[0].strip()} | {k: v.strip() for k, v in zip(pieces[1::2], pieces[2::2], strict=True)}
        tasks.append(make_task(row["answer"], options, question))
    return tasks


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "split"), COUNTS)
def test_real_questions(folder: str, split: str) -> None:
    """Every form of every option of every question is judged by the key, and nothing else tells of the key."""
    tasks = real_tasks(folder, split)
    assert len(tasks) == COUNTS[folder, split]
    judge = make_judge(split=split)
    for task in tasks:
        key, options = task.payload["answer"], task.payload["options"]
        for label, text in options.items():
            for reply in (FORM.format(label), FORM.format(f"{label}: {text}"), f"<answer>({label.lower()})"):
                verdict = judge(task, Completion(reply))
                assert verdict.outcome == ("accepted" if label == key else "wrong_option"), (task, reply)
                assert verdict.reward == (label == key)
            if label != key:
                told = verdict.feedback.replace(f"option {label}", "")
                assert f"option {key}" not in told
                assert set(re.findall(r"\b[A-D]\b", told)) == set()
        assert judge(task, Completion(FORM.format("J"))).outcome == "unknown_option"
        assert judge(task, Completion(key)).outcome == "no_answer"
    assert Counter(len(task.payload["options"]) for task in tasks)[2] == {"biology test": 19, "biology train": 181}.get(
        f"{folder} {split}", 0
    )


def test_the_chosen_option_is_recorded_as_the_answer() -> None:
    texts = ("<answer>b</answer>", FORM.format("B"), FORM.format("A"), "", FORM.format("A or B"))
    assert [JUDGE(make_task(), Completion(text)).detail["answer"] for text in texts] == ["B", "B", "A", None, None]
