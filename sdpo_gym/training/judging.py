"""Judging the same answer once: attempts at one task often say the same, the more so the more is learned."""

from __future__ import annotations

from concurrent.futures import Future

from sdpo_gym.completion import Completion
from sdpo_gym.judge import Judge, submit
from sdpo_gym.task import Task
from sdpo_gym.verdict import Verdict

_Key = tuple[str, str, str]


class JudgedOnce:
    """A judge that gives equal answers to one task the same verdict, which a pure function would anyway.

    It remembers all of them, so it is made for one batch. What failed is not remembered.

    Args:
        judge: gives the verdicts.

    Attributes:
        asked: answers handed over so far.
        judged: answers that the judge was asked about.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._verdicts: dict[_Key, Future[Verdict]] = {}
        self.asked = self.judged = 0

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``."""
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Return the future of the verdict, which may be under way already."""
        key = (task.digest, completion.text, completion.finish_reason.value)
        self.asked += 1
        known = self._verdicts.get(key)
        if known is not None and not _failed(known):
            return known
        self.judged += 1
        self._verdicts[key] = submit(self._judge, task, completion)
        return self._verdicts[key]


def _failed(future: Future[Verdict]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)
