from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

import guess_env
from sdpo_gym import register_spec, registry
from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError


@pytest.fixture(autouse=True)
def _forget_what_a_test_registers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_in_process", dict(registry._in_process))
    yield
    gymnasium.registry.pop("sdpo/Other-v0", None)


def other(**changes):
    card = dataclasses.replace(guess_env.SPEC.card, name="Other", **changes.pop("card", {}))
    return dataclasses.replace(guess_env.SPEC, **{"name": "Other-v0", "card": card, "aliases": {}, **changes})


def rows(capsys) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_there_is_a_row_for_each_sample_set_of_an_environment(capsys):
    assert main(["envs"]) == 0
    lines = rows(capsys)
    assert lines[0].split() == ["id", "alias", "tasks", "reward", "turns", "judge", "licence", "digest"]
    (at,) = (number for number, line in enumerate(lines) if "sdpo/Guess-v0" in line)
    digests = [guess_env.make_tasks(count=count).digest[:8] for count in (6, 2)]
    facts = ["0", "to", "1", "1", "-", "CC0-1.0"]
    assert lines[at].split() == ["sdpo/Guess-v0", "guess", "6", *facts, digests[0]]
    assert lines[at + 1].split() == ["guess_small", "2", *facts, digests[1]]


def test_aliases_with_the_same_sample_set_share_a_row(capsys):
    assert main(["envs"]) == 0
    (line,) = (line for line in rows(capsys) if "sdpo/LiveCodeBench-v0" in line)
    assert line.split()[:4] == ["sdpo/LiveCodeBench-v0", "lcb_v6,", "release_v1,", "27"]
    assert "  programs  " in line


def test_the_table_is_at_most_120_columns_wide(capsys):
    wide = {"licence": "a very long licence " * 9, "judge": {"kind": "a very long kind of judge"}}
    register_spec(other(card=wide, aliases={f"alias_number_{i}": {} for i in range(9)}))
    assert main(["envs"]) == 0
    assert max(map(len, rows(capsys))) <= 120


@pytest.mark.parametrize(
    ("error", "words"), [(UsageError("no sample"), ["none", "-"]), (NotImplementedError(), ["broken", "-"])]
)
def test_an_environment_without_a_sample_set_is_listed(capsys, error, words):
    def tasks(split: str | None, data: str):
        raise error

    register_spec(other(tasks=tasks))
    assert main(["envs"]) == 0
    (line,) = (line for line in rows(capsys) if "sdpo/Other-v0" in line)
    assert line.split() == ["sdpo/Other-v0", "-", words[0], "0", "to", "1", "1", "-", "CC0-1.0", words[1]]


def test_an_environment_that_cannot_be_loaded_is_named_below(capsys, tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / "torn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sdpo_gym.envs]\nTorn-v0 = torn_env:SPEC\n")
    assert main(["envs"]) == 2
    out, err = capsys.readouterr()
    assert "sdpo/Guess-v0" in out
    assert "environment plugin 'Torn-v0'" in err
    assert "torn 1.0" in err
