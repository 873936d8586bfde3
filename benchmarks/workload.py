"""What the judge benchmarks judge: short programs with trivial tests, and a mixture with bad ones."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence

from sdpo_gym.completion import Completion
from sdpo_gym.sandbox.job import Case, Job, Program, TestRun
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.task import Message, Task

TESTS = 20  # a submission
# LiveCodeBench's import header, which its own runner puts in front of every program
HEADER = """\
from string import *
from re import *
from datetime import *
from collections import *
from heapq import *
from bisect import *
from copy import *
from math import *
from random import *
from statistics import *
from itertools import *
from functools import *
from operator import *
from io import *
from sys import *
from json import *
from builtins import *
from typing import *
"""
SOURCES = (
    "a, b = map(int, input().split())\nprint(a + b)\n",
    "import sys\nnumbers = list(map(int, sys.stdin.read().split()))\nprint(sum(numbers))\n",
    "def solve():\n    a, b = (int(x) for x in input().split())\n    return a + b\n\n\nprint(solve())\n",
)
WRONG = "a, b = map(int, input().split())\nprint(a - b - 1)\n"
SPINNING = "a, b = map(int, input().split())\nwhile True:\n    a += b\n"
CRASHING = "def f(x):\n    return 1 / x\n\n\na, b = map(int, input().split())\nprint(f(0))\n"
ENDLESS = 6
MIXED = (SOURCES[0],) * 42 + (WRONG,) * 6 + (SPINNING,) * ENDLESS + (CRASHING,) * 6
MIXED_CPU_S = 1.0

_numbers = itertools.count()


def cases(seed: int) -> list[Case]:
    return [Case(f"{seed} {i}\n", str(seed + i)) for i in range(TESTS)]


def check(case: Case, run: TestRun) -> bool:
    return run.stdout.decode().strip() == case.expected


def source(index: int) -> str:
    return SOURCES[index % len(SOURCES)]


def job(index: int) -> Job:
    return Job(Program(source(index)), lambda: cases(index), check)


def mixed_jobs(seed: int, stop: StopRule) -> Sequence[Job]:
    """60 submissions in random order: 70 % right, 10 % each of wrong, endless and crashing."""
    sources = list(MIXED)
    random.Random(seed).shuffle(sources)
    limits = Limits(cpu_s=MIXED_CPU_S)
    return [Job(Program(text), lambda i=i: cases(i), check, limits, stop) for i, text in enumerate(sources)]  # type: ignore[misc]


def task(index: int) -> Task:
    """The same tests as a task of LiveCodeBench, for what judges completions and not jobs."""
    tests = [{"input": case.input, "output": case.expected, "testtype": "stdin"} for case in cases(index)]
    payload = {
        "public_test_cases": json.dumps(tests[:2]),
        "private_test_cases": json.dumps(tests[2:]),
        "metadata": "{}",
        "starter_code": "",
    }
    return Task(f"bench-{index}", (Message("user", "Add two numbers."),), payload, {})


def completion(index: int) -> Completion:
    """A right answer, never the same text twice: equal ones are judged once."""
    return Completion(f"```python\n{source(index)}# {next(_numbers)}\n```")
