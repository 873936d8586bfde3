"""Log-probabilities of given tokens from hidden states, without all logits in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdpo_baselines.losses.chunked import chunk_size, make_logits


def token_logprobs(
    hidden: Tensor, head: Tensor, tokens: Tensor, *, temperature: float = 1.0, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return [N] log-probabilities of ``tokens`` and [N] entropies (nats, without gradient) of their distributions.

    The backward pass makes the logits again, a chunk at a time, with the gradient (one_hot(token) - pi) / temperature.

    Args:
        hidden: [N, H] last hidden states.
        head: [V, H] output embeddings.
        tokens: [N] token ids.
        temperature: of the distribution.
        chunk: positions at a time; None for :func:`~sdpo_baselines.losses.chunked.chunk_size`.
    """
    size = chunk_size(head) if chunk is None else chunk
    logprobs, entropies = _TokenLogprobs.apply(hidden, head, tokens, temperature, size)
    return logprobs, entropies


class _TokenLogprobs(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, head: Tensor, tokens: Tensor, temperature: float, chunk: int
    ) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(hidden.dtype, torch.float32)
        logprobs, entropies = (hidden.new_empty(len(tokens), dtype=dtype) for _ in range(2))
        for start in range(0, len(tokens), chunk):
            part = slice(start, start + chunk)
            logs = make_logits(hidden[part], head, temperature).log_softmax(-1)
            logprobs[part] = logs.gather(-1, tokens[part, None]).squeeze(-1)
            entropies[part] = -(logs.exp() * logs).sum(-1)
        ctx.save_for_backward(hidden, head, tokens)
        ctx.temperature, ctx.chunk = temperature, chunk
        ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, head, tokens = ctx.saved_tensors
        grad = grads[0]
        wants_hidden, wants_head = ctx.needs_input_grad[:2]
        grad_hidden = torch.zeros_like(hidden) if wants_hidden else None
        grad_head = torch.zeros_like(head, dtype=torch.promote_types(head.dtype, torch.float32)) if wants_head else None
        for start in range(0, len(tokens), ctx.chunk):
            part = slice(start, start + ctx.chunk)
            scale = grad[part, None] / ctx.temperature
            gradient = make_logits(hidden[part], head, ctx.temperature).softmax(-1).mul_(-scale)
            gradient.scatter_add_(-1, tokens[part, None], scale)
            if grad_hidden is not None:
                grad_hidden[part] = gradient.to(head.dtype) @ head
            if grad_head is not None:
                grad_head.addmm_(gradient.t(), hidden[part].to(gradient.dtype))  # no second [V, H]
        return grad_hidden, None if grad_head is None else grad_head.to(head.dtype), None, None, None
