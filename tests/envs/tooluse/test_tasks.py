from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sdpo_envs.tooluse import source
from sdpo_envs.tooluse.calls import Call, decode_calls, encode_calls, write_answer
from sdpo_envs.tooluse.prompts import api_name, render_prompt, user_question
from sdpo_envs.tooluse.source import CARD, TEST_QUESTIONS, known_questions, question_digest
from sdpo_envs.tooluse.tasks import SAMPLE_NOTICE, make_tasks
from sdpo_gym.errors import OutageError, UsageError
from shared_data import shared

DOCUMENTATION = 'ring: Ring a bell.\nParameters: {"times": "integer."}\nOutput: Nothing.\n'


def make_row(idx: Any = 7, question: str = "Ring twice.", calls: int = 1, **other: Any) -> dict[str, Any]:
    row = {
        "prompt": render_prompt("Belfry", "Bells", DOCUMENTATION, question),
        "idx": idx,
        "dataset": "tooluse",
        "kind": "tooluse",
        "system": None,
        "answer": encode_calls([Call("ring", {"times": n}) for n in range(calls)]),
    }
    return {**row, **other}


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pinned files lie once they were downloaded; the network is off."""
    monkeypatch.setenv("SDPO_GYM_CACHE", str(tmp_path))
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    return tmp_path / "github" / CARD.source.repo / CARD.source.revision / "datasets" / "tooluse"


@pytest.fixture
def real_rows() -> list[dict[str, Any]]:
    text = shared("tooluse/sdpo_test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_task_is_the_prompt_and_hides_the_gold_calls(tmp_path: Path) -> None:
    row = make_row(calls=2)
    tasks = make_tasks(data=str(write_rows(tmp_path / "rows.jsonl", [row])))
    (task,) = tasks
    assert task.id == "tooluse-7"
    assert [(m.role, m.content) for m in task.messages] == [("user", row["prompt"])]
    assert task.payload == {"answer": row["answer"]}
    assert task.meta == {"api": "Belfry", "calls": "2"}
    assert tasks.gold(task) == write_answer([Call("ring", {"times": 0}), Call("ring", {"times": 1})])
    assert (tasks.name, tasks.split, tasks.is_sample) == ("tooluse", "test", False)
    assert tasks.revision.startswith("sha256:")
    assert tasks.notice == "local data: 1 tasks, with 0 of the 68 questions of the test split"


@pytest.mark.parametrize(("calls", "kind"), [(1, "1"), (2, "2"), (3, "3+"), (5, "3+")])
def test_the_number_of_gold_calls_is_a_kind_of_task(tmp_path: Path, calls: int, kind: str) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [make_row(calls=calls)])
    assert make_tasks(data=str(path))[0].meta["calls"] == kind


@pytest.mark.parametrize(
    ("split", "name"),
    [("test", "sdpo_test.jsonl"), ("test", "test.json"), ("train", "train.jsonl"), ("train", "train.json")],
)
def test_files_of_a_directory(tmp_path: Path, split: str, name: str) -> None:
    write_rows(tmp_path / name, [make_row()])
    tasks = make_tasks(split, str(tmp_path))
    assert tasks.split == split
    assert tasks.name == {"test": "tooluse", "train": "tooluse_train"}[split]
    assert tasks.ids == ("tooluse-7",)


def test_training_data_say_how_they_compare_with_the_pinned_file(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "mine.jsonl", [make_row(1), make_row(2)])
    assert make_tasks("train", str(path)).notice == "local data: 2 tasks (the pinned file holds 4,046)"


def test_rows_from_elsewhere_may_have_a_difficulty(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [make_row(1, difficulty="hard"), make_row(2, difficulty=None)])
    tasks = make_tasks(data=str(path))
    assert tasks[0].meta["difficulty"] == "hard"
    assert "difficulty" not in tasks[1].meta


def test_known_issues_are_flagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = dataclasses.replace(CARD, known_issues={"tooluse-7": "its gold call names a tool that is not documented"})
    monkeypatch.setattr(source, "CARD", card)
    tasks = make_tasks(data=str(write_rows(tmp_path / "rows.jsonl", [make_row(7), make_row(8)])))
    assert tasks[0].meta["known_issue"] == card.known_issues["tooluse-7"]
    assert "known_issue" not in tasks[1].meta


def test_the_test_split_has_68_tasks(real_rows: list[dict[str, Any]]) -> None:
    tasks = make_tasks(data=str(shared("tooluse")))
    assert tasks.ids == tuple(f"tooluse-{idx}" for idx in range(4046, 4114))
    assert [task.messages[0].content for task in tasks] == [row["prompt"] for row in real_rows]
    assert tasks.notice == "local data: 68 tasks, with 68 of the 68 questions of the test split"
    assert Counter(task.meta["calls"] for task in tasks) == {"1": 49, "2": 13, "3+": 6}
    assert len({task.meta["api"] for task in tasks}) == 10
    for task in tasks:
        calls = decode_calls(task.payload["answer"])
        assert tasks.gold(task) == write_answer(calls)


def test_the_pinned_test_split_is_read_from_the_cache(real_rows: list[dict[str, Any]], pinned: Path) -> None:
    write_rows(pinned / "test.json", real_rows)
    tasks = make_tasks()
    assert len(tasks) == 68
    assert (tasks.name, tasks.revision, tasks.notice) == ("tooluse", CARD.source.revision, "")
    assert tasks.digest == make_tasks(data=str(shared("tooluse"))).digest


def test_a_pinned_test_split_that_lacks_a_known_question_is_an_outage(
    real_rows: list[dict[str, Any]], pinned: Path
) -> None:
    write_rows(pinned / "test.json", real_rows[1:])
    with pytest.raises(OutageError, match="lacks 1 of the 68 questions that it is known to ask"):
        make_tasks()


def test_pinned_training_data_say_if_their_number_is_another(pinned: Path) -> None:
    write_rows(pinned / "train.json", [make_row(1), make_row(2)])
    tasks = make_tasks("train")
    assert tasks.ids == ("tooluse-1", "tooluse-2")
    assert tasks.notice == "2 tasks, where the pinned file is known to hold 4,046"


@pytest.mark.usefixtures("pinned")
def test_without_cache_and_network_there_is_no_hub() -> None:
    with pytest.raises(OutageError, match=r"DATA=sample"):
        make_tasks()


def test_sample_is_our_own_with_an_answer_to_each() -> None:
    tasks = make_tasks(data="sample")
    assert (tasks.name, tasks.revision, tasks.is_sample, tasks.notice) == (
        "tooluse_sample",
        "sample",
        True,
        SAMPLE_NOTICE,
    )
    assert "not ToolAlpaca" in SAMPLE_NOTICE
    assert all(tasks.gold(task) for task in tasks)
    assert make_tasks("train", "sample").split == "train"


def test_known_questions_are_those_of_the_test_split(real_rows: list[dict[str, Any]]) -> None:
    digests = [question_digest(user_question(row["prompt"])) for row in real_rows]
    assert known_questions() == tuple(digests)
    assert len(set(digests)) == 68
    assert TEST_QUESTIONS.read_text(encoding="ascii") == "\n".join(digests) + "\n"


def test_a_question_is_known_again_whatever_its_case_spaces_and_punctuation() -> None:
    digest = question_digest("Who rang the bell, at 5 o'clock?")
    assert question_digest(" who  RANG the bell at\n5 o’clock ") == digest
    assert question_digest("Who rang the bell, at 6 o'clock?") != digest
    assert question_digest("Whorang the bell, at 5 o'clock?") != digest


def disguised(question: str) -> str:
    return "  " + question.swapcase().replace(" ", "  ").replace(",", " ;").rstrip("?.!") + " !!"


@pytest.mark.parametrize("change", [str, disguised])
def test_training_data_with_a_test_question_are_refused(
    tmp_path: Path, real_rows: list[dict[str, Any]], change: Any
) -> None:
    question = user_question(real_rows[20]["prompt"])
    path = write_rows(tmp_path / "train.jsonl", [make_row(1), make_row(2, change(question))])
    with pytest.raises(UsageError, match="asks what the test split asks") as caught:
        make_tasks("train", str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}:2: ")
    assert f"its question 21, sha256 {known_questions()[20][:16]}" in message
    assert "more rows" not in message
    assert len(make_tasks("test", str(path))) == 2


def test_every_row_with_a_test_question_counts(tmp_path: Path, real_rows: list[dict[str, Any]]) -> None:
    path = write_rows(tmp_path / "train.jsonl", real_rows)
    with pytest.raises(UsageError, match=r"train\.jsonl:1: .*as do 67 more rows"):
        make_tasks("train", str(path))


def test_pinned_training_data_with_a_test_question_are_refused(pinned: Path, real_rows: list[dict[str, Any]]) -> None:
    write_rows(pinned / "train.json", [make_row(1), real_rows[0]])
    with pytest.raises(UsageError, match=r"lasgroup/SDPO@\w{8}/datasets/tooluse/train\.json:2: asks what the test"):
        make_tasks("train")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"is not JSON"),
        ("[1]", r"must be a JSON object, got list"),
        *(
            (json.dumps({k: v for k, v in make_row(8).items() if k != field}), rf"field '{field}'")
            for field in ("prompt", "answer", "idx")
        ),
        (json.dumps(make_row(7)), r"task id 'tooluse-7' occurs again, first in .*rows\.jsonl:1"),
        (json.dumps(make_row("8")), r"field 'idx' must be a whole number, different in each row, got '8'"),
        (json.dumps(make_row(True)), r"field 'idx' must be a whole number, different in each row, got True"),
        (json.dumps(make_row(8, answer="ring(1)")), r"field 'answer': gold calls are not JSON"),
        (json.dumps(make_row(8, answer="[]")), r"field 'answer': gold calls must be a list of at least one call"),
        (json.dumps(make_row(8, answer='[{"Action": 1}]')), r"field 'answer': gold call 1 must be an object"),
        (
            json.dumps(make_row(8, answer='[{"Action": "a", "Action_Input": "{x}"}]')),
            r"field 'answer': 'Action_Input' of gold call 1 is not JSON",
        ),
        (
            json.dumps(make_row(8, answer='[{"Action": "a", "Action_Input": "[1]"}]')),
            r"field 'answer': 'Action_Input' of gold call 1 must be a JSON object, got \[1\]",
        ),
        (json.dumps(make_row(8, answer=[])), r"field 'answer' must be a text that is not empty"),
        (json.dumps(make_row(8, prompt="Question: what?")), r"field 'prompt' has no line 'Question:'"),
        (json.dumps(make_row(8, prompt="Hi\nQuestion: what?")), r"field 'prompt' has no line 'Name:'"),
        (json.dumps(make_row(8, " ")), r"field 'prompt' has no line 'Question:' with a question"),
    ],
)
@pytest.mark.parametrize("split", ["test", "train"])
def test_bad_rows_are_named_by_file_line_and_field(tmp_path: Path, line: str, message: str, split: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(make_row(7))}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=rf"rows\.jsonl:3: {message}") as caught:
        make_tasks(split, str(path))
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has the splits test, train, dev, got 'eval'"):
        make_tasks("eval", "sample")
    with pytest.raises(UsageError, match="does not exist"):
        make_tasks(data=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"holds none of sdpo_test\.jsonl, test\.jsonl, test\.json"):
        make_tasks(data=str(tmp_path))
    with pytest.raises(UsageError, match=r"eval_simulated\.json.*DATA=path"):
        make_tasks("dev")


def test_name_and_question_are_read_back_from_a_prompt() -> None:
    prompt = render_prompt("Belfry: the {bells}", "Bells", "ring\nQuestion: no\n", " Ring {twice}\nName: x")
    assert api_name(prompt) == "Belfry: the {bells}"
    assert user_question(prompt) == " Ring {twice}\nName: x"
