from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from sdpo_gym import ListTaskSet, Message, Task, TaskSet
from sdpo_gym.errors import UsageError
from sdpo_gym.task import canonical_json, digest_of

TASK = Task("t", (Message("user", "Größe?"),), {"tests": "b64", "limit": 6}, {"difficulty": "easy", "rating": 1.5})


def make(count: int) -> ListTaskSet:
    tasks = [dataclasses.replace(TASK, id=f"t{i}") for i in range(count)]
    return ListTaskSet(tasks, name="set", gold={"t1": "right"})


def test_canonical_json_has_one_form() -> None:
    assert canonical_json({"b": [1, 2], "a": "ö"}) == b'{"a":"\\u00f6","b":[1,2]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": math.nan})


def test_a_task_digest_never_changes() -> None:
    # Stored runs are keyed by this value: if it moves, no run can be resumed.
    content = {
        "id": "t",
        "messages": [["user", "Größe?"]],
        "meta": {"difficulty": "easy", "rating": 1.5},
        "payload": {"limit": 6, "tests": "b64"},
    }
    assert TASK.digest == digest_of(content)
    assert TASK.digest == "c792e182f1d07e8f371ddca0701db9a1d40acb2d472b359a854d8cc40fe46ac6"


def test_a_task_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert dataclasses.replace(TASK, payload={"limit": 6, "tests": "b64"}).digest == TASK.digest


@pytest.mark.parametrize(
    "change",
    [
        {"id": "u"},
        {"messages": (Message("system", "Größe?"),)},
        {"messages": (Message("user", "Größe!"),)},
        {"messages": (Message("user", "Größe?"), Message("user", ""))},
        {"payload": {"tests": "b64", "limit": 7}},
        {"meta": {"difficulty": "easy", "rating": 1.25}},
    ],
)
def test_a_task_digest_changes_with_every_field(change: dict[str, Any]) -> None:
    assert dataclasses.replace(TASK, **change).digest != TASK.digest


def test_a_task_set_is_a_sequence() -> None:
    tasks = make(4)
    assert len(tasks) == 4
    assert [task.id for task in tasks] == ["t0", "t1", "t2", "t3"] == list(tasks.ids)
    assert tasks[-1].id == "t3"
    assert [task.id for task in tasks[1:3]] == ["t1", "t2"]
    for index in (4, -5):
        with pytest.raises(IndexError, match=f"{index} is outside a set of 4"):
            tasks[index]


def test_tasks_are_found_by_id() -> None:
    assert make(3).by_id("t2").id == "t2"
    with pytest.raises(KeyError, match="no task 't9'"):
        make(3).by_id("t9")


def test_gold_is_known_or_none() -> None:
    tasks = make(2)
    assert tasks.gold(tasks[1]) == "right"
    assert tasks.gold(tasks[0]) is None


def test_an_id_may_occur_once_only() -> None:
    with pytest.raises(UsageError, match="'t' occurs twice in task set 'set'"):
        ListTaskSet([TASK, TASK], name="set")


def test_a_set_digest_depends_on_tasks_and_order() -> None:
    one, two = make(2)
    digest = ListTaskSet([one, two], name="a").digest
    assert digest == ListTaskSet([one, two], name="b", revision="other").digest
    assert digest != ListTaskSet([two, one], name="a").digest
    assert digest != ListTaskSet([one], name="a").digest


def test_a_payload_is_hashed_once_per_set() -> None:
    class Counting(dict[str, Any]):
        reads = 0

        def keys(self) -> Any:
            Counting.reads += 1
            return super().keys()

    class Lazy(TaskSet):
        name, split, revision = "lazy", "test", "memory"
        ids = ("a", "b")

        def load(self, index: int) -> Task:
            return Task(self.ids[index], (Message("user", "?"),), Counting(tests=index), {})

    tasks = Lazy()
    expected = [task.digest for task in tasks]
    assert len(set(expected)) == 2
    digest = tasks.digest
    reads = Counting.reads
    assert [tasks[i].digest for i in range(2)] == expected
    assert tasks.by_id("b").digest == expected[1]
    assert Counting.reads == reads
    assert digest == Lazy().digest
