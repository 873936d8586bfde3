from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_baselines.reprompt import (
    Demonstration,
    FeedbackUse,
    RepromptOptions,
    Templates,
    Used,
    reprompt,
    without_thinking,
)
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict

CHAT = (Message("system", "Be brief."), Message("user", "What is 6 x 7?"))
TASK = Task("t", CHAT, {}, {})
TEMPLATES = Templates(solution="|S:{body}", feedback="|F:{body}", closing="|!", cut="<{count}>")


def attempt(index: int, outcome: str, text: str | None = None) -> Attempt:
    """s: a success; f: a failure with feedback; x: the judge was out; p: the policy was out."""
    verdict = {
        "s": Verdict(1.0, "", Status.PASSED, "accepted"),
        "f": Verdict(0.0, f"feedback {index}", Status.FAILED, "wrong"),
    }.get(outcome)
    completion = None if outcome == "p" else Completion(f"answer {index}" if text is None else text)
    error = None if verdict else "JudgeError: down"
    turn = Turn(TASK.digest, Request(CHAT, "t", index), completion, verdict, error, verdict is not None, 0.0, 0.0)
    return Attempt(TASK.digest, index, (turn,))


def group(outcomes: str) -> Group:
    return Group(TASK, tuple(attempt(i, outcome) for i, outcome in enumerate(outcomes)))


def table(outcomes: str, **options) -> list[str]:
    """What stands behind the question, per attempt; a demonstration is drawn with a fixed seed."""
    made = reprompt(group(outcomes), RepromptOptions(templates=TEMPLATES, **options), random.Random(0))
    texts = []
    for item in made:
        assert item.messages[0] == CHAT[0]
        assert item.messages[1].content.startswith(CHAT[1].content)
        texts.append(item.messages[1].content.removeprefix(CHAT[1].content))
        assert (item.used is Used.NOTHING) == (item.messages == CHAT)
    return texts


def test_the_truth_table() -> None:
    # a sibling's success, for a failure and for a success alike; feedback gives way
    assert table("sf") == ["", "|S:answer 0|!"]
    assert table("ss") == ["|S:answer 1|!", "|S:answer 0|!"]
    # both sections
    assert table("sf", feedback=FeedbackUse.ALWAYS) == ["", "|S:answer 0|F:feedback 1|!"]
    # no success: feedback
    assert table("ff") == ["|F:feedback 0|!", "|F:feedback 1|!"]
    # the only success has nothing to learn from; nor has anybody where there is neither
    assert table("sff", feedback=FeedbackUse.NEVER) == ["", "|S:answer 0|!", "|S:answer 0|!"]
    assert table("ff", feedback=FeedbackUse.NEVER) == ["", ""]
    # the paper's variant: its own success
    assert table("sf", own_success=True) == ["|S:answer 0|!", "|S:answer 0|!"]
    # feedback only
    assert table("sf", solutions=False) == ["", "|F:feedback 1|!"]
    # outages: no demonstration, no feedback, but they may learn from a sibling
    assert table("xpf") == ["", "", "|F:feedback 2|!"]
    assert table("xs") == ["|S:answer 1|!", ""]


def test_what_was_used_is_said() -> None:
    made = reprompt(group("sff"), RepromptOptions(feedback=FeedbackUse.ALWAYS), random.Random(0))
    assert [(m.used, m.demonstration, m.cut) for m in made] == [
        (Used.NOTHING, None, 0), (Used.BOTH, 0, 0), (Used.BOTH, 0, 0),
    ]  # fmt: skip
    assert reprompt(group("f"), RepromptOptions(), random.Random(0))[0].used is Used.FEEDBACK
    assert reprompt(group("sf"), RepromptOptions(), random.Random(0))[1].used is Used.SOLUTION


def test_the_threshold_decides_what_a_success_is() -> None:
    half = attempt(0, "f")
    verdict = Verdict(0.5, "half of it", Status.FAILED, "wrong")
    turn = half.turns[0].__class__(**{**vars(half.turns[0]), "verdict": verdict})
    some = Group(TASK, (Attempt(TASK.digest, 0, (turn,)), attempt(1, "f")))
    judges, strict, lenient = (
        reprompt(some, RepromptOptions(threshold=threshold), random.Random(0)) for threshold in (None, 1.0, 0.5)
    )
    assert [m.used for m in judges] == [m.used for m in strict] == [Used.FEEDBACK, Used.FEEDBACK]
    assert [m.used for m in lenient] == [Used.NOTHING, Used.SOLUTION]


@pytest.mark.parametrize(("passes", "fails"), [(0.7, 0.4), (9.0, 2.0)])
def test_what_the_judge_lets_pass_is_a_success_whatever_its_reward(passes: float, fails: float) -> None:
    verdicts = [Verdict(fails, "no", Status.FAILED, "wrong"), Verdict(passes, "", Status.PASSED, "accepted")]
    turns = [Turn(**{**vars(attempt(i, "f").turns[0]), "verdict": verdict}) for i, verdict in enumerate(verdicts)]
    some = Group(TASK, tuple(Attempt(TASK.digest, i, (turn,)) for i, turn in enumerate(turns)))
    made = reprompt(some, RepromptOptions(), random.Random(0))
    assert [m.used for m in made] == [Used.SOLUTION, Used.NOTHING]


