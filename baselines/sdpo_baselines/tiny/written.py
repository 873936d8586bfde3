"""What the judge says of a wrong program, without a sandbox: for programs that the tiny worlds themselves have made.

The warm start needs far more judged programs than a sandbox runs in a few minutes. This writes the same text for the
plain case, a program of our own that prints a wrong number; :func:`make_corpus` compares it with the real judge's
wherever it has both, and fails if they differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sdpo_gym.verdict import Status, Verdict

_SHOWN = 3
_HEAD, _TAIL = "```python\nx = int(input())\n", "\nprint(x)\n```"


def wrong_answer(payload: Mapping[str, Any], answer: str) -> Verdict | None:
    """Return the verdict on ``answer``, a right answer of another world; None if it passes here as well."""
    operations = answer.removeprefix(_HEAD).removesuffix(_TAIL)
    program = compile(operations, "operations", "exec")
    tests = json.loads(payload["public_test_cases"])
    failing: list[tuple[int, int, str]] = []
    for number, test in enumerate(tests, 1):
        names: dict[str, Any] = {"__builtins__": {"max": max}, "x": int(test["input"])}
        exec(program, names)  # our own lines, made by the environment, not a model's
        if str(names["x"]) != test["output"]:
            size = len(test["input"]) + len(f"{names['x']}\n")
            failing.append((size, number, str(names["x"])))
    if not failing:
        return None
    passed = len(tests) - len(failing)
    text = f"Wrong answer. {passed} of {len(tests)} tests passed (wrong answer: {len(failing)})."
    for _, number, got in sorted(failing, key=lambda f: f[0])[:_SHOWN]:
        test = tests[number - 1]
        text += (
            f"\n\nTest {number}: wrong answer (at most 0.1 s, 64 MiB).\nInput:\n| {test['input']}\n"
            f"Your output:\n| {got}\nExpected:\n| {test['output']}"
        )
    return Verdict(0.0, text, Status.FAILED, "wrong_answer", {"score": 0.0, "share": passed / len(tests)})
