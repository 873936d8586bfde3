"""No content of a hidden test reaches feedback, whatever the program does with it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from envs.livecodebench.running import make_task, run
from sdpo_envs.livecodebench import make_judge
from sdpo_gym.verdict import Verdict

_RANDOM = random.Random(7)
SECRETS = ["".join(_RANDOM.choices("bcdfghjklmnpqrstvwxz", k=24)) for _ in range(4)]
PIECE = 6  # a piece of a secret this long in a feedback is a leak

# Each gets a secret as its input: as a line of standard input in STDIN, as argument `s` in FUNCTIONAL.
STDIN = {
    "raises it": "raise ValueError(input())",
    "asserts it": "s = input()\nassert not s, s",
    "names an exception after it": "raise type(input(), (Exception,), {})()",
    "names a function after it": (
        "s = input()\nexec(compile(f'def {s}():\\n    return 1/0\\n{s}()', 'solution.py', 'exec'))"
    ),
    "fails to look it up": "{}[input()]",
    "fails to convert it": "int(input())",
    "prints it": "print(input())",
    "prints it and raises": "print(input())\n1/0",
    "writes it to standard error": "import sys\ns = input()\nsys.stderr.write(s)\nprint(s)",
    "prints it and runs on": "print(input(), flush=True)\nwhile True: pass",
    "prints it until the output limit": "s = input()\nwhile True: print(s * 1000)",
    "prints it and runs out of memory": "print(input(), flush=True)\nx = [0] * 10**10",
    "exits with it": "import sys\nsys.exit(input())",
    "prints it and crashes": "import os\nprint(input(), flush=True)\nos.abort()",
    "raises it in a chain": "try:\n    raise KeyError(input())\nexcept KeyError as e:\n    raise ValueError(e) from e",
    "compiles it": "compile(input() + '(', 'solution.py', 'exec')",
    "warns it": "import warnings\nwarnings.warn(input())\nprint()",
    "writes it to the result": "import os\ns = input()\nos.write(3, s.encode())\nprint(s)",
}
FUNCTIONAL = {
    "function: returns it": "def f(s): return s",
    "function: returns it in a set": "def f(s): return {s}",
    "function: returns its own class of it": "def f(s): return type(s, (), {})()",
    "function: raises it": "def f(s): raise ValueError(s)",
    "function: prints it": "def f(s):\n    print(s)\n    return 0",
}
NAMES = [*STDIN, *FUNCTIONAL]


def leaked(feedback: str, secrets: list[str]) -> list[str]:
    """Return the pieces of secrets that a feedback holds, forwards or backwards."""
    pieces = {secret[i : i + PIECE] for secret in secrets for i in range(len(secret) - PIECE + 1)}
    folded = feedback.lower()
    return sorted(piece for piece in pieces if piece in folded or piece[::-1] in folded)


def judged(name: str, **options: Any) -> Verdict:
    if name in STDIN:
        task = make_task([("public", "public answer")], [(secret, f"{secret[::-1]}!") for secret in SECRETS])
        return run(STDIN[name], task, **options)
    private = [(f'"{secret}"', f'"{secret[::-1]}!"') for secret in SECRETS]
    task = make_task([('"public"', '"public answer"')], private, func_name="f")
    return run(FUNCTIONAL[name], task, **options)


@pytest.mark.parametrize("name", NAMES)
def test_hidden_contents_stay_out_of_feedback(name: str) -> None:
    verdict = judged(name, stop="never", cpu_s=0.5)
    assert not verdict.passed
    assert verdict.detail["graded"] == 1 + len(SECRETS)
    assert leaked(verdict.feedback, SECRETS) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_check_catches_a_judge_that_shows_them(name: str) -> None:
    """The planted leak: all tests are declared shown, and the same programs must then be seen leaking."""
    assert leaked(judged(name, shown="all", stop="never", cpu_s=0.5).feedback, SECRETS)


def test_public_contents_are_shown_and_private_ones_are_not() -> None:
    task = make_task([("public input", "x")], [("private input", "y")])
    assert "| public input" in run("print(1)", task).feedback
    assert "| private input" in run("print(1)", task, shown="all").feedback
    shown_none = run("print(1)", task, shown="none").feedback
    assert "public input" not in shown_none
    assert "private input" not in shown_none


def test_shown_fraction_shows_no_other_private_test() -> None:
    task = make_task([], [(secret, "y") for secret in SECRETS])
    judge = make_judge(workers=2, shown_fraction=0.5, split="test", feedback_tests=4)
    verdict = run("print(input())", task, judge)
    shown = [secret for test, secret in zip(verdict.detail["tests"], SECRETS, strict=True) if test["shown"]]
    assert len(shown) == 2
    for secret in SECRETS:
        assert bool(leaked(verdict.feedback, [secret])) == (secret in shown)
