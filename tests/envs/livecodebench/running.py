"""Tasks and judges for tests that run programs."""

from __future__ import annotations

import json
from typing import Any

from envs.livecodebench.casting import Pairs, encode_private, encode_tests, fenced
from sdpo_envs.livecodebench import LiveCodeBenchJudge, make_judge
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.task import Message, Task
from sdpo_gym.verdict import Verdict


def make_task(public: Pairs = (), private: Pairs = (), func_name: str | None = None, task_id: str = "t1") -> Task:
    kind = "functional" if func_name else "stdin"
    payload = {
        "metadata": json.dumps({"func_name": func_name} if func_name else {}),
        "public_test_cases": encode_tests(public, kind),
        "private_test_cases": encode_private(encode_tests(private, kind)),
    }
    return Task(task_id, (Message("user", "Solve it."),), payload, {})


def run(code: str, task: Task, judge: LiveCodeBenchJudge | None = None, **options: Any) -> Verdict:
    """Judge ``code`` as the one code block of an answer."""
    return (judge or make_judge(workers=2, **options))(task, Completion(fenced(code)))


def cut(text: str) -> Completion:
    return Completion(text, FinishReason.LENGTH)
