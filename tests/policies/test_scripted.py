from __future__ import annotations

import pytest

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.scripted import make

REQUESTS = [Request((), "known"), Request((), "unknown"), Request((), "known", attempt=1)]


def test_gold_answers_what_is_known_to_be_right_and_fails_where_nothing_is():
    policy = make("gold", gold={"known": "right"}.get)
    results = policy.generate(REQUESTS, Sampling())
    assert next(results) == (0, Completion("right"))
    with pytest.raises(UsageError, match=r"'unknown' has no completion known to be right.*DATA=sample"):
        next(results)
    assert policy.describe() == {"policy": "scripted", "script": "gold"}


def test_empty_answers_nothing_at_all():
    policy = make("empty", gold={"known": "right"}.get)
    assert list(policy.generate(REQUESTS, Sampling())) == [(i, Completion("")) for i in range(3)]
    assert policy.describe() == {"policy": "scripted", "script": "empty"}


def test_gold_without_a_source_is_refused():
    with pytest.raises(UsageError, match="needs a task set"):
        make("gold")


@pytest.mark.parametrize("argument", ["", "golden"])
def test_an_unknown_script_lists_the_choices(argument):
    with pytest.raises(UsageError, match="use scripted:gold or scripted:empty"):
        make(argument, gold={}.get)
