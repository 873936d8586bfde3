"""A few tokens and the rest: how two distributions over a vocabulary are compared without holding both whole.

The vocabulary is cut into buckets: one for each token of a *support*, and, with a tail, one for all others together.
Grouping tokens can only lower a divergence (data processing), so a value over buckets is a lower bound of the full one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

_NEVER = -1e30  # log-probability of an empty bucket: finite, because inf - inf is NaN, also in gradients times 0


class Support(StrEnum):
    """Which tokens have a bucket of their own."""

    STUDENT = "student"  # the student's top-K, as the reference has it
    UNION = "union"  # the top-K of student and teacher and the sampled token: the teacher can lift its own candidates


@dataclass(frozen=True)
class Buckets:
    """Log-probabilities of student and teacher over the buckets.

    Attributes:
        student: [N, M] natural logs; -1e30 where a bucket is empty.
        teacher: [N, M], of the same buckets.
        tokens: [N, M or M - 1] token ids of the support (a token may come twice; one of its buckets is then empty),
            or None if the support is the whole vocabulary in order.
        has_tail: whether the last bucket holds all tokens outside the support.
    """

    student: Tensor
    teacher: Tensor
    tokens: Tensor | None
    has_tail: bool


def make_buckets(
    student: Tensor,
    teacher: Tensor,
    sampled: Tensor,
    *,
    top_k: int | None,
    tail: bool,
    support: Support,
) -> Buckets:
    """Cut the vocabulary into buckets.

    The tail's mass is summed from its own logits, not taken as one minus the rest, which in float32 is wrong by a
    nat where the mass is about 1e-5 and is floored at 1e-7 in the reference (core_algos.py:1150).

    Args:
        student: [N, V] tempered logits, float32 or better.
        teacher: [N, V] tempered logits of the same kind.
        sampled: [N] ids of the sampled tokens.
        top_k: tokens taken of each distribution; None for the whole vocabulary.
        tail: whether the others form a bucket; otherwise the support is renormalised.
        support: whose top tokens form the support.
    """
    if top_k is None or top_k >= student.shape[-1]:
        student, teacher = (z.log_softmax(-1).clamp(min=_NEVER) for z in (student, teacher))
        return Buckets(student, teacher, None, has_tail=False)
    tokens = student.detach().topk(top_k, -1).indices
    own = torch.ones_like(tokens, dtype=torch.bool)
    if support is Support.UNION:
        tokens = torch.cat([tokens, teacher.topk(top_k, -1).indices, sampled[:, None]], -1)
        order = tokens.argsort(dim=-1, stable=True)
        in_order = tokens.gather(-1, order)
        first = torch.ones_like(in_order, dtype=torch.bool)
        first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
        own = torch.empty_like(first).scatter_(-1, order, first)
    student_logs, teacher_logs = (_log_probs(z, tokens, own, tail) for z in (student, teacher))
    return Buckets(student_logs, teacher_logs, tokens, has_tail=tail)


def _log_probs(logits: Tensor, tokens: Tensor, own: Tensor, tail: bool) -> Tensor:
    chosen = logits.gather(-1, tokens).masked_fill(~own, _NEVER)
    if not tail:
        return (chosen - chosen.logsumexp(-1, keepdim=True)).clamp(min=_NEVER)
    rest = logits.scatter(-1, tokens, _NEVER).logsumexp(-1, keepdim=True)
    return (torch.cat([chosen, rest], -1) - logits.logsumexp(-1, keepdim=True)).clamp(min=_NEVER)


def divergence(student: Tensor, teacher: Tensor, alpha: float, advantage_clip: float | None = None) -> Tensor:
    """Return the divergence of two distributions, summed over the last axis.

    With P the student and Q the teacher: ``alpha = 0`` is KL(Q || P), forward; ``alpha = 1`` is KL(P || Q), reverse;
    between, with M = (1 - alpha) P + alpha Q, it is (1 - alpha) KL(P || M) + alpha KL(Q || M), the generalised
    Jensen-Shannon divergence as the reference codes it (core_algos.py:1085-1189), which tends to 0 at both ends.

    With a bound c it is sum_b P_b sg(clamp(log(P_b / Q_b), -c, c)), reverse KL only: see :func:`log_ratio`. Where no
    bucket is clipped, it is the reverse KL in value and gradient.

    Args:
        student: [N, M] natural log-probabilities; -1e30 where a bucket is empty for both.
        teacher: [N, M].
        alpha: in [0, 1].
        advantage_clip: see :func:`~sdpo_baselines.losses.distillation.distillation_loss`.
    """
    if advantage_clip is not None:
        return (student.exp() * log_ratio(student, teacher, advantage_clip)).sum(-1)
    if alpha == 0:
        return _kl(teacher, student)
    if alpha == 1:
        return _kl(student, teacher)
    mixture = log_mixture(student, teacher, alpha)
    return (1 - alpha) * _kl(student, mixture) + alpha * _kl(teacher, mixture)


def log_ratio(student: Tensor, teacher: Tensor, bound: float | None) -> Tensor:
    """Return log(P / Q), cut to [-bound, bound] if there is one, without gradient: minus the advantage of SDPO.

    The reverse KL's gradient is sum_b log(P_b / Q_b) grad P_b (SDPO paper, proposition 2.1), so that its negative is
    each bucket's advantage. It is clipped at 5.0 in the paper's test-time training (table 12; not in the reference).

    Args:
        student: log-probabilities of buckets or of tokens.
        teacher: of the same.
        bound: above 0, or None.
    """
    ratio = (student - teacher).detach()
    return ratio if bound is None else ratio.clamp(-bound, bound)


def slope_times_student(student: Tensor, teacher: Tensor, alpha: float, advantage_clip: float | None = None) -> Tensor:
    """Return [N, M], P_b dD/dP_b: each bucket's student probability times how the divergence changes with it.

    Reverse KL: P log(P / Q); forward KL: -Q; between: (1 - alpha) P log(P / M); all up to c P for a constant c per row,
    which has no effect on the gradient with respect to logits. The product, because -Q / P alone may overflow. With a
    bound log(P / Q) is clipped, as in :func:`divergence`.
    """
    if alpha == 0:
        return -teacher.exp()
    if alpha == 1:
        return student.exp() * log_ratio(student, teacher, advantage_clip)
    return (1 - alpha) * student.exp() * (student - log_mixture(student, teacher, alpha))


def log_mixture(student: Tensor, teacher: Tensor, alpha: float) -> Tensor:
    """Return log((1 - alpha) P + alpha Q) from log P and log Q."""
    return torch.logaddexp(student + math.log1p(-alpha), teacher + math.log(alpha))


def _kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1)
