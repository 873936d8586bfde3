"""The distillation loss from hidden states and output embeddings, without either model's logits in memory.

Positions are taken a chunk at a time: their logits are made, compared, and dropped, and the gradient is written down in
closed form at once. With P the student over buckets b, D the divergence, g_b = dD/dP_b and pi the student over the
vocabulary, dD/dz_v = pi_v (g_b(v) - sum_b P_b g_b) / temperature for every token v; all tokens of the tail share its g.
A clip of the advantage is one of g.
Peak memory is a few [chunk, V] arrays and the gradients, where the plain loss holds several [N, V] ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sdpo_baselines.losses.aggregation import Aggregation, token_weights
from sdpo_baselines.losses.buckets import Buckets, Support, divergence, make_buckets, slope_times_student
from sdpo_baselines.losses.distillation import check_options, chosen_logprobs, importance_weights, normaliser

_CHUNK_BYTES = 64 << 20  # of one [chunk, V] array of float32; four of them are there at a time
_CPU_CHUNK_BYTES = 40 << 20  # hardly slower there; up to 32 MiB glibc keeps what is freed, and memory frays


@dataclass(frozen=True)
class _Options:
    alpha: float
    top_k: int | None
    tail: bool
    support: Support
    temperature: float
    is_clip: float | None
    advantage_clip: float | None
    divisor: float
    chunk: int


def chunked_distillation_loss(
    student_hidden: Tensor,
    student_head: Tensor,
    teacher_hidden: Tensor,
    teacher_head: Tensor,
    tokens: Tensor,
    mask: Tensor,
    *,
    alpha: float = 0.5,
    top_k: int | None = 100,
    tail: bool = True,
    support: Support = Support.STUDENT,
    temperature: float = 1.0,
    old_logprobs: Tensor | None = None,
    is_clip: float | None = None,
    normalise: bool = False,
    advantage_clip: float | None = None,
    aggregation: Aggregation = Aggregation.TOKEN_MEAN,
    total: float | None = None,
    chunk: int | None = None,
) -> Tensor:
    """Return the same scalar as :func:`~sdpo_baselines.losses.distillation.distillation_loss`, with the same gradient.

    Positions that the mask leaves out cost nothing. Biases and soft caps on logits are not covered: models that have
    them need the plain loss.

    Args:
        student_hidden: [B, T, H] last hidden states, those whose logits predict ``tokens``.
        student_head: [V, H] output embeddings (``lm_head.weight``).
        teacher_hidden: [B, T, H'] likewise under the teacher's prompt.
        teacher_head: [V, H'].
        tokens: [B, T] sampled token ids.
        mask: [B, T], 1 where a token counts.
        alpha: see the plain loss, as all others but the last.
        top_k: see there.
        tail: see there.
        support: see there.
        temperature: see there.
        old_logprobs: see there.
        is_clip: see there.
        normalise: see there.
        advantage_clip: see there.
        aggregation: see there.
        total: see there.
        chunk: positions at a time; None for :func:`chunk_size`.

    Raises:
        ValueError: if an argument is out of range.
    """
    return weighted_distillation_sum(
        student_hidden.reshape(-1, student_hidden.shape[-1]),
        student_head,
        teacher_hidden.reshape(-1, teacher_hidden.shape[-1]),
        teacher_head,
        tokens.reshape(-1),
        token_weights(mask, aggregation, total).reshape(-1),
        alpha=alpha,
        top_k=top_k,
        tail=tail,
        support=support,
        temperature=temperature,
        old_logprobs=None if old_logprobs is None else old_logprobs.reshape(-1),
        is_clip=is_clip,
        normalise=normalise,
        advantage_clip=advantage_clip,
        chunk=chunk,
    )


def weighted_distillation_sum(
    student_hidden: Tensor,
    student_head: Tensor,
    teacher_hidden: Tensor,
    teacher_head: Tensor,
    tokens: Tensor,
    weights: Tensor,
    *,
    alpha: float = 0.5,
    top_k: int | None = 100,
    tail: bool = True,
    support: Support = Support.STUDENT,
    temperature: float = 1.0,
    old_logprobs: Tensor | None = None,
    is_clip: float | None = None,
    normalise: bool = False,
    advantage_clip: float | None = None,
    chunk: int | None = None,
) -> Tensor:
    """Return the sum of divergences times weights over N positions that lie one after another, without padding.

    Args:
        student_hidden: [N, H].
        student_head: [V, H].
        teacher_hidden: [N, H']; for a trust-region teacher, the hidden states of both networks side by side.
        teacher_head: [V, H'].
        tokens: [N].
        weights: [N], see :func:`~sdpo_baselines.losses.aggregation.token_weights`; positions of weight 0 cost nothing.
        alpha: see :func:`~sdpo_baselines.losses.distillation.distillation_loss`, as all others but the last.
        top_k: see there.
        tail: see there.
        support: see there.
        temperature: see there.
        old_logprobs: [N], see there.
        is_clip: see there.
        normalise: see there.
        advantage_clip: see there.
        chunk: see :func:`chunked_distillation_loss`.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_options(alpha, top_k, temperature, is_clip, old_logprobs, advantage_clip)
    kept = weights.nonzero().squeeze(-1)
    size = chunk_size(student_head) if chunk is None else chunk
    divisor = normaliser(alpha, normalise)
    options = _Options(alpha, top_k, tail, support, temperature, is_clip, advantage_clip, divisor, size)
    return _ChunkedDistillation.apply(
        student_hidden[kept],
        student_head,
        teacher_hidden.detach()[kept],
        teacher_head.detach(),
        tokens[kept],
        weights[kept],
        None if old_logprobs is None else old_logprobs[kept],
        options,
    )


def chunk_size(head: Tensor) -> int:
    """Return how many positions make one [chunk, V] array of 64 MiB in float32, on a CPU of 40 MiB."""
    size = _CPU_CHUNK_BYTES if head.device.type == "cpu" else _CHUNK_BYTES
    return max(1, size // (4 * int(head.shape[0])))


class _ChunkedDistillation(torch.autograd.Function):  # type: ignore[misc]
    """Computes loss and gradients in one pass; backward only scales them."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        teacher_hidden: Tensor,
        teacher_head: Tensor,
        tokens: Tensor,
        weights: Tensor,
        old_logprobs: Tensor | None,
        options: _Options,
    ) -> Tensor:
        wants_hidden, wants_head = ctx.needs_input_grad[:2]
        grad_hidden = torch.zeros_like(hidden) if wants_hidden else None
        # summed in float32 at least: bfloat16 would lose small chunks' contributions
        grad_head = torch.zeros_like(head, dtype=torch.promote_types(head.dtype, torch.float32)) if wants_head else None
        loss = weights.new_zeros((), dtype=torch.float64)
        for start in range(0, len(tokens), options.chunk):
            part = slice(start, start + options.chunk)
            logits = make_logits(hidden[part], head, options.temperature)
            teacher_logits = make_logits(teacher_hidden[part], teacher_head, options.temperature)
            buckets = make_buckets(
                logits,
                teacher_logits,
                tokens[part],
                top_k=options.top_k,
                tail=options.tail,
                support=options.support,
            )
            del teacher_logits
            scale = weights[part] / options.divisor
            if options.is_clip is not None and old_logprobs is not None:
                logprobs = chosen_logprobs(logits, tokens[part])
                scale = scale * importance_weights(logprobs, old_logprobs[part], options.is_clip)
            per_token = divergence(buckets.student, buckets.teacher, options.alpha, options.advantage_clip)
            loss += (per_token * scale).sum(dtype=torch.float64)
            if grad_hidden is None and grad_head is None:
                continue
            gradient = _gradient(logits, buckets, options.alpha, options.advantage_clip)
            gradient *= (scale / options.temperature).to(gradient.dtype)[:, None]
            if grad_hidden is not None:
                grad_hidden[part] = gradient.to(head.dtype) @ head
            if grad_head is not None:
                grad_head.addmm_(gradient.t(), hidden[part].to(gradient.dtype))  # no second [V, H]
            del logits, gradient  # or they outlive their successors' making
        ctx.gradients, ctx.head_dtype = (grad_hidden, grad_head), head.dtype
        return loss.to(torch.promote_types(hidden.dtype, torch.float32))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        if ctx.gradients is None:
            raise RuntimeError("the chunked loss goes backward only once: it gives its gradients away")
        # In place and kept nowhere else, or the largest array of all, [V, H], would be there twice.
        (hidden, head), ctx.gradients = ctx.gradients, None
        hidden = None if hidden is None else hidden.mul_(grad)
        head = None if head is None else head.mul_(grad).to(ctx.head_dtype)
        return hidden, head, None, None, None, None, None, None


def make_logits(hidden: Tensor, head: Tensor, temperature: float) -> Tensor:
    """Return tempered logits [N, V], in float32 or float64, from hidden states [N, H]."""
    logits = hidden @ head.t()
    return (logits if logits.dtype == torch.float64 else logits.float()).div_(temperature)


def _gradient(logits: Tensor, buckets: Buckets, alpha: float, advantage_clip: float | None) -> Tensor:
    """Return [N, V], the gradient of the divergence with respect to tempered logits; overwrites ``logits``."""
    probabilities = buckets.student.exp()
    products = slope_times_student(buckets.student, buckets.teacher, alpha, advantage_clip)
    mean = products.sum(-1, keepdim=True)
    of_buckets = products - probabilities * mean
    if buckets.tokens is None:
        return of_buckets
    if not buckets.has_tail:
        return logits.zero_().scatter_add_(-1, buckets.tokens, of_buckets)
    # Within the tail the gradient is shared out by the student's own probabilities there.
    logits.scatter_(-1, buckets.tokens, float("-inf"))
    gradient = torch.softmax(logits, -1).nan_to_num_(0.0).mul_(of_buckets[:, -1:])  # NaN where nothing is left
    # a token that is in the support twice has its value in one of the two places and 0 in the other
    return gradient.scatter_add_(-1, buckets.tokens, of_buckets[:, :-1])
