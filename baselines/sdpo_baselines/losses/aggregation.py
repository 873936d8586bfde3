"""From one loss per token to one number, the same however the batch is cut into micro-batches."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor


class Aggregation(StrEnum):
    """How losses per token become one number."""

    TOKEN_MEAN = "token_mean"  # over all tokens of the batch, as equation 12 of the SDPO paper has it
    SEQ_MEAN_TOKEN_MEAN = "seq_mean_token_mean"  # what the reference comes to with micro-batches of one
    SEQ_MEAN_TOKEN_SUM = "seq_mean_token_sum"


def denominator(mask_BT: Tensor, how: Aggregation) -> float:
    """Return what a whole batch's sum is divided by: its tokens, or its sequences that have any token.

    The reference divides per micro-batch, so that its result depends on how the batch is cut (verl dp_actor.py); take
    this of the whole batch once and hand it to every micro-batch's :func:`token_weights`.

    Args:
        mask_BT: [B, T], 1 where a token counts.
        how: the aggregation.
    """
    count = mask_BT.sum() if how is Aggregation.TOKEN_MEAN else (mask_BT.sum(-1) > 0).sum()
    return max(1.0, float(count))


def token_weights(mask_BT: Tensor, how: Aggregation, total: float | None = None) -> Tensor:
    """Return [B, T] weights (float64) such that their product with the losses per token, summed, is the aggregate.

    Args:
        mask_BT: [B, T], 1 where a token counts.
        how: the aggregation.
        total: :func:`denominator` of the whole batch; None if this is the whole batch.
    """
    mask = mask_BT.to(torch.float64)
    if how is Aggregation.SEQ_MEAN_TOKEN_MEAN:
        mask = mask / mask.sum(-1, keepdim=True).clamp(min=1)
    return mask / (denominator(mask_BT, how) if total is None else total)


def aggregate(loss_BT: Tensor, mask_BT: Tensor, how: Aggregation, total: float | None = None) -> Tensor:
    """Return the aggregate of losses per token, a scalar; what the mask leaves out has no influence, NaN included.

    Args:
        loss_BT: [B, T].
        mask_BT: [B, T], 1 where a token counts.
        how: the aggregation.
        total: :func:`denominator` of the whole batch; None if this is the whole batch.
    """
    weights = token_weights(mask_BT, how, total)
    return (torch.where(weights > 0, loss_BT, torch.zeros_like(loss_BT)) * weights.to(loss_BT.dtype)).sum()
