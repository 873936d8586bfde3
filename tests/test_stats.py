from __future__ import annotations

import itertools
import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.majority import maj_at_k
from sdpo_gym.stats import (
    Estimate,
    bootstrap,
    discovery_at_k,
    ks_up_to,
    mean_attempts,
    mean_difference,
    mean_over_tasks,
    median_attempts,
    pass_at_k,
    t_quantile,
)


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


def _value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def test_discovery_at_k_is_the_share_of_searches_solved_by_attempt_k_averaged_over_tasks():
    times = [[1, 3, None, None], [2, 2]]
    found = [_value(discovery_at_k(times, k)) for k in (1, 2, 3, 64)]
    assert found == pytest.approx([(1 / 4 + 0) / 2, (1 / 4 + 1) / 2, (2 / 4 + 1) / 2, (2 / 4 + 1) / 2])


def test_discovery_at_k_is_unbiased_also_where_attempts_depend_on_each_other():
    """A search that learns: its chance doubles with every failure."""
    rng = random.Random(5)
    chances = ([0.1, 0.2, 0.4, 0.8], [0.02, 0.04, 0.08, 0.16])
    truth = fmean(1 - math.prod(1 - p for p in task[:3]) for task in chances)

    def search(task: list[float]) -> int | None:
        return next((i for i, p in enumerate(task, 1) if rng.random() < p), None)

    runs = 3000
    values = [_value(discovery_at_k([[search(task) for _ in range(5)] for task in chances], 3)) for _ in range(runs)]
    spread = math.sqrt(fmean((v - truth) ** 2 for v in values))
    assert fmean(values) == pytest.approx(truth, abs=4 * spread / math.sqrt(runs))


@pytest.mark.parametrize("k", [1, 3, 8])
def test_discovery_at_k_of_independent_attempts_estimates_pass_at_k(k: int):
    rng = random.Random(k)
    p, n, runs = 0.2, 8, 4000
    discovered, passed = [], []
    for _ in range(runs):
        attempts = [rng.random() < p for _ in range(n)]
        first = next((i for i, right in enumerate(attempts, 1) if right), None)
        discovered.append(_value(discovery_at_k([[first]], k)))
        passed.append(pass_at_k(n, sum(attempts), k))
    truth = 1 - (1 - p) ** k
    error = 4 * math.sqrt(truth * (1 - truth) / runs)
    assert fmean(discovered) == pytest.approx(truth, abs=error)
    assert fmean(passed) == pytest.approx(truth, abs=error)


def test_the_interval_of_discovery_at_k_treats_the_task_as_the_unit():
    """Five searches at one task are no five tasks: all searches alike, the interval is that of one search each."""
    times = [[1], [None], [4], [2], [None]]
    assert discovery_at_k([task * 5 for task in times], 4) == discovery_at_k(times, 4)
    assert discovery_at_k(times, 4) == mean_over_tasks([1.0, 0.0, 1.0, 1.0, 0.0])


@given(st.lists(st.lists(st.none() | st.integers(1, 12), min_size=1, max_size=4), min_size=1, max_size=5))
def test_mean_attempts_is_the_sum_of_the_chances_to_be_unsolved(times: list[list[int | None]]):
    unsolved = [1.0, *(1 - _value(discovery_at_k(times, k)) for k in range(1, 8))]
    assert _value(mean_attempts(times, 8)) == pytest.approx(sum(unsolved))


def test_median_attempts_counts_a_search_in_vain_as_the_limit():
    assert _value(median_attempts([[1, 3], [5, None]], 10)) == 4.0
    assert _value(median_attempts([[None, None], [5, None]], 10)) == 10.0
    assert _value(median_attempts([[12], [12], [1]], 10)) == 10.0


def test_the_interval_of_the_median_draws_whole_tasks():
    estimate = median_attempts([[1] * 20, [9] * 20, [9] * 20], 10)
    assert estimate == Estimate(9.0, 1.0, 9.0)
    assert median_attempts([[1, 2, 3]], 10) == Estimate(2.0, None, None)


def test_no_task_gives_no_estimate_and_a_task_without_search_is_refused():
    assert discovery_at_k([], 1) is None
    assert mean_attempts([], 1) is None
    assert median_attempts([], 1) is None
    assert mean_difference([], []) is None
    for estimate in (discovery_at_k, mean_attempts, median_attempts):
        with pytest.raises(ValueError, match="at least one search"):
            estimate([[1], []], 4)
        with pytest.raises(ValueError, match="at least 1"):
            estimate([[1]], 0)