def test_demonstrations_are_drawn_uniformly_and_for_each_attempt() -> None:
    rng = random.Random(7)
    drawn = Counter()
    together = 0
    for _ in range(3000):
        first, second = reprompt(group("ffssss"), RepromptOptions(), rng)[:2]
        drawn[first.demonstration] += 1
        together += first.demonstration == second.demonstration
    assert set(drawn) == {2, 3, 4, 5}
    assert all(abs(count - 750) < 4 * (3000 * 3 / 16) ** 0.5 for count in drawn.values())
    assert abs(together - 750) < 4 * (3000 * 3 / 16) ** 0.5


def test_the_same_seed_draws_the_same() -> None:
    first, second = (reprompt(group("fsssf"), RepromptOptions(), random.Random(3)) for _ in range(2))
    assert first == second


def test_the_shortest_or_longest_may_be_asked_for() -> None:
    texts = ["wrong", "a medium answer", "short", "the longest answer of all"]
    some = Group(TASK, tuple(attempt(i, "fsss"[i], text) for i, text in enumerate(texts)))
    for how, index in ((Demonstration.SHORTEST, 2), (Demonstration.LONGEST, 3)):
        assert reprompt(some, RepromptOptions(demonstration=how), random.Random(0))[0].demonstration == index


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think> 42", "42"),
        ("a</think>42", "42"),
        ("<think>a</think>b<think>c</think>d", "bd"),
        ("a</think>b<think>c</think>d", "bd"),
        ("42 <think>and now", "42"),
        ("<think>never closed", ""),
        ("no tags", "no tags"),
        ("<think>a<think>b</think>c</think>d", "cd"),
        ("", ""),
    ],
)
def test_thinking_is_removed_also_where_tags_are_missing(text: str, rest: str) -> None:
    assert without_thinking(text) == rest


def test_a_demonstration_that_is_nothing_but_thinking_is_none() -> None:
    some = Group(TASK, (attempt(0, "f"), attempt(1, "s", "<think>hm")))
    assert reprompt(some, RepromptOptions(), random.Random(0))[0].used is Used.FEEDBACK
    kept = reprompt(some, RepromptOptions(remove_thinking=False), random.Random(0))[0]
    assert kept.messages[-1].content.count("<think>hm") == 1


def test_section_budgets_cut_bodies_and_say_so() -> None:
    some = Group(TASK, (attempt(0, "f"), attempt(1, "s", "0123456789")))
    options = RepromptOptions(feedback=FeedbackUse.ALWAYS, templates=TEMPLATES, solution_budget=4, feedback_budget=8)
    made = reprompt(some, options, random.Random(0))[0]
    assert made.messages[-1].content == "What is 6 x 7?|S:0123<6>|F:feedback<2>|!"
    assert made.cut == 8


@given(st.text(max_size=80), st.text(min_size=1, max_size=60), st.integers(0, 200), st.booleans())
def test_the_whole_budget_is_kept_and_the_frame_never_cut(answer: str, question: str, budget: int, words: bool) -> None:
    chat = (Message("user", question),)
    failed, solved = attempt(0, "f"), attempt(1, "s", answer + "x")
    some = Group(
        TASK,
        tuple(
            Attempt(a.task_digest, a.index, (Turn(**{**vars(a.turns[0]), "request": Request(chat, "t", a.index)}),))
            for a in (failed, solved)
        ),
    )

    def measure(messages) -> int:
        return sum(len(m.content.split()) if words else len(m.content.encode()) for m in messages)

    options = RepromptOptions(feedback=FeedbackUse.ALWAYS, templates=TEMPLATES, budget=budget)
    frame = Message("user", f"{question}|S:<{len(answer.strip() + 'x') if answer.strip() else 1}>|F:<10>|!")
    try:
        made = reprompt(some, options, random.Random(0), measure)[0]
    except UsageError:
        assert measure([frame]) + 2 > budget
        return
    assert measure(made.messages) <= budget
    text = made.messages[-1].content
    assert text.startswith(question)
    assert text.endswith("|!")
    assert "|S:" in text
    assert "|F:" in text


def test_braces_in_texts_are_only_texts() -> None:
    some = Group(TASK, (attempt(0, "f"), attempt(1, "s", '{"a": {body}} {count} {0}')))
    made = reprompt(some, RepromptOptions(templates=TEMPLATES), random.Random(0))[0]
    assert made.messages[-1].content.endswith('|S:{"a": {body}} {count} {0}|!')


def test_of_several_turns_the_last_is_the_question() -> None:
    first = attempt(0, "f").turns[0]
    later_chat = (*CHAT, Message("assistant", "41"), Message("user", "Too low."))
    last = Turn(**{**vars(first), "request": Request(later_chat, "t", 0, 1)})
    made = reprompt(Group(TASK, (Attempt(TASK.digest, 0, (first, last)),)), RepromptOptions(), random.Random(0))[0]
    assert made.messages[:3] == later_chat[:3]
    assert made.messages[3].content.startswith("Too low.")


@pytest.mark.parametrize("wrong", [{"solution": "no body"}, {"feedback": "{body}{body}"}, {"cut": ""}])
def test_templates_without_their_place_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match="must hold"):
        Templates(**wrong)
