from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from guess_env import load_card
from sdpo_gym.records import Result
from sdpo_gym.summary import TaskEntry, summarise

CARD = load_card()
RUN = {
    "data": {"name": "guess", "split": "test", "revision": "r", "window": "", "digest": "d"},
    "policy": {"name": "guess"},
    "sampling": {"n": 2, "temperature": 0.6},
    "turns": 1,
    "sessions": [{"isolation": "userns"}, {"isolation": "landlock"}, {"isolation": "userns"}],
}


def results(task: str, rewards: str) -> list[Result]:
    """One attempt per character: 1 passed, 0 failed, x an outage."""
    return [
        Result(
            task_id=task,
            task_digest=task,
            attempt=i,
            turns=1,
            reward=None if c == "x" else float(c),
            passed=c == "1",
            outcome={"1": "accepted", "0": "too_low"}.get(c),
            scores={} if c == "x" else {"score": float(c), "closeness": 0.5},
            error="JudgeError: down" if c == "x" else None,
        )
        for i, c in enumerate(rewards)
    ]


def summary(rewards: dict[str, str], *, meta=lambda task: {}, card=CARD, **options):
    everything = [r for task, text in rewards.items() for r in results(task, text)]
    random.Random(1).shuffle(everything)
    entries = [TaskEntry(task, task, meta(task)) for task in rewards]
    return summarise(everything, entries, card, directory=Path("run"), run=RUN, **options)


def test_scores_are_means_over_tasks_not_over_attempts():
    s = summary({"a": "1111", "b": "00"})
    assert s.scores["avg@2"].value == 0.5
    assert (s.smallest_n, s.largest_n, s.attempts) == (2, 4, 6)
    assert list(s.scores) == ["avg@2", "pass@1", "pass@2", "closeness"]


def test_pass_at_k_is_unbiased_where_tasks_have_more_attempts():
    s = summary({"a": "1000", "b": "00"})
    assert s.scores["pass@1"].value == pytest.approx((1 / 4 + 0) / 2)
    assert s.scores["pass@2"].value == pytest.approx((1 / 2 + 0) / 2)


def test_outages_count_in_no_score_but_are_counted():
    s = summary({"a": "1x1", "b": "0xx", "c": "xxx"})
    assert s.scores["avg@1"].value == 0.5
    assert (s.attempts, s.errors, s.tasks, s.unscored) == (3, 6, 3, 1)
    assert s.error_rate == pytest.approx(6 / 9)
    assert (s.smallest_n, s.largest_n) == (1, 2)


def test_nothing_but_outages_gives_no_score():
    s = summary({"a": "xx"})
    assert (s.scores, s.by, s.outcomes, s.smallest_n, s.errors) == ({}, {}, {}, 0, 2)


def test_one_task_gives_no_interval():
    s = summary({"a": "10"})
    assert s.scores["avg@2"].value == 0.5
    assert s.scores["avg@2"].low is None
    assert json.loads(json.dumps(s.to_json(), allow_nan=False))["scores"]["avg@2"] == {
        "value": 0.5,
        "low": None,
        "high": None,
    }


def test_scores_that_are_lower_bounds_are_left_out():
    assert "closeness" not in summary({"a": "10"}, lower_bounds={"closeness"}).scores


def test_a_headline_that_is_no_score_is_the_reward():
    s = summary({"a": "10", "b": "11"}, card=replace(CARD, headline="reward", reward_range=(0.0, 2.0)))
    assert s.scores["avg@2"].value == 0.75
    assert list(s.scores)[-2:] == ["score", "closeness"]


def test_only_meta_keys_that_sort_tasks_into_a_few_kinds_make_tables():
    def meta(task: str):
        i = int(task)
        return {
            "difficulty": ("hard", "medium", "easy")[i % 3],
            "title": f"title {i}",
            "date": f"2025-01-0{1 + i % 2}",
            "rating": i % 2,
            "same": "x",
            **({"known_issue": "broken"} if i else {}),
            "site": "ab"[i % 2],
        }

    s = summary({str(i): "10" for i in range(6)}, meta=meta)
    assert {key: list(kinds) for key, kinds in s.by.items()} == {
        "difficulty": ["easy", "medium", "hard"],
        "site": ["a", "b"],
    }
    assert s.by["site"]["a"].tasks == 3
    assert s.by["site"]["a"].attempts == 6


def test_outcomes_come_in_the_cards_order():
    assert list(summary({"a": "0001"}).outcomes.items()) == [("accepted", 1), ("too_low", 3)]


def test_the_order_of_results_makes_no_difference():
    forward = [r for t in "abc" for r in results(t, "1101")]
    entries = [TaskEntry(t, t, {}) for t in "abc"]
    one, other = (summarise(some, entries, CARD, directory=Path("run"), run=RUN) for some in (forward, forward[::-1]))
    assert one == other


def test_every_isolation_level_that_was_used_is_named():
    assert summary({"a": "1"}).isolation == "landlock, userns"


def test_success_by_turn_is_the_share_that_had_passed_by_then():
    made = [replace(r, turns=t) for r, t in zip(results("a", "1110"), (1, 2, 3, 3), strict=True)]
    made += [replace(r, turns=t) for r, t in zip(results("b", "10x"), (2, 3, 1), strict=True)]
    entries = [TaskEntry("a", "a", {}), TaskEntry("b", "b", {})]
    s = summarise(made, entries, CARD, directory=Path("run"), run={**RUN, "turns": 3})
    assert [e.value for e in s.by_turn] == pytest.approx([(1 / 4 + 0) / 2, (2 / 4 + 1 / 2) / 2, (3 / 4 + 1 / 2) / 2])
    assert s.by_turn[-1].value == s.scores["pass@1"].value


def test_one_turn_has_no_table_of_turns():
    assert summary({"a": "10", "b": "11"}).by_turn == ()


def test_where_answers_are_recorded_the_majority_is_scored():
    everything = [
        replace(r, answer="right" if r.passed else "wrong") for task in ("a", "b") for r in results(task, "1101")
    ]
    entries = [TaskEntry(task, task, {}) for task in ("a", "b")]
    s = summarise(everything, entries, CARD, directory=Path("run"), run=RUN)
    assert list(s.scores) == ["avg@4", "pass@1", "pass@2", "pass@4", "maj@4", "closeness"]
    assert (s.scores["avg@4"].value, s.scores["maj@4"].value) == (0.75, 1.0)
    assert not any(name.startswith("maj@") for name in summary({"a": "1101"}).scores)
