"""GRPO and its relatives: advantages of a group, the clipped surrogate, a penalty for leaving the reference."""

from __future__ import annotations

import torch
from torch import Tensor

from sdpo_baselines.losses.aggregation import Aggregation, aggregate

_LOG_RATIO_BOUND = 20.0  # as the reference (core_algos.py:1269)


def group_advantages(rewards: Tensor, valid: Tensor, *, by_std: bool = False, eps: float = 1e-6) -> Tensor:
    """Return [G, n] advantages: reward minus the group's mean.

    Without the division it is Dr. GRPO's (arXiv 2503.20783), which the SDPO paper's baseline uses; with it, by the
    sample's standard deviation, GRPO's (arXiv 2402.03300, equation 3). A group with fewer than two valid attempts
    teaches nothing: its advantages are 0.

    Args:
        rewards: [G, n], n attempts at each of G tasks.
        valid: [G, n], 1 where an attempt has a verdict; the others enter no mean and have advantage 0.
        by_std: whether to divide by the group's standard deviation.
        eps: added to it.
    """
    valid = valid.to(rewards.dtype)
    count = valid.sum(-1, keepdim=True)
    mean = (rewards * valid).sum(-1, keepdim=True) / count.clamp(min=1)
    advantages = (rewards - mean) * valid
    if by_std:
        variance = (advantages**2).sum(-1, keepdim=True) / (count - 1).clamp(min=1)
        advantages = advantages / (variance.sqrt() + eps)
    return torch.where(count >= 2, advantages, torch.zeros_like(advantages))


def policy_gradient_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
    dual_clip: float | None = 3.0,
    weights: Tensor | None = None,
    aggregation: Aggregation = Aggregation.TOKEN_MEAN,
    total: float | None = None,
) -> Tensor:
    """Return PPO's clipped surrogate on tokens: a scalar to minimise.

    Args:
        logprobs: [B, T] of the sampled tokens under the policy, tempered.
        old_logprobs: [B, T] when they were sampled; equal values (on-policy) give plain policy gradient.
        advantages: [B] one per rollout, or [B, T].
        mask: [B, T], 1 where a token counts.
        clip_low: the ratio is cut at 1 - clip_low (PPO, arXiv 1707.06347).
        clip_high: and at 1 + clip_high, which is larger in DAPO's clip-higher (arXiv 2503.14476); the SDPO paper's
            baseline has 0.2 and 0.28 (table 13).
        dual_clip: for negative advantages the loss is at most this times their size (arXiv 1912.09729; 3 in verl and so
            in the reference, which the paper does not mention); None for no bound.
        weights: [B, T] factors without gradient, such as :func:`truncated_weights`; None for 1.
        aggregation: see :class:`~sdpo_baselines.losses.aggregation.Aggregation`.
        total: denominator of the whole batch, if this is a part of it.

    Raises:
        ValueError: if a bound is out of range.
    """
    if not 0 <= clip_low < 1 or clip_high < 0:
        raise ValueError(f"need 0 <= clip_low < 1 and clip_high >= 0, got {clip_low} and {clip_high}")
    if dual_clip is not None and dual_clip <= 1:
        raise ValueError(f"dual_clip must be above 1, or None, got {dual_clip}")
    if advantages.dim() == 1:
        advantages = advantages[:, None]
    ratio = (logprobs - old_logprobs).clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND).exp()
    loss = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip_low, 1 + clip_high))
    if dual_clip is not None:
        loss = torch.where(advantages < 0, torch.minimum(loss, -advantages * dual_clip), loss)
    if weights is not None:
        loss = loss * weights
    return aggregate(loss, mask, aggregation, total)


def truncated_weights(old_logprobs: Tensor, rollout_logprobs: Tensor, clip: float = 2.0) -> Tensor:
    """Return [B, T] min(pi_old / pi_rollout, clip): corrects for an engine that samples with slightly other numbers.

    Truncated importance sampling between trainer and rollout engine; 2 in the reference (rollout_corr_helper).
    """
    return (old_logprobs - rollout_logprobs).clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND).exp().clamp(max=clip).detach()


def kl_penalty(
    logprobs: Tensor,
    reference_logprobs: Tensor,
    mask: Tensor,
    *,
    aggregation: Aggregation = Aggregation.TOKEN_MEAN,
    total: float | None = None,
) -> Tensor:
    """Return the estimate r - 1 - log r of KL(policy || reference), r = reference / policy, on the sampled tokens.

    It is never negative and unbiased where tokens are the policy's own (Schulman's k3; GRPO, equation 4).

    Args:
        logprobs: [B, T] of the sampled tokens under the policy.
        reference_logprobs: [B, T] under the reference; no gradient flows there.
        mask: [B, T].
        aggregation: see :class:`~sdpo_baselines.losses.aggregation.Aggregation`.
        total: denominator of the whole batch, if this is a part of it.
    """
    difference = (reference_logprobs.detach() - logprobs).clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND)
    return aggregate(difference.exp() - 1 - difference, mask, aggregation, total)
