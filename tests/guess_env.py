"""An environment and a policy for the tests of evaluation; importing it registers ``sdpo/Guess-v0``.

The policy ``guess:KEY=VALUE,...`` is then found as an installed distribution's would be.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from sdpo_gym.card import EnvCard
from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.registry import EnvSpec, register_spec
from sdpo_gym.task import ListTaskSet, Message, Task
from sdpo_gym.verdict import Status, Verdict

CARD_TOML = """\
name = "Guess"
version = 0
title = "Guessing a number"
description = "For tests."
outcomes = ["accepted", "too_low", "too_high", "no_number"]
scores = ["score", "closeness"]
headline = "score"
reward_range = [0, 1]
max_turns = 1
licence = "CC0-1.0"
judge = {}
feedback = {}

[sampling]
n = 2
temperature = 1.0
top_p = 1.0
max_tokens = 16

[source]
url = "https://example.org/guess"
revision = "r1"
files = []
"""


def load_card() -> EnvCard:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "card.toml"
        path.write_text(CARD_TOML, encoding="utf-8")
        return EnvCard.load(path)


def make_tasks(split: str | None = None, data: str = "sample", *, count: int = 6, salt: str = "") -> ListTaskSet:
    if data not in ("sample", "hub"):
        if not Path(data).is_file():
            raise UsageError(f"the guessing game has no data {data!r}")
        salt += Path(data).read_text()
    tasks = [
        Task(
            f"g{i}",
            (Message("user", f"Guess the number of task {i}."),),
            {"answer": 10 * i, "salt": salt},
            {"difficulty": ("easy", "medium", "hard")[i % 3], "platform": "red" if i % 2 else "blue", "title": f"t{i}"},
        )
        for i in range(count)
    ]
    return ListTaskSet(
        tasks,
        name="guess_sample" if data == "sample" else "guess",
        split=split or "test",
        revision=data if data in ("sample", "hub") else "file",
        window="" if data == "sample" else "since ever",
        notice="these are made-up numbers" if data == "sample" else "",
        is_sample=data == "sample",
        gold={task.id: f"it is {task.payload['answer']}" for task in tasks},
    )


class GuessJudge:
    """Compares numbers on threads. A text that holds OUTAGE fails always, one that holds FLAKY the first time."""

    isolation = "threads"
    runtime_versions: ClassVar = {"judged_python": "3.99"}

    def __init__(self, tolerance: int, delay: float, stop: str = "never") -> None:
        self.lower_bounds = frozenset({"closeness"} if stop == "decided" else ())
        self._pool = ThreadPoolExecutor(4)
        self._tolerance, self._delay = tolerance, delay
        self._flaked: set[tuple[str, str]] = set()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        return self._pool.submit(self, task, completion)

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        time.sleep(self._delay)
        text = completion.text
        if "FLAKY" in text and (task.id, text) not in self._flaked:
            self._flaked.add((task.id, text))
            raise JudgeError("the referee sneezed")
        if "OUTAGE" in text:
            raise JudgeError("the referee went home")
        numbers = [int(word) for word in text.split() if word.lstrip("-").isdigit()]
        if not numbers:
            feedback = "There is no number in your answer."
            return Verdict(0.0, feedback, Status.BAD_FORMAT, "no_number", {"score": 0.0, "closeness": 0.0})
        distance = numbers[-1] - task.payload["answer"]
        closeness = 1 / (1 + abs(distance))
        detail = (
            {"tests": [{"test": 1, "distance": distance}], "nan": float("nan")}
            if "NAN" in text
            else {"tests": [{"test": 1, "distance": distance, "shown": True}]}
        )
        if abs(distance) <= self._tolerance:
            return Verdict(1.0, "", Status.PASSED, "accepted", {"score": 1.0, "closeness": closeness}, detail)
        outcome = "too_low" if distance < 0 else "too_high"
        feedback = f"{numbers[-1]} is {outcome.replace('_', ' ')}."
        return Verdict(0.0, feedback, Status.FAILED, outcome, {"score": 0.0, "closeness": closeness}, detail)


def make_judge(*, tolerance: int = 0, delay: float = 0.0, workers: int = 1, stop: str = "never") -> GuessJudge:
    return GuessJudge(tolerance, delay, stop)


_directory = tempfile.TemporaryDirectory()
RECORDED = Path(_directory.name) / "recorded.jsonl"
RECORDED.write_text(
    "".join(
        json.dumps({"task_id": f"g{i}", "completions": [f"it is {10 * i}", f"it is {10 * i + i - 2}"]}) + "\n"
        for i in range(4)
    )
)

FIXTURES = Path(_directory.name) / "fixtures.jsonl"
FIXTURES.write_text(
    '{"task_id": "g1", "completion": "it is 10", "expect": "full_reward"}\n'
    '{"task_id": "g1", "completion": "it is 9", "expect": "zero_reward", "outcome": "too_low"}\n'
    '{"task_id": "g1", "completion": "ten", "expect": "malformed"}\n'
)

SPEC = EnvSpec(
    name="Guess-v0",
    card=load_card(),
    tasks=make_tasks,
    judge=make_judge,
    aliases={"guess": {}, "guess_small": {"count": 2}},
    recorded=lambda: RECORDED,
    fixtures=lambda: FIXTURES,
)
register_spec(SPEC)


class GuessPolicy:
    """Guesses right about half of the time, by the request's seed alone; writes every request it answers to ``log``.

    It fails while the file ``down`` exists, and in every turn from ``mute`` on for good.
    """

    capabilities = frozenset({Capability.SEED})

    def __init__(
        self,
        log: Path | None = None,
        delay: float = 0.0,
        down: str = "",
        say: str = "",
        model: str = "",
        mute: int | None = None,
    ) -> None:
        self._log, self._delay, self._down, self._say, self._model = log, delay, down, say, model
        self._mute = mute

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        order = list(range(len(requests)))
        random.Random(len(requests)).shuffle(order)
        for index in order:
            request = requests[index]
            time.sleep(self._delay)
            if self._log:
                with self._log.open("a") as log:
                    log.write(f"{request.task_id} {request.attempt} {request.turn} {request.seed}\n")
            if self._down and Path(self._down).exists():
                yield index, PolicyError("the server is down")
                continue
            if self._mute is not None and request.turn >= self._mute:
                yield index, PolicyError("the prompt is too long", permanent=True)
                continue
            right = 10 * int(request.task_id[1:])
            guess = right + (request.seed % 2) * (1 + request.seed % 7)
            text = self._say or f"{'hm, ' * request.turn}I say {guess}"
            yield index, Completion(text, FinishReason.STOP, usage=Usage(len(request.messages), len(text)))

    def describe(self) -> dict[str, str]:
        return {"policy": "guess", "model": self._model}

    def close(self) -> None:
        pass


def make_policy(argument: str, *, model: str | None = None) -> GuessPolicy:
    options = dict(part.split("=", 1) for part in argument.split(",") if part)
    return GuessPolicy(
        log=Path(options["log"]) if "log" in options else None,
        delay=float(options.get("delay", 0)),
        down=options.get("down", ""),
        say=options.get("say", ""),
        model=model or "",
        mute=int(options["mute"]) if "mute" in options else None,
    )


def _install() -> None:
    """Make the policy ``guess`` findable as that of an installed distribution."""
    info = Path(_directory.name) / "site" / "guess-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guess\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sdpo_gym.policies]\nguess = guess_env:make_policy\n")
    sys.path.append(str(info.parent))


_install()
