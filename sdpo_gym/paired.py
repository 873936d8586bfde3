"""Two runs at the same tasks: the difference of their means, and how sure it is, the task being the unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sdpo_gym.stats import CONFIDENCE, mean_over_tasks, t_quantile

POWER = 0.8
_DIGITS = 12  # behind the point; what differs later differs by rounding


@dataclass(frozen=True)
class PairedDifference:
    """The mean over common tasks of the left run's score minus the right run's.

    Attributes:
        value: the estimate.
        low: lower end of its 95 % interval, None where the data give none.
        high: upper end, None where the data give none.
        p_value: two-sided, for the hypothesis that the true difference is 0.
        detectable: the least true difference that a comparison this precise would find in 80 of 100 cases; None where
            the data do not say.
        won: tasks at which the left run scores higher.
        lost: tasks at which it scores lower.
        tied: tasks at which both score the same.
    """

    value: float
    low: float | None
    high: float | None
    p_value: float
    detectable: float | None
    won: int
    lost: int
    tied: int

    @property
    def tasks(self) -> int:
        """How many tasks the runs have in common."""
        return self.won + self.lost + self.tied

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves out 0; where there is no interval, whether the p-value is below 0.05."""
        if self.low is None or self.high is None:
            return self.p_value < 1 - CONFIDENCE
        return self.low > 0 or self.high < 0


def paired_difference(
    left: Mapping[str, float], right: Mapping[str, float], bounds: tuple[float, float] = (0.0, 1.0)
) -> PairedDifference:
    """Estimate the mean over common tasks of ``left`` minus ``right``; tasks that only one of them has are left out.

    Each task enters as one number, the difference of the two means over attempts. That clusters by task, takes the
    differences between tasks out of the error, and holds for numbers of attempts that differ from task to task or
    from run to run. With d the differences, s their standard deviation and T their number:

    - interval: mean(d) +- t(0.975, T - 1) * s / sqrt(T), clipped to what ``bounds`` allow (Miller 2024,
      arXiv:2411.00640, sections 2.2 and 4.2; Student 1908 for the t quantile, as T may be small);
    - p-value: of t = mean(d) / (s / sqrt(T)) with T - 1 degrees of freedom, the paired t test;
    - minimum detectable difference: (t(0.975, T - 1) + t(0.8, T - 1)) * s / sqrt(T), Miller 2024, section 5,
      solved for the effect, with the variance that was found and t quantiles in place of normal ones.

    Where all differences are equal, also where there is one task only, s says nothing. Then there is no minimum
    detectable difference; the p-value is that of the sign test (all T signs alike: 2 * 0.5**T, and 1 where all are
    0); and there is no interval, unless the differences are the greatest that ``bounds`` allow, which gives the exact
    binomial limit of :func:`~sdpo_gym.stats.mean_over_tasks`.

    Args:
        left: mean over attempts of each task, by task digest.
        right: the same of the other run.
        bounds: least and greatest value that a task can have.

    Raises:
        ValueError: if the two have no task in common.
    """
    differences = [round(value - right[task], _DIGITS) for task, value in left.items() if task in right]
    width = bounds[1] - bounds[0]
    estimate = mean_over_tasks(differences, (-width, width))
    if estimate is None:
        raise ValueError(f"no task is in both: {len(left)} tasks on the left, {len(right)} on the right")
    won, lost = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    error = _standard_error(differences)
    degrees = len(differences) - 1
    if error == 0.0:
        p_value = min(1.0, 2 * 0.5 ** (won + lost))
        detectable = None
    else:
        p_value = t_two_sided(estimate.value / error, degrees)
        detectable = (t_quantile((1 + CONFIDENCE) / 2, degrees) + t_quantile(POWER, degrees)) * error
    return PairedDifference(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p_value=p_value,
        detectable=detectable,
        won=won,
        lost=lost,
        tied=len(differences) - won - lost,
    )


def t_two_sided(t: float, degrees: int) -> float:
    """Return the chance that Student's t lies at least as far from 0 as ``t``.

    Exact: the finite series 26.7.3 and 26.7.4 of Abramowitz and Stegun 1964. Below 1e-14 only the rounding is left.

    Raises:
        ValueError: unless degrees >= 1.
    """
    if degrees < 1:
        raise ValueError(f"need at least one degree of freedom, got {degrees}")
    if math.isinf(t):
        return 0.0
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for i in range(1 + odd, degrees, 2):
        total += term
        term *= square * i / (i + 1)
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for being several: compared with 0.05, they keep the chance of any false finding below it.

    Holm 1979, Scandinavian Journal of Statistics 6: the i-th smallest of m is multiplied by m - i + 1, and no adjusted
    value is smaller than that of a smaller p-value.
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        least = max(least, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = least
    return adjusted


def _standard_error(values: Sequence[float]) -> float:
    """Return that of the mean, 0 where all values are equal."""
    if max(values) == min(values):
        return 0.0
    mean = fmean(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
