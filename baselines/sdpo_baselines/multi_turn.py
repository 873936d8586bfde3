"""Multi-turn search: the policy is asked again with what the judge said of earlier attempts, in one growing chat.

The paper's comparison (Hübotter et al. 2026, arXiv:2601.20802, section 5), where a history of the feedback alone does
far better than one of attempts and feedback. The chat grows until the model's context is full; then the oldest feedback
gives way, with a line that says so, and the question never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

from sdpo_baselines.reprompt import Templates, without_thinking
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.options import choice
from sdpo_gym.policies.base import Policy, PolicyError, Sampling
from sdpo_gym.rollout import Attempt
from sdpo_gym.search import attempts_in_order
from sdpo_gym.task import Message, Task


class History(StrEnum):
    """What the policy sees of earlier attempts."""

    FEEDBACK = "feedback"  # what the judge said of them, below the question
    TURNS = "turns"  # the answers as well, as the turns of a chat


@dataclass(frozen=True)
class _Piece:
    answer: str
    feedback: str


class _Past:
    """What may be shown of earlier attempts, oldest first; the first ``lost`` pieces have no room in the context."""

    def __init__(self, history: History, window: int) -> None:
        self._distinct, self._window = history is History.FEEDBACK, window
        self._pieces: list[_Piece] = []
        self.lost = 0

    @property
    def shown(self) -> list[_Piece]:
        return self._pieces[self.lost :]

    def add(self, piece: _Piece) -> None:
        if self._distinct:
            for place, each in enumerate(self._pieces):
                if each.feedback == piece.feedback:
                    self._remove(place)
                    break
        self._pieces.append(piece)
        if self._window and len(self._pieces) > self._window:
            self._remove(0)

    def _remove(self, place: int) -> None:
        del self._pieces[place]
        self.lost -= place < self.lost


class MultiTurn:
    """One attempt at a time, each asked with the feedback on those before."""

    def __init__(
        self, policy: Policy, history: History, window: int, context: int | None, templates: Templates, dropped: str
    ) -> None:
        self._policy, self._history, self._window = policy, history, window
        self._templates, self._dropped = templates, dropped
        self._render: Callable[[Sequence[Message]], Sequence[int]] | None = getattr(policy, "render", None)
        self._context: int | None = context or policy.describe().get("context")

    def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
        """Yield attempts without end, each with the feedback on the failed ones before it."""
        past = _Past(self._history, self._window)
        for index in count():
            while True:
                while past.shown and not self._fits(task, past, sampling):
                    past.lost += 1
                chat = self._chat(task, past)
                made = attempts_in_order(self._policy, judge, task, [index], sampling, seed, chat)
                attempt = next(made)
                if not (attempt.turns[-1].permanent and past.shown):
                    break
                past.lost += 1  # as far as a permanent failure can be mended, a shorter chat mends it
            while attempt.verdict is None:
                yield attempt
                attempt = next(made)
            yield attempt
            completion = attempt.turns[-1].completion
            if completion is not None and not attempt.verdict.passed:
                past.add(_Piece(completion.text, attempt.verdict.feedback))

    def describe(self) -> dict[str, Any]:
        """Return the options and the wording."""
        return {
            "history": self._history.value,
            "window": self._window,
            "context": self._context,
            "feedback_template": self._templates.feedback,
            "closing_template": self._templates.closing,
            "dropped_template": self._dropped,
        }

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _chat(self, task: Task, past: _Past) -> tuple[Message, ...]:
        *before, question = task.messages
        marker = self._dropped.replace("{count}", str(past.lost)) if past.lost else ""
        if self._history is History.TURNS:
            turns = [
                message
                for piece in past.shown
                for message in (
                    Message("assistant", without_thinking(piece.answer)),
                    Message("user", piece.feedback),
                )
            ]
            return (*before, Message(question.role, question.content + marker), *turns)
        sections = "".join(self._templates.feedback.replace("{body}", piece.feedback.strip()) for piece in past.shown)
        closing = self._templates.closing if sections or marker else ""
        return (*before, Message(question.role, question.content + marker + sections + closing))

    def _fits(self, task: Task, past: _Past, sampling: Sampling) -> bool:
        """Tell whether the chat leaves room for an answer, as far as the policy says how long chats are."""
        if self._render is None or self._context is None:
            return True
        try:
            question = len(self._render(task.messages))
            chat = len(self._render(self._chat(task, past)))
        except PolicyError:
            return True  # the policy says what is wrong when it is asked
        # Where the longest answer does not fit beside the question, history gets half of what the question leaves.
        answer = min(sampling.max_tokens, max(1, (self._context - question) // 2))
        return chat + answer <= self._context


def make(
    policy: Policy,
    *,
    seed: int,
    temperature: float,
    history: str = "feedback",
    window: int = 0,
    context: int = 0,
    feedback_template: str = Templates.feedback,
    closing_template: str = Templates.closing,
    dropped_template: str = "\n\n[{count} earlier pieces of feedback are left out]",
) -> MultiTurn:
    """Make the search ``multi_turn``.

    Args:
        policy: answers; it needs no capability.
        seed: not used; every search has a seed of its own.
        temperature: of sampling.
        history: ``feedback``: below the question, the feedback on earlier attempts, equal ones once; ``turns``: their
            answers (without thinking) and feedback as turns of a chat, as evaluations with several turns have them.
        window: how many of them, counted from the last; 0 for as many as the context holds.
        context: the model's context in tokens, prompt and answer; 0 takes what the policy says. A policy that cannot
            count tokens (a server) is asked, and asked with less whenever it refuses a chat for good.
        feedback_template: section with one piece of feedback, ``{body}``.
        closing_template: what ends the prompt if there is any feedback.
        dropped_template: what stands before the history where the context has no room for its oldest pieces;
            ``{count}`` is their number.

    Raises:
        UsageError: if an option is out of range or a template lacks its field.
    """
    for name, value in (("window", window), ("context", context)):
        if value < 0:
            raise UsageError(f"option {name} must be at least 0, got {value}")
    if dropped_template.count("{count}") > 1:
        raise UsageError(f"dropped_template must hold {{count}} at most once, got {dropped_template!r:.80}")
    templates = Templates(feedback=feedback_template, closing=closing_template)
    return MultiTurn(policy, choice(History, "history", history), window, context or None, templates, dropped_template)
