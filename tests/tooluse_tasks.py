"""Tool-use tasks for tests: the real test split, and one small task of our own."""

from __future__ import annotations

import json
from functools import cache

from sdpo_envs.tooluse.calls import Call, decode_calls, encode_calls, write_answer
from sdpo_gym import Message, Task
from shared_data import shared

PROMPT = """\
Your task is to answer the user's question using available tools.
You have access to the following tools:
Name: Garden
Description: Plants and beds
Documentation:
add-plant: Put a plant into a bed: {one at a time}.
It goes on over a line.
Parameters: {"bed": "Required. integer. The bed's number.", "name": \
"Required. string. It's called \\"name\\", {braces} and all.", \
"light": "string. One of: [sun, shade]. How much light.", "depth": "number.", "water": "boolean. Whether to water it."}
Output: The plant.
 - Format: application/json
 - Structure: Object{id}
[v2]list.beds: List beds.
Parameters: {}
Output: The beds.
 - Format: application/json
 - Structure: Array[Object{bed}]
setLabels: Label plants.
Parameters: {"labels": "Required. Array[string]. The labels.", "sizes": "Array[integer].", \
"style": "Object{colour: string. One of: [red, blue]., font}. The style.", "when": "date. The day.", \
"kinds": "Required. string. The kind. One of: [a, b c]."}
Output: Done.
 - Format: application/json
 - Structure: #Labels

The detailed output format for the tools is outlined below:
#Labels: Object{labels: Array[string]}

Use the following format:
Thought: you should always think about what to do
Action: the action to take, should be one of the tool names.
Action Input: the input to the action, must be in JSON format.

Begin!
Question: Put a fern into bed 3, and show me all beds."""


def make_task(gold: tuple[Call, ...], prompt: str = PROMPT, task_id: str = "garden") -> Task:
    return Task(task_id, (Message("user", prompt),), {"answer": encode_calls(gold)}, {})


def gold_of(task: Task) -> tuple[Call, ...]:
    return decode_calls(task.payload["answer"])


def gold_answer(task: Task) -> str:
    return write_answer(gold_of(task))


@cache
def real_tasks() -> tuple[Task, ...]:
    with shared("tooluse/sdpo_test.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(
        Task(f"tooluse-{row['idx']}", (Message("user", row["prompt"]),), {"answer": row["answer"]}, {}) for row in rows
    )
