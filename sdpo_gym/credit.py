"""The credit picture: what a self-teacher thinks of each token of a completion (arXiv 2601.20802, section 2).

The teacher is the policy itself, with the same weights, but its prompt holds the judge's feedback on the attempt or a
sibling's solution. The credit of a token is log teacher less log student, both after the completion's tokens before it:
the advantage that SDPO trains with (Proposition 2.1 there), for the token that stands there. What the teacher is told
comes from an entry point in group ``sdpo_gym.reprompts``, as in :mod:`sdpo_gym.probe`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, Policy, PolicyError, Request
from sdpo_gym.policies.load import load_policy
from sdpo_gym.policies.scorer import Scorer, Token, TokenScore
from sdpo_gym.probe import GROUP, Reprompter
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.search import check_options, load_entry_point
from sdpo_gym.task import Message, Task
from sdpo_gym.training.seeds import derive
from sdpo_gym.verdict import Status, Verdict

TOP = 5  # of the likeliest tokens of student and teacher that are shown

Row = Mapping[str, Any]


@dataclass(frozen=True)
class CreditConfig:
    """Who scores, and what the teacher is told.

    Attributes:
        policy: ``name`` or ``name:argument``; without it ``transformers`` if there is a model, else the run's own.
        model: model directory or hub id; without it, and without ``policy``, the run's own.
        policy_options: options of the policy.
        reprompt: entry-point name, in group ``sdpo_gym.reprompts``, of what makes the teacher's prompts.
        reprompt_options: its options.
    """

    policy: str | None = None
    model: str | None = None
    policy_options: Mapping[str, object] = field(default_factory=dict)
    reprompt: str = "sdpo"
    reprompt_options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Alternative:
    """Another token that might stand at some place: its text, and its natural log-probabilities."""

    text: str
    student: float
    teacher: float


@dataclass(frozen=True)
class TokenCredit:
    """What student and teacher think of one token.

    Attributes:
        text: its share of the completion's text, or the name of the end token.
        is_end: whether it is the end token.
        student: its natural log-probability for the student.
        teacher: the same for the teacher.
        alternatives: the likeliest tokens at its place for student or teacher, likeliest for the teacher first.
    """

    text: str
    is_end: bool
    student: float
    teacher: float
    alternatives: tuple[Alternative, ...]

    @property
    def credit(self) -> float:
        """Log teacher less log student, in nats: below 0 where the teacher objects."""
        return self.teacher - self.student


@dataclass(frozen=True)
class Credit:
    """The credit of each token of a completion, the last turn's, and the chat that the teacher was given."""

    tokens: tuple[TokenCredit, ...]
    teacher_chat: tuple[Message, ...]

    def objections(self, most: int, least: float = 0.1) -> list[TokenCredit]:
        """Return the tokens that the teacher objects to most, by at least ``least`` nats, worst first."""
        found = sorted(self.tokens, key=lambda token: token.credit)[:most]
        return [token for token in found if token.credit <= -least]


@dataclass(frozen=True)
class NoCredit:
    """Why there is no credit picture of an attempt."""

    reason: str


class CreditScorer:
    """Makes credit pictures of the attempts of one run.

    Attributes:
        notices: what a reader of the pictures must know.
    """

    def __init__(self, run: Mapping[str, Any], policy: Scorer, reprompter: Reprompter, notices: Sequence[str]) -> None:
        self._run, self._policy, self._reprompter = run, policy, reprompter
        self._temperature = float(run["sampling"].get("temperature") or 1.0)
        self.notices = tuple(notices)

    def of(
        self, task: Task, attempts: Sequence[Sequence[Row]], only: int | None = None
    ) -> dict[int, Credit | NoCredit]:
        """Return the credit picture of each attempt at a task, by the attempt's index.

        Args:
            task: the task.
            attempts: the rows of its attempts, each in turn order; siblings are what a teacher may be shown.
            only: make the picture of this attempt only.
        """
        if any(rows[0]["task_digest"] != task.digest for rows in attempts):
            return {rows[0]["attempt"]: NoCredit("the task's data have changed since the run") for rows in attempts}
        group = Group(task, tuple(attempt_of(task, rows) for rows in attempts))
        chats = self._reprompter(group, derive(self._run["seed"], "credit", task.digest))
        return {
            attempt.index: self._picture(attempt, chat)
            for attempt, chat in zip(group.attempts, chats, strict=True)
            if only is None or attempt.index == only
        }

    def _picture(self, attempt: Attempt, chat: tuple[Message, ...] | None) -> Credit | NoCredit:
        turn = attempt.turns[-1]
        if turn.completion is None:
            return NoCredit("an outage ended this attempt before there was a completion")
        if chat is None:
            return NoCredit("a teacher would know no more than the student: no feedback, and no sibling's solution")
        ended = turn.completion.finish_reason is FinishReason.STOP and not self._run["sampling"].get("stop")
        tokens = self._policy.tokens(turn.completion.text, ended=ended)
        try:
            scores = self._policy.score(
                [turn.request.messages, chat], [t.id for t in tokens], temperature=self._temperature, top=TOP
            )
        except PolicyError as error:
            return NoCredit(str(error))
        made = (_token_credit(token, score) for token, score in zip(tokens, scores, strict=True))
        return Credit(tuple(made), chat)


