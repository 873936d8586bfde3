from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import toy_env
from sdpo_gym import ListTaskSet, Message, Task, TaskSet, resolve
from sdpo_gym.data import datasets as ours
from sdpo_gym.data.datasets import load_json
from sdpo_gym.data.hub import HubFile, cache_home
from sdpo_gym.errors import MissingExtraError, OutageError, UsageError
from shared_data import shared

pytest.importorskip("huggingface_hub")
datasets = pytest.importorskip("datasets")

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SDPO_GYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    datasets.disable_progress_bars()
    return tmp_path / "cache"


def cached(text: str, *, name: str = "train.jsonl", revision: str = REVISION, sha256: str = "") -> HubFile:
    file = HubFile("owner/code", revision, name, sha256, 0, repo_type="github")
    path = cache_home() / "github" / file.repo / revision / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return file


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def task(task_id: str, payload: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> Task:
    return Task(task_id, (Message("user", f"question {task_id}"),), payload, meta or {})


def same(one: TaskSet, two: TaskSet) -> None:
    assert [(t.id, t.messages, dict(t.payload), dict(t.meta)) for t in one] == [
        (t.id, t.messages, dict(t.payload), dict(t.meta)) for t in two
    ]
    assert one.digest == two.digest


def about(tasks: TaskSet) -> tuple[Any, ...]:
    return tasks.name, tasks.split, tasks.revision, tasks.window, tasks.notice, tasks.is_sample


# load_json


@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
def test_rows_are_those_of_the_file(name: str) -> None:
    rows: list[dict[str, Any]] = [
        {"idx": 0, "text": None, "date": "2024-01-01", "tags": [], "score": 1},
        {"idx": 1, "text": "größer\n", "date": "2024-01-02", "tags": ["a"], "score": 0.5},
        {"idx": 2, "text": "", "date": "2024-01-03", "tags": [], "score": 2},
    ]
    dataset = load_json(cached(lines(rows), name=name))
    assert dataset.to_list() == rows
    assert dataset.features["date"] == datasets.Value("string")


@pytest.mark.parametrize("name", ["sciknoweval/chemistry/test.jsonl", "tooluse/sdpo_test.jsonl"])
def test_real_rows_in_the_hubs_cache_are_read_without_a_network(tmp_path: Path, name: str) -> None:
    source = shared(name)
    place = tmp_path / "hub" / "datasets--owner--set" / "snapshots" / REVISION / "data" / "test.jsonl"
    place.parent.mkdir(parents=True)
    place.write_bytes(source.read_bytes())
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    dataset = load_json(HubFile("owner/set", REVISION, "data/test.jsonl", digest, source.stat().st_size))
    assert dataset.to_list() == [json.loads(line) for line in source.read_text("utf-8").splitlines()]


def test_nulls_far_apart_from_texts_and_columns_that_come_late() -> None:
    rows: list[dict[str, Any]] = [{"text": None, "tags": []}] * 3000 + [{"text": "x", "tags": ["y"], "late": 1}]
    dataset = load_json(cached(lines(rows)))
    assert dataset[0] == {"text": None, "tags": [], "late": None}
    assert dataset[3000] == rows[3000]


def test_another_revision_or_content_gives_its_own_rows(cache: Path) -> None:
    assert load_json(cached(lines([{"a": 1}])))[0] == {"a": 1}
    assert load_json(cached(lines([{"a": 2}]), revision="f" * 40))[0] == {"a": 2}
    for record in (cache / "digests").iterdir():
        record.unlink()
    assert load_json(cached(lines([{"a": 3}])))[0] == {"a": 3}


def test_file_that_is_not_cached_is_an_outage_offline() -> None:
    with pytest.raises(OutageError, match=r"owner/code@01234567/x\.json is not in the cache"):
        load_json(HubFile("owner/code", REVISION, "x.json", "", 0, repo_type="github"))


def test_file_that_is_not_the_pinned_one_is_refused() -> None:
    with pytest.raises(OutageError, match="is not the pinned file"):
        load_json(cached(lines([{"a": 1}]), sha256="0" * 64))


@pytest.mark.parametrize("text", ["<html>\n</html>", "[1, 2]\n", '{"a": 1}\n{"a": \n', "", "[" * 100_000])
def test_no_json_lines_is_one_line_that_names_the_file(text: str) -> None:
    with pytest.raises(UsageError, match=r"owner/code@01234567/train\.jsonl is not a file of JSON lines") as caught:
        load_json(cached(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [[1, "a"], ["a", ["a"]], [10**30, 1], ["\ud800", "a"], [{"a": 1}, "a"]])
def test_mixed_column_is_one_line_that_names_file_and_column(values: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"owner/code@01234567/train\.jsonl: column 'a' cannot be stored") as caught:
        load_json(cached(lines([{"a": value} for value in values])))
    assert "\n" not in str(caught.value)


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = toy_env.tasks(None, "sample")
    dataset = toy.to_dataset()
    monkeypatch.setitem(sys.modules, "datasets", None)
    for call in (toy.to_dataset, lambda: TaskSet.from_dataset(dataset), lambda: load_json(cached("{}"))):
        with pytest.raises(MissingExtraError, match=r"needs datasets.*sdpo-gym\[hub\]"):
            call()


def test_import_is_light() -> None:
    heavy = ("datasets", "pyarrow", "httpx")
    code = f"import sys, sdpo_gym.data.datasets; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# to_dataset


def test_columns_of_a_task_set() -> None:
    dataset = toy_env.tasks(None, "sample").to_dataset()
    assert dataset.column_names == ["task_id", "prompt", "meta"]
    assert dataset[2] == {
        "task_id": "sum-2",
        "prompt": [
            {"role": "system", "content": "Answer with a number."},
            {"role": "user", "content": "What is 2 + 4? ¿Größe?"},
        ],
        "meta": '{"difficulty": "easy"}',
    }


def test_neither_gold_nor_payload_comes_unasked() -> None:
    tasks = ListTaskSet(
        [task("a", {"answer": "SECRET", "tests": "shown"})], name="set", gold={"a": "GOLD"}, notice="a notice"
    )
    for dataset in (tasks.to_dataset(), tasks.to_dataset(payload=["tests"])):
        everything = json.dumps(dataset.to_list()) + dataset.info.description
        assert "SECRET" not in everything
        assert "GOLD" not in everything
    assert dataset[0]["payload_tests"] == "shown"


def test_payload_that_is_text_stays_as_it_is_and_all_else_is_json() -> None:
    tasks = ListTaskSet(
        [task("a", {"text": '"5"', "mixed": "5", "json_x": "t"}), task("b", {"mixed": 5, "gone": None})], name="set"
    )
    dataset = tasks.to_dataset(payload=["text", "mixed", "json_x", "gone"])
    assert [list(row.items())[3:] for row in dataset] == [
        [
            ("payload_text", '"5"'),
            ("payload_json_mixed", '"5"'),
            ("payload_json_json_x", '"t"'),
            ("payload_json_gone", None),
        ],
        [
            ("payload_text", None),
            ("payload_json_mixed", "5"),
            ("payload_json_json_x", None),
            ("payload_json_gone", "null"),
        ],
    ]
    same(TaskSet.from_dataset(dataset), tasks)


def test_unknown_payload_key_lists_those_that_exist() -> None:
    tasks = ListTaskSet([task("a", {"x": 1}), task("b", {"y": 1})], name="set")
    with pytest.raises(UsageError, match="no task of 'set' has the payload key 'z'; its keys are 'x', 'y'"):
        tasks.to_dataset(payload=["x", "z"])
    assert tasks.to_dataset(payload="x").column_names[3:] == ["payload_json_x"]  # one name is no list of letters


def test_same_name_and_other_content_is_never_mixed_up() -> None:
    for answer in ("one", "two", "three"):
        tasks = ListTaskSet([task("a", {"answer": answer})], name="set")
        dataset = tasks.to_dataset(payload=["answer"])
        assert dataset[0]["payload_answer"] == answer
        assert dataset.map(lambda row: {"again": row["payload_answer"]})[0]["again"] == answer


def test_same_content_is_written_once(cache: Path) -> None:
    tasks = [task("a", {"answer": "x", "more": 1})]
    for name in ("one", "two"):
        made = ListTaskSet(tasks, name=name).to_dataset(payload=["answer"])
        assert TaskSet.from_dataset(made).name == name
    ListTaskSet(tasks, name="one").to_dataset(payload=["answer", "more"])
    assert len(list((cache / "arrow").iterdir())) == 2


class Failing(TaskSet):
    """Fails on its third task when the rows are written, not before."""

    name, split, revision = "failing", "test", "memory"
    armed = False

    @property
    def ids(self) -> tuple[str, ...]:
        return ("0", "1", "2")

    def load(self, index: int) -> Task:
        if self.armed and index == 2:
            raise KeyboardInterrupt
        return task(str(index), {"answer": "x"})


def test_interrupted_writing_leaves_nothing_that_is_taken_for_the_file(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = Failing()
    columns = ours._payload_columns

    def then_arm(*arguments: Any) -> dict[str, str]:
        found = columns(*arguments)
        tasks.armed = bool(tasks.digest)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(ours, "_payload_columns", then_arm)
        with pytest.raises(KeyboardInterrupt):
            tasks.to_dataset(payload=["answer"])
    assert list((cache / "arrow").iterdir()) == []
    tasks.armed = False
    assert len(tasks.to_dataset(payload=["answer"])) == 3


def test_large_payloads_are_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "_BATCH_CHARS", 100)
    tasks = ListTaskSet([task(str(i), {"tests": "x" * (10 * i)}) for i in range(30)], name="set")
    dataset = tasks.to_dataset(payload=["tests"])
    assert dataset.data.column("payload_tests").num_chunks > 5
    same(TaskSet.from_dataset(dataset), tasks)


def test_cache_that_cannot_be_written_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDPO_GYM_CACHE", "/proc/nowhere")
    toy = toy_env.tasks(None, "sample")
    assert len(toy.to_dataset()) == 5
    with pytest.raises(UsageError, match=r"cannot write /proc/nowhere.*SDPO_GYM_CACHE"):
        toy.to_dataset(payload=["answer"])


@pytest.mark.parametrize(
    "bad",
    [
        Task("a", (Message("user", "\ud800"),), {}, {}),
        task("a", {}, {"x": float("nan")}),
        task("a", {"x": b"bytes"}),
        task("a", {"x": "\udcff"}),
    ],
)
def test_what_cannot_be_stored_is_one_line(bad: Task) -> None:
    with pytest.raises(UsageError, match="task set 'set' cannot be a Dataset") as caught:
        ListTaskSet([bad], name="set").to_dataset(payload=list(bad.payload))
    assert "\n" not in str(caught.value)


# There and back


@pytest.fixture(params=["toy", "livecodebench", "mixed"])
def tasks(request: pytest.FixtureRequest) -> TaskSet:
    mixed = [
        task("2024-01-01", {"key": "A", "calls": [{"a": {}}], "n": 1.0}, {"n": 1, "x": 1.0, "s": ""}),
        task("2024-01-02", {"key": "B", "calls": []}, {}),
        task("zero", {"key": "B", "calls": "none", "n": 1}, {"n": "one", "big": 10**25, "ok": True}),
    ]
    made: dict[str, Any] = {
        "toy": lambda: toy_env.tasks(None, "sample"),
        "livecodebench": lambda: resolve("lcb_v6").tasks(data="sample"),
        "mixed": lambda: ListTaskSet(mixed, name="m", split="train", revision="r", window="w", notice="a notice"),
    }
    result: TaskSet = made[request.param]()
    return result


def keys(tasks: TaskSet) -> list[str]:
    return sorted({key for t in tasks for key in t.payload})


def test_a_task_set_comes_back(tasks: TaskSet) -> None:
    back = TaskSet.from_dataset(tasks.to_dataset(payload=keys(tasks)))
    same(back, tasks)
    assert about(back) == about(tasks)
    assert [[type(v) for v in t.meta.values()] for t in back] == [[type(v) for v in t.meta.values()] for t in tasks]


def test_a_set_without_tasks_comes_back() -> None:
    empty = ListTaskSet([], name="e", window="w")
    back = TaskSet.from_dataset(empty.to_dataset())
    same(back, empty)
    assert about(back) == about(empty)


def test_a_task_set_comes_back_from_disk(tasks: TaskSet, tmp_path: Path) -> None:
    tasks.to_dataset(payload=keys(tasks)).save_to_disk(tmp_path / "saved")
    back = TaskSet.from_dataset(datasets.load_from_disk(tmp_path / "saved"))
    same(back, tasks)
    assert about(back) == about(tasks)


@pytest.mark.parametrize("form", ["parquet", "json"])
def test_tasks_come_back_from_files_that_keep_no_description(tasks: TaskSet, tmp_path: Path, form: str) -> None:
    dataset = tasks.to_dataset(payload=keys(tasks))
    getattr(dataset, f"to_{form}")(str(tmp_path / "file"))
    read = getattr(datasets.Dataset, f"from_{form}")(str(tmp_path / "file"), cache_dir=str(tmp_path / "hf"))
    back = TaskSet.from_dataset(read, name="again", split="test")
    same(back, tasks)
    assert about(back) == ("again", "test", f"sha256:{tasks.digest[:16]}", "", "", False)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = texts | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
payloads = st.dictionaries(st.sampled_from(["a", "b", "json_a", "json_", "", "a.b", "payload_a"]), values, max_size=4)


@pytest.mark.slow
@given(st.lists(st.tuples(texts, payloads, st.dictionaries(texts, scalars, max_size=3)), max_size=4))
def test_any_task_set_comes_back(contents: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    made = ListTaskSet(
        [Task(f"t{i}", (Message("user", text),), p, m) for i, (text, p, m) in enumerate(contents)], name="any"
    )
    same(TaskSet.from_dataset(made.to_dataset(payload=keys(made))), made)


@pytest.mark.parametrize("change", [lambda d: d.select(range(3)), lambda d: d.select(range(4, -1, -1))])
def test_changed_rows_are_said_in_the_notice(change: Any) -> None:
    toy = toy_env.tasks(None, "sample")
    back = TaskSet.from_dataset(change(toy.to_dataset(payload=["answer"])))
    assert back.notice.startswith(f"its tasks differ from those of toy_sample with digest {toy.digest[:8]}")
    assert (back.name, back.is_sample) == ("toy_sample", True)


def test_left_out_payload_is_said_after_the_notice_that_was_there() -> None:
    sample = resolve("lcb_v6").tasks(data="sample")
    back = TaskSet.from_dataset(sample.to_dataset())
    assert back.notice.startswith(f"{sample.notice}; its tasks differ")
    assert [(t.id, t.messages, dict(t.meta)) for t in back] == [(t.id, t.messages, dict(t.meta)) for t in sample]


# One's own


def test_ones_own_prompts_are_tasks() -> None:
    own = datasets.Dataset.from_dict({"prompt": ["one?", "two?"]})
    back = TaskSet.from_dataset(own)
    assert [(t.id, t.messages, t.payload, t.meta) for t in back] == [
        ("0", (Message("user", "one?"),), {}, {}),
        ("1", (Message("user", "two?"),), {}, {}),
    ]
    assert about(back) == ("dataset", "test", f"sha256:{back.digest[:16]}", "", "", False)
    given_names = TaskSet.from_dataset(own, name="mine", split="dev", revision="r1")
    assert about(given_names)[:3] == ("mine", "dev", "r1")


def test_ones_own_columns_keep_their_types() -> None:
    own = datasets.Dataset.from_list(
        [
            {
                "task_id": 7,
                "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
                "meta": {"level": 1, "topic": None},
                "payload_answer": 5,
                "payload_options": ["a", "b"],
                "payload_json_calls": '[{"x": 1}]',
            },
            {
                "task_id": 8,
                "prompt": [{"role": "user", "content": "u"}],
                "meta": {"level": 2, "topic": "t"},
                "payload_answer": None,
                "payload_options": [],
                "payload_json_calls": None,
            },
        ],
        split="validation",
    ).with_format("numpy")
    one, two = TaskSet.from_dataset(own)
    assert (one.id, one.messages[0].role, one.meta) == ("7", "system", {"level": 1})
    assert one.payload == {"answer": 5, "options": ["a", "b"], "calls": [{"x": 1}]}
    assert two.payload == {"options": []}
    assert two.meta == {"level": 2, "topic": "t"}
    assert TaskSet.from_dataset(own).split == "validation"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"question": ["q"]}, "no column 'prompt'; it has 'question'"),
        ({"prompt": ["q"], "answer": ["a"], "source": ["s"]}, "columns that no task has: 'answer', 'source';"),
        ({"prompt": [1]}, r"row 0: 'prompt' must be a text or a list of .*got 1"),
        ({"prompt": ["q", None]}, "row 1: 'prompt' must be a text"),
        ({"prompt": [[]]}, r"row 0: 'prompt' must be a text or a list of .*got \[\]"),
        ({"prompt": [[{"role": "tool", "content": "x"}]]}, "row 0: a message of 'prompt' must be .*system, user"),
        ({"prompt": [[{"role": "user", "content": None}]]}, "row 0: a message of 'prompt'"),
        ({"prompt": [[{"role": "user", "content": "x", "name": "n"}]]}, "row 0: a message of 'prompt'"),
        ({"prompt": [["hello"]]}, "row 0: a message of 'prompt'"),
        ({"prompt": ["q"], "task_id": [None]}, "row 0: 'task_id' must be a text"),
        ({"prompt": ["q"], "task_id": [""]}, "row 0: 'task_id' must be a text"),
        ({"prompt": ["q", "r"], "task_id": ["a", "a"]}, "task id 'a' occurs twice"),
        ({"prompt": ["q"], "meta": ["{"]}, "row 0: 'meta' must be JSON text"),
        ({"prompt": ["q"], "meta": ["[" * 100_000]}, "row 0: 'meta' must be JSON text"),
        ({"prompt": ["q"], "meta": ["[]"]}, "row 0: 'meta' must be a mapping"),
        ({"prompt": ["q"], "meta": [{"a": [1]}]}, r"row 0: value 'a' of 'meta' must be a text or a finite number"),
        ({"prompt": ["q"], "meta": [{"a": float("nan")}]}, "row 0: value 'a' of 'meta'"),
        ({"prompt": ["q"], "payload_json_x": ["{"]}, "row 0: 'payload_json_x' must be JSON text"),
        ({"prompt": ["q"], "payload_x": [b"x"]}, "row 0: the payload must be what JSON can hold"),
        ({"prompt": ["q"], "payload_x": ["a"], "payload_json_x": ["1"]}, "two columns hold the payload key 'x'"),
    ],
)
def test_wrong_columns_are_named(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        TaskSet.from_dataset(datasets.Dataset.from_dict(columns))
    assert "\n" not in str(caught.value)


def test_several_splits_or_something_else_is_refused() -> None:
    one = datasets.Dataset.from_dict({"prompt": ["q"]})
    for wrong in (datasets.DatasetDict({"train": one}), [{"prompt": "q"}]):
        with pytest.raises(UsageError, match=f"datasets.Dataset, got {type(wrong).__name__}"):
            TaskSet.from_dataset(wrong)


@pytest.mark.parametrize("description", ["a set of questions", '{"a": 1}', '"x"', "[]", '{"sdpo_gym": 3}', ""])
def test_another_makers_description_is_not_ours(description: str) -> None:
    own = datasets.Dataset.from_dict({"prompt": ["q"]}, info=datasets.DatasetInfo(description=description))
    assert about(TaskSet.from_dataset(own))[0] == "dataset"
