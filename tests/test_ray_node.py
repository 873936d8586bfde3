"""What runs on a node of a Ray cluster, without Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

import toy_env
from sdpo_envs.livecodebench import make_tasks
from sdpo_gym.completion import Completion
from sdpo_gym.ray_node import JudgeSpec, NodeJudges, from_plain, pack, unpack
from sdpo_gym.task import Task

TASKS = toy_env.tasks(None, "sample")


class Sent:
    """A task on its way; counts how often it is fetched."""

    def __init__(self, task: Task) -> None:
        self.data, self.fetched = pack(task), 0

    def __await__(self) -> Any:
        self.fetched += 1
        return self._give().__await__()

    async def _give(self) -> bytes:
        await asyncio.sleep(0)
        return self.data


def spec(**options: object) -> JudgeSpec:
    return JudgeSpec.of(toy_env.SPEC, options)


def prepare(wanted: JudgeSpec) -> dict[str, Any]:
    return asyncio.run(NodeJudges(1).prepare("judge", wanted))


def test_verdicts_are_those_of_the_judge() -> None:
    async def judge(text: str) -> dict[str, Any]:
        node = NodeJudges(1)
        assert (await node.prepare("lenient", spec(tolerance=1)))["error"] is None
        return await node.judge("lenient", TASKS[2].digest, [Sent(TASKS[2])], Completion(text))

    for text in ("6", "7", "99", "none"):
        assert from_plain(asyncio.run(judge(text))) == toy_env.ToyJudge(1)(TASKS[2], Completion(text))
    assert asyncio.run(judge("OUTAGE")) == {"error": "the toy's sandbox is down"}
    assert asyncio.run(judge("BUG")) == {"error": "judge raised ZeroDivisionError: the toy is broken"}


def test_other_versions_and_cards_are_refused() -> None:
    wanted = spec()
    assert "another" not in str(prepare(wanted))
    report = prepare(replace(wanted, packages={"sdpo-gym": "0.0.1"}))
    assert report["is_usage"]
    assert "Toy-v0 needs sdpo-gym 0.0.1 as here, and there it is" in report["error"]
    assert "the card of Toy-v0 has digest" in prepare(replace(wanted, card_digest="0" * 64))["error"]
    assert "there is no environment 'Nope-v0'" in prepare(replace(wanted, env="Nope-v0"))["error"]
    assert "has no option 'tolerence'" in prepare(spec(tolerence=1))["error"]


@pytest.mark.parametrize(("most_bytes", "fetched"), [(1 << 20, [1, 1]), (1, [3, 3])])
def test_tasks_are_kept_within_bounds(most_bytes: int, fetched: list[int]) -> None:
    sent = [Sent(TASKS[0]), Sent(TASKS[1])]

    async def judge() -> None:
        node = NodeJudges(1, most_bytes)
        await node.prepare("judge", spec())
        for _ in range(3):
            for i in (0, 1):
                same: list[Awaitable[Any]] = [
                    node.judge("judge", TASKS[i].digest, [sent[i]], Completion(text)) for text in "123"
                ]
                await asyncio.gather(*same)

    asyncio.run(judge())
    assert [each.fetched for each in sent] == fetched


def test_a_task_arrives_whole_with_what_it_reads_from_a_file() -> None:
    task = make_tasks(None, "sample")[0]
    there = unpack(pack(task))
    assert (there.id, there.messages, there.meta) == (task.id, task.messages, task.meta)
    assert there.payload == dict(task.payload)
    assert there.digest == task.digest == Task(there.id, there.messages, there.payload, there.meta).digest
