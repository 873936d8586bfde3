from __future__ import annotations

import math

import pytest
import torch

from sdpo_baselines.losses import (
    Aggregation,
    aggregate,
    denominator,
    entropy_weights,
    group_advantages,
    hybrid,
    kl_penalty,
    pass_rate_weights,
    policy_gradient_loss,
    srpo_routes,
    truncated_weights,
)


def test_aggregations_of_a_hand_computed_case() -> None:
    loss = torch.tensor([[1.0, 2.0, 3.0], [10.0, float("nan"), float("nan")], [0.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert aggregate(loss, mask, Aggregation.TOKEN_MEAN).item() == pytest.approx(16 / 4)
    assert aggregate(loss, mask, Aggregation.SEQ_MEAN_TOKEN_MEAN).item() == pytest.approx((2 + 10) / 2)
    assert aggregate(loss, mask, Aggregation.SEQ_MEAN_TOKEN_SUM).item() == pytest.approx((6 + 10) / 2)


@pytest.mark.parametrize("how", Aggregation)
def test_micro_batches_come_to_the_whole(how: Aggregation) -> None:
    random = torch.Generator().manual_seed(0)
    loss = torch.randn(7, 5, generator=random, dtype=torch.float64)
    mask = (torch.rand(7, 5, generator=random) < 0.5).long()
    total = denominator(mask, how)
    whole = aggregate(loss, mask, how)
    for size in (1, 2, 3):
        parts = sum(aggregate(a, b, how, total) for a, b in zip(loss.split(size), mask.split(size), strict=True))
        assert parts.item() == pytest.approx(whole.item(), rel=1e-6)


def test_advantages_are_rewards_minus_the_groups_mean() -> None:
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 0.5, 9.0, 9.0], [1.0, 9.0, 9.0, 9.0], [1.0, 1.0, 1.0, 1.0]])
    valid = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]])
    plain = group_advantages(rewards, valid)
    assert plain.tolist() == [[0.5, -0.5, -0.5, 0.5], [0.25, -0.25, 0.0, 0.0], [0.0] * 4, [0.0] * 4]
    by_std = group_advantages(rewards, valid, by_std=True)
    std = math.sqrt(4 * 0.25 / 3)
    assert by_std[0].tolist() == pytest.approx([0.5 / std, -0.5 / std, -0.5 / std, 0.5 / std], rel=1e-4)
    assert by_std[1, :2].tolist() == pytest.approx([1 / math.sqrt(2), -1 / math.sqrt(2)], rel=1e-4)
    assert by_std[2:].abs().sum() == 0


def surrogate(ratio: float, advantage: float, **options) -> tuple[float, float]:
    logprob = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    loss = policy_gradient_loss(logprob, 0 * one, torch.tensor([advantage], dtype=torch.float64), one, **options)
    (gradient,) = torch.autograd.grad(loss, logprob)
    return loss.item(), gradient.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.0, 2.0, -2.0, -2.0),
        (1.25, 1.0, -1.25, -1.25),
        (1.5, 1.0, -1.28, 0.0),
        (0.5, 1.0, -0.5, -0.5),
        (0.5, -1.0, 0.8, 0.0),
        (2.0, -1.0, 2.0, 2.0),
        (5.0, -1.0, 3.0, 0.0),  # the dual clip
    ],
)
def test_the_surrogate_is_clipped_on_the_side_that_pays(
    ratio: float, advantage: float, loss: float, gradient: float
) -> None:
    assert surrogate(ratio, advantage) == pytest.approx((loss, gradient))


def test_without_the_dual_clip_a_bad_token_costs_without_bound() -> None:
    assert surrogate(5.0, -1.0, dual_clip=None) == pytest.approx((5.0, 5.0))


def test_weights_multiply_and_carry_no_gradient() -> None:
    logprobs = torch.zeros(1, 2, requires_grad=True)
    weights = truncated_weights(torch.tensor([[0.0, 0.0]]), torch.tensor([[math.log(2.0), -9.0]]))
    assert weights.tolist() == [pytest.approx([0.5, 2.0])]
    loss = policy_gradient_loss(logprobs, torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2), weights=weights)
    loss.backward()
    assert logprobs.grad.tolist() == [pytest.approx([-0.25, -1.0])]


@pytest.mark.parametrize("options", [{"clip_low": 1.0}, {"clip_high": -0.1}, {"dual_clip": 1.0}])
def test_bounds_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="clip"):
        surrogate(1.0, 1.0, **options)


def test_the_kl_penalty_is_unbiased_and_never_negative() -> None:
    p, q = (torch.tensor(x, dtype=torch.float64) for x in ([0.7, 0.2, 0.1], [0.1, 0.6, 0.3]))
    terms = [kl_penalty(a.log().view(1, 1), b.log().view(1, 1), torch.ones(1, 1)) for a, b in zip(p, q, strict=True)]
    assert all(term >= 0 for term in terms)
    assert sum(a * t for a, t in zip(p, terms, strict=True)).item() == pytest.approx((p * (p / q).log()).sum().item())


def test_hybrid_is_a_convex_mixture() -> None:
    assert hybrid(torch.tensor(1.0), torch.tensor(3.0), 0.9).item() == pytest.approx(1.2)
    with pytest.raises(ValueError, match="lam must lie"):
        hybrid(torch.tensor(1.0), torch.tensor(3.0), 1.5)


def test_srpo_sends_failures_that_can_be_explained_to_sdpo() -> None:
    passed, taught = torch.tensor([1, 1, 0, 0]), torch.tensor([1, 0, 1, 0])
    assert srpo_routes(passed, taught).tolist() == [False, False, True, False]


def test_entropy_weights_average_to_one_and_favour_a_sure_teacher() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0]])
    weights = entropy_weights(torch.tensor([[0.0, 1.0, 5.0]]), mask)
    mean = (1 + math.exp(-1)) / 2
    assert weights.tolist() == [pytest.approx([1 / mean, math.exp(-1) / mean, 0.0])]
    assert entropy_weights(torch.zeros(1, 3), 0 * mask).abs().sum() == 0


def test_pass_rate_weights_are_greatest_in_the_middle() -> None:
    weights = pass_rate_weights(torch.tensor([0.5, 0.0, 1.0, 0.1]))
    raw = [0.5, 0.0, 0.0, 0.3]
    assert weights.tolist() == pytest.approx([r / (sum(raw) / 4) for r in raw])
    assert pass_rate_weights(torch.tensor([0.0, 1.0])).tolist() == [0.0, 0.0]
