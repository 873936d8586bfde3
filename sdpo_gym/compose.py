"""Judges made of judges: a weighted sum, the first failure, and a gate.

Common to all of them:

- Each part has a name. A verdict's ``scores`` hold every part's reward under its name, and those of the part's own
  scores that are passed on under ``name.score``. The keys are the same on every verdict. A part that was not asked has
  0.0: it earned nothing. Since that says nothing of how good it would have been, the scores of parts that may not be
  asked are ``lower_bounds``, which summaries leave out.
- The *deciding part* is the first part, in order, that did not pass. Its status and outcome are those of the whole, so
  a whole is ``bad_format`` only if its deciding part says so. Where the whole passes, its outcome is
  ``passed_outcome``. A card therefore declares ``passed_outcome`` and every outcome with which a part may fail.
- ``detail`` is ``{name: detail of that part}``, for the parts that were asked.
- A part's failure (JudgeError) is a JudgeError of the whole that names the part, never a reward of 0; the other parts
  are then cancelled.
- A part with ``submit`` works in its own threads. One without is called in the thread that starts it, which may be
  one in which another part's verdict came in: it must not wait for that part.
"""

from __future__ import annotations

import functools
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, JudgeError, PendingVerdict, result_of, submit
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

FEEDBACK_CHARS = 2000  # about what the paper's feedback has at most (arXiv 2601.20802)
_LEAST_BODY = 60  # characters of a section, mark of the cut included


@dataclass(frozen=True)
class Part:
    """A judge as a part of another.

    Attributes:
        name: its name in scores, details, feedback and errors; without a dot.
        judge: what judges; closed with the whole.
        weight: its weight in a weighted sum; no other rule looks at it.
        scores: which of its own scores are passed on, as ``name.score``. By default all, if the judge has the
            attribute ``score_keys`` (those of this package that can tell have it), else none.

    Raises:
        UsageError: the name is empty or has a dot, or the weight is negative or not finite.
    """

    name: str
    judge: Judge
    weight: float = 1.0
    scores: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or "." in self.name or "\n" in self.name:
            raise UsageError(f"a part's name must be one line, not empty and without a dot, got {self.name!r}")
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise UsageError(f"the weight of part {self.name!r} must be a finite number >= 0, got {self.weight}")
        if self.scores is None:
            object.__setattr__(self, "scores", tuple(getattr(self.judge, "score_keys", ())))

    @property
    def score_keys(self) -> tuple[str, ...]:
        """The keys that this part brings to the scores of the whole."""
        return (self.name, *(f"{self.name}.{key}" for key in self.scores or ()))

    def scores_of(self, verdict: Verdict | None) -> dict[str, float]:
        """Return what this part brings to the scores; None stands for a part that was not asked.

        Raises:
            JudgeError: if the verdict lacks a score that is to be passed on.
        """
        if verdict is None:
            return dict.fromkeys(self.score_keys, 0.0)
        passed_on = {self.name: verdict.reward}
        for key in self.scores or ():
            if key not in verdict.scores:
                raise JudgeError(f"part {self.name!r} gave no score {key!r}; it gave {sorted(verdict.scores)}")
            passed_on[f"{self.name}.{key}"] = verdict.scores[key]
        return passed_on


