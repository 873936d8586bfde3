from __future__ import annotations

import itertools
import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.paired import PairedDifference, holm, paired_difference, t_two_sided


def by_task(values: list[float]) -> dict[str, float]:
    return {f"task{i}": value for i, value in enumerate(values)}


# Student 1908, "The probable error of a mean", section IX: hours of sleep gained by ten patients under two drugs. The
# paired test of the same data as in R's documentation of `sleep`: t = -4.0621, df = 9, p = 0.002833,
# interval [-2.4598858, -0.7001142].
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_students_sleep_data():
    difference = paired_difference(by_task(FIRST), by_task(SECOND), bounds=(-10.0, 10.0))
    assert difference.value == pytest.approx(-1.58)
    assert difference.low == pytest.approx(-2.4598858, abs=2e-4)
    assert difference.high == pytest.approx(-0.7001142, abs=2e-4)
    assert difference.p_value == pytest.approx(0.002833, abs=5e-7)
    assert (difference.won, difference.lost, difference.tied) == (0, 9, 1)
    assert difference.is_significant


@pytest.mark.parametrize(
    ("t", "degrees", "p"),
    # two-sided 5 % and 1 % points as printed in tables (Pearson and Hartley 1966, table 12)
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (3.182, 3, 0.05), (2.571, 5, 0.05), (1.980, 120, 0.05), (3.250, 9, 0.01)],
)
def test_the_chance_beyond_t_agrees_with_the_tables(t: float, degrees: int, p: float):
    assert t_two_sided(t, degrees) == pytest.approx(p, rel=1e-3)
    assert t_two_sided(-t, degrees) == t_two_sided(t, degrees)


@given(st.integers(1, 300), st.floats(0, 50))
def test_the_chance_beyond_t_is_a_chance_and_falls(degrees: int, t: float):
    assert t_two_sided(0.0, degrees) == 1.0
    assert 0.0 <= t_two_sided(t + 0.1, degrees) <= t_two_sided(t, degrees) + 1e-14 <= 1.0 + 1e-14


def test_what_is_detectable_would_be_found_in_80_of_100_cases():
    """Miller 2024, section 5: simulate runs that truly differ by the detectable difference."""
    rng = random.Random(11)
    tasks, attempts, runs = 60, 4, 800

    def pair(lift: float) -> PairedDifference:
        chances = [rng.uniform(0.2, 0.6) for _ in range(tasks)]
        scores = [[fmean(rng.random() < p + x for _ in range(attempts)) for p in chances] for x in (lift, 0.0)]
        return paired_difference(by_task(scores[0]), by_task(scores[1]))

    detectable = fmean(pair(0.1).detectable or math.nan for _ in range(50))
    found = fmean(pair(detectable).is_significant for _ in range(runs))
    assert found == pytest.approx(0.8, abs=0.05)


def test_what_is_detectable_follows_from_the_variance_of_the_differences():
    """Miller 2024, section 5: (1.96 + 0.84)**2 * (1/9) / 0.03**2 = 969 tasks for a difference of 0.03."""
    side = math.sqrt(1 / 9)
    values = [side if i % 2 else -side for i in range(968)]
    found = paired_difference(by_task(values), by_task([0.0] * 968), bounds=(-1.0, 1.0))
    assert found.detectable == pytest.approx(0.03, abs=1e-4)


@pytest.mark.parametrize("tasks", [8, 30])
def test_the_interval_covers_the_true_difference_95_times_of_100(tasks: int):
    """Chances differ from task to task, and the runs made different numbers of attempts, also at one task."""
    rng = random.Random(tasks)
    runs, covered, found = 1000, 0, 0
    for _ in range(runs):
        left, right = {}, {}
        for i in range(tasks):
            chance = rng.choice([0.2, 0.35, 0.5, 0.65, 0.8])
            left[str(i)] = fmean(rng.random() < chance for _ in range(rng.randint(4, 12)))
            right[str(i)] = fmean(rng.random() < chance for _ in range(rng.randint(4, 12)))
        difference = paired_difference(left, right)
        assert difference.low is not None
        assert difference.high is not None
        covered += difference.low <= 0 <= difference.high
        found += difference.p_value < 0.05
    four_errors = 4 * math.sqrt(0.95 * 0.05 / runs)
    assert covered / runs == pytest.approx(0.95, abs=four_errors)
    assert found / runs == pytest.approx(0.05, abs=four_errors)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_turned_round_the_comparison_says_the_same(pairs: list[tuple[float, float]]):
    left, right = by_task([a for a, _ in pairs]), by_task([b for _, b in pairs])
    one, other = paired_difference(left, right), paired_difference(right, left)
    assert (one.value, one.won, one.lost, one.p_value, one.detectable) == pytest.approx(
        (-other.value, other.lost, other.won, other.p_value, other.detectable)
    )
    assert one.tasks == len(pairs)


def test_tasks_of_one_run_only_are_left_out():
    difference = paired_difference({"a": 1.0, "b": 0.5, "c": 0.0}, {"b": 0.0, "c": 0.5, "d": 1.0})
    assert (difference.won, difference.lost, difference.tied, difference.value) == (1, 1, 0, 0.0)
    with pytest.raises(ValueError, match="no task is in both: 1 tasks on the left, 0 on the right"):
        paired_difference({"a": 1.0}, {})


def test_one_task_and_equal_differences_give_a_sign_test_and_no_interval():
    assert paired_difference({"a": 1.0}, {"a": 0.5}) == PairedDifference(0.5, None, None, 1.0, None, 1, 0, 0)
    same = paired_difference(by_task([0.1, 0.4]), by_task([0.1, 0.4]))
    assert same == PairedDifference(0.0, None, None, 1.0, None, 0, 0, 2)
    assert not same.is_significant
    steady = paired_difference(by_task([0.3, 0.2, 0.6] * 4), by_task([0.2, 0.1, 0.5] * 4))
    assert steady.value == pytest.approx(0.1)
    assert (steady.low, steady.detectable, steady.p_value) == (None, None, 2 * 0.5**12)
    assert steady.is_significant


def test_every_task_won_by_all_gives_the_binomial_limit():
    clean = paired_difference(by_task([1.0] * 20), by_task([0.0] * 20))
    assert clean.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 20)))
    assert clean.high == 1.0


def test_holm_of_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_holm_keeps_the_chance_of_any_false_finding():
    rng = random.Random(2)
    runs = 4000
    false = fmean(min(holm([rng.random() for _ in range(5)])) < 0.05 for _ in range(runs))
    assert false == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / runs))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_never_lowers_a_p_value_nor_turns_an_order_round(p_values: list[float]):
    adjusted = holm(p_values)
    assert all(p <= a <= 1 for p, a in zip(p_values, adjusted, strict=True))
    for i, j in itertools.combinations(range(len(p_values)), 2):
        assert (
            p_values[i] == p_values[j]
            or (p_values[i] < p_values[j]) == (adjusted[i] <= adjusted[j])
            or (adjusted[i] == adjusted[j])
        )
