from __future__ import annotations

import gzip
import json
import random
import sys

import pytest

from sdpo_gym.errors import UsageError
from sdpo_gym.training.rehearsal import RehearsalFile
from training.fakes import FakePolicy

ROWS = [{"messages": [{"role": "user", "content": f"ask {i}"}], "completion": f"say {i}"} for i in range(5)]
TEXT = "".join(json.dumps(row) + "\n" for row in ROWS)


def row(i: int):
    return tuple(map(ord, f"ask {i}")), (*map(ord, f"say {i}"), 0)


@pytest.fixture(params=["rows.jsonl", "rows.jsonl.gz"])
def path(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(gzip.compress(TEXT.encode()) if path.suffix == ".gz" else TEXT.encode())
    return path


def test_rows_are_rendered_and_end_with_the_end_token(path):
    rehearsal = RehearsalFile(str(path), FakePolicy())
    assert len(rehearsal) == 5
    assert sorted(rehearsal.draw(random.Random(0), 5)) == [row(i) for i in range(5)]


def test_draws_follow_the_generator(path):
    rehearsal = RehearsalFile(str(path), FakePolicy())
    first = rehearsal.draw(random.Random(1), 3)
    assert first == rehearsal.draw(random.Random(1), 3)
    assert len(set(first)) == 3
    assert any(first != rehearsal.draw(random.Random(seed), 3) for seed in range(5))


def test_more_rows_than_there_are_can_be_drawn(path):
    drawn = RehearsalFile(str(path), FakePolicy()).draw(random.Random(0), 12)
    assert len(drawn) == 12
    assert set(drawn) <= {row(i) for i in range(5)}


def test_a_package_can_bring_the_file(tmp_path, monkeypatch):
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "__init__.py").touch()
    (tmp_path / "some_package" / "rows.jsonl").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_package", raising=False)
    assert len(RehearsalFile("some_package:rows.jsonl", FakePolicy())) == 5


@pytest.mark.parametrize("source", ["no-such-file.jsonl", "no_such_package:rows.jsonl", "json:no-such-file", "", "."])
def test_what_cannot_be_read_is_named(source):
    with pytest.raises(UsageError, match="cannot be read"):
        RehearsalFile(source, FakePolicy())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no row"),
        ("not json\n", "line 1"),
        ('{"messages": [], "text": "x"}\n', "line 1"),
        ("[1]\n", "line 1"),
        ('\n{"messages": 1, "completion": "x"}\n', "line 2"),
    ],
)
def test_what_holds_no_rows_is_refused_at_once(tmp_path, text, said):
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        RehearsalFile(str(path), FakePolicy())


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(UsageError, match="damaged"):
        RehearsalFile(str(path), FakePolicy())


def test_a_tokenizer_without_end_token_is_refused(path, monkeypatch):
    monkeypatch.setattr("training.fakes.FakeTokenizer.eos_token_id", None)
    with pytest.raises(UsageError, match="end token"):
        RehearsalFile(str(path), FakePolicy())
