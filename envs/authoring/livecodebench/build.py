"""Build the LiveCodeBench-style sample set from its sources in `problems/`.

    python envs/authoring/livecodebench/build.py [--check]

writes `sample.jsonl` (rows in the official schema) and `sample_completions.jsonl` (recorded completions); `--check`
only compares what it would write with what is there. Expected outputs come from each problem's `solution.py`, and its
`brute` in `tests.py`, written independently, must agree on every input that it can handle.

A problem is a folder `problems/<id>/`:

    meta.toml          title, difficulty, platform, contest_date, func_name (empty: reads standard input), starter_code
    statement.md       `{{examples}}` stands for the public tests
    solution.py        the right program
    tests.py           public() and hidden(rng) give inputs: texts, or lists of arguments; brute(...) gives the right
                       answer to one, or None if the input is too large for it
    completions/*.md   answers as a model writes them; the front matter says how judging is to end (`expect`), why
                       generation ended (`finish_reason`) and whether the answer is among the recorded ones
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import pickle
import random
import runpy
import sys
import tomllib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROBLEMS = HERE / "problems"
PRODUCTS = HERE.parents[1] / "sdpo_envs" / "livecodebench"
ROWS, COMPLETIONS = "sample.jsonl", "sample_completions.jsonl"
RECORDED_PER_PROBLEM = 4


class Expect(StrEnum):
    """How judging a completion is to end."""

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT = "time_limit"
    IDLE_LIMIT = "idle_limit"
    RUNTIME_ERROR = "runtime_error"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    COMPILE_ERROR = "compile_error"
    BAD_FORMAT = "bad_format"
    TRUNCATED = "truncated"


@dataclass(frozen=True)
class Recorded:
    """A completion as a model would write it, and how judging it is to end.

    Attributes:
        recorded: whether it is among those that `sample_completions.jsonl` holds.
    """

    name: str
    text: str
    expect: Expect
    finish_reason: str
    recorded: bool


@dataclass(frozen=True)
class Problem:
    """One problem's sources; `func_name` is empty where the solution reads standard input."""

    id: str
    title: str
    difficulty: str
    platform: str
    contest_date: str
    func_name: str
    starter_code: str
    statement: str
    solution: str
    tests: dict[str, Any]
    completions: tuple[Recorded, ...]

    @property
    def gold(self) -> str:
        return next(c.text for c in self.completions if c.name == "gold")


def load_problems(root: Path = PROBLEMS) -> list[Problem]:
    """Read all problems under `root`, in the order of their ids."""
    return [load_problem(directory) for directory in sorted(root.iterdir()) if directory.is_dir()]


def load_problem(directory: Path) -> Problem:
    """Read one problem's folder; ValueError if its completions are not as they must be."""
    solution = (directory / "solution.py").read_text(encoding="utf-8")
    completions = tuple(load_completion(path, solution) for path in sorted((directory / "completions").glob("*.md")))
    if not any(c.name == "gold" and c.expect is Expect.ACCEPTED for c in completions):
        raise ValueError(f"{directory.name}: completions/gold.md must exist and be expected to be accepted")
    recorded = sum(c.recorded for c in completions)
    if recorded != RECORDED_PER_PROBLEM:
        raise ValueError(f"{directory.name}: {recorded} completions are recorded, not {RECORDED_PER_PROBLEM}")
    return Problem(
        id=directory.name,
        statement=(directory / "statement.md").read_text(encoding="utf-8").strip(),
        solution=solution,
        tests=runpy.run_path(str(directory / "tests.py")),
        completions=completions,
        **tomllib.loads((directory / "meta.toml").read_text(encoding="utf-8")),
    )


def load_completion(path: Path, solution: str) -> Recorded:
    """Read a completion with its front matter; `{{solution}}` in its text stands for the problem's solution."""
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    return Recorded(
        name=path.stem,
        text=text.strip("\n").replace("{{solution}}", solution.strip()),
        expect=Expect(fields["expect"]),
        finish_reason=fields["finish_reason"],
        recorded={"yes": True, "no": False}[fields["recorded"]],
    )


def answer(problem: Problem, given: Any) -> Any:
    """Run the solution in this process: on the text of standard input, or on a list of arguments."""
    code = compile(problem.solution, f"{problem.id}/solution.py", "exec")
    if problem.func_name:
        namespace: dict[str, Any] = {"__name__": "solution"}
        exec(code, namespace)
        # the arguments are copied through JSON, as the judge does, so that a solution cannot change the test
        return getattr(namespace["Solution"](), problem.func_name)(*json.loads(json.dumps(given)))
    stdin, stdout = sys.stdin, io.StringIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    try:
        with contextlib.redirect_stdout(stdout):
            exec(code, {"__name__": "__main__"})
    finally:
        sys.stdin = stdin
    return stdout.getvalue().rstrip("\n")


