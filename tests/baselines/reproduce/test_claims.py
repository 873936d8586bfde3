from __future__ import annotations

from pathlib import Path

import pytest

from baselines.reproduce.made_up import make_board, make_curve, make_results, make_searches
from sdpo_baselines.reproduce.claims import MEASURES, Answer, Claim, Judged, Rule, answer, judge_claims, read_claims
from sdpo_baselines.reproduce.curves import Axis
from sdpo_baselines.reproduce.results import Results
from sdpo_gym.errors import UsageError
from sdpo_gym.stats import Estimate

YES, NO, UNRESOLVED = Answer.YES, Answer.NO, Answer.UNRESOLVED


@pytest.mark.parametrize(
    ("low", "high", "rule", "bound", "expected"),
    [
        (0.01, 0.2, Rule.ABOVE, 0.0, YES),
        (0.0, 0.2, Rule.ABOVE, 0.0, UNRESOLVED),
        (-0.2, 0.0, Rule.ABOVE, 0.0, NO),
        (-0.01, 0.2, Rule.ABOVE, -0.02, YES),
        (-0.2, -0.01, Rule.BELOW, 0.0, YES),
        (-0.2, 0.0, Rule.BELOW, 0.0, UNRESOLVED),
        (0.0, 0.2, Rule.BELOW, 0.0, NO),
        (0.1, 0.24, Rule.BELOW, 0.25, YES),
        (0.1, 0.26, Rule.BELOW, 0.25, UNRESOLVED),
        (0.25, 0.3, Rule.BELOW, 0.25, NO),
        (-0.005, 0.005, Rule.WITHIN, 0.005, YES),
        (-0.006, 0.001, Rule.WITHIN, 0.005, UNRESOLVED),
        (0.006, 0.1, Rule.WITHIN, 0.005, NO),
        (-0.1, -0.006, Rule.WITHIN, 0.005, NO),
    ],
)
def test_answer_follows_from_the_interval(low: float, high: float, rule: Rule, bound: float, expected: Answer) -> None:
    assert answer(Estimate((low + high) / 2, low, high), rule, bound) is expected


def test_without_an_interval_nothing_is_resolved() -> None:
    assert answer(Estimate(0.9, None, None), Rule.ABOVE, 0.0) is UNRESOLVED
    assert answer(None, Rule.ABOVE, 0.0) is UNRESOLVED


def judge(results: Results, measure: str, rule: Rule, bound: float, arm: str = "sdpo", **more: object) -> list[Judged]:
    claim = Claim("id", "says", "source", measure, arm, rule, bound, **more)  # type: ignore[arg-type]
    return judge_claims([claim], results)


def test_a_claim_at_equal_cost_is_one_for_each_axis() -> None:
    runs = {
        "sdpo": {w: make_curve("sdpo", w, [0.1, 0.3, 0.6 + 0.01 * w], flops=4e12) for w in range(3)},
        "grpo": {w: make_curve("grpo", w, [0.1, 0.2, 0.4], flops=1e12) for w in range(3)},
    }
    results = make_results({"sdpo": [], "grpo": []}, runs=runs)
    by_generations, by_flops = judge(
        results, "accuracy", Rule.ABOVE, 0.0, than="grpo", axes=(Axis.GENERATIONS, Axis.FLOPS)
    )
    assert by_generations.answer is YES
    assert list(by_generations.values.values()) == pytest.approx([0.2, 0.21, 0.22])
    # a quarter of the way, 10 of 40 steps, SDPO has 0.2 in every world: no spread, so no interval
    assert list(by_flops.values.values()) == pytest.approx([-0.2, -0.2, -0.2])
    assert by_flops.answer is not YES


def test_the_pairing_takes_out_what_worlds_have_in_common() -> None:
    worlds = [[0.1, 0.2 + 0.3 * w] for w in range(3)]
    results = make_results({"grpo": worlds, "sdpo": [[a, b + 0.05 + 0.001 * i] for i, (a, b) in enumerate(worlds)]})
    (found,) = judge(results, "last", Rule.ABOVE, 0.0, than="grpo")
    assert found.answer is YES
    (found,) = judge(results, "last", Rule.BELOW, 0.0, arm="grpo", than="sdpo")
    assert found.answer is YES


def test_a_quarter_of_the_generations() -> None:
    grpo = [[0.1, 0.2, 0.3], [0.1, 0.2, 0.31], [0.1, 0.2, 0.32]]
    fast = [[0.1, 0.9, 0.9], [0.1, 0.88, 0.9], [0.1, 0.86, 0.9]]
    slow = [[0.1, 0.2, 0.4], [0.1, 0.2, 0.42], [0.1, 0.2, 0.4]]
    for sdpo, expected in ((fast, YES), (slow, NO)):
        (found,) = judge(
            make_results({"grpo": grpo, "sdpo": sdpo}),
            "share", Rule.BELOW, 0.25, than="grpo", axes=(Axis.GENERATIONS,),
        )  # fmt: skip
        assert found.answer is expected


