"""A policy whose answers are a function of the request, and a number to be guessed, for the tests of searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from sdpo_gym.completion import Completion
from sdpo_gym.judge import Judge, JudgeError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.rollout import Attempt
from sdpo_gym.search import Search
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict

TASK = Task("t", (Message("system", "Be brief."), Message("user", "Which number?")), {"answer": 7}, {})
SAMPLING = Sampling(max_tokens=8)


class FunctionPolicy:
    """Answers with ``answer(request)``: a text, or an error; remembers what it was asked, batch by batch."""

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, answer: Callable[[Request], str | PolicyError], context: int | None = None) -> None:
        self._answer, self._context = answer, context
        self.batches: list[list[Request]] = []

    @property
    def asked(self) -> list[Request]:
        return [request for batch in self.batches for request in batch]

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        self.batches.append(list(requests))
        for index in reversed(range(len(requests))):
            said = self._answer(requests[index])
            yield index, Completion(said) if isinstance(said, str) else said

    def describe(self) -> dict[str, object]:
        return {"policy": "function"} | ({"context": self._context} if self._context else {})

    def close(self) -> None:
        pass


class CountingPolicy(FunctionPolicy):
    """One that can render: a character is a token."""

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return tuple(range(sum(len(message.content) for message in messages)))


def judge_number(task: Task, completion: Completion) -> Verdict:
    if "OUTAGE" in completion.text:
        raise JudgeError("the sandbox is down")
    if completion.text == str(task.payload["answer"]):
        return Verdict(1.0, "", Status.PASSED, "accepted")
    return Verdict(0.0, f"{completion.text} is wrong.", Status.FAILED, "wrong")


def first_attempts(search: Search, count: int, *, seed: int = 0, judge: Judge = judge_number) -> list[Attempt]:
    return list(islice(search.attempts(TASK, judge, SAMPLING, seed), count))
