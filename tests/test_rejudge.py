from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from guess_env import SPEC, make_tasks
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.records import RunDirectory, iter_rows, load_results, load_run
from sdpo_gym.registry import register_spec
from sdpo_gym.rejudge import RejudgeConfig, rejudge


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(policy="guess:", **options) -> Path:
    config = EvalConfig("guess", policy=policy, data="sample", n=4, out=Path("run"), **options)
    return evaluate(config).directory


def test_the_same_judge_changes_nothing_and_the_run_stays_as_it_is():
    before = {p.name: p.read_bytes() for p in run().iterdir()}
    again = rejudge(RejudgeConfig(Path("run")))
    assert (again.judged, again.changes) == (24, {})
    assert again.summary.scores == evaluate(EvalConfig("guess", "guess:", data="sample", n=4, out=Path("run"))).scores
    assert again.summary.directory == Path("run.rejudged")
    assert {p.name for p in Path("run").iterdir()} == set(before)
    assert Path("run/attempts.jsonl").read_bytes() == before["attempts.jsonl"]
    assert load_run(Path("run.rejudged"))["rejudged_from"] == str(Path("run").resolve())


def test_another_judge_tells_what_changed():
    run()
    again = rejudge(RejudgeConfig(Path("run"), Path("kind"), {"tolerance": 3}))
    assert set(again.changes) == {("too_high", "accepted")}
    old, new = load_results(Path("run")), load_results(Path("kind"))
    assert again.changes["too_high", "accepted"] == sum(new[k].passed and not old[k].passed for k in old) > 0
    assert load_run(Path("kind"))["env"]["options"] == {"tolerance": 3}


def test_of_several_turns_the_first_that_passes_is_now_the_last():
    run(turns=3)
    assert max(row["turn"] for row in iter_rows(Path("run"))) > 0
    again = rejudge(RejudgeConfig(Path("run"), options={"tolerance": 100}))
    assert again.summary.scores["avg@4"].value == 1.0
    assert all(row["turn"] == 0 and row["done"] for row in iter_rows(Path("run.rejudged")))
    strict = rejudge(RejudgeConfig(Path("run"), Path("strict"), {"tolerance": -1}))
    assert strict.summary.scores["avg@4"].value == 0.0
    assert strict.summary.attempts == 24


def test_completions_that_an_outage_left_without_a_verdict_are_judged():
    run()
    with RunDirectory(Path("run"), load_run(Path("run")) | {"sessions": []}) as directory:
        for row in list(iter_rows(Path("run")))[:3]:
            outage = {"reward": None, "status": None, "outcome": None, "done": False, "error": "JudgeError: down"}
            directory.append({**row, **outage})
    assert sum(r.error is not None for r in load_results(Path("run")).values()) == 3
    again = rejudge(RejudgeConfig(Path("run")))
    assert (again.summary.attempts, again.summary.errors) == (24, 0)
    assert (again.judged, again.changes) == (21, {})


def test_an_attempt_that_the_policy_failed_in_stays_an_outage_unless_an_earlier_answer_now_passes():
    run("guess:mute=1", turns=2)
    before = load_results(Path("run"))
    failed = {key for key, result in before.items() if result.error}
    assert 0 < len(failed) < 24
    again = rejudge(RejudgeConfig(Path("run")))
    assert (again.summary.attempts, again.summary.errors) == (24 - len(failed), len(failed))
    assert (again.unanswered, again.changes) == (len(failed), {})
    assert load_results(Path("run.rejudged")) == before
    rows = list(iter_rows(Path("run.rejudged")))
    assert rejudge(RejudgeConfig(Path("run"))).unanswered == len(failed)
    assert list(iter_rows(Path("run.rejudged"))) == rows
    kind = rejudge(RejudgeConfig(Path("run"), Path("kind"), {"tolerance": 100}))
    assert (kind.summary.attempts, kind.summary.errors, kind.unanswered) == (24, 0, 0)
    assert all(row["turn"] == 0 for row in iter_rows(Path("kind")))


