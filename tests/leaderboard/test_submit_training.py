from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest

import sdpo_gym.agent as agents
import toy_env  # noqa: F401  (registers the environment)
from sdpo_gym.agent import register_agent
from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError
from sdpo_gym.leaderboard.results import write_result
from sdpo_gym.leaderboard.submit import submit
from sdpo_gym.train import TrainConfig, train
from sdpo_gym.training import loop
from training.fakes import FakePolicy, make_agent


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(agents, "_in_process", {})
    register_agent("fake", make_agent)
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: FakePolicy())
    train(
        TrainConfig(
            "Toy-v0", agent="fake", policy="fake", data="sample", steps=10, batch=3, n=3, eval_every=5,
            agent_options={"rate": 0.2}, out=tmp_path / "run",
        )
    )  # fmt: skip
    with pytest.raises(UsageError, match="is a run on the sample set 'toy_sample'"):
        submit(tmp_path / "run", tmp_path / "board")
    # the toy has no other tasks, so its run is made to say otherwise
    record = tmp_path / "run" / "run.json"
    record.write_text(record.read_text().replace('"is_sample": true', '"is_sample": false'))
    return tmp_path / "run"


def test_best_last_mean_and_the_curve_are_those_of_the_evaluations(tmp_path, run):
    done = submit(run, tmp_path / "board", name="pupil")
    training, summary = done.data["training"], json.loads((run / "summary.json").read_text())
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    averages = {row["step"]: row["eval"]["avg"] for row in rows if "eval" in row}
    assert {point["step"]: point["avg"] for point in training["curve"]} == averages
    for name in ("initial", "best", "best_step", "last", "last_step", "evaluations"):
        assert training[name] == summary[name]
    assert training["mean"]["value"] == pytest.approx(fmean(averages[step] for step in (5, 10)))
    assert training["last"]["value"] == averages[10]
    n = done.data["attempts"]["smallest_n"]
    assert done.data["scores"][f"avg@{n}"] == training["last"]
    assert fmean(task["mean"] for task in done.data["tasks"]) == pytest.approx(averages[10])
    assert done.data["kind"] == "train"


def test_a_training_run_that_is_unfinished_or_lacks_evaluations_is_refused(tmp_path, run):
    summary = run / "summary.json"
    text = summary.read_text()
    summary.write_text(json.dumps(json.loads(text) | {"planned": 20}))
    with pytest.raises(UsageError, match="is unfinished: 10 of 20 steps"):
        submit(run, tmp_path / "board")
    summary.unlink()
    with pytest.raises(UsageError, match=r"summary\.json is not there, so the run was interrupted"):
        submit(run, tmp_path / "board")
    summary.write_text(text)
    metrics = run / "metrics.jsonl"
    with metrics.open("a") as file:
        file.write('{"step": 11, "eval"')
    with pytest.raises(UsageError, match=r"metrics\.jsonl, line \d+: not a row of metrics"):
        submit(run, tmp_path / "board")


def test_verify_compares_with_the_metrics_and_says_that_nothing_was_judged(tmp_path, run, capsys):
    done = submit(run, tmp_path / "board")
    assert main(["verify", str(done.path), "--attempts", str(run)]) == 0
    assert "nothing was judged again" in capsys.readouterr().out
    data = json.loads(done.path.read_text())
    data["training"]["best"]["value"] = data["training"]["best"]["high"] = 1.0
    write_result(data, done.path)
    assert main(["verify", str(done.path), "--attempts", str(run)]) == 1
    assert "training.best.value: file 1.0" in capsys.readouterr().out
