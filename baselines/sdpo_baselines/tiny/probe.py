"""How well a policy uses what stands in its context: accuracy with nothing, a solution, feedback, both, or turns."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sdpo_baselines.reprompt import FeedbackUse, RepromptOptions, reprompt
from sdpo_baselines.tiny.corpus import FAMILIES, PROMPTS, WORLDS, Kind, as_group
from sdpo_gym.completion import Completion
from sdpo_gym.judge import Judge, JudgeError, judge_many
from sdpo_gym.policies.base import Policy, PolicyError, Request, Sampling
from sdpo_gym.registry import resolve
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Status, Verdict

TUNING = range(100, 104)  # worlds of the tuning kind; none of those that reports use
UNSEEN = range(WORLDS, WORLDS + 4)  # worlds of the warm start that the corpus does not have
_MAX_TOKENS = 64

Asked = tuple[tuple[Message, ...], Task]


@dataclass(frozen=True)
class Accuracy:
    """Share of answers that pass, and of how many."""

    rate: float
    count: int


def measure(
    policy: Policy, family: str, split: str, worlds: range, *, each: int = 24, feedback: str = "rich", seed: int = 0
) -> dict[Kind, Accuracy]:
    """Return accuracy by kind of context, with one answer sampled at temperature 1 for each task.

    All kinds but ``none`` count only tasks at which the policy's first answer failed: their feedback is on that answer,
    as it is in training, and their chats are those of `sdpo_baselines.reprompt`, or of a second turn.

    Args:
        policy: answers.
        family: of the tasks.
        split: of the tasks.
        worlds: that the tasks are drawn from.
        each: tasks for each world.
        feedback: level of the judge's feedback.
        seed: draws tasks and answers.

    Raises:
        JudgeError: the judge failed.
    """
    environment = resolve(f"tiny_{family}")
    judge = environment.judge(feedback=feedback)
    draw = random.Random(f"{seed}|{family}|{split}")
    tasks: list[tuple[Task, str]] = []
    for world in worlds:
        size = {"size": PROMPTS} if split == "warmstart" else {}
        found = environment.tasks(split, "hub", world=world, **size)
        for number in draw.sample(range(len(found)), min(each, len(found))):
            task = found[number]
            tasks.append((task, found.gold(task) or ""))
    first = _answers(policy, judge, [(task.messages, task) for task, _ in tasks], seed)
    result = {Kind.NONE: _accuracy(first)}
    failed = [(task, gold, c, v) for (task, gold), (c, v) in zip(tasks, first, strict=True) if not v.passed]
    passing = Verdict(1.0, "", Status.PASSED, "accepted")
    uses = {
        Kind.SOLUTION: (True, FeedbackUse.NEVER),
        Kind.FEEDBACK: (False, FeedbackUse.ALWAYS),
        Kind.BOTH: (True, FeedbackUse.ALWAYS),
    }
    for number, (kind, (solutions, use)) in enumerate(uses.items(), 1):
        options = RepromptOptions(solutions=solutions, feedback=use)
        asked: list[Asked] = []
        for task, gold, completion, verdict in failed:
            group = as_group(task, task.messages, [(completion, verdict), (Completion(gold), passing)])
            asked.append((reprompt(group, options, draw)[0].messages, task))
        result[kind] = _accuracy(_answers(policy, judge, asked, seed + number))
    again = [
        ((*task.messages, Message("assistant", completion.text), Message("user", verdict.feedback)), task)
        for task, _, completion, verdict in failed
    ]
    result[Kind.MULTI] = _accuracy(_answers(policy, judge, again, seed + 4))
    return result


def table(policy: Policy, *, each: int = 24, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return ``{"tool train": {"none": accuracy, ...}, ...}`` of all families, for tuning and unseen warm-start worlds.

    Raises:
        JudgeError: the judge failed.
    """
    rows: dict[str, dict[str, float]] = {}
    for family in FAMILIES:
        for split, worlds in (("train", TUNING), ("warmstart", UNSEEN)):
            found = measure(policy, family, split, worlds, each=each, seed=seed)
            rows[f"{family} {split}"] = {kind.value: round(one.rate, 3) for kind, one in found.items()}
    return rows


def _answers(policy: Policy, judge: Judge, asked: Sequence[Asked], seed: int) -> list[tuple[Completion, Verdict]]:
    requests = [Request(messages, task.id, seed=(seed << 20) + number) for number, (messages, task) in enumerate(asked)]
    answers: dict[int, Completion] = {}
    for index, answer in policy.generate(requests, Sampling(max_tokens=_MAX_TOKENS)):
        if isinstance(answer, PolicyError):
            raise answer
        answers[index] = answer
    pairs = [(task, answers[index]) for index, (_, task) in enumerate(asked)]
    verdicts = judge_many(judge, pairs)
    for verdict in verdicts:
        if isinstance(verdict, JudgeError):
            raise verdict
    return [(answer, verdict) for (_, answer), verdict in zip(pairs, verdicts, strict=True)]  # type: ignore[misc]


def _accuracy(judged: Sequence[tuple[Completion, Verdict]]) -> Accuracy:
    passed = sum(verdict.passed for _, verdict in judged)
    return Accuracy(passed / len(judged) if judged else 0.0, len(judged))