def test_an_outage_that_was_made_again_leaves_no_trace():
    Path("down").touch()
    run("guess:down=down")
    Path("down").unlink()
    run("guess:down=down")
    again = rejudge(RejudgeConfig(Path("run")))
    assert (again.summary.attempts, again.summary.errors, again.unanswered) == (24, 0, 0)
    assert len(list(iter_rows(Path("run.rejudged")))) == 24


def test_options_of_the_tasks_alone_are_refused():
    run()
    with pytest.raises(UsageError, match="option 'salt' of environment 'guess' is about its tasks"):
        rejudge(RejudgeConfig(Path("run"), options={"salt": "x"}))
    with pytest.raises(UsageError, match="no option 'tolerence'"):
        rejudge(RejudgeConfig(Path("run"), options={"tolerence": 1}))
    assert not Path("run.rejudged").exists()


def test_an_option_of_both_applies_to_the_judge_only_and_is_recorded():
    def tasks(split=None, data="sample", *, tolerance: int = 0):
        return make_tasks(split, data, salt=f"tolerance {tolerance} is told")

    register_spec(replace(SPEC, tasks=tasks))
    try:
        run()
        first = rejudge(RejudgeConfig(Path("run"), Path("kind"), {"tolerance": 100}))
        second = rejudge(RejudgeConfig(Path("kind"), Path("strict"), {"tolerance": -1}))
    finally:
        register_spec(SPEC)
    assert first.summary.scores["avg@4"].value == 1.0
    assert second.summary.scores["avg@4"].value == 0.0
    assert load_run(Path("strict"))["env"]["options"] == {"tolerance": -1}
    assert load_run(Path("strict"))["data"]["digest"] == load_run(Path("run"))["data"]["digest"]


def test_a_run_on_a_file_can_be_judged_again_from_another_directory_and_after_a_move(tmp_path, monkeypatch):
    Path("numbers").write_text("salt")
    evaluate(EvalConfig("guess", policy="guess:", data="numbers", n=4, out=Path("run")))
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    assert rejudge(RejudgeConfig(tmp_path / "run", Path("again"))).judged == 24
    (tmp_path / "run").rename(tmp_path / "moved")
    assert rejudge(RejudgeConfig(tmp_path / "moved", Path("again"))).judged == 24
    assert load_run(Path("again"))["rejudged_from"] == str(tmp_path / "moved")


def test_the_directory_of_another_rejudged_run_is_refused():
    record = load_run(run())
    shutil.copytree("run", "other")
    record["sessions"][0]["started"] = "yesterday"
    Path("other/run.json").write_text(json.dumps(record))
    rejudge(RejudgeConfig(Path("run"), Path("again")))
    with pytest.raises(UsageError, match="rejudged_started was"):
        rejudge(RejudgeConfig(Path("other"), Path("again")))


def test_outages_of_the_judge_are_kept_apart_and_tried_again():
    run("guess:say=OUTAGE 0")
    again = rejudge(RejudgeConfig(Path("run")))
    assert (again.summary.attempts, again.summary.errors, again.judged) == (0, 24, 0)
    rejudge(RejudgeConfig(Path("run")))
    assert len(list(iter_rows(Path("run.rejudged")))) == 48


def test_an_interrupted_rejudging_continues():
    run()
    rejudge(RejudgeConfig(Path("run")))
    attempts = Path("run.rejudged/attempts.jsonl")
    lines = attempts.read_bytes().splitlines(keepends=True)
    attempts.write_bytes(b"".join(lines[:10]) + lines[10][:-20])
    assert rejudge(RejudgeConfig(Path("run"))).judged == 24
    assert attempts.read_bytes().splitlines(keepends=True)[:10] == lines[:10]
    assert len(list(iter_rows(Path("run.rejudged")))) == 24


def test_changed_data_are_refused():
    directory = run()
    record = json.loads((directory / "run.json").read_text())
    record["env"]["options"]["salt"] = "other data"
    (directory / "run.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"the data of run have changed: guess_sample had digest [0-9a-f]{12}, now"):
        rejudge(RejudgeConfig(directory))


def test_the_run_itself_is_no_place_for_the_result():
    with pytest.raises(UsageError, match="is the run itself"):
        rejudge(RejudgeConfig(run(), Path("./run")))
    with pytest.raises(UsageError, match="is not a run directory"):
        rejudge(RejudgeConfig(Path("nowhere")))