def make_tests(problem: Problem, inputs: Iterable[Any]) -> list[dict[str, str]]:
    """Answer the inputs and encode both as the official rows do; ValueError where `brute` disagrees."""
    tests = []
    for number, given in enumerate(inputs, 1):
        expected = answer(problem, given)
        check = problem.tests["brute"](*given) if problem.func_name else problem.tests["brute"](given)
        if check is not None and check != expected:
            raise ValueError(f"{problem.id}, input {number}: solution says {expected!r}, brute {check!r}: {given!r}")
        if problem.func_name:
            given, expected = "\n".join(map(json.dumps, given)), json.dumps(expected)
        tests.append({"input": given, "output": expected, "testtype": "functional" if problem.func_name else "stdin"})
    return tests


def render_examples(problem: Problem, public: Sequence[dict[str, str]]) -> str:
    """Render the public tests as the examples of the statement."""
    if not problem.func_name:
        return "\n\n".join(
            f"Sample Input {i}\n\n{test['input']}\n\nSample Output {i}\n\n{test['output']}"
            for i, test in enumerate(public, 1)
        )
    signature = problem.starter_code.split("(self, ", 1)[1].split(") ->")[0]
    names = [part.split(": ")[0] for part in signature.split(", ")]
    examples = []
    for i, test in enumerate(public, 1):
        arguments = ", ".join(f"{n} = {value}" for n, value in zip(names, test["input"].split("\n"), strict=True))
        examples.append(f"Example {i}:\n\nInput: {arguments}\nOutput: {test['output']}")
    return "\n\n".join(examples)


def encode_private(tests: list[dict[str, str]]) -> str:
    """Encode hidden tests as the hub does: base64 of zlib of the pickle of their JSON text."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(tests), protocol=4), 9)).decode("ascii")


def build_row(problem: Problem) -> dict[str, str]:
    """Make a problem's row in the official schema."""
    public = make_tests(problem, problem.tests["public"]())
    hidden = make_tests(problem, problem.tests["hidden"](random.Random(problem.id)))
    if not (2 <= len(public) <= 3 and 8 <= len(hidden) <= 20):
        raise ValueError(f"{problem.id}: 2-3 public and 8-20 hidden tests wanted, got {len(public)} and {len(hidden)}")
    return {
        "question_title": problem.title,
        "question_content": problem.statement.replace("{{examples}}", render_examples(problem, public)),
        "platform": problem.platform,
        "question_id": problem.id,
        "contest_id": f"sample-{problem.contest_date[:7]}",
        "contest_date": problem.contest_date,
        "starter_code": problem.starter_code,
        "difficulty": problem.difficulty,
        "public_test_cases": json.dumps(public),
        "private_test_cases": encode_private(hidden),
        "metadata": json.dumps({"func_name": problem.func_name} if problem.func_name else {}),
    }


def build_completions(problem: Problem) -> dict[str, Any]:
    """Make a problem's line of recorded completions, in a seeded order, with its gold text."""
    recorded = [c for c in problem.completions if c.recorded]
    random.Random(f"{problem.id}/completions").shuffle(recorded)
    return {
        "task_id": problem.id,
        "completions": [{"text": c.text, "finish_reason": c.finish_reason, "expect": c.expect} for c in recorded],
        "gold": problem.gold,
    }


def build(root: Path = PROBLEMS) -> dict[str, str]:
    """Build both products from the sources under `root`: file name -> text."""
    problems = load_problems(root)
    return {
        ROWS: "".join(json.dumps(build_row(problem)) + "\n" for problem in problems),
        COMPLETIONS: "".join(json.dumps(build_completions(problem)) + "\n" for problem in problems),
    }


def contents(product: str) -> list[Any]:
    """Parse a product for comparison, with hidden tests unpacked: zlib's bytes differ between its versions."""
    lines = [json.loads(line) for line in product.splitlines()]
    for line in lines:
        if "private_test_cases" in line:
            line["private_test_cases"] = zlib.decompress(base64.b64decode(line["private_test_cases"]))
    return lines


def differing(built: dict[str, str], directory: Path = PRODUCTS) -> list[str]:
    """Name the products in `directory` that are missing or hold something else than `built`."""
    return [
        name
        for name, text in built.items()
        if not (directory / name).exists() or contents((directory / name).read_text(encoding="utf-8")) != contents(text)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a product is out of date")
    check = parser.parse_args().check
    built = build()
    if check:
        stale = differing(built)
        for name in stale:
            print(f"{PRODUCTS / name} does not match its sources; run build.py without --check")
        return bool(stale)
    for name, text in built.items():
        (PRODUCTS / name).write_text(text, encoding="utf-8")
        print(f"{PRODUCTS / name}: {len(text.splitlines())} lines, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
