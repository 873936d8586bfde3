"""GRPO: what did better than its siblings becomes likelier, every token of it alike (arXiv 2402.03300).

The baseline of the SDPO paper: advantages without division by the group's deviation (Dr. GRPO, arXiv 2503.20783),
clip-higher (DAPO, arXiv 2503.14476), a bound for negative advantages, and no penalty for leaving the initial policy.
All of it is optional, as are the penalty, the division, and a dense scalar instead of the reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdpo_baselines.learner import Learner, row
from sdpo_baselines.losses import (
    group_advantages,
    kl_penalty,
    policy_gradient_loss,
    token_logprobs,
    truncated_weights,
)
from sdpo_baselines.samples import Sample, batch_figures, make_samples
from sdpo_baselines.settings import Settings, check, pick
from sdpo_baselines.teacher import Teacher, TeacherKind
from sdpo_gym.agent import Rehearsal, TrainablePolicy
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Policy
from sdpo_gym.rollout import Group

Old = dict[tuple[int, int], Tensor]
"""Log-probabilities of what was sampled, by group and attempt, before the batch's first step."""


@dataclass(frozen=True)
class GRPOOptions:
    """Options of GRPO beyond the common ones; see :func:`make`."""

    by_std: bool
    clip_low: float
    clip_high: float
    dual_clip: float
    kl: float
    tis_clip: float
    reward: str

    def __post_init__(self) -> None:
        check("clip_low", self.clip_low, 0 <= self.clip_low < 1, "at least 0 and below 1")
        check("clip_high", self.clip_high, self.clip_high >= 0, "at least 0")
        check("dual_clip", self.dual_clip, self.dual_clip == 0 or self.dual_clip > 1, "above 1, or 0 for no bound")
        check("kl", self.kl, self.kl >= 0, "at least 0")
        check("tis_clip", self.tis_clip, self.tis_clip >= 0, "at least 0")


