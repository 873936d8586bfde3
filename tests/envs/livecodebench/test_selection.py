from __future__ import annotations

import pytest

from sdpo_envs.livecodebench.decode import Tests
from sdpo_envs.livecodebench.selection import Selection, Shown
from sdpo_gym.errors import UsageError
from sdpo_gym.sandbox.job import Case

PUBLIC = tuple(Case(f"p{i}", "") for i in range(2))
PRIVATE = tuple(Case(f"h{i}", "") for i in range(9))
TESTS = Tests(PUBLIC, PRIVATE, None)


def inputs(selection: Selection, tests: Tests = TESTS) -> tuple[list[str], list[str]]:
    """Return the inputs of the shown and of all graded tests."""
    chosen = selection.choose("task", tests)
    return [test.case.input for test in chosen if test.shown], [test.case.input for test in chosen]


def test_by_default_all_are_graded_and_public_ones_shown() -> None:
    every = [case.input for case in (*PUBLIC, *PRIVATE)]
    assert inputs(Selection()) == (["p0", "p1"], every)
    assert inputs(Selection(Shown.NONE)) == ([], every)
    assert inputs(Selection(Shown.ALL)) == (every, every)


def test_fraction_shows_private_tests_and_grades_them_alone_in_training() -> None:
    shown, graded = inputs(Selection(fraction=0.5, split="train"))
    assert shown == graded
    assert len(shown) == 4
    assert set(shown) < {case.input for case in PRIVATE}
    shown_in_test, graded_in_test = inputs(Selection(fraction=0.5, split="test"))
    assert shown_in_test == shown
    assert graded_in_test == [case.input for case in (*PUBLIC, *PRIVATE)]


def test_fraction_depends_on_seed_and_task_only() -> None:
    first = inputs(Selection(fraction=0.5))
    assert inputs(Selection(fraction=0.5)) == first
    assert inputs(Selection(fraction=0.5, seed=1)) != first
    assert [t.shown for t in Selection(fraction=0.5).choose("other", TESTS)] != [
        t.shown for t in Selection(fraction=0.5).choose("task", TESTS)
    ]


def test_fraction_shows_at_least_one() -> None:
    assert len(inputs(Selection(fraction=0.01, split="train"))[1]) == 1
    assert len(inputs(Selection(fraction=1.0, split="train"))[1]) == len(PRIVATE)


def test_fraction_without_private_tests_uses_the_public_ones() -> None:
    assert inputs(Selection(fraction=0.5, split="train"), Tests(PUBLIC, (), None)) == (["p0", "p1"], ["p0", "p1"])


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.5])
def test_fraction_must_be_one(fraction: float) -> None:
    with pytest.raises(UsageError, match="shown_fraction"):
        Selection(fraction=fraction)
