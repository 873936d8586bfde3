"""What the model learns from before any training with rewards: answers in form, and the use of what stands in context.

Tasks, answers and feedback are real: tasks of warm-start worlds, whose names and knowledge no other world has,
attempts at them that are right in another world or broken, and what the judges say of those. The chats are made by
`sdpo_baselines.reprompt`, or are those of an attempt in several turns. The answer to learn is always the right one of
the world that the feedback is from. Shares and the broken attempts are those that worked in our experiments: a model
that has never met an error's feedback is of no use as a teacher once a policy makes that error.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sdpo_baselines.reprompt import FeedbackUse, RepromptOptions, reprompt
from sdpo_baselines.tiny.attempts import corrupt, other_option
from sdpo_baselines.tiny.tokenizer import build_tokenizer
from sdpo_baselines.tiny.training import Row
from sdpo_baselines.tiny.written import wrong_answer
from sdpo_gym.completion import Completion
from sdpo_gym.judge import JudgeError, judge_many
from sdpo_gym.policies.base import Request
from sdpo_gym.registry import resolve
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.task import Message, Task, TaskSet
from sdpo_gym.verdict import Status, Verdict

FAMILIES = ("tool", "code", "sci")
WORLDS = 64  # of the warm start that are learned from; later ones are for measuring
PROMPTS = 20_000
_USED = re.compile(r"at most [\d.]+ s, [\d,]+ MiB")
_USUAL = "at most 0.1 s, 64 MiB"
_OTHER_USE = ("at most 0.2 s, 64 MiB", "at most 0.3 s, 64 MiB", "at most 0.1 s, 128 MiB")
_ACCEPTED = Verdict(1.0, "", Status.PASSED, "accepted")


class Kind(StrEnum):
    """What stands in the context of an answer."""

    NONE = "none"
    SOLUTION = "solution"
    FEEDBACK = "feedback"
    BOTH = "both"
    MULTI = "multi"  # one to three earlier turns with their feedback


@dataclass(frozen=True)
class Mixture:
    """How many examples of what kind.

    Attributes:
        examples: number by family.
        kinds: share of each kind.
        feedback: share of each level of feedback.
        corrupted: share of broken attempts among those that fail.
        judged_programs: so many examples of the code family have feedback of the sandboxed judge on all their attempts;
            beyond that, what it would say of the unbroken ones is written by :mod:`sdpo_baselines.tiny.written`.
    """

    examples: Mapping[str, int] = field(default_factory=lambda: {"tool": 32_000, "code": 48_000, "sci": 20_000})
    kinds: Mapping[Kind, float] = field(
        default_factory=lambda: {
            Kind.NONE: 0.25,
            Kind.SOLUTION: 0.15,
            Kind.FEEDBACK: 0.42,
            Kind.BOTH: 0.06,
            Kind.MULTI: 0.12,
        }
    )
    feedback: Mapping[str, float] = field(default_factory=lambda: {"rich": 0.9, "plain": 0.06, "null": 0.04})
    corrupted: float = 0.15
    judged_programs: int = 3_000


@dataclass(frozen=True)
class Example:
    """A chat and the answer to learn.

    Attributes:
        family: of the task.
        kind: what the chat holds.
        messages: the chat.
        answer: the right answer.
        outcomes: how the attempts ended whose feedback the chat holds.
    """

    family: str
    kind: Kind
    messages: tuple[Message, ...]
    answer: str
    outcomes: tuple[str, ...] = ()


@dataclass
class _Draft:
    """An example before its attempts are judged."""

    kind: Kind
    task: Task
    gold: str
    level: str
    attempts: list[Completion]
    broken: list[bool]
    seed: int
    verdicts: list[Verdict | None]


def make_tokenizer() -> Any:
    """Make the tokenizer of the tiny worlds."""
    tasks = {family: resolve(f"tiny_{family}").tasks("warmstart", "hub", size=1000) for family in FAMILIES}
    golds = [tasks["code"].gold(task) or "" for task in tasks["code"]]
    lines = sorted({line for gold in golds for line in gold.split("\n")[2:-2]})
    phrases = [piece for line in lines for piece in (line, f"{line}\n")]
    vocabulary: Sequence[str] = getattr(tasks["tool"], "vocabulary", ())
    return build_tokenizer(vocabulary, phrases)


def make_corpus(mixture: Mixture, tokenizer: Any, seed: int, worlds: range | None = None) -> list[Example]:
    """Make the corpus; the same arguments give the same one.

    Raises:
        JudgeError: a judge failed.
    """
    found: list[Example] = []
    for family, count in mixture.examples.items():
        found += _family(family, count, mixture, tokenizer, seed, worlds or range(WORLDS))
    return found


def corpus_digest(examples: Sequence[Example]) -> str:
    """Return the sha256 (hex) of all chats and answers in order."""
    total = hashlib.sha256()
    for example in examples:
        chat = [[m.role, m.content] for m in example.messages]
        total.update(json.dumps([chat, example.answer]).encode())
    return total.hexdigest()


def to_row(example: Example, tokenizer: Any) -> Row:
    """Return an example as token ids, rendered as a policy does it."""
    chat = [{"role": m.role, "content": m.content} for m in example.messages]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    answer = tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    return tuple(prompt), (*answer, tokenizer.eos_token_id)


def _family(family: str, count: int, mixture: Mixture, tokenizer: Any, seed: int, worlds: range) -> list[Example]:
    environment = resolve(f"tiny_{family}")
    sets = [environment.tasks("warmstart", "hub", world=world, size=PROMPTS) for world in worlds]
    drafts = [_draft(family, sets, mixture, tokenizer, f"{seed}|{family}|{number}") for number in range(count)]
    if family == "code":
        for draft in drafts[mixture.judged_programs :]:
            _write_verdicts(draft)
    for level in mixture.feedback:
        judge = environment.judge(feedback=level)
        wanted = [
            (draft, at)
            for draft in drafts
            if draft.level == level
            for at, verdict in enumerate(draft.verdicts)
            if verdict is None
        ]
        verdicts = judge_many(judge, [(draft.task, draft.attempts[at]) for draft, at in wanted])
        for (draft, at), verdict in zip(wanted, verdicts, strict=True):
            if isinstance(verdict, JudgeError):
                raise verdict
            draft.verdicts[at] = _checked(family, draft, at, verdict)
    return [_example(family, draft) for draft in drafts]


def _write_verdicts(draft: _Draft) -> None:
    """Write what the judge would say of unbroken programs."""
    if draft.level == "rich":
        for at, (attempt, broken) in enumerate(zip(draft.attempts, draft.broken, strict=True)):
            if not broken:
                draft.verdicts[at] = _steady(wrong_answer(draft.task.payload, attempt.text) or _ACCEPTED, draft.seed)


def _checked(family: str, draft: _Draft, at: int, verdict: Verdict) -> Verdict:
    """Return the judge's verdict without the machine's speed; it must be the one that would be written."""
    if family == "code" and draft.level == "rich" and not draft.broken[at]:
        written = wrong_answer(draft.task.payload, draft.attempts[at].text) or _ACCEPTED
        real = _USED.sub(_USUAL, verdict.feedback)
        if written.feedback != real:
            raise JudgeError(f"the judge says {real!r} where {written.feedback!r} was written")
    return _steady(verdict, draft.seed)


def _draft(family: str, sets: Sequence[TaskSet], mixture: Mixture, tokenizer: Any, name: str) -> _Draft:
    draw = random.Random(name)
    number, at = draw.randrange(PROMPTS), draw.randrange(len(sets))
    task = sets[at][number]
    gold = sets[at].gold(task)
    assert gold is not None
    kind = _weighted(mixture.kinds, draw)
    failures = {Kind.FEEDBACK: 1, Kind.BOTH: 1, Kind.MULTI: draw.choice((1, 1, 2, 2, 3))}.get(kind, 0)
    attempts: list[Completion] = []
    broken: list[bool] = []
    for _ in range(failures):
        wrong = _wrong(family, sets, number, task, gold, draw)
        broken.append(wrong is None or draw.random() < mixture.corrupted)
        if wrong is None or broken[-1]:
            attempts.append(corrupt(gold if wrong is None else wrong, family, tokenizer, draw))
        else:
            attempts.append(Completion(wrong))
    level = _weighted(mixture.feedback, draw)
    return _Draft(kind, task, gold, level, attempts, broken, draw.getrandbits(32), [None] * len(attempts))


def _wrong(family: str, sets: Sequence[TaskSet], number: int, task: Task, gold: str, draw: random.Random) -> str | None:
    """Return what is right in another world, None where no world was found in which that is something else."""
    if family == "sci":
        return other_option(task.messages[-1].content, gold, draw)
    for _ in range(8):
        other = draw.choice(sets)
        answer = other.gold(other[number])
        if answer is not None and answer != gold:
            return answer
    return None


def _steady(verdict: Verdict, seed: int) -> Verdict:
    """Take the machine's speed out of the feedback; a few verdicts keep another time or size than the usual ones."""
    draw = random.Random(seed)
    usual = draw.random() < 0.95
    return replace(
        verdict,
        feedback=_USED.sub(lambda _: _USUAL if usual else draw.choice(_OTHER_USE), verdict.feedback),
    )


