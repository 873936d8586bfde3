from __future__ import annotations

import copy
import json
import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from envs.livecodebench.casting import encode_private, encode_tests, make_row, write_jsonl
from sdpo_envs.livecodebench import SPEC, make_tasks
from sdpo_gym.errors import UsageError
from sdpo_gym.registry import resolve
from shared_data import shared

PRIVATE = [("1", "1"), ("2", "2")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        make_row("a", [("0", "0")], PRIVATE, contest_date="2025-01-31T23:30:00"),
        make_row("b", [("0", "0")], contest_date="2025-02-01T00:00:00", extra={"x": 1}),
        make_row("c", [("[1]", "1")], PRIVATE, func_name="f", contest_date="2025-04-30 19:30:00+00:00"),
        make_row("d", contest_date="2025-05-01T00:00:00", private_test_cases=""),
    ]
    return write_jsonl(tmp_path / "rows.jsonl", rows)


def test_window_takes_its_first_day_and_not_its_last(data: Path) -> None:
    tasks = resolve("lcb_v6").tasks(None, str(data))
    assert tasks.ids == ("b", "c")
    assert (tasks.name, tasks.split, tasks.window) == ("lcb_v6", "test", "contest date in [2025-02-01, 2025-05-01)")
    assert not tasks.is_sample
    assert tasks.revision.startswith("sha256:")


def test_release_takes_all_and_any_window_can_be_named(data: Path) -> None:
    assert resolve("release_v6").tasks(None, str(data)).ids == ("a", "b", "c", "d")
    assert make_tasks(None, str(data)).name == "release_v6"
    assert make_tasks(None, str(data), date_until="2025-02-01").ids == ("a",)
    late = make_tasks(None, str(data), date_from="2025-04-30T19:30:00")
    assert (late.ids, late.name) == (("c", "d"), "lcb_2025-04-30T19:30:00_any")


def test_notice_says_what_local_data_lacks(data: Path) -> None:
    notice = make_tasks(None, str(data)).notice
    assert notice == "local data: 4 of the 1,055 tasks of release_v6, 2 of them without hidden tests, 4 hidden tests"


def test_task_shows_the_statement_and_keeps_the_tests(data: Path) -> None:
    tasks = make_tasks(None, str(data))
    task = tasks[0]
    assert "Statement of a." in task.messages[0].content
    assert "6 seconds" in task.messages[0].content
    assert "2,048 MiB" in task.messages[0].content
    assert set(task.payload) == {"metadata", "public_test_cases", "private_test_cases"}
    assert task.payload["private_test_cases"] == encode_private(encode_tests(PRIVATE))  # as stored
    assert set(tasks[3].payload) == {"metadata", "public_test_cases"}
    assert task.meta == {"difficulty": "easy", "platform": "atcoder", "date": "2025-01-31", "title": "Title of a"}
    assert "class Solution" in tasks[2].messages[0].content


def test_private_tests_are_not_held_by_a_task(tmp_path: Path) -> None:
    large = random.Random(0).randbytes(1_000_000).hex()
    path = write_jsonl(tmp_path / "rows.jsonl", [make_row(private=[(large, "y")])])
    task = make_tasks(None, str(path)).load(0)
    assert len(pickle.dumps(task)) < 10_000
    assert len(task.payload["private_test_cases"]) > 1_000_000
    assert copy.deepcopy(task).digest == task.digest


def test_limits_in_the_prompt_are_those_asked_for(data: Path) -> None:
    task = make_tasks(None, str(data), cpu_s=1.5, memory_mb=512, extraction="longest")[0]
    assert "1.5 seconds" in task.messages[0].content
    assert "512 MiB" in task.messages[0].content
    assert "the longest one is judged" in task.messages[0].content


def test_prompt_normalises_line_ends(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [make_row(question_content="one\r\ntwo\rthree")])
    assert "one\ntwo\nthree" in make_tasks(None, str(path))[0].messages[0].content


def test_sample_is_our_own_with_an_answer_to_each_and_no_window() -> None:
    tasks = resolve("lcb_v6").tasks()
    assert (tasks.name, tasks.revision, tasks.window, tasks.is_sample) == ("lcb_sample", "sample", "", True)
    assert "not LiveCodeBench" in tasks.notice
    assert len(tasks) >= 24
    assert all("```" in (tasks.gold(task) or "") for task in tasks)


def test_other_data_have_no_known_answers(data: Path) -> None:
    tasks = make_tasks(None, str(data))
    assert tasks.gold(tasks[0]) is None


def test_digest_follows_the_tests_but_not_the_file(tmp_path: Path) -> None:
    def digest(name: str, **fields: Any) -> str:
        return make_tasks(None, str(write_jsonl(tmp_path / name, [make_row(**fields)]))).digest

    assert digest("1.jsonl", private=PRIVATE) == digest("2.jsonl", private=PRIVATE)
    assert digest("1.jsonl", private=PRIVATE) != digest("3.jsonl", private=PRIVATE[:1])


def test_known_issues_are_flagged_and_can_be_left_out(tmp_path: Path) -> None:
    path = str(write_jsonl(tmp_path / "rows.jsonl", [make_row("abc337_e"), make_row("fine")]))
    assert "interactive" in str(make_tasks(None, path)[0].meta["known_issue"])
    without = make_tasks(None, path, exclude_known_issues=True)
    assert without.ids == ("fine",)
    assert "without known issues" in without.window