def test_pairing_takes_the_differences_between_tasks_out_of_the_interval():
    easy_and_hard = [0.0, 0.1, 0.9, 1.0, 0.5, 0.4]
    better = [value + 0.1 + 0.01 * (i % 2) for i, value in enumerate(easy_and_hard)]
    paired = mean_difference(better, easy_and_hard, width=2.0)
    assert paired is not None
    assert paired.value == pytest.approx(0.105)
    assert paired.low is not None
    assert paired.low > 0.09
    with pytest.raises(ValueError, match=r"shorter|longer"):
        mean_difference([1.0], [1.0, 2.0])


def _attempts(rng: random.Random, tasks: int, n: int) -> list[list[tuple[str | None, bool]]]:
    """Answers A (right), B, C or none; how easy a task is, is its own."""
    chances = [rng.uniform(0.0, 0.8) for _ in range(tasks)]
    drawn = [[rng.random() for _ in range(n)] for _ in range(tasks)]
    return [
        [("A", True) if x < p else (rng.choice(["B", "C", None]), False) for x in xs]
        for p, xs in zip(chances, drawn, strict=True)
    ]


def _avg(task: list[tuple[str | None, bool]]) -> float:
    return fmean(passed for _, passed in task)


def _pass(task: list[tuple[str | None, bool]]) -> float:
    return pass_at_k(len(task), sum(passed for _, passed in task), 4)


def _maj(task: list[tuple[str | None, bool]]) -> float:
    return maj_at_k(task, 5)


def _found(task: list[tuple[str | None, bool]]) -> float:
    return fmean(any(passed for _, passed in search) for search in (task[:4], task[4:]))


@pytest.mark.parametrize("figure", [_avg, _pass, _maj, _found], ids=["avg@8", "pass@4", "maj@5", "discovery@4"])
def test_of_every_figure_the_closed_form_and_the_bootstrap_agree(figure):
    tasks = _attempts(random.Random(8), 150, 8)
    drawn = bootstrap([figure(task) for task in tasks], fmean)
    closed = mean_over_tasks([figure(task) for task in tasks])
    assert drawn is not None
    assert closed is not None
    assert drawn.value == closed.value
    assert (drawn.low, drawn.high) == pytest.approx((closed.low, closed.high), abs=0.01)
    assert closed.high - closed.low > 0.05  # so that agreeing says something


def test_discovery_at_k_has_the_interval_that_its_bootstrap_has():
    rng = random.Random(9)
    times = [[rng.choice([1, 2, 5, 9, None]) for _ in range(5)] for _ in range(120)]
    closed = discovery_at_k(times, 4)
    drawn = bootstrap(times, lambda some: _value(discovery_at_k(some, 4)), draws=1000)
    assert closed is not None
    assert drawn is not None
    assert (drawn.value, drawn.low, drawn.high) == pytest.approx((closed.value, closed.low, closed.high), abs=0.01)


def test_the_bootstrap_is_seeded():
    values = [0.0, 0.2, 0.9, 1.0, 0.3, 0.6]
    assert bootstrap(values, fmean, draws=200) == bootstrap(values, fmean, draws=200)
    assert bootstrap(values, fmean, draws=200, seed=1) != bootstrap(values, fmean, draws=200)
    assert bootstrap([], fmean) is None
    assert bootstrap([0.5], fmean) == Estimate(0.5, None, None)


@pytest.mark.parametrize("figure", [_pass, _maj], ids=["pass@4", "maj@5"])
def test_the_intervals_of_derived_figures_cover_the_truth_95_times_of_100(figure):
    rng = random.Random(12)
    truth = fmean(figure(task) for task in _attempts(rng, 8000, 8))
    runs, covered = 500, 0
    for _ in range(runs):
        estimate = mean_over_tasks([figure(task) for task in _attempts(rng, 25, 8)])
        assert estimate is not None
        covered += estimate.low <= truth <= estimate.high
    # four standard errors of the simulation, those of the truth included
    assert covered / runs == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / runs))


def test_the_truth_of_pass_at_k_is_that_of_its_integral():
    """Chances uniform in [0, 0.8]: the mean of 1 - (1 - p)**4 is 1 - (1 - 0.2**5) / 4."""
    tasks = _attempts(random.Random(13), 8000, 8)
    assert fmean(_pass(task) for task in tasks) == pytest.approx(1 - (1 - 0.2**5) / 4, abs=0.012)
