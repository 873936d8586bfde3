"""A tiny environment (add two numbers) for the tests; importing it registers ``sdpo/Toy-v0``."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from sdpo_gym import (
    Completion,
    EnvCard,
    EnvSpec,
    JudgeError,
    ListTaskSet,
    Message,
    Status,
    Task,
    Verdict,
    register_spec,
)
from sdpo_gym.errors import UsageError

FIXTURES = Path(__file__).with_name("toy_fixtures.jsonl")
CARD_TOML = """\
name = "Toy"
version = 0
title = "Adding two numbers"
description = "A toy."
outcomes = ["accepted", "wrong_answer", "no_number"]
scores = ["score", "closeness"]
headline = "score"
reward_range = [0, 1]
max_turns = 1
licence = "CC0-1.0"
citation = "nobody"
differences = ["none of note"]

[sampling]
n = 4
temperature = 0.6
top_p = 0.95
max_tokens = 64

[source]
url = "https://example.org/toy"
revision = "r1"
files = [{ name = "toy.jsonl", sha256 = "", bytes = 0, verified = false }]

[windows]
toy_small = ["2025-02-01", 2025-05-01, 2]

[judge]
text = "compares integers"
limits = { seconds = 1.5, since = 2025-01-01 }

[feedback]
shown = "the sum"
graded = "the sum"

[known_issues]
sum-4 = "too hard"
"""


def load_card(text: str = CARD_TOML) -> EnvCard:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "card.toml"
        path.write_text(text, encoding="utf-8")
        return EnvCard.load(path)


def tasks(split: str | None, data: str, *, count: int = 5) -> ListTaskSet:
    if data != "sample":
        raise UsageError(f"the toy has sample data only, got {data!r}")
    made = [
        Task(
            id=f"sum-{i}",
            messages=(Message("system", "Answer with a number."), Message("user", f"What is {i} + {i * i}? ¿Größe?")),
            payload={"answer": i + i * i},
            meta={"difficulty": "easy"},
        )
        for i in range(count)
    ]
    gold = {task.id: f"It is {task.payload['answer']}." for task in made}
    return ListTaskSet(made, name="toy_sample", split=split or "test", revision="sample", is_sample=True, gold=gold)


class ToyJudge:
    """Reads the first integer; the text OUTAGE makes it fail as a judge, BUG makes it raise something else."""

    def __init__(self, tolerance: int = 0) -> None:
        self.tolerance = tolerance
        self.times_closed = 0

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        if "OUTAGE" in completion.text:
            raise JudgeError("the toy's sandbox is down")
        if "BUG" in completion.text:
            raise ZeroDivisionError("the toy is broken")
        is_question = "?" in completion.text  # a prompt echoed is no answer
        number = None if is_question else re.search(r"-?\d+", completion.text)
        if number is None:
            feedback = "Your answer contains no number."
            return Verdict(0.0, feedback, Status.BAD_FORMAT, "no_number", {"score": 0.0, "closeness": 0.0})
        distance = abs(int(number.group()) - task.payload["answer"])
        closeness = 1 / (1 + distance)
        if distance > self.tolerance:
            feedback = f"{number.group()} is off by {distance}."
            return Verdict(0.0, feedback, Status.FAILED, "wrong_answer", {"score": 0.0, "closeness": closeness})
        return Verdict(1.0, "", Status.PASSED, "accepted", {"score": 1.0, "closeness": closeness})

    def close(self) -> None:
        self.times_closed += 1


def judge(*, tolerance: int = 0) -> ToyJudge:
    return ToyJudge(tolerance)


SPEC = EnvSpec(
    name="Toy-v0",
    card=load_card(),
    tasks=tasks,
    judge=judge,
    aliases={"toy_small": {"count": 2}, "toy_lenient": {"tolerance": 1, "count": 3}},
    fixtures=lambda: FIXTURES,
)
register_spec(SPEC)
