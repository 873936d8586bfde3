"""The judge: reads the calls out of an answer, compares them with the gold calls, and says what is wrong."""

from __future__ import annotations

import json
from typing import Any

from sdpo_envs.tooluse.calls import Call, decode_calls
from sdpo_envs.tooluse.documentation import parse_documentation
from sdpo_envs.tooluse.feedback import LEAST_CHARS, Outcome, Report, Reveal, render
from sdpo_envs.tooluse.matching import Difference, Match, compare, digest_of_calls
from sdpo_envs.tooluse.paper import paper_match
from sdpo_envs.tooluse.parsing import Parsed, parse_calls
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.options import choice
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

_MOST_RECORDED, _RECORDED_CHARS = 20, 2000  # calls and problems kept in a verdict's detail, and characters of each text

_STATUS = {
    Outcome.ACCEPTED: Status.PASSED,
    Outcome.NO_CALL: Status.BAD_FORMAT,
    Outcome.MALFORMED_CALL: Status.BAD_FORMAT,
    Outcome.TRUNCATED: Status.TRUNCATED,
}


class ToolUseJudge:
    """Judges answers to tool-use tasks; see :func:`make_judge` for the options."""

    def __init__(self, *, match: Match, reveal: Reveal, feedback_chars: int) -> None:
        self._match, self._reveal, self._chars = match, reveal, feedback_chars

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: if the task's gold calls cannot be read.
        """
        gold = _gold(task)
        tools = parse_documentation(_prompt(task))
        parsed = parse_calls(completion.text)
        cut = completion.finish_reason is FinishReason.LENGTH
        ordered = self._match is Match.ORDERED
        difference = compare(parsed.calls, gold, tools, ordered=ordered)
        outcome = _outcome(parsed, difference, cut)
        answer = digest_of_calls(parsed.calls, tools, ordered=ordered) if parsed.well_formed else None
        detail: dict[str, Any] = {"answer": answer}
        if self._match is Match.PAPER:
            accepted, detail["paper_format_ok"] = paper_match(completion.text, gold)
            if accepted:
                outcome = Outcome.ACCEPTED
            elif outcome is Outcome.ACCEPTED:
                outcome = Outcome.PAPER_FAULT
        passed = outcome is Outcome.ACCEPTED
        report = Report(outcome, parsed, difference, gold, tools, cut)
        return Verdict(
            reward=float(passed),
            feedback="" if passed else render(report, self._reveal, self._chars),
            status=_STATUS.get(outcome, Status.FAILED),
            outcome=outcome.value,
            scores={
                "score": float(passed),
                "well_formed": float(parsed.well_formed),
                "tools_right": difference.tools_right,
                "calls_right": difference.calls_right,
            },
            detail={**_detail(parsed, difference), **detail, "answer_cut": cut},
        )


def _gold(task: Task) -> tuple[Call, ...]:
    stored = task.payload.get("answer")
    try:
        gold = decode_calls(stored if isinstance(stored, str) else json.dumps(stored))
    except (ValueError, TypeError) as error:
        raise JudgeError(f"cannot judge task {task.id}: {error}") from None
    for number, call in enumerate(gold, 1):
        if not isinstance(call.arguments, dict):
            raise JudgeError(
                f"cannot judge task {task.id}: the arguments of gold call {number} must be an object, "
                f"got {call.arguments!r:.80}"
            )
    return gold


def _prompt(task: Task) -> str:
    return next((message.content for message in reversed(task.messages) if message.role == "user"), "")


def _outcome(parsed: Parsed, difference: Difference, cut: bool) -> Outcome:
    if cut and parsed.nothing_but_a_cut:
        return Outcome.TRUNCATED
    if not parsed.well_formed:
        return Outcome.MALFORMED_CALL if parsed.problems else Outcome.NO_CALL
    if difference.none:
        return Outcome.ACCEPTED
    if difference.answered != difference.wanted:
        return Outcome.WRONG_NUMBER
    if difference.only_order:
        return Outcome.WRONG_ORDER
    wrong_tool = any(call.tool_wrong for call in difference.calls)
    return Outcome.WRONG_TOOL if wrong_tool else Outcome.WRONG_ARGUMENTS


def _detail(parsed: Parsed, difference: Difference) -> dict[str, Any]:
    return {
        "answered": difference.answered,
        "wanted": difference.wanted,
        "calls": [
            {"Action": _cut(call.action), "Action_Input": _cut(json.dumps(call.arguments))}
            for call in parsed.calls[:_MOST_RECORDED]
        ],
        "problems": [
            {"kind": problem.kind.value, "line": problem.line, "excerpt": problem.excerpt}
            for problem in parsed.problems[:_MOST_RECORDED]
        ],
        "differences": [
            {
                "call": call.call,
                "gold": call.gold,
                "tool_wrong": call.tool_wrong,
                **{
                    what: [_cut(name) for name in names[:_MOST_RECORDED]]
                    for what, names in (("missing", call.missing), ("extra", call.extra), ("wrong", call.wrong))
                },
            }
            for call in difference.calls[:_MOST_RECORDED]
            if not call.right
        ],
        "problem_count": len(parsed.problems),
    }


def _cut(text: str) -> str:
    return text if len(text) <= _RECORDED_CHARS else f"{text[:_RECORDED_CHARS]} [cut]"


def make_judge(*, match: str = "ordered", reveal: str = "none", feedback_chars: int = 2000) -> ToolUseJudge:
    """Make a judge.

    Args:
        match: ``ordered``: the same calls in the same order; ``unordered``: in any order; ``paper``: the reference's
            rule with its faults, for comparable figures (see :func:`paper_match`).
        reveal: how much of the gold calls feedback shows: ``none``, the ``names`` of the tools, the names of their
            ``arguments`` too, or the ``gold`` calls whole, as the paper does.
        feedback_chars: most characters of feedback.

    Raises:
        UsageError: if an option has a value that it cannot have.
    """
    if feedback_chars < LEAST_CHARS:
        raise UsageError(f"feedback_chars must be at least {LEAST_CHARS}, got {feedback_chars}")
    return ToolUseJudge(
        match=choice(Match, "match", match), reveal=choice(Reveal, "reveal", reveal), feedback_chars=feedback_chars
    )