def _example(family: str, draft: _Draft) -> Example:
    draw = random.Random(draft.seed)
    failed = [(a, v) for a, v in zip(draft.attempts, draft.verdicts, strict=True) if v and not v.passed]
    chat = draft.task.messages
    kind = draft.kind
    if draft.attempts and not failed:  # right by chance, or in spite of what was broken
        kind = Kind.NONE
    outcomes = tuple(verdict.outcome for _, verdict in failed)
    match kind:
        case Kind.NONE:
            return Example(family, kind, chat, draft.gold)
        case Kind.SOLUTION:
            failed = [(Completion(""), Verdict(0.0, "-", Status.FAILED, "none"))]
            outcomes = ()
        case Kind.MULTI:
            for attempt, verdict in failed[:-1]:
                chat = (*chat, Message("assistant", attempt.text), Message("user", verdict.feedback))
            if len(failed) == 1 or draw.random() < 0.7:  # a policy's next turn, else its teacher's prompt
                attempt, verdict = failed[-1]
                chat = (*chat, Message("assistant", attempt.text), Message("user", verdict.feedback))
                return Example(family, kind, chat, draft.gold, outcomes)
    group = [failed[-1]]
    if kind in (Kind.SOLUTION, Kind.BOTH):
        group.append((Completion(draft.gold), Verdict(1.0, "", Status.PASSED, "accepted")))
    options = RepromptOptions(feedback=FeedbackUse.ALWAYS)
    if kind is Kind.SOLUTION:
        options = RepromptOptions(feedback=FeedbackUse.NEVER)
    asked = reprompt(as_group(draft.task, chat, group), options, draw)[0]
    return Example(family, kind, asked.messages, draft.gold, outcomes)


def as_group(task: Task, chat: tuple[Message, ...], attempts: Sequence[tuple[Completion, Verdict]]) -> Group:
    """Return a group of one-turn attempts at ``task``, all asked with ``chat``."""
    return Group(
        task,
        tuple(
            Attempt(
                task.digest,
                index,
                (Turn(task.digest, Request(chat, task.id, index), completion, verdict, None, True, 0.0, 0.0),),
            )
            for index, (completion, verdict) in enumerate(attempts)
        ),
    )


def _weighted(shares: Mapping[Any, float], draw: random.Random) -> Any:
    return draw.choices(list(shares), list(shares.values()))[0]
