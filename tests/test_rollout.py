from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import pytest

from guess_env import GuessJudge, GuessPolicy, make_tasks
from sdpo_gym import rollout as rollout_module
from sdpo_gym.completion import Completion
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import PolicyError, Request, Sampling, request_seed
from sdpo_gym.rollout import Turn, groups_of, rollout
from sdpo_gym.task import ListTaskSet, Message, Task, TaskSet
from sdpo_gym.verdict import Status, Verdict

SAMPLING = Sampling(n=2)


class Scripted:
    """Answers with ``texts[task_id]``, a list by turn; ``between`` runs before each answer."""

    capabilities = frozenset()

    def __init__(self, texts, between=lambda: None) -> None:
        self.texts, self.between = texts, between
        self.asked: list[Request] = []
        self.batches: list[int] = []

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        self.batches.append(len(requests))
        for index, request in enumerate(requests):
            self.asked.append(request)
            self.between()
            said = self.texts[request.task_id] if isinstance(self.texts, dict) else self.texts
            answer = said[request.turn] if isinstance(said, list) else said
            if answer is not None:
                yield index, answer if isinstance(answer, PolicyError) else Completion(answer)

    def describe(self):
        return {}

    def close(self):
        pass


def roll(policy, judge=None, tasks=None, plan=None, **options) -> list[Turn]:
    tasks = make_tasks() if tasks is None else tasks
    turns: list[Turn] = []
    plan = [(i, 0) for i in range(len(tasks))] if plan is None else plan
    rollout(tasks, plan, policy, judge or GuessJudge(0, 0.0), SAMPLING, **{"on_turn": turns.append, **options})
    return turns


def test_every_planned_attempt_is_made_once_with_its_own_seed_and_judged():
    plan = [(i, a) for i in range(6) for a in range(3)]
    turns = roll(GuessPolicy(), plan=plan, seed=5)
    tasks = make_tasks()
    assert sorted((t.request.task_id, t.request.attempt) for t in turns) == sorted((f"g{i}", a) for i, a in plan)
    for turn in turns:
        task = tasks.by_id(turn.request.task_id)
        assert turn.task_digest == task.digest
        assert turn.request.seed == request_seed(5, task.digest, turn.request.attempt, 0)
        assert turn.verdict == GuessJudge(0, 0.0)(task, turn.completion)
        assert turn.done
        assert turn.error is None


def test_after_a_failure_answer_and_feedback_are_appended_and_success_ends_the_attempt():
    policy = Scripted({"g1": ["5", "12", "10", "10"]})
    turns = roll(policy, plan=[(1, 0)], max_turns=4)
    assert [t.done for t in turns] == [False, False, True]
    assert [t.request.turn for t in turns] == [0, 1, 2]
    assert turns[2].request.messages == (
        Message("user", "Guess the number of task 1."),
        Message("assistant", "5"),
        Message("user", "5 is too low."),
        Message("assistant", "12"),
        Message("user", "12 is too high."),
    )
    assert len({t.request.seed for t in turns}) == 3


def test_the_last_turn_ends_the_attempt_also_in_failure():
    turns = roll(Scripted({"g1": ["5", "6"]}), plan=[(1, 0)], max_turns=2)
    assert [(t.done, t.verdict.passed) for t in turns] == [(False, False), (True, False)]


def test_a_policys_failure_is_an_error_and_no_verdict():
    texts = {f"g{i}": str(10 * i) for i in range(6)} | {"g2": PolicyError("server down"), "g3": None}
    turns = {t.request.task_id: t for t in roll(Scripted(texts))}
    assert turns["g2"].error == "PolicyError: server down"
    assert turns["g3"].error == "PolicyError: the policy gave no answer"
    for name in ("g2", "g3"):
        assert turns[name].verdict is None
        assert turns[name].completion is None
        assert not turns[name].done
    assert turns["g4"].verdict.passed


def test_a_turn_tells_whether_its_error_is_permanent():
    texts = {"g0": PolicyError("too long", permanent=True), "g1": PolicyError("down"), "g2": "20"}
    turns = {t.request.task_id: t.permanent for t in roll(Scripted(texts), plan=[(0, 0), (1, 0), (2, 0)])}
    assert turns == {"g0": True, "g1": False, "g2": False}


def test_the_policys_generator_is_closed_before_the_rollout_raises():
    kept, closed = [], []

    def answers():
        try:
            while True:
                yield 0, Completion("0")
        finally:
            closed.append(True)

    class Kept(Scripted):
        def generate(self, requests, sampling):
            kept.append(answers())  # so that it does not end for want of references
            return kept[0]

    with pytest.raises(RuntimeError, match="answered request 0 twice"):
        roll(Kept(""))
    assert closed == [True]


def test_a_policy_that_answers_twice_is_a_bug():
    class Twice(Scripted):
        def generate(self, requests, sampling):
            yield 0, Completion("0")
            yield 0, Completion("0")

    with pytest.raises(RuntimeError, match="answered request 0 twice"):
        roll(Twice(""))


def test_the_judge_gets_a_second_try_and_then_it_is_an_error():
    turns = {t.request.task_id: t for t in roll(Scripted({"g0": "FLAKY 0", "g1": "OUTAGE 10"}), plan=[(0, 0), (1, 0)])}
    assert turns["g0"].verdict.passed
    assert turns["g1"].error == "JudgeError: the referee went home"
    assert turns["g1"].completion == Completion("OUTAGE 10")
    assert not turns["g1"].done