def test_directory_of_files(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        write_jsonl(tmp_path / f"part{number}.jsonl", [make_row(f"q{number}")])
    assert make_tasks(None, str(tmp_path)).ids == ("q1", "q2", "q10")


def test_older_releases_are_known_by_file_names(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "test.jsonl", [make_row("one")])
    write_jsonl(tmp_path / "test2.jsonl", [make_row("two")])
    write_jsonl(tmp_path / "test3.jsonl", [make_row("three")])
    tasks = resolve("release_v2").tasks(None, str(tmp_path))
    assert (tasks.ids, tasks.name) == (("one", "two"), "release_v2")
    with pytest.raises(UsageError, match=r"release v4 is known by its files only, .* has no test4\.jsonl"):
        resolve("release_v4").tasks(None, str(tmp_path))


@pytest.mark.parametrize(
    "date", ["2025-03-01", "2025-03-01 00:00:00", "2025-03-01T00:00:00Z", 1740787200000, 1740787200]
)
def test_contest_dates_in_other_forms(tmp_path: Path, date: Any) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [make_row(contest_date=date)])
    assert resolve("lcb_v6").tasks(None, str(path))[0].meta["date"] == "2025-03-01"


def test_public_tests_and_metadata_as_objects(tmp_path: Path) -> None:
    row = make_row(public_test_cases=json.loads(encode_tests(PRIVATE)), metadata={})
    assert len(make_tasks(None, str(write_jsonl(tmp_path / "rows.jsonl", [row])))) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"rows\.jsonl:3: is not JSON"),
        ("[1]", r"rows\.jsonl:3: must be a JSON object, got list"),
        ("\xff", r"rows\.jsonl:3: is not JSON"),
        *(
            (
                json.dumps({k: v for k, v in make_row("new").items() if k != field}),
                rf"jsonl:3: field '{field}' is missing",
            )
            for field in (
                "question_id",
                "question_content",
                "contest_date",
                "public_test_cases",
                "metadata",
                "difficulty",
            )
        ),
        (json.dumps(make_row("new", contest_date="soon")), r"jsonl:3: field 'contest_date' must be a date.*'soon'"),
        (json.dumps(make_row("new", contest_date=None)), r"jsonl:3: field 'contest_date' must be a date"),
        (json.dumps(make_row("new", question_content=5)), r"jsonl:3: field 'question_content' must be a text, got 5"),
        (json.dumps(make_row("")), r"jsonl:3: field 'question_id' is empty"),
        (json.dumps(make_row("new", public_test_cases="[")), r"jsonl:3: public_test_cases is not JSON"),
        (json.dumps(make_row("new", metadata="[]")), r"jsonl:3: task new: metadata must be a JSON object"),
        (json.dumps(make_row("new", private_test_cases=5)), r"jsonl:3: field 'private_test_cases' must be a text"),
        (
            json.dumps(make_row("new", private_test_cases="%")),
            r"task new: private_test_cases is neither JSON nor base64",
        ),
        (json.dumps(make_row("old")), r"jsonl:3: question_id 'old' occurs again, first in .*jsonl:1"),
    ],
)
def test_bad_rows_are_named_by_file_line_and_field(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(f"{json.dumps(make_row('old'))}\n\n".encode() + line.encode("latin-1") + b"\n")
    with pytest.raises(UsageError, match=message) as caught:
        make_tasks(None, str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"date_from": "2030-01-01"}, r"its dates run from 2025-01-31 to 2025-05-01"),
        ({"date_from": "2025-03-01", "date_until": "2025-02-01"}, "the window is empty"),
        ({"date_from": "now"}, "--from.*must be a date"),
        ({"split": "dev"}, "has the splits test and train, got 'dev'"),
        ({"release": "v9"}, "releases v1, .*got 'v9'"),
        ({"extraction": "first"}, "must be one of last, longest, got 'first'"),
    ],
)
def test_bad_options(data: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_tasks(data=str(data), **options)


def test_missing_and_empty_data(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        make_tasks(None, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"holds no \.jsonl file"):
        make_tasks(None, str(tmp_path))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(UsageError, match="holds no rows"):
        make_tasks(None, str(tmp_path))


def test_changed_file_is_noticed(data: Path) -> None:
    tasks = make_tasks(None, str(data))
    data.write_text("x" + data.read_text())
    with pytest.raises(UsageError, match="row 'b'"):
        tasks.load(1)


def test_public_release_has_the_published_counts() -> None:
    path = str(shared("lcb/rows_release_v6.public.jsonl"))
    paper = resolve("lcb_v6").tasks(None, path)
    assert len(paper) == SPEC.card.windows["lcb_v6"].count == 131
    assert len(resolve("release_v6").tasks(None, path)) == SPEC.card.windows["release_v6"].count == 1055
    assert "131 of them without hidden tests" in paper.notice


def test_official_schema_has_the_published_counts() -> None:
    path = str(shared("lcb/rows_v6_official_schema.substituted_private.jsonl"))
    assert resolve("lcb_v6").tasks(None, path).notice == "local data: 51 of the 131 tasks of lcb_v6, 4,995 hidden tests"
    assert (
        resolve("release_v6").tasks(None, path).notice
        == "local data: 66 of the 1,055 tasks of release_v6, 6,246 hidden tests"
    )


def test_known_issues_name_real_tasks() -> None:
    ids = set(make_tasks(None, str(shared("lcb/rows_release_v6.public.jsonl"))).ids)
    assert set(SPEC.card.known_issues) <= ids
