"""What is minimised: pure functions on tensors, each with its source."""

from sdpo_baselines.losses.aggregation import Aggregation, aggregate, denominator, token_weights
from sdpo_baselines.losses.buckets import Support
from sdpo_baselines.losses.chunked import chunked_distillation_loss, weighted_distillation_sum
from sdpo_baselines.losses.distillation import (
    distillation_loss,
    importance_weights,
    sampled_token_loss,
    sequence_advantages,
    top1_token_loss,
)
from sdpo_baselines.losses.logprobs import token_logprobs
from sdpo_baselines.losses.policy_gradient import (
    group_advantages,
    kl_penalty,
    policy_gradient_loss,
    truncated_weights,
)
from sdpo_baselines.losses.weights import entropy_weights, hybrid, pass_rate_weights, srpo_routes

__all__ = [
    "Aggregation",
    "Support",
    "aggregate",
    "chunked_distillation_loss",
    "denominator",
    "distillation_loss",
    "entropy_weights",
    "group_advantages",
    "hybrid",
    "importance_weights",
    "kl_penalty",
    "pass_rate_weights",
    "policy_gradient_loss",
    "sampled_token_loss",
    "sequence_advantages",
    "srpo_routes",
    "token_logprobs",
    "token_weights",
    "top1_token_loss",
    "truncated_weights",
    "weighted_distillation_sum",
]
