from __future__ import annotations

import pytest

from sdpo_gym.stats import Estimate
from sdpo_gym.training.summary import best_step_of, estimate_of, mean_of


def evaluation(step: int, *values: float | None) -> dict:
    known = [value for value in values if value is not None]
    return {"step": step, "eval": {"avg": sum(known) / len(known), "low": 0.0, "high": 1.0, "values": list(values)}}


# A run that collapses: what it began with is better than anything it came to.
COLLAPSE = [evaluation(0, 1.0, 0.9), evaluation(5, 0.5, 0.7), evaluation(10, 0.6, 0.6), evaluation(15, 0.0, None)]


def test_the_best_is_the_first_of_the_greatest_after_a_step():
    assert best_step_of(COLLAPSE) == 5
    assert best_step_of(COLLAPSE[:1]) is None
    assert estimate_of(COLLAPSE[1]["eval"]) == Estimate(0.6, 0.0, 1.0)


def test_the_mean_is_over_evaluations_then_tasks_and_leaves_out_what_nobody_could_judge():
    mean = mean_of(COLLAPSE, (0.0, 1.0))
    assert mean.value == pytest.approx(((0.5 + 0.6 + 0.0) / 3 + (0.7 + 0.6) / 2) / 2)
    assert mean.low < mean.value < mean.high
    assert mean_of(COLLAPSE[:1], (0.0, 1.0)) is None
