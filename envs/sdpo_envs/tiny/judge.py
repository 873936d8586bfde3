"""The judge: hands every answer to the judge of the real environment, and keeps to one card for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sdpo_envs.tiny import tool
from sdpo_envs.tiny.tasks import ALL
from sdpo_envs.tiny.worlds import Family
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, JudgeError, PendingVerdict, submit
from sdpo_gym.options import choice
from sdpo_gym.registry import resolve
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

NULL_FEEDBACK = "Your answer did not pass."

_ENVIRONMENTS = {Family.TOOL: "ToolUse-v0", Family.CODE: "LiveCodeBench-v0", Family.SCI: "SciKnowEval-v0"}


class Feedback(StrEnum):
    """How much feedback tells."""

    RICH = "rich"  # what was hidden, as far as the task needs it
    PLAIN = "plain"  # what is wrong, without what would be right
    NULL = "null"  # the same sentence on every failure


_TOLD: dict[tuple[Family, bool], dict[str, object]] = {
    (Family.TOOL, True): {"reveal": "arguments"},
    (Family.TOOL, False): {"reveal": "none"},
    (Family.CODE, True): {"shown": "public", "feedback_tests": 3},
    (Family.CODE, False): {"shown": "none"},
    (Family.SCI, True): {"reveal": "key"},
    (Family.SCI, False): {"reveal": "verdict"},
}
_LIMITS = {"cpu_s": 1.0, "memory_mb": 256, "output_mb": 1}


@dataclass(frozen=True)
class TinyJudge:
    """Judges answers to tiny tasks; see :func:`make_judge`.

    Attributes:
        judges: the real judges by family.
        feedback: how much feedback tells.
    """

    judges: Mapping[Family, Judge]
    feedback: Feedback

    @property
    def isolation(self) -> str | None:
        """The isolation level of the sandbox that programs run in; None where none is needed."""
        return getattr(self.judges.get(Family.CODE), "isolation", None)

    @property
    def runtime_versions(self) -> Mapping[str, str]:
        """What judged programs run on."""
        return getattr(self.judges.get(Family.CODE), "runtime_versions", {})

    @property
    def score_keys(self) -> tuple[str, ...]:
        """The keys of its verdicts' scores."""
        return ("score", "share")

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: if the real judge fails, or the task is of another family.
        """
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging; the future's exception is a JudgeError on an outage."""
        pending = PendingVerdict()
        family = task.meta.get("family")
        judge = self.judges.get(Family(str(family))) if family in list(Family) else None
        if judge is None:
            pending.fail(
                JudgeError(f"cannot judge task {task.id}: it is of family {family!r}, not {', '.join(self.judges)}")
            )
        else:
            kind = Family(str(family))
            pending.after(
                submit(judge, task, completion), lambda done: pending.finish(self._verdict(kind, task, done.result()))
            )
        return pending.future

    def _verdict(self, family: Family, task: Task, verdict: Verdict) -> Verdict:
        return Verdict(
            reward=verdict.reward,
            feedback=NULL_FEEDBACK if self.feedback is Feedback.NULL and not verdict.passed else verdict.feedback,
            status=verdict.status,
            outcome=verdict.outcome,
            scores={"score": verdict.reward, "share": _share(family, task, verdict)},
            detail=verdict.detail,
        )


def _share(family: Family, task: Task, verdict: Verdict) -> float:
    """Return the share of the task that is right: 1 exactly if it passed, 0 for what cannot be read."""
    if verdict.passed or verdict.status is not Status.FAILED:
        return float(verdict.passed)
    match family:
        case Family.TOOL:
            calls: list[Any] = verdict.detail["calls"]
            return tool.share(task.payload, calls)
        case Family.CODE:
            return verdict.scores["tests_passed"]
        case Family.SCI:
            return verdict.scores["score"]


def make_judge(
    *, family: str = ALL, feedback: str = "rich", isolation: str = "auto", workers: int | None = None
) -> TinyJudge:
    """Make a judge.

    Args:
        family: ``tool``, ``code``, ``sci``, or ``all``: which tasks it judges.
        feedback: ``rich``: the names of the right arguments, up to three failing tests, the right option; ``plain``:
            what is wrong, without what would be right; ``null``: the same sentence whatever is wrong.
        isolation: the sandbox's level, or ``auto``.
        workers: programs run at a time; None for one per core.

    Raises:
        UsageError: if an option has a value that it cannot have, or a real environment is not there.
    """
    if family != ALL and family not in list(Family):
        raise UsageError(f"option family must be one of {', '.join([*Family, ALL])}, got {family!r}")
    told = choice(Feedback, "feedback", feedback)
    sandbox: dict[str, object] = {"isolation": isolation, "workers": workers, **_LIMITS}
    judges: dict[Family, Judge] = {}
    for one in Family if family == ALL else (Family(family),):
        options = _TOLD[one, told is Feedback.RICH] | (sandbox if one is Family.CODE else {})
        judges[one] = resolve(_ENVIRONMENTS[one]).judge(**options)
    return TinyJudge(judges, told)
