from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.records import RunDirectory, iter_rows, load_results, load_run
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
    assert load_run(Path("run.rejudged"))["rejudged_from"] == "run"


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
