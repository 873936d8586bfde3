from __future__ import annotations

import json
import pickle

import pytest
from gymnasium.vector.utils import batch_space
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym import AnyText


@given(st.text())
def test_every_text_is_in_it(text: str) -> None:
    assert text in AnyText()


@pytest.mark.parametrize("value", [b"bytes", 1, None, ["a"], 0.5])
def test_nothing_else_is_in_it(value: object) -> None:
    assert value not in AnyText()


def test_samples_follow_the_seed_and_come_from_the_examples() -> None:
    examples = tuple("abcdefgh")
    first, second, other = AnyText(examples, seed=3), AnyText(examples, seed=3), AnyText(examples, seed=4)
    drawn = [first.sample() for _ in range(30)]
    assert drawn == [second.sample() for _ in range(30)]
    assert drawn != [other.sample() for _ in range(30)]
    assert set(drawn) <= set(examples)
    first.seed(3)
    assert drawn == [first.sample() for _ in range(30)]


def test_no_examples_and_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        AnyText([])
    with pytest.raises(ValueError, match="mask"):
        AnyText().sample(mask=1)


def test_samples_go_through_json() -> None:
    space = AnyText(seed=0)
    samples = [space.sample() for _ in range(20)]
    assert space.from_jsonable(json.loads(json.dumps(space.to_jsonable(samples)))) == samples


def test_it_pickles_small_with_its_random_state() -> None:
    assert len(pickle.dumps(AnyText())) < 1000
    space = AnyText(seed=1)
    copy = pickle.loads(pickle.dumps(space))
    assert copy == space
    assert [copy.sample() for _ in range(10)] == [space.sample() for _ in range(10)]


def test_spaces_are_equal_whatever_they_sample() -> None:
    assert AnyText() == AnyText(["x"])
    assert AnyText() != "AnyText()"


def test_a_batch_is_a_tuple_of_texts() -> None:
    assert ("a", "ö") in batch_space(AnyText(), 2)
    assert ("a",) not in batch_space(AnyText(), 2)
