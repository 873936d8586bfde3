from __future__ import annotations

from concurrent.futures import Future

import pytest

import toy_env
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.judge import JudgeError, judge_many
from sdpo_gym.training.judging import JudgedOnce
from sdpo_gym.verdict import Verdict

FIRST, SECOND = toy_env.tasks(None, "sample")[:2]


class Slow(toy_env.ToyJudge):
    """Gives verdicts when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.pending: list[Future[Verdict]] = []

    def submit(self, task, completion) -> Future[Verdict]:
        self.pending.append(Future())
        return self.pending[-1]


def test_equal_answers_to_one_task_are_judged_once():
    once = JudgedOnce(toy_env.ToyJudge())
    asked = [(FIRST, Completion("0")), (FIRST, Completion("1")), (SECOND, Completion("0")), (FIRST, Completion("0"))]
    verdicts = judge_many(once, asked)
    assert (once.asked, once.judged) == (4, 3)
    assert verdicts == judge_many(toy_env.ToyJudge(), asked)
    assert [v.passed for v in verdicts] == [True, False, False, True]
    once.submit(FIRST, Completion("0", FinishReason.LENGTH))  # a cut answer is another answer
    assert once.judged == 4


def test_an_answer_that_is_being_judged_is_waited_for():
    judge = Slow()
    once = JudgedOnce(judge)
    futures = [once.submit(FIRST, Completion("0")) for _ in range(3)]
    assert len(judge.pending) == 1
    judge.pending[0].set_result(toy_env.ToyJudge()(FIRST, Completion("0")))
    assert [future.result().passed for future in futures] == [True] * 3


def test_a_failure_is_not_remembered():
    judge = Slow()
    once = JudgedOnce(judge)
    once.submit(FIRST, Completion("0"))
    judge.pending[0].set_exception(JudgeError("down"))
    once.submit(FIRST, Completion("0"))
    judge.pending[1].cancel()
    once.submit(FIRST, Completion("0"))
    assert len(judge.pending) == 3
    with pytest.raises(JudgeError, match="the toy's sandbox is down"):
        JudgedOnce(toy_env.ToyJudge())(FIRST, Completion("OUTAGE"))
