"""SDPO: the policy learns from itself, told why it failed ("Reinforcement Learning via Self-Distillation", 2601.20802).

The teacher is the same network (or its slower copy) on a prompt that says more: a sibling's solution, or the judge's
feedback. It writes nothing; it scores what the student wrote, token by token, and the student moves towards it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sdpo_baselines.grpo import GRPOOptions, Old, advantages_of, reinforce
from sdpo_baselines.learner import Learner, row
from sdpo_baselines.losses import (
    Support,
    importance_weights,
    pass_rate_weights,
    policy_gradient_loss,
    sampled_token_loss,
    sequence_advantages,
    srpo_routes,
    token_logprobs,
    weighted_distillation_sum,
)
from sdpo_baselines.losses.chunked import chunk_size
from sdpo_baselines.reprompt import Demonstration, FeedbackUse, RepromptOptions, Templates, Used, reprompt
from sdpo_baselines.samples import REWARD, Sample, batch_figures, make_samples, rendered_length
from sdpo_baselines.settings import Settings, check, pick
from sdpo_baselines.teacher import Every, Teacher, TeacherKind
from sdpo_gym.agent import Rehearsal, TrainablePolicy
from sdpo_gym.errors import UsageError
from sdpo_gym.options import choice
from sdpo_gym.policies.base import Policy
from sdpo_gym.rollout import Group
from sdpo_gym.task import Message

# Where a policy gradient is mixed in (lam, srpo) or given one advantage per rollout (sequence): the baseline's.
_GRPO = GRPOOptions(by_std=False, clip_low=0.2, clip_high=0.28, dual_clip=3.0, kl=0.0, tis_clip=0.0, reward=REWARD)


class Level(StrEnum):
    """How finely the teacher's opinion is used (paper, sections 2 and 4.2)."""

    LOGIT = "logit"  # the whole next-token distribution
    TOKEN = "token"  # the sampled token, as the reference codes "token level"
    TOP1 = "top1"  # the student's most likely token, as the paper describes it
    SEQUENCE = "sequence"  # one advantage per rollout


@dataclass(frozen=True)
class SDPOOptions:
    """Options of SDPO beyond the common ones and those of teacher and prompts; see :func:`make`."""

    level: str
    alpha: float
    top_k: int
    tail: bool
    support: str
    normalise: bool
    is_clip: float
    advantage_clip: float | None
    lam: float
    srpo: bool
    sc_weights: bool

    def __post_init__(self) -> None:
        choice(Level, "level", self.level)
        choice(Support, "support", self.support)
        check("alpha", self.alpha, 0 <= self.alpha <= 1, "in [0, 1]")
        check("top_k", self.top_k, self.top_k >= 0, "at least 1, or 0 for the whole vocabulary")
        check("is_clip", self.is_clip, self.is_clip >= 0, "at least 0")
        clip = self.advantage_clip
        check("advantage_clip", clip, clip is None or clip > 0, "above 0")
        if clip is not None and self.level == Level.LOGIT and self.alpha != 1:
            raise UsageError(
                f"advantage_clip bounds log(Q / P), of which only the reverse KL's gradient is made: set alpha to 1 "
                f"(now {self.alpha}), level to token, top1 or sequence, or leave advantage_clip out"
            )
        check("lam", self.lam, 0 <= self.lam <= 1, "in [0, 1]")
        if self.lam and self.srpo:
            raise UsageError("lam and srpo are two ways to mix a policy gradient in; set one of them")