class ComposedJudge(ABC):
    """What all judges made of judges have in common; see the module.

    Raises:
        UsageError: there is no part, or two have one name.
    """

    def __init__(self, parts: Sequence[Part], *, passed_outcome: str) -> None:
        self.parts = tuple(parts)
        self.passed_outcome = passed_outcome
        names = [part.name for part in self.parts]
        if not names:
            raise UsageError("a judge made of judges needs at least one part")
        if len(set(names)) < len(names):
            raise UsageError(f"every part needs a name of its own, got {', '.join(names)}")
        self._closed = False

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: if a part fails; it names the part.
        """
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging; the future's exception is a JudgeError that names the part that failed."""
        return self._start(task, completion).future

    @abstractmethod
    def _start(self, task: Task, completion: Completion) -> PendingVerdict: ...

    def close(self) -> None:
        """Close every part's judge once, even if one of them raises."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:
            for judge in {id(part.judge): part.judge for part in reversed(self.parts)}.values():
                stack.callback(getattr(judge, "close", lambda: None))

    @property
    def score_keys(self) -> tuple[str, ...]:
        """The keys of the scores of every verdict."""
        return tuple(key for part in self.parts for key in part.score_keys)

    @property
    def isolation(self) -> str | None:
        """The isolation levels of those parts that run programs; None if none does."""
        levels = (getattr(part.judge, "isolation", None) for part in self.parts)
        return ", ".join(dict.fromkeys(level for level in levels if level)) or None

    @property
    def runtime_versions(self) -> dict[str, str]:
        """What the parts run on; where two differ, the later one's entry is under ``part.key``."""
        merged: dict[str, str] = {}
        for part in self.parts:
            for key, value in (getattr(part.judge, "runtime_versions", None) or {}).items():
                merged[key if merged.get(key, value) == value else f"{part.name}.{key}"] = value
        return merged

    @property
    def lower_bounds(self) -> frozenset[str]:
        """The scores that summaries leave out: the parts' own such scores."""
        return frozenset(
            f"{part.name}.{key}"
            for part in self.parts
            for key in getattr(part.judge, "lower_bounds", ())
            if key in (part.scores or ())
        )

    def _verdict_of(self, part: Part, done: Future[Verdict]) -> Verdict:
        result = result_of(done)
        if isinstance(result, JudgeError):
            raise JudgeError(f"part {part.name!r}: {result}") from result
        return result

    def _scores(self, verdicts: Mapping[str, Verdict]) -> dict[str, float]:
        scores: dict[str, float] = {}
        for part in self.parts:
            scores |= part.scores_of(verdicts.get(part.name))
        return scores

    def _detail(self, verdicts: Mapping[str, Verdict]) -> dict[str, object]:
        return {part.name: dict(verdicts[part.name].detail) for part in self.parts if part.name in verdicts}


class WeightedSum(ComposedJudge):
    """Asks all parts at once; the reward is the weighted mean of theirs.

    It passes if every part passes. The feedback has a section for each part that did not, in order, headed by the
    part's name; together they have at most ``feedback_chars`` characters, of which each gets a fair share.

    Args:
        parts: ``{name: (judge, weight)}``, or the parts. Weights need not sum to 1: each is divided by their sum.
        threshold: a reward from which on it passes as well, even if a part did not.
        feedback_chars: most characters of feedback.
        passed_outcome: the outcome where it passes.

    Raises:
        UsageError: names or weights are not as :class:`Part` says, all weights are 0, or ``feedback_chars`` is too few
            for a section of each part.
    """

    def __init__(
        self,
        parts: Mapping[str, tuple[Judge, float]] | Sequence[Part],
        *,
        threshold: float | None = None,
        feedback_chars: int = FEEDBACK_CHARS,
        passed_outcome: str = "accepted",
    ) -> None:
        if isinstance(parts, Mapping):
            parts = [Part(name, judge, weight) for name, (judge, weight) in parts.items()]
        super().__init__(parts, passed_outcome=passed_outcome)
        total = sum(part.weight for part in self.parts)
        if not 0 < total < math.inf:
            raise UsageError(f"the weights of the parts must have a finite sum above 0, got {total}")
        self._weights = [part.weight / total for part in self.parts]
        self._threshold = threshold
        check_feedback_chars(feedback_chars, [_heading(part) for part in self.parts])
        self._feedback_chars = feedback_chars

    def _start(self, task: Task, completion: Completion) -> PendingVerdict:
        pending = PendingVerdict()
        verdicts: dict[str, Verdict] = {}
        lock = threading.Lock()

        def receive(part: Part, done: Future[Verdict]) -> None:
            verdict = self._verdict_of(part, done)
            with lock:
                verdicts[part.name] = verdict
                is_last = len(verdicts) == len(self.parts)
            if is_last:
                pending.finish(self._merged(verdicts))

        for part in self.parts:
            if not pending.future.done():
                pending.after(submit(part.judge, task, completion), functools.partial(receive, part))
        return pending

    def _merged(self, verdicts: Mapping[str, Verdict]) -> Verdict:
        rewards = [verdicts[part.name].reward for part in self.parts]
        mean = math.fsum(weight * reward for weight, reward in zip(self._weights, rewards, strict=True))
        mean = min(max(mean, min(rewards)), max(rewards))  # rounding must not lead out of the card's range
        failed = [part for part in self.parts if not verdicts[part.name].passed]
        passed = not failed or (self._threshold is not None and mean >= self._threshold)
        return Verdict(
            reward=mean,
            feedback=""
            if passed
            else merge_feedback(
                [(_heading(part), verdicts[part.name].feedback) for part in failed], self._feedback_chars
            ),
            status=Status.PASSED if passed else verdicts[failed[0].name].status,
            outcome=self.passed_outcome if passed else verdicts[failed[0].name].outcome,
            scores=self._scores(verdicts),
            detail=self._detail(verdicts),
        )


