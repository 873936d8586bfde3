from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from sdpo_gym.errors import UsageError
from sdpo_gym.training.checkpoints import Checkpoints


def agent(text: str):
    def save(directory: Path) -> None:
        assert list(directory.iterdir()) == []
        (directory / "weights").mkdir()
        (directory / "weights" / "model.bin").write_text(text)
        (directory / "state").write_text(f"state of {text}")

    return save


@pytest.fixture
def checkpoints(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (10, 20, 30):
        checkpoints.save(step, {"metrics": step}, agent(f"weights of {step}"))
    return checkpoints


def steps_of(checkpoints) -> list[str]:
    return sorted(path.name for path in checkpoints.directory.iterdir())


def test_the_newest_is_read_back_as_it_was_saved(checkpoints):
    newest = checkpoints.newest()
    assert newest.step == 30
    assert newest.state == {"step": 30, "metrics": 30}
    assert (newest.agent / "weights" / "model.bin").read_text() == "weights of 30"
    manifest = json.loads((newest.path / "manifest.json").read_text())
    assert sorted(manifest["files"]) == ["agent/state", "agent/weights/model.bin", "state.json"]
    assert manifest["files"]["agent/state"]["bytes"] == len("state of weights of 30")


def test_there_is_none_before_the_first(tmp_path):
    assert Checkpoints(tmp_path / "none").newest() is None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: (path / "agent" / "state").write_text("x" * 22), "agent/state is not as it was written"),
        (lambda path: (path / "agent" / "state").write_text("short"), "agent/state is not as it was written"),
        (lambda path: (path / "agent" / "weights" / "model.bin").unlink(), "model.bin cannot be read"),
        (lambda path: (path / "manifest.json").unlink(), "manifest.json cannot be read"),
        (lambda path: (path / "manifest.json").write_text('{"format": 1'), "manifest.json or state.json is damaged"),
        (lambda path: (path / "manifest.json").write_text("[]"), "manifest.json or state.json is damaged"),
        (lambda path: (path / "state.json").write_text("{}"), "state.json is not as it was written"),
        (lambda path: shutil.rmtree(path / "agent"), "cannot be read"),
        (lambda path: path.rename(path.with_name("step-000040")), "it holds step 30"),
    ],
)
def test_a_damaged_one_is_named_and_the_one_before_is_used(checkpoints, caplog, damage, said):
    damage(checkpoints.directory / "step-000030")
    with caplog.at_level(logging.WARNING):
        assert checkpoints.newest().step == 20
    assert said in caplog.text
    assert "step-0000" in caplog.text
    assert "not used" in caplog.text


def test_one_that_was_never_finished_is_as_if_it_were_not_there(checkpoints, caplog):
    def torn(directory):
        (directory / "half").write_text("half")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        checkpoints.save(40, {}, torn)
    assert checkpoints.newest().step == 30
    assert caplog.text == ""
    checkpoints.save(40, {}, agent("again"))
    assert checkpoints.newest().step == 40
    assert not [name for name in steps_of(checkpoints) if name.startswith(".")]


def test_the_last_two_and_the_best_are_kept(checkpoints):
    checkpoints.save(40, {}, agent("40"))
    checkpoints.prune(best=10)
    assert steps_of(checkpoints) == ["step-000010", "step-000030", "step-000040"]
    checkpoints.prune(best=40)
    assert steps_of(checkpoints) == ["step-000030", "step-000040"]
    checkpoints.prune(best=None)
    assert steps_of(checkpoints) == ["step-000030", "step-000040"]


def test_later_ones_can_be_dropped(checkpoints):
    checkpoints.drop_after(10)
    assert steps_of(checkpoints) == ["step-000010"]


def test_one_that_is_not_wanted_is_passed_over_with_the_reason(checkpoints, caplog):
    found = checkpoints.newest(lambda c: "its log is too short" if c.step > 10 else None)
    assert found.step == 10
    assert caplog.text.count("its log is too short") == 2


def test_another_format_is_refused(checkpoints):
    path = checkpoints.directory / "step-000030" / "manifest.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(UsageError, match="format 2"):
        checkpoints.newest()


def test_a_full_disk_is_said_in_one_line_and_leaves_the_others(checkpoints):
    def full(directory):
        raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match=r"step-000040: No space left on device"):
        checkpoints.save(40, {}, full)
    assert checkpoints.newest().step == 30


def test_the_same_step_can_be_saved_again(checkpoints):
    checkpoints.save(30, {}, agent("again"))
    assert (checkpoints.newest().agent / "weights" / "model.bin").read_text() == "again"
