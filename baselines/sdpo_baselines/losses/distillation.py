"""The SDPO loss at the level of logits, tokens and sequences ("Reinforcement Learning via Self-Distillation", sec. 2).

Everywhere the student is the policy on its own prompt, the teacher the same network (or its slower copy) on the prompt
with feedback or a demonstration, both at the positions of the same sampled tokens; no gradient reaches the teacher.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdpo_baselines.losses.aggregation import Aggregation, aggregate
from sdpo_baselines.losses.buckets import Support, divergence, log_ratio, make_buckets

_LOG_RATIO_BOUND = 20.0  # of importance weights, before the exponential; as the reference (core_algos.py:1170)


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
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
) -> Tensor:
    """Return the divergence of student and teacher over the next token, aggregated over the batch: a scalar.

    Args:
        student_logits: [B, T, V]; the logits that predict ``tokens``, not yet tempered.
        teacher_logits: [B, T, V]; likewise under the teacher's prompt.
        tokens: [B, T] sampled token ids.
        mask: [B, T], 1 where a token counts (a sample without a teacher's prompt has none).
        alpha: 0 forward KL, 1 reverse KL, between the generalised Jensen-Shannon divergence, see
            :func:`~sdpo_baselines.losses.buckets.divergence`. The paper has 0.5 without and 1 with rich feedback
            (table 12).
        top_k: see :func:`~sdpo_baselines.losses.buckets.make_buckets`; the paper has 100 and 20.
        tail: see there.
        support: see there.
        temperature: of the rollout; both distributions are tempered by it, as in the reference (dp_actor.py:363).
        old_logprobs: [B, T] log-probabilities of ``tokens`` when they were sampled; needed for ``is_clip``.
        is_clip: upper bound of the importance weight of the sampled token, by which its divergence is multiplied (the
            paper has 2); None for no weight.
        normalise: divide by alpha (1 - alpha) where alpha lies between 0 and 1, which makes scale and gradient
            continuous in alpha at both ends (not in the paper).
        advantage_clip: bound c of the advantage log(Q(v) / P(v)) of every token v (or bucket), for alpha 1 only, whose
            gradient alone is made of such advantages: it becomes -sum_v clamp(log(Q(v) / P(v)), -c, c) grad P(v), and
            the value sum_v P(v) clamp(log(P(v) / Q(v)), -c, c). The paper has 5 in test-time training (table 12).
        aggregation: see :class:`~sdpo_baselines.losses.aggregation.Aggregation`.
        total: denominator of the whole batch, if this is a part of it.

    Raises:
        ValueError: if an argument is out of range.
    """
    check_options(alpha, top_k, temperature, is_clip, old_logprobs, advantage_clip)
    student, teacher = flat(student_logits, temperature), flat(teacher_logits.detach(), temperature)
    buckets = make_buckets(student, teacher, tokens.reshape(-1), top_k=top_k, tail=tail, support=support)
    per_token = divergence(buckets.student, buckets.teacher, alpha, advantage_clip).reshape(tokens.shape)
    per_token = per_token / normaliser(alpha, normalise)
    if is_clip is not None and old_logprobs is not None:
        logprobs = chosen_logprobs(student, tokens.reshape(-1)).reshape(tokens.shape)
        per_token = per_token * importance_weights(logprobs, old_logprobs, is_clip)
    return aggregate(per_token, mask, aggregation, total)


def sampled_token_loss(
    logprobs: Tensor,
    teacher_logprobs: Tensor,
    mask: Tensor,
    *,
    advantage_clip: float | None = None,
    aggregation: Aggregation = Aggregation.TOKEN_MEAN,
    total: float | None = None,
) -> Tensor:
    """Return the token-level loss as the reference codes it: sg(log P(y) - log Q(y)) log P(y) (core_algos.py:1163).

    Its value is no divergence; its gradient is an unbiased one-sample estimate of that of the reverse KL. The paper's
    text calls something else token-level, see :func:`top1_token_loss`.

    Args:
        logprobs: [B, T] of the sampled tokens under the student, tempered.
        teacher_logprobs: [B, T] of the same tokens under the teacher.
        mask: [B, T].
        advantage_clip: bound of log Q(y) - log P(y), see :func:`~sdpo_baselines.losses.buckets.log_ratio`.
        aggregation: see :class:`~sdpo_baselines.losses.aggregation.Aggregation`.
        total: denominator of the whole batch, if this is a part of it.
    """
    per_token = log_ratio(logprobs, teacher_logprobs, advantage_clip) * logprobs
    return aggregate(per_token, mask, aggregation, total)


def top1_token_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    mask: Tensor,
    *,
    temperature: float = 1.0,
    advantage_clip: float | None = None,
    aggregation: Aggregation = Aggregation.TOKEN_MEAN,
    total: float | None = None,
) -> Tensor:
    """Return the paper's token-level variant: credit on the student's most likely token only (section 4.2).

    Of the gradient's sum over the vocabulary, E_v[log(P(v) / Q(v)) grad log P(v)], it keeps the term of that token.

    Args:
        student_logits: [B, T, V], not yet tempered.
        teacher_logits: [B, T, V].
        mask: [B, T].
        temperature: of the rollout.
        advantage_clip: bound of log Q - log P, see :func:`~sdpo_baselines.losses.buckets.log_ratio`.
        aggregation: see :class:`~sdpo_baselines.losses.aggregation.Aggregation`.
        total: denominator of the whole batch, if this is a part of it.
    """
    student = flat(student_logits, temperature).log_softmax(-1)
    teacher = flat(teacher_logits.detach(), temperature).log_softmax(-1)
    top = student.detach().argmax(-1, keepdim=True)
    log_p, log_q = student.gather(-1, top).squeeze(-1), teacher.gather(-1, top).squeeze(-1)
    per_token = log_p.detach().exp() * log_ratio(log_p, log_q, advantage_clip) * log_p
    return aggregate(per_token.reshape(mask.shape), mask, aggregation, total)


def sequence_advantages(logprobs: Tensor, teacher_logprobs: Tensor, mask: Tensor) -> Tensor:
    """Return one advantage per rollout, [B]: the mean of log Q(y) - log P(y) over its tokens (paper, section 4.2).

    It is then used as GRPO's, see :func:`~sdpo_baselines.losses.policy_gradient.policy_gradient_loss`.

    Args:
        logprobs: [B, T] of the sampled tokens under the student, tempered; no gradient flows through them here.
        teacher_logprobs: [B, T] of the same tokens under the teacher.
        mask: [B, T]; a rollout without any token has advantage 0.
    """
    gap = torch.where(mask > 0, (teacher_logprobs - logprobs).detach(), 0.0)
    return gap.sum(-1) / mask.sum(-1).clamp(min=1)


def importance_weights(logprobs: Tensor, old_logprobs: Tensor, clip: float) -> Tensor:
    """Return min(P(y) / P_old(y), clip) per token, without gradient: truncated from above only (core_algos.py:1170)."""
    ratio = (logprobs.detach() - old_logprobs).clamp(-_LOG_RATIO_BOUND, _LOG_RATIO_BOUND).exp()
    return ratio.clamp(max=clip)


def chosen_logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return [N] log-probabilities of ``tokens`` [N] under tempered ``logits`` [N, V]."""
    return logits.gather(-1, tokens[:, None]).squeeze(-1) - logits.logsumexp(-1)


def flat(logits: Tensor, temperature: float) -> Tensor:
    """Return tempered logits [N, V] in float32 (or float64) from [B, T, V]; bfloat16 sums would be off by 0.1 nat."""
    logits = logits.reshape(-1, logits.shape[-1])
    return (logits if logits.dtype == torch.float64 else logits.float()) / temperature


def normaliser(alpha: float, normalise: bool) -> float:
    """Return what the divergence is divided by."""
    return alpha * (1 - alpha) if normalise and 0 < alpha < 1 else 1.0


def check_options(
    alpha: float,
    top_k: int | None,
    temperature: float,
    is_clip: float | None,
    old_logprobs: Tensor | None,
    advantage_clip: float | None,
) -> None:
    """Check the options of the distillation losses.

    Raises:
        ValueError: naming the option, with its value.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must lie in [0, 1], got {alpha}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, or None for the whole vocabulary, got {top_k}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if is_clip is not None and (not is_clip > 0 or old_logprobs is None):
        raise ValueError(f"is_clip must be above 0 and needs old_logprobs, got is_clip = {is_clip}")
    if advantage_clip is not None and not (advantage_clip > 0 and alpha == 1):
        raise ValueError(
            f"advantage_clip must be above 0 and needs alpha = 1, got {advantage_clip} and alpha = {alpha}"
        )
