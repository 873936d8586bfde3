"""Figures of an evaluation: avg@k, pass@k, discovery@k, and 95 % intervals with the task as the unit of sampling."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median
from typing import TypeVar

CONFIDENCE = 0.95
_RESAMPLES = 2000

Task = TypeVar("Task")


@dataclass(frozen=True)
class Estimate:
    """A mean over tasks.

    Attributes:
        value: the estimate.
        low: lower end of its 95 % interval, None where the data give none.
        high: upper end, None where the data give none.
    """

    value: float
    low: float | None
    high: float | None


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the chance that k of n attempts, drawn without replacement, hold at least one of the correct ones.

    The unbiased estimator 1 - C(n - c, k) / C(n, k) of Chen et al. 2021, arXiv:2107.03374, equation 1.

    Raises:
        ValueError: unless 0 <= correct <= n and 1 <= k <= n.
    """
    if not 0 <= correct <= n:
        raise ValueError(f"the number of correct attempts must lie in [0, n = {n}], got {correct}")
    if not 1 <= k <= n:
        raise ValueError(f"k must lie in [1, n = {n}], got {k}")
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def ks_up_to(n: int) -> tuple[int, ...]:
    """Return the k that tables show: the powers of two up to n, and n itself."""
    powers = [1 << i for i in range(max(n, 0).bit_length())]
    return (*powers, n) if powers and powers[-1] != n else tuple(powers)


def mean_over_tasks(values: Sequence[float], bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate | None:
    """Estimate the mean over tasks from one value per task; None if there is no task.

    Attempts at one task are not independent, so each task enters as one value (its mean over attempts, or its
    pass@k) and the interval is that of a mean of clusters of equal weight: mean +- t * s / sqrt(T) with the t
    quantile of T - 1 degrees of freedom, clipped to ``bounds`` (Miller 2024, arXiv:2411.00640, section 2.2; the t
    quantile in place of the normal one because T may be small). Where every task has the same value, s is 0 and
    says nothing: at a bound the exact binomial limit over tasks is used (Clopper and Pearson 1934), which holds for
    any values within the bounds; elsewhere, and for a single task, there is no interval.

    Args:
        values: one per task, within ``bounds``.
        bounds: least and greatest value that a task can have.
    """
    if not values:
        return None
    low, high = bounds
    count, mean = len(values), fmean(values)
    if count == 1:
        return Estimate(mean, None, None)
    if min(values) == max(values):
        mean = values[0]
        reach = (high - low) * (1 - ((1 - CONFIDENCE) / 2) ** (1 / count))
        if mean == low:
            return Estimate(mean, low, low + reach)
        if mean == high:
            return Estimate(mean, high - reach, high)
        return Estimate(mean, None, None)
    spread = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (count - 1))
    half = t_quantile((1 + CONFIDENCE) / 2, count - 1) * spread / math.sqrt(count)
    return Estimate(mean, max(low, mean - half), min(high, mean + half))


def bootstrap(
    tasks: Sequence[Task], statistic: Callable[[Sequence[Task]], float], *, draws: int = _RESAMPLES, seed: int = 0
) -> Estimate | None:
    """Estimate any statistic of tasks, with the percentile interval of a bootstrap; None if there is no task.

    Draws tasks with all that belongs to them, so that it clusters by task (Efron 1979; Cameron, Gelbach and Miller
    2008, section III). For means, :func:`mean_over_tasks` has an interval in closed form, which is to be preferred
    where tasks are few.

    Args:
        tasks: whatever stands for a task.
        statistic: of a sample of tasks.
        draws: how many samples.
        seed: of the draws.
    """
    if not tasks:
        return None
    value = float(statistic(tasks))
    if len(tasks) == 1:
        return Estimate(value, None, None)
    rng = random.Random(seed)
    drawn = sorted(float(statistic(rng.choices(tasks, k=len(tasks)))) for _ in range(draws))
    outside = round((1 - CONFIDENCE) / 2 * draws)
    return Estimate(value, drawn[outside], drawn[-1 - outside])


