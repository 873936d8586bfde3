"""The judge: compares the option that a reply chooses with the key, and says what was wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdpo_envs.sciknoweval.critique import ReviewingJudge
from sdpo_envs.sciknoweval.feedback import Reveal, render_form, render_wrong
from sdpo_envs.sciknoweval.parsing import Answer, Problem, parse_answer
from sdpo_gym.asking import make_asker
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.options import choice
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

_LEAST_CRITIQUE = 100
_OUTCOMES = {
    Problem.NO_TAG: "no_answer",
    Problem.EMPTY_TAG: "no_answer",
    Problem.SEVERAL_ANSWERS: "several_answers",
    Problem.UNKNOWN_OPTION: "unknown_option",
}


@dataclass(frozen=True)
class SciKnowEvalJudge:
    """Judges replies to multiple-choice questions; see :func:`make_judge`.

    The reward is 1 if the reply chooses the key and 0 otherwise; its form does not enter. ``well_formed`` is 1 if the
    reply keeps to the form that was asked for, whether or not it is right, and also where a looser form can be read.
    """

    reveal: Reveal

    @property
    def score_keys(self) -> tuple[str, ...]:
        """The keys of its verdicts' scores."""
        return ("score", "well_formed")

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: if the task has no options, or a key that is none of them.
        """
        key, options = key_and_options(task)
        labels = tuple(options)
        answer = parse_answer(completion.text, labels, options)
        if answer.choice is None:
            cut = completion.finish_reason is FinishReason.LENGTH and _may_go_on(answer)
            return _verdict(
                answer,
                Status.TRUNCATED if cut else Status.BAD_FORMAT,
                "truncated" if cut else _OUTCOMES[answer.problem or Problem.NO_TAG],
                render_form(answer, labels, cut=cut),
            )
        if answer.choice == key:
            return _verdict(answer, Status.PASSED, "accepted", "")
        return _verdict(answer, Status.FAILED, "wrong_option", render_wrong(answer.choice, key, self.reveal))


def _may_go_on(answer: Answer) -> bool:
    """Whether the rest of a reply that was cut could have given the answer that is missing."""
    return answer.problem in (Problem.NO_TAG, Problem.EMPTY_TAG) or not answer.closed


def _verdict(answer: Answer, status: Status, outcome: str, feedback: str) -> Verdict:
    passed = status is Status.PASSED
    detail: dict[str, Any] = {"answer": answer.choice, "choice": answer.choice, "given": list(answer.given[:10])}
    return Verdict(
        reward=float(passed),
        feedback=feedback,
        status=status,
        outcome=outcome,
        scores={"score": float(passed), "well_formed": float(answer.well_formed)},
        detail=detail,
    )


def key_and_options(task: Task) -> tuple[str, Mapping[str, str]]:
    """Return the key and the options of a task.

    Raises:
        JudgeError: if it has no options, or a key that is none of them.
    """
    key, options = task.payload.get("answer"), task.payload.get("options")
    if not isinstance(options, Mapping) or not all(isinstance(text, str) for text in options.values()):
        raise JudgeError(f"cannot judge task {task.id}: its options must be texts by letter, got {options!r:.80}")
    if not isinstance(key, str) or key not in options:
        raise JudgeError(
            f"cannot judge task {task.id}: its key {key!r:.80} is none of its options {', '.join(options)}"
        )
    return key, options


def make_judge(
    *,
    split: str | None = None,
    reveal: str | None = None,
    judge_model: str | None = None,
    judge_base_url: str | None = None,
    critique_chars: int = 1200,
) -> SciKnowEvalJudge | ReviewingJudge:
    """Make a judge.

    Args:
        split: decides what ``reveal`` is where it is not given.
        reveal: what feedback on a wrong option tells: ``none`` (nothing but that it did not pass), ``verdict`` (that
            the chosen option is wrong) or ``key`` (which one is right). None: ``none`` for ``split="train"``, where the
            SDPO paper gives no feedback at all, ``verdict`` otherwise.
        judge_model: a policy, such as ``openai:MODEL``, that remarks on the reasoning behind each wrong option; None
            for no remarks.
        judge_base_url: the server of ``judge_model``, for policies that take one.
        critique_chars: most characters of such a remark.

    Raises:
        UsageError: if an option has a value that it cannot have, or there is no such policy.
        MissingExtraError: if ``judge_model`` needs a library that is not installed.
    """
    default = "none" if split == "train" else "verdict"
    plain = SciKnowEvalJudge(choice(Reveal, "reveal", default if reveal is None else reveal))
    if critique_chars < _LEAST_CRITIQUE:
        raise UsageError(f"option critique_chars must be at least {_LEAST_CRITIQUE}, got {critique_chars}")
    if judge_model is None:
        if judge_base_url is not None:
            raise UsageError(f"option judge_base_url={judge_base_url!r} needs judge_model, such as openai:MODEL")
        return plain
    return ReviewingJudge(plain, make_asker(judge_model, base_url=judge_base_url), chars=critique_chars)
