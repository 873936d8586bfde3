"""Asking a policy one chat at a time from any thread: what judges that are models themselves stand on."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.forking import renew_in_children
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import Policy, PolicyError, Request, Sampling, request_seed
from sdpo_gym.policies.load import load_policy
from sdpo_gym.task import Message, digest_of

_GATHER_S = 0.02  # questions come in bursts; without this wait the first of each would be a batch of its own
# Servers answer several batches side by side; a local model is better off with one large batch after the other.
_SERVERS = frozenset({"openai"})
_CALLS_OF_SERVERS = 4


@dataclass(frozen=True, eq=False)
class _Question:
    request: Request
    answer: Future[Completion]


class Asker:
    """Asks ``policy`` one chat at a time, from any thread, and batches together what is waiting.

    A background thread is started when there is something to ask and ends when there is nothing more. A forked child
    starts its own; it does not get the answers to what its parent had asked before the fork.

    Args:
        policy: what answers; the asker closes it.
        sampling: how, for every question (``n`` is not used).
        seed: enters the seed of every question.
        calls: how many calls of ``policy.generate`` may be under way at a time, each from a thread of its own. More
            than 1 keeps a server busy while the slowest answer of a batch is out; a local model needs 1.
    """

    def __init__(self, policy: Policy, sampling: Sampling, *, seed: int = 0, calls: int = 1) -> None:
        if calls < 1:
            raise UsageError(f"calls must be at least 1, got {calls}")
        self._policy, self._sampling, self._seed, self._calls = policy, sampling, seed, calls
        self._closed = False
        self.renew()
        renew_in_children(self)

    def submit(self, messages: Sequence[Message], *, key: str = "") -> Future[Completion]:
        """Ask, and return at once.

        The request's seed depends on nothing but ``messages``, ``key`` and the asker's own seed; so does the answer,
        as far as the policy keeps to seeds (at temperature 0 most local models do, many servers do not).

        Args:
            messages: the chat to be continued.
            key: tells apart equal chats that are to get answers of their own; it is the request's ``task_id`` as well,
                by which a ``replay:FILE`` policy finds its recorded answer.

        Returns:
            A future whose exception is a JudgeError with the policy's message if it fails, or if the asker is closed.
            What is called when it is done runs in the asker's thread, so it must not wait for another answer.
        """
        chat = tuple(messages)
        seed = request_seed(self._seed, digest_of([key, [[m.role, m.content] for m in chat]]), 0, 0)
        question = _Question(Request(chat, key, seed=seed), Future())
        try:
            self._enqueue(question)
        except JudgeError as error:
            question.answer.set_exception(error)
        return question.answer

    def close(self) -> None:
        """Fail what has no answer yet with a JudgeError and close the policy, once no call of it is under way."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            # What waits may have been cancelled, what was asked may just be getting its answer: neither minds.
            unanswered = [*self._waiting, *self._asked]
            self._waiting.clear()
            is_idle = not self._busy
        for question in unanswered:
            self._answer(question, JudgeError("the judge model was closed before it had answered"))
        if is_idle:
            self._policy.close()

    def describe(self) -> dict[str, Any]:
        """Return what records keep: the policy's own description, the sampling and the seed; JSON-able, no secrets."""
        sampling = dataclasses.asdict(self._sampling)
        del sampling["n"]
        return {"policy": self._policy.describe(), "sampling": sampling, "seed": self._seed}

    def renew(self) -> None:
        """Start anew without locks, threads and questions, as a forked child must: it has none of those threads."""
        self._lock = threading.Lock()
        self._waiting: deque[_Question] = deque()
        self._asked: set[_Question] = set()  # without an answer yet
        self._threads = self._busy = 0

    def _enqueue(self, question: _Question) -> None:
        with self._lock:
            if self._closed:
                raise JudgeError("the judge model was asked after it had been closed")
            if self._threads < self._calls:
                try:
                    threading.Thread(target=self._work, name="asker", daemon=True).start()
                    self._threads += 1
                except RuntimeError as error:  # no more threads can be had, or the interpreter is ending
                    if not self._threads:
                        raise JudgeError(f"cannot ask the judge model: {error}") from error
            self._waiting.append(question)

    def _work(self) -> None:
        while True:
            time.sleep(_GATHER_S)
            with self._lock:
                # Every thread that is free gets its share.
                share = -(-len(self._waiting) // (self._calls - self._busy))
                if not share:
                    self._threads -= 1
                    return
                batch = [self._waiting.popleft() for _ in range(share)]
                batch = [question for question in batch if question.answer.set_running_or_notify_cancel()]
                self._asked.update(batch)
                self._busy += 1
            if batch:
                self._ask(batch)
            with self._lock:
                self._busy -= 1
                was_last = self._closed and not self._busy
            if was_last:
                self._policy.close()

    def _ask(self, batch: Sequence[_Question]) -> None:
        left = dict(enumerate(batch))
        reason = JudgeError("the judge model failed: it gave no answer to this question")
        try:
            results: Any = self._policy.generate([question.request for question in batch], self._sampling)
            try:
                for index, result in results:
                    self._answer(left.pop(index), result)
                    if self._closed:
                        break
            finally:
                if hasattr(results, "close"):  # a generator, which may have requests under way
                    results.close()
        except BaseException as error:  # even SystemExit: somebody waits for these futures
            said = str(error) if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
            reason = _failure(error, said)
        for question in left.values():
            self._answer(question, reason)

    def _answer(self, question: _Question, result: Completion | PolicyError | JudgeError) -> None:
        with self._lock:
            self._asked.discard(question)
        if isinstance(result, PolicyError):
            result = _failure(result, str(result))
        with suppress(InvalidStateError):  # failed by close() in the meantime
            if isinstance(result, JudgeError):
                question.answer.set_exception(result)
            else:
                question.answer.set_result(result)


def make_asker(
    policy: str, *, base_url: str | None = None, max_tokens: int = 512, temperature: float = 0.0, seed: int = 0
) -> Asker:
    """Make an asker of the policy that ``policy`` names, such as ``openai:MODEL`` or ``transformers:DIRECTORY``.

    Args:
        policy: ``NAME`` or ``NAME:ARGUMENT``, see :func:`sdpo_gym.policies.load.load_policy`.
        base_url: of the server, for policies that take one.
        max_tokens: most tokens of an answer.
        temperature: 0 is greedy.
        seed: see :class:`Asker`.

    Raises:
        UsageError: there is no such policy, it takes no ``base_url``, or a number is out of range.
        MissingExtraError: the policy needs a library that is not installed.
    """
    try:
        sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
    except ValueError as error:
        raise UsageError(f"judge model {policy!r}: {error}") from error
    calls = _CALLS_OF_SERVERS if policy.partition(":")[0] in _SERVERS else 1
    return Asker(load_policy(policy, base_url=base_url), sampling, seed=seed, calls=calls)


def _failure(cause: BaseException, said: str) -> JudgeError:
    error = JudgeError(f"the judge model failed: {said}")
    error.__cause__ = cause
    return error