def test_a_target_that_is_not_reached_can_refute_but_not_support() -> None:
    results = make_results({"grpo": [[0.1, 0.3], [0.1, 0.3]], "sdpo": [[0.1, 0.9], [0.1, 0.2]]})
    (found,) = judge(results, "share", Rule.BELOW, 99.0, than="grpo", axes=(Axis.GENERATIONS,))
    assert found.answer is UNRESOLVED
    assert found.values[1] == 1.0
    assert "not reached" in found.note
    never = make_results({"grpo": [[0.1, 0.3], [0.1, 0.3], [0.1, 0.3]], "sdpo": [[0.1, 0.2], [0.1, 0.2], [0.1, 0.31]]})
    (found,) = judge(never, "share", Rule.BELOW, 0.25, than="grpo", axes=(Axis.GENERATIONS,))
    assert found.answer is NO


def test_where_the_other_learned_nothing_reaching_it_says_nothing() -> None:
    results = make_results({"grpo": [[0.1, 0.1], [0.1, 0.3], [0.1, 0.3]], "sdpo": [[0.1, 0.9], [0.1, 0.9], [0.1, 0.8]]})
    (found,) = judge(results, "share", Rule.BELOW, 0.9, than="grpo", axes=(Axis.GENERATIONS,))
    assert found.answer is UNRESOLVED
    assert found.note == "grpo ended no higher than it began in world 0"


def test_the_best_of_a_group_is_taken_for_the_other() -> None:
    runs = {"grpo": [[0.1, 0.3], [0.1, 0.32]], "nostd": [[0.1, 0.5], [0.1, 0.52]], "sdpo": [[0.1, 0.5], [0.1, 0.56]]}
    results = make_results(runs, groups={"grpo": ("grpo", "nostd")})
    (found,) = judge(results, "last", Rule.ABOVE, 0.0, than="best:grpo")
    assert list(found.values.values()) == pytest.approx([0.0, 0.04])
    assert found.note == "against NOSTD"


def test_arms_that_were_not_run_leave_a_claim_unresolved() -> None:
    (found,) = judge(make_results({"sdpo": [[0.1, 0.2]] * 2}), "last", Rule.ABOVE, 0.0, than="grpo")
    assert (found.answer, found.estimate, found.note) == (UNRESOLVED, None, "not run: grpo")


def test_one_world_is_not_enough() -> None:
    results = make_results({"grpo": [[0.1, 0.2]], "sdpo": [[0.1, 0.9]]})
    (found,) = judge(results, "last", Rule.ABOVE, 0.0, than="grpo")
    assert (found.answer, found.note) == (UNRESOLVED, "fewer than two worlds")


def test_figures_of_single_curves() -> None:
    curves = {
        w: make_curve("sdpo", w, [0.1, 0.8, 0.5 + w / 10], teacher=[0.4, 0.5, 0.6 + w / 10], length=5.0)
        for w in range(2)
    }
    results = make_results({"sdpo": []}, runs={"sdpo": curves})
    expected = {
        "gain": [0.4, 0.5],
        "drop": [0.3, 0.2],
        "best": [0.8, 0.8],
        "mean": [0.65, 0.7],
        "length": [5, 5],
        "entropy": [1 / 3, 1 / 3],
        "teacher_gain": [0.2, 0.3],
        "over_first_teacher": [0.1, 0.2],
    }
    for measure, values in expected.items():
        (found,) = judge(results, measure, Rule.ABOVE, 0.0)
        assert list(found.values.values()) == pytest.approx(values), measure


def test_figures_of_searches() -> None:
    results = make_results(
        {},
        searches={
            "sdpo": make_searches("sdpo", [[1, 3, None], [2, 2, 2]]),
            "best_of_k": make_searches("best_of_k", [[8, None, None], [4, None, 16]]),
        },
    )
    (ratio,) = judge(results, "attempts_ratio", Rule.BELOW, 0.34, than="best_of_k")
    assert list(ratio.values.values()) == pytest.approx([20 / 40, 6 / 36])
    (more,) = judge(results, "discovery", Rule.ABOVE, 0.0, than="best_of_k")
    assert list(more.values.values()) == pytest.approx([1 / 3, 1 / 3])


def test_claims_of_unknown_kind_are_refused(tmp_path: Path) -> None:
    text = '[[claim]]\nid = "x"\nsays = ""\nsource = ""\nmeasure = "{}"\narm = "sdpo"\nrule = "{}"\nbound = 0.0\n'
    board = make_board(tmp_path, claims=text.format("luck", "above"))
    with pytest.raises(UsageError, match=r"claim 'x' has measure 'luck'; there are accuracy, share"):
        read_claims(board / "tiny")
    make_board(tmp_path, claims=text.format("last", "beside"))
    with pytest.raises(UsageError, match=r"claim 'x': 'beside' is not a valid Rule"):
        read_claims(board / "tiny")


def test_claims_that_need_two_arms_name_two() -> None:
    results = make_results({"sdpo": [[0.1, 0.2]] * 2})
    for measure in ("accuracy", "share"):
        assert measure in MEASURES
        with pytest.raises(UsageError, match="needs `than` and `axes`"):
            judge(results, measure, Rule.ABOVE, 0.0)
