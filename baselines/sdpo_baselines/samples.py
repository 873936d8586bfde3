"""From groups of attempts to what agents learn from: token ids as they were sampled, a reward, a teacher's prompt."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdpo_baselines.reprompt import Reprompt, RepromptOptions, Used, reprompt
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.policies.base import Capability, PolicyError
from sdpo_gym.rollout import Attempt, Group
from sdpo_gym.task import Message
from sdpo_gym.verdict import Verdict

REWARD = "reward"

_log = logging.getLogger(__name__)


class RenderingPolicy(Protocol):
    """What is needed of a policy here.

    Attributes:
        model: a causal language model; its configuration says how long a context may be.
    """

    model: Any

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the token ids of a chat; raises PolicyError if the chat template refuses it."""
        ...


@dataclass(frozen=True)
class Sample:
    """One attempt as agents see it; of several turns, the last.

    Attributes:
        group: position of its group in the batch.
        attempt: index of the attempt at its task.
        prompt: token ids that the policy was asked with.
        tokens: token ids that it sampled, the end token included.
        logprobs: their log-probabilities when they were sampled, under the sampling temperature; None where unknown.
        reward: None if no judge could say; such a sample counts in no mean and no denominator of GRPO.
        passed: whether it solved its task.
        teacher_prompt: token ids that the teacher is asked with, None if there is nothing to learn from one.
        teacher_used: what that prompt holds beyond the question.
        truncated: whether the answer was cut by the token limit.
        teacher_lost: whether there was a teacher's chat that could not be put to the model.
        cut: characters cut out of the teacher's chat to keep to its budgets.
    """

    group: int
    attempt: int
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    reward: float | None
    passed: bool
    teacher_prompt: tuple[int, ...] | None = None
    teacher_used: Used = Used.NOTHING
    truncated: bool = False
    teacher_lost: bool = False
    cut: int = 0


def make_samples(
    groups: Sequence[Group],
    policy: RenderingPolicy,
    options: RepromptOptions | None,
    rng: random.Random,
    *,
    score: str = REWARD,
) -> list[Sample]:
    """Return one sample for every attempt whose last turn has a completion, in order.

    Budgets in ``options`` are in tokens, as the policy renders a chat. Where the chat template refuses a teacher's
    chat, or that chat and the answer together exceed the model's context, the sample has no teacher and says so.

    Args:
        groups: the batch.
        policy: renders the teachers' chats.
        options: how teachers are asked; None for samples without any (GRPO).
        rng: draws demonstrations.
        score: what becomes ``reward``: the verdict's own, or the name of one of its scores, such as a dense scalar.

    Raises:
        UsageError: the policy does not give token ids, a reprompt budget is too small, or there is no such score.
    """
    context = _context(policy.model)
    samples: list[Sample] = []
    lost: list[str] = []
    for position, group in enumerate(groups):
        asked: Sequence[Reprompt | None] = [None] * len(group.attempts)
        if options is not None:
            asked = reprompt(group, options, rng, lambda messages: rendered_length(policy, messages))
        for attempt, teacher in zip(group.attempts, asked, strict=True):
            completion = attempt.turns[-1].completion
            if completion is not None:
                samples.append(_sample(position, attempt, completion, teacher, policy, context, lost, score))
    if lost:
        _log.warning("%d of %d attempts have no teacher; the first: %s", len(lost), len(samples), lost[0])
    return samples


