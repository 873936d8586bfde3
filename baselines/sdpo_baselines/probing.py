"""What an SDPO agent's teacher would be asked about a group of attempts, for the probe of the core."""

from __future__ import annotations

import random
from collections.abc import Callable

from sdpo_baselines.reprompt import (
    Demonstration,
    FeedbackUse,
    RepromptOptions,
    Templates,
    Used,
    reprompt,
)
from sdpo_gym.options import choice
from sdpo_gym.rollout import Group
from sdpo_gym.task import Message


def make(
    *,
    solutions: bool = True,
    feedback: str = FeedbackUse.WITHOUT_SOLUTION.value,
    own_success: bool = False,
    threshold: float | None = None,
    demonstration: str = Demonstration.UNIFORM.value,
    remove_thinking: bool = True,
    solution_budget: int = 0,
    feedback_budget: int = 0,
    reprompt_budget: int = 0,
    solution_template: str = Templates.solution,
    feedback_template: str = Templates.feedback,
    closing_template: str = Templates.closing,
    cut_template: str = Templates.cut,
) -> Callable[[Group, int], list[tuple[Message, ...] | None]]:
    """Make the reprompt ``sdpo``; options as in RepromptOptions, budgets in characters, 0 for no bound.

    Returns:
        A function of a group and a seed, which gives the teacher's chat for each attempt, or None where the teacher
        would see nothing beyond the question.

    Raises:
        UsageError: if a value is none that an option can have, or a template lacks its field.
    """
    options = RepromptOptions(
        solutions=solutions,
        feedback=choice(FeedbackUse, "feedback", feedback),
        own_success=own_success,
        threshold=threshold,
        demonstration=choice(Demonstration, "demonstration", demonstration),
        remove_thinking=remove_thinking,
        solution_budget=solution_budget or None,
        feedback_budget=feedback_budget or None,
        budget=reprompt_budget or None,
        templates=Templates(solution_template, feedback_template, closing_template, cut_template),
    )

    def chats(group: Group, seed: int) -> list[tuple[Message, ...] | None]:
        made = reprompt(group, options, random.Random(seed))
        return [None if each.used is Used.NOTHING else each.messages for each in made]

    return chats
