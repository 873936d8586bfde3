"""What the self-teacher is asked: the question again, with a sibling's solution or with the attempt's own feedback.

A pure function of a group of attempts at one task. The truth table is that of the SDPO reference (lasgroup/SDPO,
ray_trainer.py:610-796), case by case in :func:`reprompt`; the wording is ours, and every piece of it an option. A
failed attempt itself is never in the teacher's prompt (it hurts: table 6 of the paper); it is what the teacher scores.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sdpo_gym.errors import UsageError
from sdpo_gym.rollout import Attempt, Group
from sdpo_gym.task import Message

_OPEN, _CLOSE = "<think>", "</think>"


class Demonstration(StrEnum):
    """Which successful sibling is shown.

    The reference takes the first in an order that depends on lengths and on the number of devices: the shortest in half
    of the groups on one device, hardly any preference on four.
    """

    UNIFORM = "uniform"  # drawn for each attempt by itself
    SHORTEST = "shortest"
    LONGEST = "longest"


class FeedbackUse(StrEnum):
    """When an attempt's feedback is shown."""

    NEVER = "never"  # the paper's runs without rich feedback
    WITHOUT_SOLUTION = "without_solution"  # only where no sibling solved the task; the reference's default
    ALWAYS = "always"


class Used(StrEnum):
    """What a teacher's prompt holds beyond the question."""

    NOTHING = "nothing"  # the attempt teaches nothing: mask 0
    SOLUTION = "solution"
    FEEDBACK = "feedback"
    BOTH = "both"


@dataclass(frozen=True)
class Templates:
    """The wording; ``{body}`` in a section is the solution or the feedback, which is cut where it is too long.

    Attributes:
        solution: section with a sibling's answer.
        feedback: section with the judge's feedback on the attempt that is scored.
        closing: what ends the prompt if there is any section.
        cut: what stands where a body was cut; ``{count}`` is the number of characters that are missing.
    """

    solution: str = "\n\nHere is a correct answer to this task:\n\n{body}"
    feedback: str = "\n\nAn earlier answer to this task failed. This is what the judge said of it:\n\n{body}"
    closing: str = "\n\nNow solve the task above correctly."
    cut: str = "\n[cut: {count} more characters]"

    def __post_init__(self) -> None:
        for name, wanted in (("solution", "{body}"), ("feedback", "{body}"), ("cut", "{count}")):
            if getattr(self, name).count(wanted) != 1:
                raise UsageError(f"template {name!r} must hold {wanted} once, got {getattr(self, name)!r:.80}")


@dataclass(frozen=True)
class RepromptOptions:
    """How teacher prompts are made; the defaults are the reference's where it has them.

    Attributes:
        solutions: whether a sibling's success is shown.
        feedback: when feedback is shown.
        own_success: whether an attempt that succeeded may be shown to its own teacher (the paper's table 2; off in the
            reference, ``dont_reprompt_on_self_success``).
        threshold: reward from which an attempt counts as a success; None: it passed, as the judge has it, whatever an
            environment's rewards are (the paper has 1, where that is the reward of what passes; 0.5 in the reference).
        demonstration: which success is shown.
        remove_thinking: whether ``<think>`` blocks are taken out of a demonstration.
        solution_budget: most of a demonstration, in units of ``measure``; None for no bound.
        feedback_budget: most of the feedback, likewise.
        budget: most of the whole chat, likewise (10,240 tokens in the reference, which cuts there from the right and so
            loses the closing instruction; here only bodies are cut).
        templates: the wording.

    Raises:
        UsageError: if a budget is below 0.
    """

    solutions: bool = True
    feedback: FeedbackUse = FeedbackUse.WITHOUT_SOLUTION
    own_success: bool = False
    threshold: float | None = None
    demonstration: Demonstration = Demonstration.UNIFORM
    remove_thinking: bool = True
    solution_budget: int | None = None
    feedback_budget: int | None = None
    budget: int | None = None
    templates: Templates = Templates()

    def __post_init__(self) -> None:
        for name in ("solution_budget", "feedback_budget", "budget"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} must be at least 0, or None for no bound, got {value}")


@dataclass(frozen=True)
class Reprompt:
    """The teacher's chat for one attempt.

    Attributes:
        messages: what the teacher is asked; the attempt's own chat where nothing is used.
        used: what it holds beyond that.
        demonstration: index of the attempt that is shown, or None.
        cut: characters cut out of solution and feedback.
    """

    messages: tuple[Message, ...]
    used: Used
    demonstration: int | None = None
    cut: int = 0


def reprompt(
    group: Group,
    options: RepromptOptions,
    rng: random.Random,
    measure: Callable[[Sequence[Message]], int] | None = None,
) -> list[Reprompt]:
    """Make the teacher's chat for every attempt of a group, in order.

    With S the successes of the group, without the attempt itself unless ``own_success``:

    =====================================  =======================================================
    case                                   the teacher sees
    =====================================  =======================================================
    S not empty                            question + solution (+ feedback, if that is ``ALWAYS``)
    S empty, failed, feedback is used      question + feedback
    the only success, or nothing of both   the question alone: ``Used.NOTHING``, nothing to learn
    =====================================  =======================================================

    An attempt that an outage ended is no demonstration and has no feedback. Of several turns the last one counts: its
    chat is the question, its verdict the feedback.

    Args:
        group: n attempts at one task.
        options: see there.
        rng: draws demonstrations; a draw is made for every attempt, whether it is used or not.
        measure: length of a chat, for the budgets: tokens as the policy renders them; None counts characters.

    Raises:
        UsageError: if the budget is smaller than the frame: question, headings and closing without any body.
    """
    length = measure or _characters
    successes = [i for i, attempt in enumerate(group.attempts) if _succeeded(attempt, options.threshold)]
    shown = {i: text for i in successes if (text := _demonstration(group.attempts[i], options))}
    return [_reprompt(group.attempts[i], i, shown, options, rng.random(), length) for i in range(len(group.attempts))]