class SDPO:
    """The agent; see :func:`make` for its options."""

    def __init__(self, learner: Learner, options: SDPOOptions, teacher: Teacher, asking: RepromptOptions) -> None:
        self.policy = learner.policy
        self.learner, self.options, self.teacher, self.asking = learner, options, teacher, asking
        self._groups: Sequence[Group] = ()
        self._samples: list[Sample] = []
        self._gaps: dict[Any, float] = {}  # mean of log Q - log P of each attempt

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        """Learn from one batch of groups and return its figures.

        Attempts without anything to tell the teacher are not computed, and their tokens do not count in the mean
        (equation 12 of the paper divides by the tokens that learn). A mini-batch without any makes no step.
        """
        learner, options = self.learner, self.options
        samples = make_samples(groups, self.policy, self.asking, learner.rng)
        self._groups, self._samples, self._gaps = groups, samples, {}
        rewards = advantages_of(samples) if options.lam or options.srpo else {}
        weights = _weights_by_pass_rate(samples) if options.sc_weights else {}

        mini_batches = learner.mini_batches(samples)
        old = learner.old_logprobs(samples, afresh=False) if len(mini_batches) > 1 else None  # on-policy: factor 1
        for mini_batch in mini_batches:
            distilled = [s for s in mini_batch if s.teacher_prompt is not None]
            reinforced = [s for s in mini_batch if (s.group, s.attempt) in rewards]
            if options.srpo:
                distilled, reinforced = _routed(distilled, reinforced)
                denominators = (learner.count([*distilled, *reinforced]),) * 2
            else:
                denominators = learner.count(distilled), learner.count(reinforced)
            reinforced = [s for s in reinforced if rewards[s.group, s.attempt]]
            if not distilled and not reinforced:
                continue
            loss = self._distil(distilled, denominators[0], old, weights)
            for part, often in learner.micro_batches(reinforced, apart=old is not None):
                mixed = options.lam or 1.0
                loss += reinforce(learner, part, often, rewards, old, denominators[1], _GRPO, weight=mixed)
            learner.mean("loss", loss)
            if learner.step():
                self.teacher.after_step()
        self.teacher.after_batch()

        if sizes := list(rewards.values()) or [g for s in samples if (g := self._gaps.get(_key(s))) is not None]:
            learner.mean("advantage_abs", torch.tensor(sizes).abs())
        return learner.figures() | batch_figures(samples)

    def _distil(self, samples: list[Sample], denominator: float, old: Old | None, weights: dict[int, float]) -> Tensor:
        """Add the gradient of one mini-batch's distillation, and return its loss."""
        learner = self.learner
        loss = torch.zeros((), device=learner.device)
        trust, tokens = 0.0, 0.0
        for part, often in learner.micro_batches(samples, apart=old is not None):
            one, certainty = self._distil_part(part, often, denominator, old, weights)
            loss, trust, tokens = loss + one, trust + certainty, tokens + float(often.sum())
        if self.options.srpo and samples:  # divide by the mean of the weights, known only now
            learner.scale_gradients(tokens / trust)
            loss *= tokens / trust
        return loss

    def _distil_part(
        self, part: list[Sample], often: Tensor, denominator: float, old: Old | None, weights: dict[int, float]
    ) -> tuple[Tensor, float]:
        """Add the gradient of one micro-batch; return its part of the loss, and the sum of SRPO's entropy weights."""
        learner, options = self.learner, self.options
        temperature, tokens = learner.temperature, learner.tokens(part)

        rows = [(s.teacher_prompt or (), s.tokens) for s in part]
        with learner.teacher(rows, networks=2 if self.teacher.kind is TeacherKind.TRUST_REGION else 1):
            states_q, head_q = self.teacher.states(rows, budget=learner.settings.micro_batch_tokens)
            log_q, entropy_q = token_logprobs(states_q, head_q, tokens, temperature=temperature)

        shares = learner.shares(part, denominator) * often * (1 - options.lam)
        if weights:
            shares = shares * learner.per_token([weights[s.group] for s in part], part)
        certainty = 0.0
        if options.srpo:  # where the teacher is sure, its word counts more (arXiv 2604.02288)
            sure = torch.exp(-entropy_q)
            shares, certainty = shares * sure, float((sure * often).sum())

        with learner.student([row(s) for s in part]) as (states_p, head_p):
            log_p, entropy_p = token_logprobs(states_p, head_p, tokens, temperature=temperature)
            old_p = None if old is None else torch.cat([old[s.group, s.attempt] for s in part])
            gaps = _mean_gaps(log_p, log_q, part)
            is_clip = options.is_clip or None if old_p is not None else None
            if is_clip and old_p is not None and options.level in (Level.TOKEN, Level.TOP1):
                shares = shares * importance_weights(log_p, old_p, is_clip)

            if options.level == Level.LOGIT:
                loss = weighted_distillation_sum(
                    states_p,
                    head_p,
                    states_q,
                    head_q,
                    tokens,
                    shares,
                    alpha=options.alpha,
                    top_k=options.top_k or None,
                    tail=options.tail,
                    support=Support(options.support),
                    temperature=temperature,
                    old_logprobs=old_p,
                    is_clip=is_clip,
                    normalise=options.normalise,
                    advantage_clip=options.advantage_clip,
                )
            elif options.level == Level.TOKEN:
                clip = options.advantage_clip
                loss = sampled_token_loss(log_p[None], log_q[None], shares[None], advantage_clip=clip, total=1.0)
            elif options.level == Level.TOP1:
                top = _most_likely(states_p, head_p)
                top_p, _ = token_logprobs(states_p, head_p, top, temperature=temperature)
                top_q, _ = token_logprobs(states_q, head_q, top, temperature=temperature)
                shares = shares * top_p.detach().exp()
                clip = options.advantage_clip
                loss = sampled_token_loss(top_p[None], top_q[None], shares[None], advantage_clip=clip, total=1.0)
            else:
                before = log_p.detach() if old_p is None else old_p
                bound = options.advantage_clip
                advantages = gaps if bound is None else gaps.clamp(-bound, bound)
                per_token = learner.per_token(advantages.tolist(), part)
                loss = policy_gradient_loss(log_p[None], before[None], per_token[None], shares[None], total=1.0)
        learner.backward(loss)

        learner.mean("teacher_gap", log_q - log_p, often)
        learner.mean("entropy", entropy_p, often)
        self._gaps |= {_key(s): gap for s, gap in zip(part, gaps.tolist(), strict=True)}
        return loss.detach(), certainty

    def describe(self) -> dict[str, Any]:
        """Return all options as they were resolved."""
        teacher = {"teacher": self.teacher.kind.value, "teacher_rate": self.teacher.rate}
        teacher["teacher_every"] = self.teacher.every.value
        return {"agent": "sdpo", **self.learner.describe(), **asdict(self.options), **teacher, **asdict(self.asking)}

    def examples(self) -> list[dict[str, Any]]:
        """Return what the teacher was asked about each attempt of the last batch, and its mean advantage, unclipped."""
        return [
            {
                "task_id": self._groups[s.group].task.id,
                "attempt": s.attempt,
                "teacher_used": s.teacher_used.value,
                "teacher_prompt": s.teacher_prompt and self.policy.tokenizer.decode(list(s.teacher_prompt)),
                "reward": s.reward,
                "advantage": self._gaps.get(_key(s)),
            }
            for s in self._samples
        ]

    def teaching(self) -> AbstractContextManager[Policy] | None:
        """Return the policy with the teacher's weights in it for a while; None for a trust region."""
        weights = self.teacher.put_in()
        return None if weights is None else _with(weights, self.policy)

    def teacher_messages(self, groups: Sequence[Group]) -> list[tuple[Message, ...] | None]:
        """Return the teacher's chat for every attempt, group by group; None where it would see nothing new."""
        rng = random.Random(0)  # not the agent's: looking must not change what is trained
        asked = [r for g in groups for r in reprompt(g, self.asking, rng, lambda m: rendered_length(self.policy, m))]
        return [None if r.used is Used.NOTHING else r.messages for r in asked]

    def save(self, directory: Path) -> None:
        """Write all that an exact resume needs into an empty directory."""
        self.learner.save(directory, teacher=self.teacher.state_dict())

    def load(self, directory: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises:
            UsageError: it is of another model, agent or teacher, or cannot be read.
        """
        more = self.learner.load(directory)
        if "teacher" not in more:
            raise UsageError(f"{directory} has no teacher in it: it is of another agent")
        self.teacher.load_state_dict(more["teacher"])


def _key(sample: Sample) -> Any:
    """Return what identical attempts share, of which only one is computed."""
    return sample.group, sample.prompt, sample.tokens, sample.teacher_prompt


def _routed(distilled: list[Sample], valid: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Return what learns by distillation and what by policy gradient under SRPO."""
    routes = srpo_routes(torch.tensor([s.passed for s in distilled]), torch.ones(len(distilled)))
    failed = [s for s, goes in zip(distilled, routes.tolist(), strict=True) if goes]
    elsewhere = {(s.group, s.attempt) for s in failed}
    return failed, [s for s in valid if (s.group, s.attempt) not in elsewhere]


def _weights_by_pass_rate(samples: list[Sample]) -> dict[int, float]:
    """Return SC-SDPO's weight of each task of the batch."""
    judged: dict[int, list[bool]] = {s.group: [] for s in samples}
    for s in samples:
        if s.reward is not None:
            judged[s.group].append(s.passed)
    rates = torch.tensor([sum(passed) / len(passed) if passed else 0.0 for passed in judged.values()])
    return dict(zip(judged, pass_rate_weights(rates).tolist(), strict=True))


def _mean_gaps(log_p: Tensor, log_q: Tensor, part: list[Sample]) -> Tensor:
    """Return [B], the mean of log Q - log P over each sample's tokens."""
    lengths = [len(s.tokens) for s in part]
    flat = (log_p.detach(), log_q, torch.ones_like(log_q))
    padded_p, padded_q, mask = (pad_sequence(values.split(lengths), batch_first=True) for values in flat)
    return sequence_advantages(padded_p, padded_q, mask)


def _most_likely(states: Tensor, head: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([(some @ head.t()).argmax(-1) for some in states.split(chunk_size(head))])


@contextmanager
def _with(context: AbstractContextManager[None], policy: Policy) -> Iterator[Policy]:
    torch.clear_autocast_cache()
    with context:
        yield policy
    torch.clear_autocast_cache()


def make(
    policy: TrainablePolicy,
    *,
    seed: int,
    temperature: float,
    group_size: int | None = None,
    rehearsal: Rehearsal | None = None,
    learning_rate: float = 1e-5,
    warmup_steps: int = 10,
    weight_decay: float = 0.01,
    betas: Sequence[float] = (0.9, 0.999),
    grad_clip: float = 1.0,
    mini_batch: int = 0,
    micro_batch_tokens: int = 16_384,
    aggregation: str = "token_mean",
    rehearsal_weight: float = 0.1,
    rehearsal_batch: int = 16,
    level: str = Level.LOGIT,
    alpha: float = 0.5,
    top_k: int = 100,
    tail: bool = True,
    support: str = Support.STUDENT,
    normalise: bool = False,
    is_clip: float = 2.0,
    advantage_clip: float | None = None,
    teacher: str = TeacherKind.EMA,
    teacher_rate: float = 0.05,
    teacher_every: str = Every.BATCH,
    solutions: bool = True,
    feedback: str = FeedbackUse.WITHOUT_SOLUTION,
    own_success: bool = False,
    threshold: float | None = None,
    demonstration: str = Demonstration.UNIFORM,
    remove_thinking: bool = True,
    solution_budget: int = 0,
    feedback_budget: int = 0,
    reprompt_budget: int = 0,
    solution_template: str = Templates.solution,
    feedback_template: str = Templates.feedback,
    closing_template: str = Templates.closing,
    cut_template: str = Templates.cut,
    lam: float = 0.0,
    srpo: bool = False,
    sc_weights: bool = False,
) -> SDPO:
    """Make the agent ``sdpo``; where nothing else is said, defaults are the paper's (table 12, first column).

    Args:
        policy: what it trains.
        seed: of demonstrations, of the order of tasks in mini-batches, and of rehearsal.
        temperature: of the rollouts; student and teacher are both tempered by it.
        group_size: attempts per task, if that is known.
        rehearsal: rows to rehearse.
        learning_rate: see :class:`~sdpo_baselines.settings.Settings`, as all up to ``rehearsal_batch``; 1e-5 goes with
            alpha 0.5, whose gradient is about 8 times smaller than that of either KL.
        warmup_steps: see there.
        weight_decay: see there.
        betas: see there.
        grad_clip: see there.
        mini_batch: see there; the paper has 1 task of 32 with rich feedback, else all.
        micro_batch_tokens: see there.
        aggregation: see there.
        rehearsal_weight: see there; the paper rehearses nothing.
        rehearsal_batch: see there.
        level: ``logit``, ``token``, ``top1`` or ``sequence``, see :class:`Level`.
        alpha: 0 forward KL, 1 reverse KL, between Jensen-Shannon; for level ``logit``, as all up to ``normalise``.
        top_k: tokens compared one by one; 0 for the whole vocabulary. See ``losses.distillation_loss``, as the next.
        tail: whether all other tokens together are compared as one.
        support: whose top tokens: ``student`` or ``union``.
        normalise: whether to divide by alpha (1 - alpha).
        is_clip: upper bound of the importance weight where a batch has several steps; 0 for no weight. It also
            corrects for the sampler, since what it divides by are the rollout's own log-probabilities.
        advantage_clip: bound c of the teacher's advantage A = log(Q / P), which becomes clamp(A, -c, c): of every token
            and of the tail at level ``logit`` (alpha 1 only, whose gradient is -sum_v A(v) grad P(v)), of the token
            with the credit at ``token`` and ``top1``, of the rollout at ``sequence``. 5 in the paper's test-time
            training (table 12; the reference has none). The policy gradient of ``lam`` and ``srpo`` is left alone.
        teacher: ``ema``, ``trust_region``, ``frozen`` or ``live``, see :class:`~sdpo_baselines.teacher.TeacherKind`.
        teacher_rate: see :class:`~sdpo_baselines.teacher.Teacher`.
        teacher_every: ``batch`` or ``step``: when an EMA moves.
        solutions: see :class:`~sdpo_baselines.reprompt.RepromptOptions`, as all up to
            ``feedback_budget``; budgets are in tokens, 0 for no bound.
        feedback: see there.
        own_success: see there.
        threshold: see there.
        demonstration: see there.
        remove_thinking: see there.
        solution_budget: see there.
        feedback_budget: see there.
        reprompt_budget: most tokens of the teacher's prompt; ``budget`` there.
        solution_template: see :class:`~sdpo_baselines.reprompt.Templates`, as the next.
        feedback_template: see there.
        closing_template: see there.
        cut_template: see there.
        lam: share of GRPO's loss in the sum with SDPO's (equation 3; the paper has 0.9); 0 for none.
        srpo: whether only failed attempts with a teacher are distilled, weighted by the teacher's certainty, and all
            others learn by GRPO (arXiv 2604.02288).
        sc_weights: whether tasks are weighted by sqrt(p (1 - p)) of their pass rate p (arXiv 2605.27765).

    Raises:
        UsageError: an option's value is wrong, nothing would ever be told to the teacher, or the model cannot be
            trained here.
    """
    given = dict(locals())
    told = choice(FeedbackUse, "feedback", feedback)
    shown = choice(Demonstration, "demonstration", demonstration)
    for name in ("solution_budget", "feedback_budget", "reprompt_budget"):
        check(name, given[name], given[name] >= 0, "above 0, or 0 for no bound")
    if told is FeedbackUse.NEVER and not solutions:
        raise UsageError(
            "the teacher is told nothing: set feedback to without_solution or always, or solutions to true"
        )
    if group_size == 1 and told is FeedbackUse.NEVER and not own_success:
        raise UsageError("with one attempt per task there is no sibling's solution, and feedback is never: use n >= 2")
    if group_size == 1 and (lam or srpo):
        raise UsageError("lam and srpo compare the attempts at a task, and there is one: use n >= 2")
    asking = RepromptOptions(
        solutions=solutions,
        feedback=told,
        own_success=own_success,
        threshold=threshold,
        demonstration=shown,
        remove_thinking=remove_thinking,
        solution_budget=solution_budget or None,
        feedback_budget=feedback_budget or None,
        budget=reprompt_budget or None,
        templates=Templates(solution_template, feedback_template, closing_template, cut_template),
    )
    options = pick(SDPOOptions, given)
    learner = Learner(policy, pick(Settings, given), seed=seed, temperature=temperature, rehearsal=rehearsal)
    return SDPO(learner, options, Teacher(policy.model, teacher, rate=teacher_rate, every=teacher_every), asking)
