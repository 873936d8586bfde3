from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_baselines.multi_turn import make
from sdpo_baselines.reprompt import Templates
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError, Request
from search_tools import SAMPLING, TASK, CountingPolicy, FunctionPolicy, first_attempts, judge_number

QUESTION = TASK.messages[-1].content


def chats(policy: FunctionPolicy) -> list[list[tuple[str, str]]]:
    return [[(m.role, m.content) for m in request.messages] for request in policy.asked]


def section(*numbers: str) -> str:
    body = "".join(Templates.feedback.replace("{body}", f"{number} is wrong.") for number in numbers)
    return QUESTION + body + Templates.closing


def test_the_first_question_is_the_task_itself_and_the_next_ones_hold_the_feedback():
    policy = FunctionPolicy(lambda request: str(request.attempt))
    attempts = first_attempts(make(policy, seed=0, temperature=1.0), 3)
    assert [a.index for a in attempts] == [0, 1, 2]
    assert policy.asked[0].messages == TASK.messages
    assert [chat[0] for chat in chats(policy)] == [("system", "Be brief.")] * 3
    assert [chat[1:] for chat in chats(policy)[1:]] == [[("user", section("0"))], [("user", section("0", "1"))]]


def test_equal_feedback_is_shown_once_at_the_place_of_the_last():
    answers = iter("01202")
    policy = FunctionPolicy(lambda request: next(answers, "9"))
    first_attempts(make(policy, seed=0, temperature=1.0), 6)
    assert chats(policy)[4][-1] == ("user", section("1", "2", "0"))
    assert chats(policy)[5][-1] == ("user", section("1", "0", "2"))


def test_the_window_keeps_the_last_different_pieces_without_a_marker():
    policy = FunctionPolicy(lambda request: str(min(request.attempt, 4)))
    first_attempts(make(policy, seed=0, temperature=1.0, window=2), 7)
    assert chats(policy)[4][-1] == ("user", section("2", "3"))
    assert chats(policy)[6][-1] == ("user", section("3", "4"))


def test_turns_show_the_answers_too():
    policy = FunctionPolicy(lambda request: f"<think>hm</think>{request.attempt}")
    judged = []

    def judge(task, completion):
        judged.append(completion.text)
        return judge_number(task, completion)

    first_attempts(make(policy, seed=0, temperature=1.0, history="turns", window=2), 4, judge=judge)
    assert judged[1] == "<think>hm</think>1"
    assert [role for role, _ in chats(policy)[3]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert chats(policy)[3][1:4] == [
        ("user", QUESTION),
        ("assistant", "1"),
        ("user", "<think>hm</think>1 is wrong."),
    ]


def test_each_attempt_has_a_seed_of_its_own():
    policy = FunctionPolicy(lambda request: "1")
    first_attempts(make(policy, seed=0, temperature=1.0), 5)
    assert len({request.seed for request in policy.asked}) == 5


def test_a_search_begins_anew_each_time():
    policy = FunctionPolicy(lambda request: "1")
    search = make(policy, seed=0, temperature=1.0)
    first_attempts(search, 2)
    first_attempts(search, 1)
    assert policy.asked[-1].messages == TASK.messages


@pytest.mark.parametrize("history", ["feedback", "turns"])
@given(context=st.integers(60, 700), lengths=st.lists(st.integers(1, 120), min_size=2, max_size=8))
def test_the_context_is_kept_the_oldest_goes_with_a_marker_and_the_question_stays(history, context, lengths):
    answers = [f"{i}{'x' * length}" for i, length in enumerate(lengths)]
    policy = CountingPolicy(lambda request: answers[request.attempt], context)
    first_attempts(make(policy, seed=0, temperature=1.0, history=history), len(lengths))
    for index, request in enumerate(policy.asked):
        texts = "".join(m.content for m in request.messages)
        assert QUESTION in texts
        shown = [i for i, text in enumerate(answers) if f"{text} is wrong." in texts]
        assert shown == list(range(index - len(shown), index))  # the last ones
        lost = index - len(shown)
        assert (f"[{lost} earlier pieces of feedback are left out]" in texts) == bool(lost)
        if shown:
            assert len(policy.render(request.messages)) + SAMPLING.max_tokens <= context
        assert request.messages[0] == TASK.messages[0]


def test_where_the_longest_answer_does_not_fit_history_gets_half_of_what_is_left():
    policy = CountingPolicy(lambda request: "1" * 50, 400)
    search = make(policy, seed=0, temperature=1.0)
    list(islice(search.attempts(TASK, judge_number, replace(SAMPLING, max_tokens=4096), 0), 3))
    assert "is wrong" in policy.asked[1].messages[-1].content


def test_a_server_that_refuses_long_chats_is_asked_with_less():
    def said(request: Request) -> str | PolicyError:
        text = request.messages[-1].content
        too_long = text.count("is wrong") > 2
        return PolicyError("context length", permanent=True) if too_long else str(10 + request.attempt)

    policy = FunctionPolicy(said)
    attempts = first_attempts(make(policy, seed=0, temperature=1.0), 6)
    assert all(a.verdict is not None for a in attempts)
    last = policy.asked[-1].messages[-1].content
    assert last == section("13", "14").replace(QUESTION, QUESTION + "\n\n[3 earlier pieces of feedback are left out]")
    assert len(policy.asked) == 6 + 3  # what was dropped stays dropped


def test_a_question_that_is_refused_by_itself_is_an_outage():
    policy = FunctionPolicy(lambda request: PolicyError("context length", permanent=True))
    (attempt,) = first_attempts(make(policy, seed=0, temperature=1.0), 1)
    assert attempt.turns[0].permanent
    assert attempt.verdict is None


def test_an_outage_is_made_again_with_the_same_chat():
    calls = []

    def said(request: Request) -> str | PolicyError:
        calls.append(request)
        return PolicyError("down") if len(calls) in (2, 3) else str(request.attempt)

    policy = FunctionPolicy(said)
    attempts = first_attempts(make(policy, seed=0, temperature=1.0), 5)
    assert [(a.index, a.verdict is None) for a in attempts] == [
        (0, False), (1, True), (1, True), (1, False), (2, False),
    ]  # fmt: skip
    assert calls[1].messages == calls[2].messages == calls[3].messages
    assert chats(policy)[-1][-1] == ("user", section("0", "1"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"history": "all"}, "option history must be one of feedback, turns, got 'all'"),
        ({"window": -1}, "window must be at least 0, got -1"),
        ({"context": -1}, "context must be at least 0, got -1"),
        ({"feedback_template": "no body"}, "template 'feedback' must hold {body} once"),
        ({"dropped_template": "{count}{count}"}, "dropped_template must hold"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words):
    with pytest.raises(UsageError) as caught:
        make(FunctionPolicy(lambda request: ""), seed=0, temperature=1.0, **options)
    assert words in str(caught.value)
