"""A policy and an agent without a network: one number is learned, and what is said follows from it and the seeds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.policies.base import Capability, Policy, Request, Sampling
from sdpo_gym.rollout import Group
from sdpo_gym.task import Message


class FakeTokenizer:
    eos_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [ord(c) for c in text]}


class FakePolicy:
    """Answers the toy's sums rightly with probability ``skill``; a chat that says ``off by`` it answers rightly."""

    capabilities = frozenset({Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.SEED, Capability.TRAIN})
    model: Any = None
    tokenizer = FakeTokenizer()

    def __init__(self, skill: float = 0.1) -> None:
        self.skill = skill
        self.closed = False

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        return tuple(ord(c) for c in messages[-1].content)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Completion]]:
        for index, request in enumerate(requests):
            number = int(request.task_id.removeprefix("sum-"))
            is_right = "off by" in request.messages[-1].content or random.Random(request.seed).random() < self.skill
            text = f"It is {number + number**2 + (0 if is_right else 1 + request.attempt)}."
            yield (
                index,
                Completion(
                    text,
                    FinishReason.STOP,
                    prompt_token_ids=self.render(request.messages),
                    token_ids=tuple(map(ord, text)),
                    logprobs=(-1.0,) * len(text),
                    usage=Usage(len(request.messages), len(text)),
                ),
            )

    def describe(self) -> dict[str, Any]:
        return {"policy": "fake", "skill": self.skill}

    def close(self) -> None:
        self.closed = True

    def save_weights(self, directory: Path) -> None:
        (directory / "skill.json").write_text(json.dumps(self.skill))

    def load_weights(self, directory: Path) -> None:
        self.skill = json.loads((directory / "skill.json").read_text())


class FakeAgent:
    """Learns from what was right, and adds noise of its own, so that a resume that is not exact shows."""

    def __init__(self, policy: FakePolicy, seed: int, rate: float, group_size: int | None, rehearsal: Any) -> None:
        self.policy = policy
        self.rate, self.group_size, self.rehearsal = rate, group_size, rehearsal
        self._rng = random.Random(seed)
        self._groups: list[Group] = []

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        self._groups = list(groups)
        rewards = [a.verdict.reward for group in groups for a in group.attempts if a.verdict]
        noise = self._rng.random()
        self.policy.skill += self.rate * (1 - self.policy.skill) * (0.5 + noise)
        if self.rehearsal:
            self.rehearsal.draw(self._rng, 2)
        return {
            "loss": noise,
            "steps": 2.0,
            "skipped_steps": 0.0,
            "entropy": 1.0 - self.policy.skill / 2,
            "teacher_gap": -0.1 * noise,
            "reprompt_fraction": 1 - sum(rewards) / len(rewards) / 2,
            "flops_student": 100.0,
        }

    def describe(self) -> dict[str, Any]:
        return {"rate": self.rate, "group_size": self.group_size}

    def examples(self) -> list[dict[str, Any]]:
        asked = self.teacher_messages(self._groups)
        attempts = [(group.task.id, a.index) for group in self._groups for a in group.attempts]
        return [
            {"task_id": task_id, "attempt": index, "teacher_prompt": messages[-1].content if messages else None}
            for (task_id, index), messages in zip(attempts, asked, strict=True)
        ]

    def teaching(self) -> AbstractContextManager[Policy] | None:
        return nullcontext(self.policy)

    def teacher_messages(self, groups: Sequence[Group]) -> list[tuple[Message, ...] | None]:
        return [
            (*group.task.messages[:-1], Message("user", f"{group.task.messages[-1].content}\n{a.verdict.feedback}"))
            if a.verdict and a.verdict.feedback
            else None
            for group in groups
            for a in group.attempts
        ]

    def save(self, directory: Path) -> None:
        self.policy.save_weights(directory)
        version, state, gauss = self._rng.getstate()
        (directory / "rng.json").write_text(json.dumps([version, list(state), gauss]))

    def load(self, directory: Path) -> None:
        self.policy.load_weights(directory)
        version, state, gauss = json.loads((directory / "rng.json").read_text())
        self._rng.setstate((version, tuple(state), gauss))


def make_agent(
    policy: Any,
    *,
    seed: int,
    temperature: float,
    rehearsal: Any = None,
    group_size: int | None = None,
    rate: float = 0.05,
    micro_batch_tokens: int = 1,
) -> FakeAgent:
    return FakeAgent(policy, seed, rate, group_size, rehearsal)
