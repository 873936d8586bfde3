from __future__ import annotations

import itertools
from collections import Counter
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.majority import Vote, maj_at_k


def majority(votes: tuple[Vote, ...]) -> float:
    """The definition: the mean over the answers with most votes of whether they are right."""
    counts = Counter(answer for answer, _ in votes if answer is not None)
    if not counts:
        return 0.0
    winners = [answer for answer, count in counts.items() if count == max(counts.values())]
    return fmean((answer, True) in votes for answer in winners)


@given(st.lists(st.sampled_from([None, "A", "B", "C", "D"]), min_size=1, max_size=7), st.data())
def test_maj_at_k_is_the_mean_over_all_subsets(answers: list[str | None], data: st.DataObject):
    k = data.draw(st.integers(1, len(answers)))
    votes = [(answer, answer == "A") for answer in answers]
    expected = fmean(majority(subset) for subset in itertools.combinations(votes, k))
    assert maj_at_k(votes, k) == pytest.approx(expected)


def test_condorcet():
    """Condorcet 1785: with 6 of 10 right, the majority of many is right more often than one."""
    votes = [("A", True)] * 6 + [("B", False)] * 4
    assert maj_at_k(votes, 1) == pytest.approx(0.6)
    assert maj_at_k(votes, 3) == pytest.approx((20 + 15 * 4) / 120)
    assert maj_at_k(votes, 9) == 1.0


def test_ties_are_drawn_and_silence_has_no_vote():
    assert maj_at_k([("A", True), ("B", False)], 2) == 0.5
    assert maj_at_k([("A", True), (None, False), (None, False)], 3) == 1.0
    assert maj_at_k([(None, False)] * 4, 4) == 0.0


def test_an_answer_that_is_accepted_now_and_then_counts_to_that_share():
    assert maj_at_k([("A", True), ("A", False), ("B", False)], 3) == 0.5


def test_hundreds_of_attempts_are_exact():
    assert maj_at_k([("A", True)] * 100 + [("B", False)] * 100, 200) == 0.5
    assert maj_at_k([("A", True)] * 101 + [(str(i), False) for i in range(99)], 3) > 0.5


@pytest.mark.parametrize("k", [0, 3])
def test_k_without_meaning_is_refused(k: int):
    with pytest.raises(ValueError, match=r"k must lie in \[1, n = 2\]"):
        maj_at_k([("A", True), ("B", False)], k)
