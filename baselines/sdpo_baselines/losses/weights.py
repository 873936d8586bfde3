"""Which rollouts learn by which loss, and how much: hybrid, SRPO's routing, SC-SDPO's weights."""

from __future__ import annotations

import torch
from torch import Tensor


def hybrid(policy_loss: Tensor, distillation: Tensor, lam: float) -> Tensor:
    """Return lam * policy gradient + (1 - lam) * SDPO (SDPO paper, equation 3, where lam is 0.9).

    Raises:
        ValueError: unless 0 <= lam <= 1.
    """
    if not 0 <= lam <= 1:
        raise ValueError(f"lam must lie in [0, 1], got {lam}")
    return lam * policy_loss + (1 - lam) * distillation


def srpo_routes(passed: Tensor, has_teacher: Tensor) -> Tensor:
    """Return [B], True where a rollout learns by SDPO: it failed and its teacher knows something; others by GRPO.

    SRPO, arXiv 2604.02288.

    Args:
        passed: [B] whether the rollout solved its task.
        has_teacher: [B] whether it has feedback or a demonstration.
    """
    return ~passed.bool() & has_teacher.bool()


def entropy_weights(teacher_entropy: Tensor, mask: Tensor, beta: float = 1.0) -> Tensor:
    """Return [B, T] weights exp(-beta H) / mean(exp(-beta H)): where the teacher is sure, its word counts more.

    SRPO, arXiv 2604.02288, with beta 1. Tokens outside the mask have weight 0; the mean over the mask's is 1.

    Args:
        teacher_entropy: [B, T] entropy of the teacher's next-token distribution, in nats.
        mask: [B, T], 1 for the tokens that learn by SDPO.
        beta: how much.
    """
    raw = torch.exp(-beta * teacher_entropy) * mask
    return raw * (mask.sum() / raw.sum().clamp(min=torch.finfo(raw.dtype).tiny))


def pass_rate_weights(pass_rates: Tensor) -> Tensor:
    """Return [G] weights sqrt(p (1 - p)) per task, scaled to mean 1: tasks that are neither easy nor hopeless.

    SC-SDPO, arXiv 2605.27765. If every task has p of 0 or 1, all weights are 0.

    Args:
        pass_rates: [G] share of each group's valid attempts that passed.
    """
    raw = (pass_rates * (1 - pass_rates)).clamp(min=0).sqrt()
    return raw / raw.mean().clamp(min=torch.finfo(raw.dtype).tiny)
