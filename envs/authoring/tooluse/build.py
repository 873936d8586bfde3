"""Build the tool-use sample set from its sources in `apis/`.

    python envs/authoring/tooluse/build.py [--check]

writes `sample.jsonl` (rows in the schema of the paper's data, and `difficulty`), `sample_completions.jsonl` (recorded
completions) and `fixtures.jsonl` (cases for the judge); `--check` only compares what it would write with what is there.

A file `apis/<number>_<name>.toml` is one API: `name`, `description`, `[[tools]]` (name, description, output, structure,
and parameters as the documentation words them) and `[[tasks]]` (difficulty, question, and the calls that it asks for,
each `[tool, arguments]`). What models write is made from the calls by the templates in `tooluse_answers.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_envs.tooluse.calls import Call, encode_calls, write_answer
from sdpo_envs.tooluse.prompts import render_prompt

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from tooluse_answers import FAILURES, RIGHT, enumeration, record  # noqa: E402

APIS = HERE / "apis"
PRODUCTS = HERE.parents[1] / "sdpo_envs" / "tooluse"
ROWS, COMPLETIONS, CASES = "sample.jsonl", "sample_completions.jsonl", "fixtures.jsonl"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "Array": list,
    "Object": dict,
}


@dataclass(frozen=True)
class Tool:
    """A documented tool; `parameters` are in the words of the documentation."""

    name: str
    description: str
    output: str
    structure: str
    parameters: Mapping[str, str]

    def render(self) -> str:
        return (
            f"{self.name}: {self.description}\nParameters: {json.dumps(self.parameters, ensure_ascii=False)}\n"
            f"Output: {self.output}\n - Format: application/json\n - Structure: {self.structure}\n"
        )


@dataclass(frozen=True)
class SampleTask:
    """One task: its number from 1, its API, and the calls that its question asks for."""

    number: int
    api: str
    description: str
    tools: tuple[Tool, ...]
    difficulty: str
    question: str
    calls: tuple[Call, ...]

    @property
    def id(self) -> str:
        return f"tooluse-sample-{self.number}"

    @property
    def prompt(self) -> str:
        documentation = "".join(tool.render() for tool in self.tools)
        return render_prompt(self.api, self.description, documentation, self.question)


def load_tasks(root: Path = APIS) -> list[SampleTask]:
    """Read all tasks; ValueError if a call does not keep to its tool's documentation."""
    tasks: list[SampleTask] = []
    for path in sorted(root.glob("*.toml")):
        api = tomllib.loads(path.read_text(encoding="utf-8"))
        tools = tuple(Tool(**({"parameters": {}} | tool)) for tool in api["tools"])
        for task in api["tasks"]:
            calls = tuple(Call(action, arguments) for action, arguments in task["calls"])
            for call in calls:
                check_call(call, tools, f"{path.name}, {task['question'][:60]!r}")
            number = len(tasks) + 1
            tasks.append(
                SampleTask(number, api["name"], api["description"], tools, task["difficulty"], task["question"], calls)
            )
    return tasks


def check_call(call: Call, tools: Sequence[Tool], where: str) -> None:
    """Raise ValueError unless the tool is documented and its arguments have the documented names, types and values."""
    tool = next((tool for tool in tools if tool.name == call.action), None)
    if tool is None:
        raise ValueError(f"{where}: no tool {call.action!r} is documented")
    missing = {name for name, text in tool.parameters.items() if text.startswith("Required.")} - call.arguments.keys()
    unknown = call.arguments.keys() - tool.parameters.keys()
    if missing or unknown:
        raise ValueError(f"{where}: {call.action} lacks {missing or 'nothing'}, does not know {unknown or 'nothing'}")
    for name, value in call.arguments.items():
        words = tool.parameters[name].removeprefix("Required. ")
        kind = TYPES[words.partition("[")[0].partition("{")[0].partition(".")[0]]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{where}: {call.action} has {name} = {value!r}, documented is {words!r}")
        allowed = enumeration(words)
        if allowed and str(value) not in allowed:
            raise ValueError(f"{where}: {call.action} has {name} = {value!r}, which is none of {allowed}")


def build_row(task: SampleTask) -> dict[str, Any]:
    """Make a task's row: the fields of the paper's data in their order, and the difficulty."""
    return {
        "prompt": task.prompt,
        "description": task.prompt,
        "idx": task.number,
        "dataset": "tooluse_sample",
        "system": None,
        "answer": encode_calls(task.calls),
        "tests": None,
        "kind": "tooluse",
        "elo": 1500,
        "difficulty": task.difficulty,
    }


def build_fixtures(tasks: Sequence[SampleTask]) -> list[dict[str, Any]]:
    """Make the cases that the judge must decide as they say."""
    by_difficulty = {level: [t for t in tasks if t.difficulty == level] for level in ("easy", "medium", "hard")}
    easy, other = by_difficulty["easy"][1], by_difficulty["easy"][3]
    medium, hard = by_difficulty["medium"][0], by_difficulty["hard"][2]
    repeated = next(t for t in tasks if len(t.calls) == 4 and len({c.action for c in t.calls}) == 2)

    def case(
        task: SampleTask, completion: str | None, expect: str, outcome: str, reason: str = "stop"
    ) -> dict[str, Any]:
        assert completion is not None, task.id  # a template that does not fit the task
        row = {"task_id": task.id, "completion": completion, "expect": expect, "outcome": outcome}
        return row if reason == "stop" else {**row, "finish_reason": reason}

    def made(task: SampleTask, kind: str, expect: str) -> dict[str, Any]:
        one = FAILURES[kind](task)
        assert one is not None, (task.id, kind)
        return case(task, one.text, expect, one.expect, one.finish_reason)

    full, zero, malformed = "full_reward", "zero_reward", "malformed"
    return [
        *(case(task, write_answer(task.calls), full, "accepted") for task in (easy, medium, hard, repeated)),
        case(other, RIGHT["mention"](other), full, "accepted"),
        case(medium, RIGHT["several lines"](medium), full, "accepted"),
        case(easy, "", malformed, "no_call"),
        case(medium, "qwertz {]} 42", malformed, "no_call"),
        case(easy, write_answer(other.calls), zero, "wrong_tool"),
        made(medium, "wrong value", zero),
        made(medium, "missing argument", zero),
        made(repeated, "wrong order", zero),
        made(repeated, "too few", zero),
        made(easy, "too many", zero),
        made(easy, "extra argument", zero),
        made(easy, "prose", malformed),
        made(medium, "single quotes", malformed),
        made(easy, "missing input", malformed),
        made(hard, "text after", malformed),
    ]


def build(root: Path = APIS) -> dict[str, str]:
    """Build the products from the sources under `root`: file name -> text."""
    tasks = load_tasks(root)
    recorded = record(tasks)
    lines = {
        ROWS: [build_row(task) for task in tasks],
        COMPLETIONS: [{"task_id": task.id, "completions": recorded[task.id]} for task in tasks],
        CASES: build_fixtures(tasks),
    }
    return {name: "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in held) for name, held in lines.items()}


def differing(built: Mapping[str, str], directory: Path = PRODUCTS) -> list[str]:
    """Name the products in `directory` that are missing or hold something else than `built`."""
    return [
        name
        for name, text in built.items()
        if not (directory / name).exists() or (directory / name).read_text(encoding="utf-8") != text
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
