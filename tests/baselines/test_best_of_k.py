from __future__ import annotations

import pytest

from sdpo_baselines.best_of_k import make
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError
from search_tools import TASK, FunctionPolicy, first_attempts


def test_attempts_are_independent_and_numbered():
    policy = FunctionPolicy(lambda request: str(request.attempt))
    attempts = first_attempts(make(policy, seed=0, temperature=1.0, batch=4), 9)
    assert [a.index for a in attempts] == list(range(9))
    assert [a.verdict is not None and a.verdict.passed for a in attempts] == [i == 7 for i in range(9)]
    assert {request.messages for request in policy.asked} == {TASK.messages}
    assert len({request.seed for request in policy.asked}) == 12
    assert [len(batch) for batch in policy.batches] == [4, 4, 4]


def test_the_batch_size_changes_no_attempt():
    def texts(batch: int) -> list[str]:
        policy = FunctionPolicy(lambda request: str(request.seed))
        attempts = first_attempts(make(policy, seed=0, temperature=1.0, batch=batch), 6)
        return [a.turns[0].completion.text for a in attempts if a.turns[0].completion]

    assert texts(1) == texts(4) == texts(16)


def test_two_seeds_are_two_searches():
    def seeds(seed: int) -> set[int]:
        policy = FunctionPolicy(lambda request: "")
        first_attempts(make(policy, seed=0, temperature=1.0), 4, seed=seed)
        return {request.seed for request in policy.asked}

    assert not seeds(1) & seeds(2)


def test_an_outage_holds_up_no_success_before_it():
    policy = FunctionPolicy(lambda request: PolicyError("down") if request.attempt == 2 else "7")
    attempts = first_attempts(make(policy, seed=0, temperature=1.0), 4)
    assert [(a.index, a.verdict is None) for a in attempts] == [(0, False), (1, False), (2, True), (2, True)]


def test_what_makes_no_sense_is_refused():
    policy = FunctionPolicy(lambda request: "")
    with pytest.raises(UsageError, match="batch must be at least 1, got 0"):
        make(policy, seed=0, temperature=1.0, batch=0)
    with pytest.raises(UsageError, match="same attempt again and again"):
        make(policy, seed=0, temperature=0.0)