@contextmanager
def credit_scorer(run: Mapping[str, Any], config: CreditConfig) -> Iterator[CreditScorer]:
    """Load the policy and what makes the teacher's prompts; on leaving, the policy is closed.

    Args:
        run: what ``run.json`` holds.
        config: who scores, and what the teacher is told.

    Raises:
        UsageError: there is no such policy or reprompt, an option is wrong, or the policy cannot score.
        OutageError: the policy's model cannot be reached.
        MissingExtraError: a library is not installed.
    """
    make = load_entry_point(GROUP, "reprompt", config.reprompt)
    check_options(f"reprompt {config.reprompt!r}", make, config.reprompt_options)
    reprompter = cast("Reprompter", make(**config.reprompt_options))
    policy, name = _policy(run["policy"], config)
    try:
        if Capability.SCORE not in policy.capabilities or not isinstance(policy, Scorer):
            raise UsageError(_cannot_score(name))
        yield CreditScorer(run, policy, reprompter, list(_notices(run["policy"], policy.describe())))
    finally:
        policy.close()


def attempt_of(task: Task, rows: Sequence[Row]) -> Attempt:
    """Return an attempt as its rows in ``attempts.jsonl`` tell of it, with the chat that grew from turn to turn."""
    messages = task.messages
    turns = []
    for row in rows:
        request = Request(messages, task.id, row["attempt"], row["turn"])
        completion = verdict = None
        if row["completion"] is not None:
            completion = Completion(row["completion"], FinishReason(row["finish_reason"]))
        if row["status"] is not None:
            verdict = Verdict(
                row["reward"], row["feedback"], Status(row["status"]), row["outcome"], row["scores"], row["detail"]
            )
        turns.append(Turn(task.digest, request, completion, verdict, row["error"], row["done"], 0.0, 0.0))
        if completion and verdict:
            messages = (*messages, Message("assistant", completion.text), Message("user", verdict.feedback))
    return Attempt(task.digest, rows[0]["attempt"], tuple(turns))


def percent(logprob: float) -> str:
    """Return a probability as text, given its natural logarithm."""
    share = 100 * math.exp(logprob)
    return f"{share:.1f} %" if share >= 0.1 else f"{share:.4f} %" if share >= 0.0001 else "< 0.0001 %"


def _policy(recorded: Mapping[str, Any], config: CreditConfig) -> tuple[Policy, str]:
    if named := config.policy or (config.model and "transformers"):
        return load_policy(named, model=config.model, **config.policy_options), named
    name = str(recorded.get("name"))
    if not recorded.get("weights"):  # what answered has no weights here
        raise UsageError(_cannot_score(name))
    settings = {key: recorded[key] for key in ("dtype", "template_options") if recorded.get(key)}
    return load_policy(name, model=recorded["model"], **{**settings, **config.policy_options}), name


def _cannot_score(name: str) -> str:
    return (
        f"policy {name!r} cannot score a given completion (capability {Capability.SCORE.value!r}); name one that runs "
        "here: --model DIRECTORY, or --policy tiny"
    )


def _notices(recorded: Mapping[str, Any], scoring: Mapping[str, Any]) -> Iterator[str]:
    if not recorded.get("weights"):
        yield f"The completions were not written by the model that scores them, {scoring.get('model')}."
    elif recorded["weights"] != scoring.get("weights"):
        yield f"The weights that score, {scoring.get('model')}, are not those that wrote the completions."


def _token_credit(token: Token, score: TokenScore) -> TokenCredit:
    found = [Alternative(each.text, *each.logprobs) for each in score.candidates]
    ranked = tuple(sorted(found, key=lambda a: (-a.teacher, -a.student)))
    student, teacher = score.logprobs
    return TokenCredit(token.text, token.is_end, student, teacher, ranked)
