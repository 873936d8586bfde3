from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sdpo_gym.data.rows import local_file, read_rows
from sdpo_gym.errors import UsageError


def test_rows_come_with_their_place_and_the_digest_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "1"}\r\n\n{"a": "\xc3\xa9"}')
    rows, digest = read_rows(path)
    assert [(row.where, row.fields) for row in rows] == [(f"{path}:1", {"a": "1"}), (f"{path}:3", {"a": "é"})]
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1}\n{"a": \n', ":2: is not JSON"),
        (b'{"a": 1}\n[1]\n', ":2: must be a JSON object, got list"),
        (b"\xff\xfe\n", ":1: is not JSON"),
        (b"[" * 100_000, ":1: is not JSON"),
        (b"\n\n", "holds no rows"),
    ],
)
def test_what_is_no_row_is_named_by_file_and_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as error:
        read_rows(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere"):
        read_rows(tmp_path / "nowhere")


@pytest.mark.parametrize(("value", "words"), [("null", "got None"), ('" "', "not empty, got ' '"), ("3", "got 3")])
def test_a_field_that_must_be_a_text_is_checked(tmp_path: Path, value: str, words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": "x", "b": {value}}}')
    (row,) = read_rows(path)[0]
    assert row.text("a") == "x"
    with pytest.raises(UsageError, match=f":1: field 'b' must be a text.*{words}"):
        row.text("b")
    with pytest.raises(UsageError, match=":1: field 'c' is missing; the row has a, b"):
        row.text("c")


def test_data_is_a_file_or_a_directory_that_holds_one(tmp_path: Path) -> None:
    (tmp_path / "test.json").touch()
    assert local_file(str(tmp_path / "test.json"), ["other"]) == tmp_path / "test.json"
    assert local_file(str(tmp_path), ["test.jsonl", "test.json"]) == tmp_path / "test.json"
    with pytest.raises(UsageError, match=r"holds none of train\.jsonl, train\.json"):
        local_file(str(tmp_path), ["train.jsonl", "train.json"])
    with pytest.raises(UsageError, match="does not exist"):
        local_file(str(tmp_path / "nowhere"), ["test.json"])


def test_a_name_that_no_file_can_have_is_bad_input() -> None:
    with pytest.raises(UsageError, match=r"cannot read DATA=xxx.*too long"):
        local_file("x" * 5000, ["test.jsonl"])
