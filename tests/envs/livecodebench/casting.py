"""Other data in LiveCodeBench's schema: made-up rows, published verdicts, QuixBugs."""

from __future__ import annotations

import ast
import base64
import json
import pickle
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared_data import shared

Pairs = Sequence[tuple[str, str]]


def encode_tests(pairs: Pairs, kind: str = "stdin") -> str:
    return json.dumps([{"input": given, "output": expected, "testtype": kind} for given, expected in pairs])


def encode_private(text: Any, protocol: int = 4) -> str:
    """Encode as the hub does: pickle, zlib, base64."""
    return base64.b64encode(zlib.compress(pickle.dumps(text, protocol))).decode()


def make_row(
    question_id: str = "q1",
    public: Pairs = (),
    private: Pairs = (),
    *,
    func_name: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Make a row in the official schema."""
    kind = "functional" if func_name else "stdin"
    return {
        "question_title": f"Title of {question_id}",
        "question_content": f"Statement of {question_id}.",
        "platform": "atcoder",
        "question_id": question_id,
        "contest_id": "c1",
        "contest_date": "2024-01-01T00:00:00",
        "starter_code": f"class Solution:\n    def {func_name}(self):\n        " if func_name else "",
        "difficulty": "easy",
        "public_test_cases": encode_tests(public, kind),
        "private_test_cases": encode_private(encode_tests(private, kind)) if private else "",
        "metadata": json.dumps({"func_name": func_name} if func_name else {}),
        **fields,
    }


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fenced(code: str) -> str:
    return f"Here is my answer.\n\n```python\n{code}\n```"


@dataclass(frozen=True)
class CastRun:
    """A data file, a file for the replay policy, and whether each of its completions is right, by task id."""

    data: Path
    replay: Path
    right: dict[str, list[bool]]


def write_run(directory: Path, rows: Sequence[Mapping[str, Any]], answers: Sequence[tuple[str, str, bool]]) -> CastRun:
    """Write rows and ``(task id, code, is right)`` answers."""
    right: dict[str, list[bool]] = {}
    for task_id, _, is_right in answers:
        right.setdefault(task_id, []).append(is_right)
    replay = ({"task_id": task_id, "completion": fenced(code)} for task_id, code, _ in answers)
    return CastRun(write_jsonl(directory / "rows.jsonl", rows), write_jsonl(directory / "replay.jsonl", replay), right)


def cast_verdicts(directory: Path) -> CastRun:
    """Cast the published verdicts: each question's first test is public, the others are private."""
    rows = []
    for question in read_jsonl(shared("lcb/verdict_tests.dev.jsonl")):
        pairs = [(test["input"], test["output"]) for test in question["tests"]]
        row = make_row(question["question_id"], pairs[:1], pairs[1:], func_name=question["func_name"] or None)
        rows.append({**row, "starter_code": question["starter_code"]})
    cases = read_jsonl(shared("lcb/verdict_cases.dev.jsonl"))
    return write_run(directory, rows, [(case["question_id"], case["code"], case["passed"]) for case in cases])


def cast_quixbugs(directory: Path) -> CastRun:
    """Cast QuixBugs: literal calls become functional tests, the other test programs print what each check finds."""
    rows, answers = [], []
    for program in read_jsonl(shared("code/quixbugs_python.jsonl")):
        name = program["name"]
        calls = _literal_calls(name, program["tests"])
        if calls is not None:
            rows.append(make_row(name, calls, func_name=name))
            driver = ""
        else:
            driver, checks = _printing_driver(program["tests"])
            rows.append(make_row(name, [("", "True\n" * checks)]))
        answers += [
            (name, f"{program['solution']}\n{driver}", True),
            (name, f"{program['buggy_program']}\n{driver}", False),
        ]
    return write_run(directory, rows, answers)


def _literal_calls(name: str, source: str) -> list[tuple[str, str]] | None:
    """Return the tests if all of ``source`` is lines like ``assert name(*[arguments]) == literal``."""
    pairs = []
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assert(
                test=ast.Compare(
                    left=ast.Call(func=ast.Name(id=called), args=[ast.Starred(value=arguments)]),
                    ops=[ast.Eq()],
                    comparators=[expected],
                )
            ) if called == name:
                given = "\n".join(json.dumps(value) for value in ast.literal_eval(arguments))
                pairs.append((given, json.dumps(ast.literal_eval(expected))))
            case _:
                return None
    return pairs


def _printing_driver(source: str) -> tuple[str, int]:
    """Turn every assert into a print of whether it holds; return the driver and how many there are."""

    class Print(ast.NodeTransformer):
        count = 0

        def visit_Assert(self, node: ast.Assert) -> ast.stmt:
            self.count += 1
            return ast.parse(f"print(bool({ast.unparse(node.test)}))").body[0]

    transformer = Print()
    return ast.unparse(transformer.visit(ast.parse(source))), transformer.count
