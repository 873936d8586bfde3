"""Attempts at tasks: a policy answers, a judge says why it failed, and the policy may try again.

The policy works in the caller's thread (so that Ctrl-C reaches it), judging and bookkeeping in a second one, so that
verdicts are recorded as they come, however long the policy is busy. Memory is bounded: requests are made a window at
a time, and a task's payload is loaded when it is needed and soon dropped.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice

from sdpo_gym.completion import Completion
from sdpo_gym.judge import Judge, JudgeError, result_of, submit
from sdpo_gym.policies.base import Policy, PolicyError, Request, Sampling, request_seed
from sdpo_gym.task import Message, Task, TaskSet
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)

WINDOW = 1024  # requests handed to a policy at a time
MAX_JUDGING = 256  # completions that wait for their verdict before the policy has to wait
JUDGE_TRIES = 2
GRACE_S = 10.0  # after an interrupt, how long verdicts on finished completions are waited for
_CACHED_TASKS = 16


@dataclass(frozen=True)
class Turn:
    """One answer and what came of it.

    Attributes:
        task_digest: digest of the task.
        request: what was asked.
        completion: the answer, None if the policy failed.
        verdict: the judge's finding, None if policy or judge failed.
        error: the outage, if there was one; such a turn says nothing of the policy's ability.
        done: whether the attempt ended here with a verdict.
        generate_s: seconds from handing the request to the policy to its answer (waiting for others included).
        judge_s: seconds from the answer to the verdict.
        permanent: whether ``error`` is one that the same request will always meet.
    """

    task_digest: str
    request: Request
    completion: Completion | None
    verdict: Verdict | None
    error: str | None
    done: bool
    generate_s: float
    judge_s: float
    permanent: bool = False


@dataclass(frozen=True)
class Attempt:
    """The turns of one attempt, in order; its verdict is its last turn's."""

    task_digest: str
    index: int
    turns: tuple[Turn, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the attempt, None if an outage ended it."""
        return self.turns[-1].verdict


@dataclass(frozen=True)
class Group:
    """All attempts at one task: what agents and reprompting look at."""

    task: Task
    attempts: tuple[Attempt, ...]


def groups_of(tasks: Iterable[Task], turns: Iterable[Turn]) -> list[Group]:
    """Sort turns, in any order, into one group per task with its attempts by index and their turns in order."""
    by_task: dict[str, dict[int, list[Turn]]] = {}
    for turn in turns:
        by_task.setdefault(turn.task_digest, {}).setdefault(turn.request.attempt, []).append(turn)
    return [
        Group(
            task,
            tuple(
                Attempt(task.digest, index, tuple(sorted(its_turns, key=lambda t: t.request.turn)))
                for index, its_turns in sorted(by_task.get(task.digest, {}).items())
            ),
        )
        for task in tasks
    ]


def rollout(
    tasks: TaskSet,
    plan: Iterable[tuple[int, int]],
    policy: Policy,
    judge: Judge,
    sampling: Sampling,
    *,
    on_turn: Callable[[Turn], None],
    seed: int = 0,
    max_turns: int = 1,
    check: Callable[[Verdict], None] | None = None,
    window: int = WINDOW,
) -> None:
    """Make the planned attempts and hand every turn to ``on_turn`` as it ends.

    After a failure with turns to spare, the answer and its feedback are appended to the chat and the policy is asked
    again. A policy's failure ends its attempt with an error; a judge's failure does so when it fails twice on the
    same completion.

    Args:
        tasks: what ``plan`` points into; ``load`` is called from two threads.
        plan: pairs (position of the task, index of the attempt), read as the policy gets to them.
        policy: answers, in the calling thread.
        judge: called in one other thread.
        sampling: passed on to the policy.
        on_turn: called in the judge's thread, one call at a time; what it raises ends the rollout and is raised here.
        seed: the run's seed, from which every request's own seed follows.
        max_turns: most answers in one attempt.
        check: raises JudgeError on a verdict that cannot be (``EnvCard.check``).
        window: how many requests the policy gets at a time.

    Raises:
        Whatever ``policy.generate`` or ``on_turn`` raises. What was answered before is judged first, within 10 s.
    """
    load = _Loader(tasks)
    fresh = _first_requests(load, plan, seed)
    referee = _Referee(load, judge, check, max_turns, seed, on_turn)
    referee.start()
    try:
        while True:
            batch = referee.follow_ups(window)
            batch += islice(fresh, window - len(batch))
            if batch:
                _generate(policy, batch, sampling, referee)
            elif referee.outstanding:
                referee.receive()
            else:
                break
    except BaseException:
        if referee.outstanding:
            logger.warning("waiting up to %.0f s for verdicts on finished answers; Ctrl-C ends it at once", GRACE_S)
        referee.settle(GRACE_S)
        raise
    finally:
        referee.close()


@dataclass(frozen=True)
class _Item:
    """A request on its way; it knows its task by position, so that no payload waits with it."""

    position: int
    digest: str
    request: Request


class _Loader:
    """Loads tasks for both threads and keeps the last few, since the attempts at one task come together."""

    def __init__(self, tasks: TaskSet) -> None:
        self._tasks = tasks
        self._recent: OrderedDict[int, Task] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, position: int) -> Task:
        with self._lock:
            task = self._recent.get(position) or self._tasks[position]
            self._recent[position] = task
            self._recent.move_to_end(position)
            if len(self._recent) > _CACHED_TASKS:
                self._recent.popitem(last=False)
            return task


def _first_requests(load: _Loader, plan: Iterable[tuple[int, int]], seed: int) -> Iterator[_Item]:
    for position, attempt in plan:
        task = load(position)
        own_seed = request_seed(seed, task.digest, attempt, 0)
        yield _Item(position, task.digest, Request(task.messages, task.id, attempt, 0, own_seed))


def _generate(policy: Policy, batch: list[_Item], sampling: Sampling, referee: _Referee) -> None:
    started = time.monotonic()
    waiting = dict(enumerate(batch))
    with ExitStack() as stack:
        answers = policy.generate([item.request for item in batch], sampling)
        if isinstance(answers, Generator):  # closed at once, it ends the requests under way whatever is raised here
            stack.enter_context(closing(answers))
        for index, answer in answers:
            if index not in waiting:
                name = type(policy).__name__
                raise RuntimeError(f"policy {name} answered request {index} twice, or was never asked it")
            referee.hand_over(waiting.pop(index), answer, time.monotonic() - started)
    for item in waiting.values():
        referee.hand_over(item, PolicyError("the policy gave no answer"), time.monotonic() - started)


@dataclass(frozen=True)
class _Answered:
    item: _Item
    answer: Completion | PolicyError
    generate_s: float
    since: float
    tries: int = 0


class _Referee(threading.Thread):
    """Has answers judged and turns recorded; gives back one message for each answer: what to ask next, if anything."""

    def __init__(
        self,
        load: _Loader,
        judge: Judge,
        check: Callable[[Verdict], None] | None,
        max_turns: int,
        seed: int,
        on_turn: Callable[[Turn], None],
    ) -> None:
        super().__init__(name="referee", daemon=True)
        self._load, self._judge, self._check = load, judge, check
        self._max_turns, self._seed, self._on_turn = max_turns, seed, on_turn
        self._inbox: queue.SimpleQueue[_Answered | tuple[_Answered, Future[Verdict]] | None] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[_Item | BaseException | None] = queue.SimpleQueue()
        self._judging: set[Future[Verdict]] = set()
        self._closed = False
        self._asked_next: list[_Item] = []
        self.outstanding = 0

    # Called by the policy's thread.

    def hand_over(self, item: _Item, answer: Completion | PolicyError, generate_s: float) -> None:
        self.outstanding += 1
        self._inbox.put(_Answered(item, answer, generate_s, time.monotonic()))
        while self.outstanding and (self.outstanding >= MAX_JUDGING or not self._outbox.empty()):
            self.receive()

    def receive(self, timeout: float | None = None) -> None:
        """Wait until one answer has been dealt with; raises what went wrong with it, and queue.Empty at the timeout."""
        message = self._outbox.get(timeout=timeout)
        if isinstance(message, BaseException):
            self.outstanding = 0  # nothing more will come
            raise message
        self.outstanding -= 1
        if message is not None:
            self._asked_next.append(message)

    def follow_ups(self, most: int) -> list[_Item]:
        taken, self._asked_next = self._asked_next[:most], self._asked_next[most:]
        return taken

    def settle(self, seconds: float) -> None:
        """Wait for the verdicts that are still due, but not for ever: something else has already gone wrong."""
        deadline = time.monotonic() + seconds
        try:
            while self.outstanding:
                self.receive(max(0.0, deadline - time.monotonic()))
        except Exception:
            self.outstanding = 0  # the first failure is the one to report

    def close(self) -> None:
        self._closed = True
        self._inbox.put(None)
        self.join(timeout=1.0)

    # Runs in its own thread.

    def run(self) -> None:
        try:
            while (message := self._inbox.get()) is not None and not self._closed:
                if isinstance(message, _Answered):
                    self._begin(message)
                else:
                    self._end(*message)
        except BaseException as error:
            self._outbox.put(error)
        for future in tuple(self._judging):
            future.cancel()

    def _begin(self, answered: _Answered) -> None:
        if isinstance(answered.answer, PolicyError):
            self._record(answered, None, answered.answer)
            return
        try:
            future = submit(self._judge, self._load(answered.item.position), answered.answer)
        except JudgeError as error:
            future = Future()
            future.set_exception(error)
        self._judging.add(future)
        tried = replace(answered, tries=answered.tries + 1)
        future.add_done_callback(lambda done: self._inbox.put((tried, done)))

    def _end(self, answered: _Answered, future: Future[Verdict]) -> None:
        self._judging.discard(future)
        result = result_of(future)
        if isinstance(result, Verdict) and self._check:
            try:
                self._check(result)
            except JudgeError as error:
                result = error
        if isinstance(result, Verdict):
            self._record(answered, result, None)
        elif answered.tries < JUDGE_TRIES:
            self._begin(answered)
        else:
            self._record(answered, None, result)

    def _record(self, answered: _Answered, verdict: Verdict | None, error: Exception | None) -> None:
        item, answer = answered.item, answered.answer
        completion = answer if isinstance(answer, Completion) else None
        done = verdict is not None and (verdict.passed or item.request.turn + 1 >= self._max_turns)
        if self._closed:
            return
        self._on_turn(
            Turn(
                item.digest,
                item.request,
                completion,
                verdict,
                None if error is None else f"{type(error).__name__}: {error}",
                done,
                answered.generate_s,
                time.monotonic() - answered.since if completion else 0.0,
                isinstance(error, PolicyError) and error.permanent,
            )
        )
        follow_up = None
        if completion and verdict and not done:
            follow_up = self._next_request(item, completion, verdict)
        self._outbox.put(follow_up)

    def _next_request(self, item: _Item, completion: Completion, verdict: Verdict) -> _Item:
        asked = item.request
        said = (Message("assistant", completion.text), Message("user", verdict.feedback))
        own_seed = request_seed(self._seed, item.digest, asked.attempt, asked.turn + 1)
        return replace(item, request=replace(asked, messages=asked.messages + said, turn=asked.turn + 1, seed=own_seed))
