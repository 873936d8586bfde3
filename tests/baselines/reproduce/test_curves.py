from __future__ import annotations

from pathlib import Path

import pytest

from baselines.reproduce.made_up import make_curve, write_run
from sdpo_baselines.reproduce.curves import (
    Axis,
    estimate,
    from_json,
    on_grid,
    paired,
    paired_at,
    reach,
    read_curve,
    to_json,
)
from sdpo_gym.errors import UsageError


def test_best_last_and_mean_leave_out_the_evaluation_before_training() -> None:
    curve = make_curve("a", 0, [0.9, 0.2, 0.4, 0.3])
    assert (curve.initial, curve.best, curve.last) == (0.9, 0.4, 0.3)
    assert curve.mean == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("axis", "x", "value"),
    [
        (Axis.GENERATIONS, 0, 0.0),
        (Axis.GENERATIONS, 640, 0.1),
        (Axis.GENERATIONS, 1280, 0.2),
        (Axis.UPDATES, 30, 0.4),
        (Axis.SECONDS, 80, 0.6),
        (Axis.FLOPS, 4e13, 0.6),
    ],
)
def test_value_between_two_evaluations_is_interpolated(axis: Axis, x: float, value: float) -> None:
    curve = make_curve("a", 0, [0.0, 0.2, 0.6], seconds=2)
    assert curve.at(axis, x) == pytest.approx(value)


def test_value_beyond_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="has updates from 0 to 40, not 41"):
        make_curve("a", 0, [0.0, 0.2, 0.6]).at(Axis.UPDATES, 41)


def test_first_crossing_counts_even_if_the_curve_falls_again() -> None:
    curve = make_curve("a", 0, [0.0, 0.4, 0.1, 0.5])
    assert curve.reach(Axis.UPDATES, 0.2) == pytest.approx(10)
    assert curve.reach(Axis.GENERATIONS, 0.45) == pytest.approx(64 * (40 + 20 * 0.35 / 0.4))
    assert curve.reach(Axis.UPDATES, 0.0) == 0
    assert curve.reach(Axis.UPDATES, 0.51) is None


def test_reach_by_world_says_whether_there_was_anything_to_reach() -> None:
    fast = {0: make_curve("f", 0, [0.1, 0.8]), 1: make_curve("f", 1, [0.1, 0.2]), 2: make_curve("f", 2, [0.1, 0.3])}
    slow = {0: make_curve("s", 0, [0.1, 0.45]), 1: make_curve("s", 1, [0.1, 0.3]), 2: make_curve("s", 2, [0.1, 0.05])}
    found = reach(fast, slow, Axis.UPDATES)
    assert found[0].share == pytest.approx(0.5)
    assert found[0].budget == 20
    assert found[0].own == pytest.approx(20)
    assert found[1].learned
    assert found[1].needed is None
    assert found[1].share is None
    assert not found[2].learned
    assert found[2].share is None


def test_differences_are_within_worlds_that_both_have() -> None:
    left = {w: make_curve("l", w, [0.1, 0.5 + 0.1 * w]) for w in (0, 1, 2)}
    right = {w: make_curve("r", w, [0.1, 0.2]) for w in (1, 2, 3)}
    assert paired(left, right, lambda c: c.last) == pytest.approx({1: 0.4, 2: 0.5})


def test_at_equal_cost_the_dearer_run_is_cut() -> None:
    dear = {0: make_curve("d", 0, [0.0, 0.4, 0.8], flops=2e12)}
    cheap = {0: make_curve("c", 0, [0.0, 0.1, 0.3], flops=1e12)}
    assert paired_at(dear, cheap, Axis.GENERATIONS)[0] == pytest.approx(0.5)
    assert paired_at(dear, cheap, Axis.FLOPS)[0] == pytest.approx(0.4 - 0.3)
    assert paired_at(cheap, dear, Axis.FLOPS)[0] == pytest.approx(0.3 - 0.4)


def test_interval_is_the_t_interval_over_worlds() -> None:
    found = estimate([0.1, 0.2, 0.3])
    assert found is not None
    assert found.low is not None
    half = 4.302653 * 0.1 / 3**0.5  # t quantile of two degrees of freedom
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))


def test_one_world_or_no_spread_gives_no_interval() -> None:
    for values in ([0.3], [0.3, 0.1 + 0.2, 0.3]):
        found = estimate(values)
        assert found is not None
        assert (found.value, found.low, found.high) == (0.3, None, None)
    assert estimate([]) is None


def test_metrics_are_read_with_training_figures_between_evaluations(tmp_path: Path) -> None:
    curve = read_curve(write_run(tmp_path, [0.1, 0.3, 0.6]), "a", 7)
    assert [(p.step, p.generations, p.updates, p.avg, p.length) for p in curve.points] == [
        (0, 0, 0, 0.1, 9),
        (2, 16, 2, 0.3, 9),
        (4, 32, 4, 0.6, 9),
    ]
    assert [p.training.get("entropy") for p in curve.points] == [None, 1.5, 3.5]
    assert curve.totals["seconds_generate"] == 2.0
    assert curve.world == 7


def test_torn_last_line_and_repeated_steps_are_read_as_they_stand_last(tmp_path: Path) -> None:
    again = '{"step": 4, "generations": 32, "updates": 4, "seconds": 1, "flops": 4e9, "eval": {"avg": 0.7}}\n'
    path = write_run(tmp_path, [0.1, 0.3, 0.6], extra=again + '{"step": 5, "gen')
    curve = read_curve(path, "a", 0)
    assert [p.avg for p in curve.points] == [0.1, 0.3, 0.7]


def test_what_is_no_curve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_curve(tmp_path / "metrics.jsonl", "a", 0)
    with pytest.raises(UsageError, match=r"evaluations at steps \[0\]"):
        read_curve(write_run(tmp_path / "short", [0.1]), "a", 0)
    path = write_run(tmp_path / "damaged", [0.1, 0.2])
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(UsageError, match="line 1 is not JSON: 'nonsense'"):
        read_curve(path, "a", 0)


def test_a_curve_survives_json() -> None:
    curve = make_curve("a", 3, [0.125, 0.5], teacher=[0.5, 0.75], length=None)
    assert from_json(to_json(curve)) == curve


def test_grid_ends_where_the_shortest_run_ends() -> None:
    worlds = {0: make_curve("a", 0, [0.0, 0.4], seconds=1), 1: make_curve("a", 1, [0.2, 0.6], seconds=2)}
    grid, rows = on_grid(worlds, Axis.SECONDS, count=3)
    assert grid == pytest.approx([0, 10, 20])
    assert rows[0] == pytest.approx([0.0, 0.2, 0.4])
    assert rows[1] == pytest.approx([0.2, 0.3, 0.4])
    assert on_grid(worlds, Axis.SECONDS, lambda point: point.teacher) == ([], [])