def batch_figures(samples: Sequence[Sample]) -> dict[str, float]:
    """Return what is worth a curve of a batch; every share is 0 where there is nothing to take it of.

    ``reprompt_fraction``, ``feedback_used_fraction`` and ``solution_used_fraction`` are shares of all samples, as are
    ``truncated_fraction``, ``errored_fraction`` (no verdict) and ``teacher_lost_fraction``; ``success_fraction`` is one
    of the samples with a verdict, ``success_group_fraction`` one of the groups. ``length_mean`` is in tokens,
    ``cut_characters`` a sum.
    """
    judged = [sample for sample in samples if sample.reward is not None]
    solved = {sample.group for sample in samples if sample.passed}
    return {
        "reprompt_fraction": _mean([s.teacher_prompt is not None for s in samples]),
        "feedback_used_fraction": _mean([s.teacher_used in (Used.FEEDBACK, Used.BOTH) for s in samples]),
        "solution_used_fraction": _mean([s.teacher_used in (Used.SOLUTION, Used.BOTH) for s in samples]),
        "success_fraction": _mean([s.passed for s in judged]),
        "success_group_fraction": _mean([group in solved for group in {s.group for s in samples}]),
        "length_mean": _mean([len(s.tokens) for s in samples]),
        "truncated_fraction": _mean([s.truncated for s in samples]),
        "errored_fraction": _mean([s.reward is None for s in samples]),
        "teacher_lost_fraction": _mean([s.teacher_lost for s in samples]),
        "cut_characters": float(sum(s.cut for s in samples)),
    }


def _sample(
    position: int,
    attempt: Attempt,
    completion: Completion,
    teacher: Reprompt | None,
    policy: RenderingPolicy,
    context: int | None,
    lost: list[str],
    score: str,
) -> Sample:
    """Return the sample; where its teacher is lost, the reason is appended to ``lost``."""
    if completion.prompt_token_ids is None or completion.token_ids is None:
        raise UsageError(
            f"the policy ({type(policy).__name__}) gives no token ids with its completions, and training needs exactly "
            f"those that were sampled: use one with capability {Capability.TOKEN_IDS.value!r}, such as transformers"
        )
    verdict = attempt.verdict
    teacher_prompt, reason = None, None
    if teacher is not None and teacher.used is not Used.NOTHING:
        try:
            teacher_prompt = _teacher_prompt(teacher, len(completion.token_ids), policy, context)
        except PolicyError as error:
            reason = f"task {attempt.turns[-1].request.task_id}, attempt {attempt.index}: {error}"
            lost.append(reason)
    return Sample(
        group=position,
        attempt=attempt.index,
        prompt=completion.prompt_token_ids,
        tokens=completion.token_ids,
        logprobs=completion.logprobs,
        reward=None if verdict is None else _reward(verdict, score),
        passed=verdict is not None and verdict.passed,
        teacher_prompt=teacher_prompt,
        teacher_used=teacher.used if teacher is not None and teacher_prompt is not None else Used.NOTHING,
        truncated=completion.finish_reason is FinishReason.LENGTH,
        teacher_lost=reason is not None,
        cut=teacher.cut if teacher is not None else 0,
    )


def _reward(verdict: Verdict, score: str) -> float:
    if score == REWARD:
        return verdict.reward
    if score not in verdict.scores:
        known = [REWARD, *verdict.scores]
        raise UsageError(
            f"verdicts of this environment have no score {score!r}{suggestion(score, known)}; known: {', '.join(known)}"
        )
    return verdict.scores[score]


def _teacher_prompt(teacher: Reprompt, answer: int, policy: RenderingPolicy, context: int | None) -> tuple[int, ...]:
    prompt = policy.render(teacher.messages)
    if context is not None and len(prompt) + answer > context:
        raise PolicyError(
            f"the teacher's prompt of {len(prompt)} tokens and the answer of {answer} exceed the model's context of "
            f"{context}; a reprompt budget of at most the context less the longest answer avoids it"
        )
    return prompt


def rendered_length(policy: RenderingPolicy, messages: Sequence[Message]) -> int:
    """Return the tokens of a chat as the policy renders it; 0 if its template refuses it."""
    try:
        return len(policy.render(messages))
    except PolicyError:
        return 0  # no budget is exceeded by what is refused anyway, and said to be, when it is rendered in the end


def _context(model: Any) -> int | None:
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return None if limit is None else int(limit)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
