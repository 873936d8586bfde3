"""Searching at test time: attempt after attempt at one task, until one of them solves it.

A search is found by its name in entry-point group ``sdpo_gym.searches``. It decides what the policy is asked next, and
may change the policy on the way; the runner (:mod:`sdpo_gym.discover`) decides when to stop.
"""

from __future__ import annotations

import inspect
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, PendingVerdict, result_of, submit
from sdpo_gym.options import check_types, suggestion
from sdpo_gym.policies.base import Policy, PolicyError, Request, Sampling, request_seed
from sdpo_gym.rollout import JUDGE_TRIES, Attempt, Turn
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Verdict

GROUP = "sdpo_gym.searches"

# What the runner sets; all else was set by the user.
_OFFERED = ("seed", "temperature")


class Search(Protocol):
    """A way to search; made by ``make(policy, *, seed, temperature, **options) -> Search``.

    ``make`` names its options one by one or passes them on; ``seed`` is the run's, ``temperature`` that of sampling.
    """

    def attempts(self, task: Task, judge: Judge, sampling: Sampling, seed: int) -> Iterator[Attempt]:
        """Yield attempts at ``task`` without end, each of one judged turn; the caller stops when it has seen enough.

        Attempts come in the order of their indices, from 0. One that an outage ended (its verdict is None) is yielded
        and then made again, under the same index. A new call forgets all that earlier ones learned. Equal seeds give
        equal attempts as far as the policy keeps to seeds.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return the resolved options, JSON-able, for ``run.json``."""
        ...

    def close(self) -> None:
        """Leave the policy as it was and release all else; may be called twice. The caller closes the policy."""
        ...


def load_search(
    name: str, policy: Policy, options: Mapping[str, object], *, seed: int = 0, temperature: float = 1.0
) -> Search:
    """Make the search of this name.

    Raises:
        UsageError: there is none of that name, it takes no such option, or the policy lacks a capability.
        MissingExtraError: it needs a library that is not installed.
    """
    make = cast("Callable[..., Search]", load_entry_point(GROUP, "method", name))
    check_options(f"method {name!r}", make, options, _OFFERED)
    return make(policy, seed=seed, temperature=temperature, **options)


def load_entry_point(group: str, kind: str, name: str) -> Any:
    """Load what the entry point ``name`` of ``group`` names.

    Args:
        group: of the entry points.
        kind: what error messages call it.
        name: of the entry point.

    Raises:
        UsageError: there is none of that name, or two distributions declare it differently.
    """
    found = entry_points(group=group)
    matches: dict[str, EntryPoint] = {e.value: e for e in found if e.name == name}
    if len(matches) > 1:
        owners = " and ".join(sorted(f"{e.dist.name if e.dist else '?'} ({value})" for value, e in matches.items()))
        raise UsageError(f"{kind} {name!r} is declared twice, by {owners}; uninstall one of them")
    if not matches:
        known = sorted({e.name for e in found})
        listed = ", ".join(known) or "none (is sdpo-gym installed?)"
        raise UsageError(f"there is no {kind} {name!r}{suggestion(name, known)}; known: {listed}")
    return next(iter(matches.values())).load()


def check_options(
    owner: str, make: Callable[..., object], options: Mapping[str, object], offered: Sequence[str] = ()
) -> None:
    """Refuse an option that ``make`` does not take by keyword, or whose value is of a wrong type.

    Args:
        owner: what error messages call it.
        make: takes the options.
        options: what the user set.
        offered: keywords that are not for the user to set.

    Raises:
        UsageError: naming the option, and the nearest one.
    """
    parameters = inspect.signature(make).parameters.values()
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = sorted(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in offered)
    for key in options:
        if key in offered or (key not in taken and not takes_any):
            choices = ", ".join(taken) or "none"
            raise UsageError(f"{owner} takes no option {key!r}{suggestion(key, taken)}; its options: {choices}")
    check_types(make, options)


class CheckedJudge:
    """A judge whose verdicts are checked: one that breaks the environment's card is an outage.

    Args:
        judge: judges.
        check: raises JudgeError on a verdict that cannot be.
    """

    def __init__(self, judge: Judge, check: Callable[[Verdict], None]) -> None:
        self._judge, self._check = judge, check

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Judge and check."""
        verdict = self._judge(task, completion)
        self._check(verdict)
        return verdict

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging; the check follows in the judge's thread."""
        pending = PendingVerdict()

        def check(done: Future[Verdict]) -> None:
            verdict = done.result()
            self._check(verdict)
            pending.finish(verdict)

        pending.after(submit(self._judge, task, completion), check)
        return pending.future