def discovery_at_k(times: Sequence[Sequence[int | None]], k: int) -> Estimate | None:
    """Estimate the chance that a search solves a task with its first k attempts; None if there is no task.

    The discovery time of a search is the index, from 1, of its first attempt that solves the task. Estimated is
    P(discovery time <= k) over the randomness of the search: for each task the fraction of its searches (seeds) solved
    by attempt k, averaged over tasks (Hübotter et al. 2026, arXiv:2601.20802, section 5). Unbiased for any search,
    whether or not its attempts are independent; where they are, its expectation is that of pass@k. The interval is
    that of :func:`mean_over_tasks`.

    Args:
        times: for each task the discovery times of its searches, None for one that made at least ``k`` attempts in
            vain; at least one search for each task.
        k: number of attempts, at least 1.

    Raises:
        ValueError: if ``k`` is below 1 or a task has no search.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    _check_searches(times)
    return mean_over_tasks([fmean(time is not None and time <= k for time in searches) for searches in times])


def mean_attempts(times: Sequence[Sequence[int | None]], limit: int) -> Estimate | None:
    """Estimate the mean number of attempts until a task is solved, truncated at ``limit``; None if there is no task.

    A search that solves nothing counts as ``limit`` attempts, so this is a lower bound of the untruncated mean, and
    the sum of 1 - discovery@k over k from 0 to ``limit`` - 1. The interval is that of :func:`mean_over_tasks`.

    Raises:
        ValueError: if ``limit`` is below 1 or a task has no search.
    """
    return mean_over_tasks([fmean(searches) for searches in _truncated(times, limit)], (1.0, float(limit)))


def median_attempts(times: Sequence[Sequence[int | None]], limit: int) -> Estimate | None:
    """Estimate the median number of attempts until a task is solved, truncated at ``limit``; None if there is no task.

    The median over all searches at all tasks; a value of ``limit`` says that it is at least that. The interval is the
    percentile interval of a bootstrap that draws tasks with all their searches (2,000 draws, seeded); a single task
    gives none.

    Raises:
        ValueError: if ``limit`` is below 1 or a task has no search.
    """
    truncated = _truncated(times, limit)
    return bootstrap(truncated, lambda some: median(time for searches in some for time in searches))


def mean_difference(first: Sequence[float], second: Sequence[float], width: float = 1.0) -> Estimate | None:
    """Estimate the mean over tasks of ``first`` minus ``second``, one value per task in each; None if there is no task.

    Pairing by task takes the differences between tasks out of the interval, which is that of :func:`mean_over_tasks`.

    Args:
        first: one value per task.
        second: one value for each of the same tasks, in the same order.
        width: greatest value less least value that a task can have.

    Raises:
        ValueError: if the two have different lengths.
    """
    return mean_over_tasks([a - b for a, b in zip(first, second, strict=True)], (-width, width))


def _truncated(times: Sequence[Sequence[int | None]], limit: int) -> list[list[int]]:
    if limit < 1:
        raise ValueError(f"the limit must be at least 1 attempt, got {limit}")
    _check_searches(times)
    return [[limit if time is None else min(time, limit) for time in searches] for searches in times]


def _check_searches(times: Sequence[Sequence[int | None]]) -> None:
    if not all(times):
        raise ValueError("every task needs at least one search; leave out tasks without")


def t_quantile(p: float, degrees: int) -> float:
    """Return the p quantile of Student's t distribution.

    Exact for 1 and 2 degrees of freedom, otherwise the expansion 26.7.5 of Abramowitz and Stegun 1964, whose error
    is below 0.2 % of the value for p = 0.975.

    Raises:
        ValueError: unless 0 < p < 1 and degrees >= 1.
    """
    if not 0 < p < 1 or degrees < 1:
        raise ValueError(f"need 0 < p < 1 and at least one degree of freedom, got p = {p}, degrees = {degrees}")
    if degrees == 1:
        return math.tan(math.pi * (p - 0.5))
    if degrees == 2:
        return (2 * p - 1) * math.sqrt(1 / (2 * p * (1 - p)))
    x = NormalDist().inv_cdf(p)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / float(degrees) ** (i + 1) for i, term in enumerate(terms))