def without_thinking(text: str) -> str:
    """Return ``text`` without its thinking.

    Closed ``<think>`` blocks go; what stands before a closing tag that nothing opens goes (chat templates open the
    block in the prompt); and so does everything behind an opening tag that is never closed.
    """
    close = text.find(_CLOSE)
    if close >= 0 and not 0 <= text.find(_OPEN) < close:
        text = text[close + len(_CLOSE) :]
    kept = []
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        kept.append(text[position:start])
        end = text.find(_CLOSE, start)
        if end < 0:
            return "".join(kept).strip()
        position = end + len(_CLOSE)
    return "".join([*kept, text[position:]]).replace(_CLOSE, "").strip()


def _succeeded(attempt: Attempt, threshold: float | None) -> bool:
    verdict = attempt.verdict
    return verdict is not None and (verdict.passed if threshold is None else verdict.reward >= threshold)


def _demonstration(attempt: Attempt, options: RepromptOptions) -> str:
    completion = attempt.turns[-1].completion
    text = completion.text if completion else ""
    return without_thinking(text) if options.remove_thinking else text.strip()


def _choose(candidates: dict[int, str], how: Demonstration, draw: float) -> int | None:
    if not candidates:
        return None
    if how is Demonstration.UNIFORM:
        return sorted(candidates)[int(draw * len(candidates))]
    pick = min if how is Demonstration.SHORTEST else max
    return pick(sorted(candidates), key=lambda i: len(candidates[i]))


def _reprompt(
    attempt: Attempt,
    index: int,
    successes: dict[int, str],
    options: RepromptOptions,
    draw: float,
    length: Callable[[Sequence[Message]], int],
) -> Reprompt:
    if not attempt.turns:
        return Reprompt((), Used.NOTHING)
    chat = attempt.turns[-1].request.messages
    candidates = {i: text for i, text in successes.items() if i != index or options.own_success}
    chosen = _choose(candidates, options.demonstration, draw) if options.solutions else None
    verdict = attempt.verdict
    feedback = verdict.feedback.strip() if verdict and not _succeeded(attempt, options.threshold) else ""
    wanted = options.feedback is FeedbackUse.ALWAYS or (
        options.feedback is FeedbackUse.WITHOUT_SOLUTION and chosen is None
    )
    bodies = _Bodies(candidates[chosen] if chosen is not None else "", feedback if wanted else "")
    if not bodies.solution and not bodies.feedback:
        return Reprompt(chat, Used.NOTHING)
    fitted = _fit(chat, bodies, options, length)
    used = Used.BOTH if bodies.solution and bodies.feedback else Used.SOLUTION if bodies.solution else Used.FEEDBACK
    return replace(fitted, used=used, demonstration=chosen)


@dataclass(frozen=True)
class _Bodies:
    solution: str
    feedback: str


def _fit(
    chat: tuple[Message, ...], bodies: _Bodies, options: RepromptOptions, length: Callable[[Sequence[Message]], int]
) -> Reprompt:
    """Cut bodies, never the frame, until sections and chat keep to their budgets; the solution gives way first."""

    def text_length(text: str) -> int:
        return length([Message("user", text)])

    solution, feedback = len(bodies.solution), len(bodies.feedback)
    if options.solution_budget is not None:
        budget = options.solution_budget
        solution = _most(solution, lambda kept: text_length(bodies.solution[:kept]) <= budget)
    if options.feedback_budget is not None:
        budget_ = options.feedback_budget
        feedback = _most(feedback, lambda kept: text_length(bodies.feedback[:kept]) <= budget_)

    def made(solution: int, feedback: int) -> tuple[Message, ...]:
        return _write(chat, bodies, solution, feedback, options.templates)

    if options.budget is not None:
        whole = options.budget
        if (frame := length(made(0, 0))) > whole:
            raise UsageError(
                f"the reprompt budget of {whole} is smaller than the frame of {frame} (question, headings, closing); "
                "raise it, or leave out tasks with such long prompts"
            )
        solution = _most(solution, lambda kept: length(made(kept, feedback)) <= whole)
        feedback = _most(feedback, lambda kept: length(made(solution, kept)) <= whole)
    cut = len(bodies.solution) - solution + len(bodies.feedback) - feedback
    return Reprompt(made(solution, feedback), Used.NOTHING, cut=cut)


def _most(upper: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number of characters up to ``upper`` that fits, as far as lengths grow with it; 0 if none."""
    if fits(upper):
        return upper
    low, high = 0, upper  # low fits or is 0, high does not fit
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _write(
    chat: tuple[Message, ...], bodies: _Bodies, solution: int, feedback: int, templates: Templates
) -> tuple[Message, ...]:
    text = chat[-1].content
    sections = ((templates.solution, bodies.solution, solution), (templates.feedback, bodies.feedback, feedback))
    for template, body, kept in sections:
        if body:
            missing = len(body) - kept
            shown = body[:kept] + (templates.cut.replace("{count}", str(missing)) if missing else "")
            text += template.replace("{body}", shown)
    return (*chat[:-1], Message(chat[-1].role, text + templates.closing))


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)