def test_a_verdict_that_the_check_refuses_is_an_error():
    def check(verdict: Verdict) -> None:
        raise JudgeError("no such outcome")

    assert {t.error for t in roll(GuessPolicy(), check=check)} == {"JudgeError: no such outcome"}


def test_a_judge_that_cannot_begin_is_an_error_of_that_attempt_only():
    class Closed(GuessJudge):
        def submit(self, task, completion):
            if task.id == "g1":
                raise JudgeError("no process left")
            return super().submit(task, completion)

    turns = {t.request.task_id: t for t in roll(GuessPolicy(), Closed(0, 0.0))}
    assert turns["g1"].error == "JudgeError: no process left"
    assert turns["g2"].error is None


def test_verdicts_are_reported_while_the_policy_is_busy():
    first_turn = threading.Event()
    answers = []

    def between():
        answers.append(1)
        if len(answers) == 2:  # the second answer waits for the first one's verdict
            assert first_turn.wait(10)

    turns: list[Turn] = []
    roll(Scripted("0", between), on_turn=lambda turn: (turns.append(turn), first_turn.set()))
    assert len(turns) == 6


def test_a_judge_without_submit_works_too_and_beside_the_policy():
    threads = set()

    def judge(task: Task, completion: Completion) -> Verdict:
        threads.add(threading.current_thread())
        return Verdict(1.0, "", Status.PASSED, "accepted")

    assert all(t.done for t in roll(GuessPolicy(), judge))
    assert len(threads) == 1
    assert threads != {threading.current_thread()}


def test_the_policy_gets_a_window_at_a_time_with_follow_ups_first():
    policy = Scripted("wrong")
    roll(policy, tasks=make_tasks(count=10), max_turns=2, window=4)
    assert max(policy.batches) == 4
    assert len(policy.asked) == 20


def test_the_policy_does_not_run_far_ahead_of_a_slow_judge(monkeypatch):
    monkeypatch.setattr(rollout_module, "MAX_JUDGING", 3)
    futures: list[tuple[Future[Verdict], Task]] = []
    most = 0

    class Slow:
        def __call__(self, task, completion):
            raise AssertionError

        def submit(self, task, completion):
            nonlocal most
            future: Future[Verdict] = Future()
            futures.append((future, task))
            most = max(most, sum(not f.done() for f, _ in futures))
            threading.Timer(0.02, future.set_result, [Verdict(1.0, "", Status.PASSED, "accepted")]).start()
            return future

    assert len(roll(Scripted("0"), Slow(), tasks=make_tasks(count=30))) == 30
    assert 1 < most <= 3


class Lazy(TaskSet):
    """Makes a task each time it is asked for one and knows how many are alive."""

    name, split, revision = "lazy", "test", "r"

    def __init__(self, count: int) -> None:
        self._ids = tuple(f"g{i}" for i in range(count))
        self.alive: weakref.WeakSet[Task] = weakref.WeakSet()
        self.most = 0

    @property
    def ids(self):
        return self._ids

    def load(self, index):
        class Weak(Task):
            __hash__ = object.__hash__

        task = Weak(self._ids[index], (Message("user", "?"),), {"answer": 10 * index}, {})
        self.alive.add(task)
        self.most = max(self.most, len(self.alive))
        return task


def test_few_payloads_are_held_at_once_however_many_tasks_there_are():
    tasks = Lazy(1500)
    turns = 0

    def count(turn: Turn) -> None:
        nonlocal turns
        turns += 1

    roll(Scripted("0"), tasks=tasks, on_turn=count, window=200)
    gc.collect()
    assert turns == 1500
    assert tasks.most < 400  # those being judged (at most 256) and a few more, not 1,500


def test_what_on_turn_raises_ends_the_rollout():
    policy = Scripted("0", between=lambda: time.sleep(0.01))

    def full(turn: Turn) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        roll(policy, tasks=make_tasks(count=500), on_turn=full)
    assert len(policy.asked) < 500
    assert not [t for t in threading.enumerate() if t.name == "referee"]


def test_an_interrupt_loses_no_answer_that_was_given():
    answered = []

    def between():
        if len(answered) == 4:
            raise KeyboardInterrupt
        answered.append(1)

    turns: list[Turn] = []
    with pytest.raises(KeyboardInterrupt):
        roll(Scripted("0", between), GuessJudge(0, delay=0.1), on_turn=turns.append)
    assert len(turns) == 4


def test_groups_hold_the_attempts_of_each_task_in_order():
    tasks = make_tasks(count=3)
    turns = roll(GuessPolicy(), tasks=tasks, plan=[(i, a) for i in (2, 0) for a in (1, 0)], max_turns=3)
    groups = groups_of(tasks, reversed(turns))
    assert [g.task.id for g in groups] == ["g0", "g1", "g2"]
    assert [[a.index for a in g.attempts] for g in groups] == [[0, 1], [], [0, 1]]
    for group in groups:
        for attempt in group.attempts:
            assert [t.request.turn for t in attempt.turns] == list(range(len(attempt.turns)))
            assert attempt.verdict is attempt.turns[-1].verdict
            assert attempt.turns[-1].done
    assert groups_of(ListTaskSet([], name="none"), [replace(turns[0])]) == []