class GRPO:
    """The agent; see :func:`make` for its options."""

    def __init__(self, learner: Learner, options: GRPOOptions) -> None:
        self.policy = learner.policy
        self.learner, self.options = learner, options
        self.initial = Teacher(learner.policy.model, TeacherKind.FROZEN) if options.kl else None
        self._last: list[dict[str, Any]] = []

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        """Learn from one batch of groups and return its figures.

        Every attempt with a verdict counts in the mean over tokens; those whose advantage is 0 add nothing to the
        gradient and are not computed. A mini-batch in which nothing is to be learned makes no step.
        """
        learner, options = self.learner, self.options
        samples = make_samples(groups, self.policy, None, learner.rng, score=options.reward)
        advantages = advantages_of(samples, by_std=options.by_std)

        mini_batches = learner.mini_batches([s for s in samples if s.reward is not None])
        old = None  # on-policy: the ratio is 1
        if len(mini_batches) > 1:
            # Truncated importance sampling corrects for the sampler, so then the ratio must be this model's own.
            old = learner.old_logprobs(samples, afresh=options.tis_clip > 0)

        for mini_batch in mini_batches:
            denominator = learner.count(mini_batch)
            learning = [s for s in mini_batch if advantages[s.group, s.attempt] or options.kl]
            if not learning:
                continue
            loss = torch.zeros((), device=learner.device)
            for part, often in learner.micro_batches(learning, apart=old is not None or options.tis_clip > 0):
                loss += reinforce(learner, part, often, advantages, old, denominator, options, self.initial)
            learner.mean("loss", loss)
            learner.step()

        learner.mean("advantage_abs", torch.tensor(list(advantages.values())).abs())
        self._last = [
            {
                "task_id": groups[s.group].task.id,
                "attempt": s.attempt,
                "teacher_used": s.teacher_used.value,
                "teacher_prompt": None,
                "reward": s.reward,
                "advantage": advantages.get((s.group, s.attempt)),
            }
            for s in samples
        ]
        return learner.figures() | batch_figures(samples)

    def describe(self) -> dict[str, Any]:
        """Return all options as they were resolved."""
        return {"agent": "grpo", **self.learner.describe(), **asdict(self.options)}

    def examples(self) -> list[dict[str, Any]]:
        """Return reward and advantage of each attempt of the last batch."""
        return self._last

    def teaching(self) -> AbstractContextManager[Policy] | None:
        """Return None: there is no teacher."""
        return None

    def save(self, directory: Path) -> None:
        """Write all that an exact resume needs into an empty directory."""
        initial = {} if self.initial is None else {"initial": self.initial.state_dict()}
        self.learner.save(directory, **initial)

    def load(self, directory: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            UsageError: it is of another model or agent, or cannot be read.
        """
        more = self.learner.load(directory)
        if self.initial is not None:
            if "initial" not in more:
                raise UsageError(f"{directory} has no initial policy in it, which option kl needs")
            self.initial.load_state_dict(more["initial"])


def advantages_of(samples: Sequence[Sample], *, by_std: bool = False) -> dict[tuple[int, int], float]:
    """Return the advantage of each sample with a reward, by group and attempt; see ``losses.group_advantages``."""
    valid = [s for s in samples if s.reward is not None]
    if not valid:
        return {}
    tasks = {group: i for i, group in enumerate(sorted({s.group for s in valid}))}
    width = 1 + max(s.attempt for s in valid)
    rewards, mask = torch.zeros(2, len(tasks), width, dtype=torch.float64)
    for s in valid:
        rewards[tasks[s.group], s.attempt], mask[tasks[s.group], s.attempt] = float(s.reward or 0.0), 1
    advantages = group_advantages(rewards, mask, by_std=by_std)
    return {(s.group, s.attempt): float(advantages[tasks[s.group], s.attempt]) for s in valid}


def reinforce(
    learner: Learner,
    part: Sequence[Sample],
    often: Tensor,
    advantages: dict[tuple[int, int], float],
    old: Old | None,
    denominator: float,
    options: GRPOOptions,
    initial: Teacher | None = None,
    weight: float = 1.0,
) -> Tensor:
    """Add the gradient of the clipped surrogate on one micro-batch, and return its part of the loss.

    Args:
        learner: runs the student.
        part: samples that go through it at once.
        often: [N], how often each of their tokens counts.
        advantages: by group and attempt.
        old: see :data:`Old`; None on-policy.
        denominator: of the mini-batch.
        options: bounds and penalty.
        initial: the policy that the penalty keeps near; None without one.
        weight: of all of it.
    """
    rows, tokens = [row(s) for s in part], learner.tokens(part)
    advantage = learner.per_token([advantages[s.group, s.attempt] for s in part], part)
    shares = (learner.shares(part, denominator) * often)[None]
    reference = None
    if initial is not None:
        with learner.teacher(rows):
            states, head = initial.states(rows)
            reference, _ = token_logprobs(states, head, tokens, temperature=learner.temperature)

    with learner.student(rows) as (states, head):
        logprobs, entropies = token_logprobs(states, head, tokens, temperature=learner.temperature)
        before = logprobs.detach() if old is None else torch.cat([old[s.group, s.attempt] for s in part])
        weights = None
        if options.tis_clip and all(s.logprobs is not None for s in part):
            sampled = torch.tensor([p for s in part for p in s.logprobs or ()], device=learner.device)
            weights = truncated_weights(before, sampled, options.tis_clip)[None]
        loss = policy_gradient_loss(
            logprobs[None],
            before[None],
            advantage[None],
            shares,
            clip_low=options.clip_low,
            clip_high=options.clip_high,
            dual_clip=options.dual_clip or None,
            weights=weights,
            total=1.0,
        )
        if reference is not None:
            loss = loss + options.kl * kl_penalty(logprobs[None], reference[None], shares, total=1.0)
    learner.backward(weight * loss)

    ratio = (logprobs.detach() - before).exp()
    clipped = torch.where(advantage > 0, ratio > 1 + options.clip_high, ratio < 1 - options.clip_low)
    learner.mean("clip_fraction", (clipped & (advantage != 0)).float(), often)
    learner.mean("entropy", entropies, often)
    return weight * loss.detach()


def make(
    policy: TrainablePolicy,
    *,
    seed: int,
    temperature: float,
    group_size: int | None = None,
    rehearsal: Rehearsal | None = None,
    learning_rate: float = 1e-6,
    warmup_steps: int = 10,
    weight_decay: float = 0.01,
    betas: Sequence[float] = (0.9, 0.999),
    grad_clip: float = 1.0,
    mini_batch: int = 0,
    micro_batch_tokens: int = 16_384,
    aggregation: str = "token_mean",
    rehearsal_weight: float = 0.1,
    rehearsal_batch: int = 16,
    by_std: bool = False,
    clip_low: float = 0.2,
    clip_high: float = 0.28,
    dual_clip: float = 3.0,
    kl: float = 0.0,
    tis_clip: float = 0.0,
    reward: str = "reward",
) -> GRPO:
    """Make the agent ``grpo``; where nothing else is said, defaults are those of the SDPO paper's baseline (table 13).

    Args:
        policy: what it trains.
        seed: of the order of tasks in mini-batches, and of rehearsal.
        temperature: of the rollouts.
        group_size: attempts per task, if that is known.
        rehearsal: rows to rehearse.
        learning_rate: see :class:`~sdpo_baselines.settings.Settings`, as all up to ``rehearsal_batch``.
        warmup_steps: see there.
        weight_decay: see there.
        betas: see there.
        grad_clip: see there.
        mini_batch: see there; the paper has 8 of 32 tasks, or all.
        micro_batch_tokens: see there.
        aggregation: see there.
        rehearsal_weight: see there; the paper rehearses nothing.
        rehearsal_batch: see there.
        by_std: whether advantages are divided by their group's standard deviation, as in GRPO's own paper.
        clip_low: see :func:`~sdpo_baselines.losses.policy_gradient_loss`.
        clip_high: see there.
        dual_clip: see there; 0 for no bound.
        kl: weight of the penalty for leaving the initial policy; 0 for none, as in the paper.
        tis_clip: bound of the correction for a sampler with other numbers than this model (the paper has 2, with vLLM);
            0 for no correction, which a policy that samples with the same weights does not need.
        reward: what is maximised: ``reward``, or the name of a score of the verdict.

    Raises:
        UsageError: an option's value is wrong, groups have one attempt only, or the model cannot be trained here.
    """
    given = dict(locals())
    if group_size == 1:
        raise UsageError("GRPO compares the attempts at a task with each other and learns nothing from one: use n >= 2")
    learner = Learner(policy, pick(Settings, given), seed=seed, temperature=temperature, rehearsal=rehearsal)
    return GRPO(learner, pick(GRPOOptions, given))