@dataclass(frozen=True)
class _Judging:
    task: Task
    request: Request
    completion: Completion
    generate_s: float
    since: float
    verdict: Future[Verdict]
    tries: int = 1


def answer(
    policy: Policy, judge: Judge, asked: Sequence[tuple[Task, Request]], sampling: Sampling
) -> Generator[tuple[int, Turn], None, None]:
    """Ask the policy, have the answers judged, and yield ``(index, turn)`` as verdicts come; each index once.

    Judging runs beside generation, as far as the judge works in the background. Every turn is the last of its attempt:
    ``done``, unless an outage of policy or judge (twice on the same answer) ended it.

    Args:
        policy: answers.
        judge: judges each answer as one to the task beside it.
        asked: tasks and what is asked of the policy, which may be more than the task's own chat.
        sampling: passed on to the policy.
    """
    started = time.monotonic()
    waiting = dict(enumerate(asked))
    judging: deque[tuple[int, _Judging]] = deque()
    try:
        with ExitStack() as stack:
            answers = policy.generate([request for _, request in asked], sampling)
            if isinstance(answers, Generator):
                stack.enter_context(closing(answers))
            for index, result in answers:
                task, request = waiting.pop(index)
                seconds = time.monotonic() - started
                if isinstance(result, PolicyError):
                    yield index, _failed(task, request, result, seconds)
                    continue
                now = time.monotonic()
                verdict = submit(judge, task, result)
                judging.append((index, _Judging(task, request, result, seconds, now, verdict)))
                for _ in range(len(judging)):
                    if judging[0][1].verdict.done():
                        yield from _judged(judging, judge)
                    else:
                        judging.rotate(-1)
        for index, (task, request) in waiting.items():
            error = PolicyError("the policy gave no answer")
            yield index, _failed(task, request, error, time.monotonic() - started)
        while judging:
            yield from _judged(judging, judge)
    finally:
        for _, each in judging:
            each.verdict.cancel()


def _failed(task: Task, request: Request, error: PolicyError, seconds: float) -> Turn:
    said = f"{type(error).__name__}: {error}"
    return Turn(task.digest, request, None, None, said, False, seconds, 0.0, error.permanent)


def _judged(judging: deque[tuple[int, _Judging]], judge: Judge) -> Iterator[tuple[int, Turn]]:
    """Wait for the first verdict in the queue; an outage of the judge puts its answer back once."""
    wait([judging[0][1].verdict])
    index, item = judging.popleft()
    result = result_of(item.verdict)
    if not isinstance(result, Verdict) and item.tries < JUDGE_TRIES:
        again = submit(judge, item.task, item.completion)
        judging.append((index, replace(item, verdict=again, tries=item.tries + 1)))
        return
    verdict = result if isinstance(result, Verdict) else None
    error = None if verdict else f"{type(result).__name__}: {result}"
    judge_s = time.monotonic() - item.since
    digest = item.task.digest
    yield (
        index,
        Turn(digest, item.request, item.completion, verdict, error, verdict is not None, item.generate_s, judge_s),
    )


def attempts_in_order(
    policy: Policy,
    judge: Judge,
    task: Task,
    indices: Sequence[int],
    sampling: Sampling,
    seed: int,
    messages: tuple[Message, ...] | None = None,
) -> Iterator[Attempt]:
    """Make a batch of attempts and yield them in order; one that an outage ended is yielded, and made again, for ever.

    Args:
        policy: answers.
        judge: judges.
        task: what is attempted.
        indices: of the attempts.
        sampling: passed on to the policy.
        seed: of the search, from which every request's own follows.
        messages: what is asked, by default the task's own chat.
    """

    def made(some: Sequence[int]) -> dict[int, Attempt]:
        asked = [
            (task, Request(messages or task.messages, task.id, i, 0, request_seed(seed, task.digest, i, 0)))
            for i in some
        ]
        turns = dict(answer(policy, judge, asked, sampling))
        return {i: Attempt(task.digest, i, (turns[place],)) for place, i in enumerate(some)}

    attempts = made(indices)
    for index in indices:
        while attempts[index].verdict is None:
            yield attempts[index]
            attempts |= made([index])
        yield attempts[index]
