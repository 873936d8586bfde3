from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from itertools import islice

import pytest

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import PolicyError, Request
from sdpo_gym.search import CheckedJudge, answer, attempts_in_order, load_search
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict
from search_tools import SAMPLING, TASK, FunctionPolicy, judge_number


def requests(count: int) -> list[tuple[Task, Request]]:
    return [(TASK, Request(TASK.messages, TASK.id, i)) for i in range(count)]


def test_every_answer_comes_once_with_its_verdict():
    policy = FunctionPolicy(lambda request: str(5 + request.attempt))
    turns = dict(answer(policy, judge_number, requests(4), SAMPLING))
    assert [turns[i].completion and turns[i].completion.text for i in range(4)] == ["5", "6", "7", "8"]
    assert [turn.verdict.passed for _, turn in sorted(turns.items()) if turn.verdict] == [False, False, True, False]
    assert all(turn.done and turn.error is None for turn in turns.values())


def test_an_outage_of_the_policy_is_its_own_turn_with_all_that_is_known_of_it():
    policy = FunctionPolicy(lambda request: PolicyError("no", permanent=True) if request.attempt else "7")
    turns = dict(answer(policy, judge_number, requests(2), SAMPLING))
    assert turns[0].done
    assert (turns[1].done, turns[1].verdict, turns[1].permanent) == (False, None, True)
    assert turns[1].error == "PolicyError: no"


def test_a_policy_that_leaves_one_out_has_failed_there():
    policy = FunctionPolicy(lambda request: "7")
    policy.generate = lambda asked, sampling: iter([(1, Completion("7"))])  # type: ignore[method-assign]
    turns = dict(answer(policy, judge_number, requests(2), SAMPLING))
    assert turns[1].done
    assert turns[0].error == "PolicyError: the policy gave no answer"


def test_a_judge_gets_a_second_chance_and_then_it_is_an_outage():
    calls = []

    def judge(task: Task, completion: Completion) -> Verdict:
        calls.append(completion.text)
        if completion.text == "down" or len(calls) == 1:
            raise JudgeError("sneezed")
        return judge_number(task, completion)

    policy = FunctionPolicy(lambda request: "down" if request.attempt else "7")
    turns = dict(answer(policy, judge, requests(2), SAMPLING))
    assert turns[0].done
    assert turns[1].error == "JudgeError: sneezed"
    assert turns[1].completion == Completion("down")
    assert not turns[1].done


def test_judging_runs_beside_generation():
    """The first answer's verdict is there before the policy gives the second; the second's is waited for."""
    pending: list[Future[Verdict]] = []

    class Judge:
        def __call__(self, task: Task, completion: Completion) -> Verdict:
            raise AssertionError

        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            pending.append(Future())
            return pending[-1]

    policy = FunctionPolicy(lambda request: "7" if request.attempt or not pending[0].set_result(passed) else "")
    passed = Verdict(1.0, "", Status.PASSED, "accepted")
    turns = answer(policy, Judge(), requests(2), SAMPLING)
    assert next(turns)[0] == 1
    assert len(pending) == 2
    threading.Timer(0.05, pending[1].set_result, [passed]).start()
    assert next(turns)[0] == 0


def test_what_is_not_waited_for_is_cancelled():
    future: Future[Verdict] = Future()

    class Judge:
        def __call__(self, task: Task, completion: Completion) -> Verdict:
            raise AssertionError

        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            return future if completion.text == "1" else Future()

    turns = answer(
        FunctionPolicy(lambda request: "1" if request.attempt else PolicyError("x")), Judge(), requests(2), SAMPLING
    )
    assert next(turns)[0] == 0
    turns.close()
    assert future.cancelled()


def test_attempts_come_in_order_and_an_outage_is_made_again_at_its_place():
    tries: dict[int, int] = {}

    def said(request: Request) -> str | PolicyError:
        tries[request.attempt] = tries.get(request.attempt, 0) + 1
        return PolicyError("down") if request.attempt == 1 and tries[1] < 3 else "5"

    attempts = list(attempts_in_order(FunctionPolicy(said), judge_number, TASK, [0, 1, 2], SAMPLING, 4))
    assert [(a.index, a.verdict is None) for a in attempts] == [
        (0, False), (1, True), (1, True), (1, False), (2, False),
    ]  # fmt: skip
    assert tries == {0: 1, 1: 3, 2: 1}


def test_seeds_of_attempts_follow_from_the_seed_of_the_search():
    def seeds(seed: int) -> list[int]:
        policy = FunctionPolicy(lambda request: "5")
        list(attempts_in_order(policy, judge_number, TASK, range(3), SAMPLING, seed))
        return [request.seed for request in policy.asked]

    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2)}) == 6


def test_a_verdict_that_breaks_the_card_is_an_outage():
    def check(verdict: Verdict) -> None:
        if verdict.outcome == "wrong":
            raise JudgeError("no such outcome")

    judge = CheckedJudge(judge_number, check)
    assert judge(TASK, Completion("7")).passed
    assert judge.submit(TASK, Completion("7")).result().passed
    with pytest.raises(JudgeError, match="no such outcome"):
        judge(TASK, Completion("8"))
    assert isinstance(judge.submit(TASK, Completion("8")).exception(), JudgeError)
    assert isinstance(judge.submit(TASK, Completion("OUTAGE")).exception(), JudgeError)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("best_of_n", {}, "there is no method 'best_of_n'; did you mean 'best_of_k'?"),
        ("best_of_k", {"bach": 2}, "takes no option 'bach'; did you mean 'batch'?; its options: batch"),
        ("best_of_k", {"seed": 2}, "takes no option 'seed'"),
        ("best_of_k", {"batch": "2"}, "option 'batch' must be of type int, got '2'"),
        ("best_of_k", {"batch": 0}, "batch must be at least 1"),
    ],
)
def test_a_search_that_cannot_be_made_is_one_line(name, options, words):
    with pytest.raises(UsageError) as caught:
        load_search(name, FunctionPolicy(lambda request: ""), options)
    assert words in str(caught.value)


def test_a_third_partys_search_is_found_by_its_entry_point(tmp_path, monkeypatch):
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sdpo_gym.searches]\nconstant = acme_search:make\n")
    (tmp_path / "acme_search.py").write_text(
        "class Constant:\n"
        "    def __init__(self, **given):\n        self.given = given\n"
        "    def describe(self):\n        return self.given\n"
        "def make(policy, *, seed, temperature, colour='red'):\n"
        "    return Constant(seed=seed, temperature=temperature, colour=colour)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_search", raising=False)
    search = load_search("constant", FunctionPolicy(lambda r: ""), {"colour": "blue"}, seed=3, temperature=0.5)
    assert search.describe() == {"seed": 3, "temperature": 0.5, "colour": "blue"}


def test_attempts_without_end_do_not_run_ahead_of_who_looks():
    policy = FunctionPolicy(lambda request: PolicyError("down"))
    attempts = attempts_in_order(policy, judge_number, TASK, [0], SAMPLING, 0)
    assert len(list(islice(attempts, 4))) == 4
    assert len(policy.asked) == 4
