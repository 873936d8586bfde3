from __future__ import annotations

import pytest

from sdpo_baselines.probing import make
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request
from sdpo_gym.rollout import Attempt, Group, Turn
from search_tools import TASK, judge_number


def group(*texts: str) -> Group:
    attempts = []
    for i, text in enumerate(texts):
        verdict = judge_number(TASK, Completion(text))
        turn = Turn(TASK.digest, Request(TASK.messages, TASK.id, i), Completion(text), verdict, None, True, 0.0, 0.0)
        attempts.append(Attempt(TASK.digest, i, (turn,)))
    return Group(TASK, tuple(attempts))


def test_feedback_alone_is_for_those_who_failed():
    chats = make(solutions=False, feedback="always")(group("5", "7"), 0)
    assert chats[1] is None
    assert chats[0] is not None
    assert chats[0][0] == TASK.messages[0]
    assert "5 is wrong." in chats[0][1].content


def test_solutions_alone_are_for_those_with_a_sibling_that_succeeded():
    chats = make(solutions=True, feedback="never", solution_template="\nSOLUTION {body}")(group("5", "7"), 0)
    assert chats[1] is None
    assert chats[0] is not None
    assert chats[0][1].content.startswith("Which number?\nSOLUTION 7")
    assert "wrong" not in chats[0][1].content


def test_the_seed_draws_the_demonstration():
    make_chats = make(feedback="never")
    tried = group("5", *["7"] * 3)
    assert make_chats(tried, 3) == make_chats(tried, 3)


def test_budgets_are_characters_and_cut_bodies():
    (chat, _) = make(feedback="always", solutions=False, feedback_budget=4)(group("5", "7"), 0)
    assert chat is not None
    assert "5 is" in chat[1].content
    assert "wrong" not in chat[1].content
    (chat, _) = make(feedback="always", solutions=False, feedback_budget=0)(group("5", "7"), 0)
    assert chat is not None
    assert "5 is wrong." in chat[1].content


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"feedback": "sometimes"}, "option feedback must be one of never, without_solution, always"),
        ({"feedback_budget": -1}, "feedback_budget must be at least 0, or None for no bound, got -1"),
    ],
)
def test_a_value_that_is_none_is_refused(options, said):
    with pytest.raises(UsageError, match=said):
        make(**options)