class FirstFailure(ComposedJudge):
    """Asks one part after the other until one does not pass: its reward, feedback, status and outcome are the whole's.

    Where all pass, the reward is the last part's. The parts after the first failure are not asked.

    Args:
        parts: ``{name: judge}``, or the parts, in order.
        passed_outcome: the outcome where all pass.

    Raises:
        UsageError: names are not as :class:`Part` says.
    """

    def __init__(self, parts: Mapping[str, Judge] | Sequence[Part], *, passed_outcome: str = "accepted") -> None:
        if isinstance(parts, Mapping):
            parts = [Part(name, judge) for name, judge in parts.items()]
        super().__init__(parts, passed_outcome=passed_outcome)

    @property
    def lower_bounds(self) -> frozenset[str]:
        """The scores that summaries leave out: those of all parts but the first, which may not be asked."""
        return super().lower_bounds.union(*(part.score_keys for part in self.parts[1:]))

    def _start(self, task: Task, completion: Completion) -> PendingVerdict:
        pending = PendingVerdict()
        verdicts: dict[str, Verdict] = {}

        def ask(index: int) -> None:
            started = submit(self.parts[index].judge, task, completion)
            pending.after(started, functools.partial(receive, index))

        def receive(index: int, done: Future[Verdict]) -> None:
            part = self.parts[index]
            verdicts[part.name] = verdict = self._verdict_of(part, done)
            if verdict.passed and index + 1 < len(self.parts):
                ask(index + 1)
                return
            outcome = self.passed_outcome if verdict.passed else verdict.outcome
            scores, detail = self._scores(verdicts), self._detail(verdicts)
            pending.finish(replace(verdict, outcome=outcome, scores=scores, detail=detail))

        ask(0)
        return pending


class Gate(FirstFailure):
    """Asks ``then`` only of what passed ``first``, such as content only where the format is right.

    The verdict is that of ``first`` if it did not pass, else that of ``then``.

    Args:
        first: a judge, which is then the part named ``first``, or a part.
        then: a judge, which is then the part named ``then``, or a part.
        passed_outcome: the outcome where both pass.
    """

    def __init__(self, first: Judge | Part, then: Judge | Part, *, passed_outcome: str = "accepted") -> None:
        parts = [
            given if isinstance(given, Part) else Part(name, given)
            for name, given in (("first", first), ("then", then))
        ]
        super().__init__(parts, passed_outcome=passed_outcome)


def merge_feedback(sections: Sequence[tuple[str, str]], chars: int) -> str:
    """Join sections, each a heading (one line) and a body, with a blank line between, in at most ``chars`` characters.

    A body shorter than its equal share leaves the rest to the others; one that is longer is cut, with a mark. No
    section is ever dropped.

    Raises:
        UsageError: as :func:`check_feedback_chars` does.
    """
    check_feedback_chars(chars, [heading for heading, _ in sections])
    bodies = [body.strip() for _, body in sections]
    left = chars - _frame_chars([heading for heading, _ in sections])
    by_length = sorted(range(len(bodies)), key=lambda i: len(bodies[i]))
    for rank, i in enumerate(by_length):
        bodies[i] = _cut(bodies[i], left // (len(bodies) - rank))
        left -= len(bodies[i])
    return "\n\n".join(f"{heading}\n{body}" for (heading, _), body in zip(sections, bodies, strict=True))


def check_feedback_chars(chars: int, headings: Sequence[str]) -> None:
    """Check that feedback of ``chars`` characters has room for a section under every heading.

    Raises:
        UsageError: naming the least number that would do.
    """
    least = _frame_chars(headings) + _LEAST_BODY * len(headings)
    if chars < least:
        raise UsageError(f"feedback_chars must be at least {least} for {len(headings)} sections, got {chars}")


def _heading(part: Part) -> str:
    return f"{part.name}:"


def _frame_chars(headings: Sequence[str]) -> int:
    return sum(len(heading) + 1 for heading in headings) + 2 * (len(headings) - 1)


def _cut(text: str, chars: int) -> str:
    if len(text) <= chars:
        return text
    kept = chars - len(_cut_mark(len(text)))
    return text[:kept] + _cut_mark(len(text) - kept)


def _cut_mark(count: int) -> str:
    return f"\n[cut: {count:,} more characters]"
