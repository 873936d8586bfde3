from __future__ import annotations

import itertools
import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.stats import ks_up_to, mean_over_tasks, pass_at_k, t_quantile


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_at_k_is_the_share_of_k_subsets_that_hold_a_correct_attempt(attempts: list[bool], data: st.DataObject):
    k = data.draw(st.integers(1, len(attempts)))
    subsets = list(itertools.combinations(attempts, k))
    assert pass_at_k(len(attempts), sum(attempts), k) == pytest.approx(fmean(any(s) for s in subsets))


def test_pass_at_k_differs_from_the_bootstrap_with_replacement():
    assert pass_at_k(16, 1, 16) == 1.0
    assert pass_at_k(16, 1, 8) == pytest.approx(0.5)


def test_pass_at_k_of_thousands_of_attempts_is_exact():
    assert pass_at_k(2944, 1, 1472) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "correct", "k"), [(4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5), (0, 0, 1)])
def test_pass_at_k_refuses_what_has_no_meaning(n: int, correct: int, k: int):
    with pytest.raises(ValueError, match="must lie in"):
        pass_at_k(n, correct, k)


@pytest.mark.parametrize(
    ("n", "ks"),
    [(0, ()), (1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (16, (1, 2, 4, 8, 16))],
)
def test_ks_are_powers_of_two_and_n(n: int, ks: tuple[int, ...]):
    assert ks_up_to(n) == ks


# quantiles from printed tables
@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)],
)
def test_t_quantile_agrees_with_the_tables(degrees: int, quantile: float):
    assert t_quantile(0.975, degrees) == pytest.approx(quantile, rel=2e-3)
    assert t_quantile(0.025, degrees) == pytest.approx(-quantile, rel=2e-3)


def test_nothing_is_claimed_without_data():
    assert mean_over_tasks([]) is None
    one = mean_over_tasks([0.5])
    assert one is not None
    assert (one.value, one.low, one.high) == (0.5, None, None)


def test_equal_values_give_no_interval_of_width_zero():
    perfect = mean_over_tasks([1.0] * 24)
    assert perfect is not None
    assert perfect.high == 1.0
    assert perfect.low == pytest.approx(0.025 ** (1 / 24))
    hopeless = mean_over_tasks([-1.0] * 24, bounds=(-1.0, 1.0))
    assert hopeless is not None
    assert hopeless.low == -1.0
    assert hopeless.high == pytest.approx(-1 + 2 * (1 - 0.025 ** (1 / 24)))
    middling = mean_over_tasks([0.5] * 24)
    assert middling is not None
    assert middling.low is None


def test_interval_stays_within_the_bounds():
    estimate = mean_over_tasks([1.0, 1.0, 1.0, 0.0])
    assert estimate is not None
    assert estimate.high == 1.0
    assert estimate.low is not None
    assert 0.0 <= estimate.low < 0.75


def _clustered(rng: random.Random, tasks: int, attempts: int) -> list[float]:
    """Per-task means of attempts whose chance of success is the task's own: mean 1/2."""
    chances = [rng.choice([0.1, 0.3, 0.5, 0.7, 0.9]) for _ in range(tasks)]
    return [fmean(rng.random() < p for _ in range(attempts)) for p in chances]


def test_the_interval_agrees_with_a_bootstrap_over_tasks():
    rng = random.Random(3)
    values = _clustered(rng, tasks=120, attempts=4)
    means = sorted(fmean(rng.choices(values, k=len(values))) for _ in range(4000))
    estimate = mean_over_tasks(values)
    assert estimate is not None
    assert estimate.low == pytest.approx(means[100], abs=0.008)
    assert estimate.high == pytest.approx(means[-101], abs=0.008)


@pytest.mark.parametrize("tasks", [6, 40])
def test_the_interval_covers_the_truth_95_times_of_100(tasks: int):
    rng = random.Random(tasks)
    runs, covered = 1500, 0
    for _ in range(runs):
        estimate = mean_over_tasks(_clustered(rng, tasks, attempts=8))
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= 0.5 <= estimate.high
    # four standard errors of the simulation about 0.95; treating the 8 attempts as independent would cover near 0.8
    assert covered / runs == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))
