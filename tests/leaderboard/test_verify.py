from __future__ import annotations

import json
from pathlib import Path

import pytest

import guess_env  # noqa: F401  (registers the environment)
from sdpo_gym.cli import main
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.leaderboard.results import write_result
from sdpo_gym.leaderboard.submit import submit


@pytest.fixture
def run(tmp_path) -> Path:
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, out=tmp_path / "run"))
    return tmp_path / "run"


def verify(file: Path, run: Path, *more: str) -> int:
    return main(["verify", str(file), "--attempts", str(run), *more])


def test_an_honest_result_is_confirmed(tmp_path, run, capsys):
    file = submit(run, tmp_path / "board", name="mine", model="what I call it", note="a note").path
    assert verify(file, run) == 0
    assert capsys.readouterr().out == f"{file}: confirmed (18 attempts judged again, 0 verdicts changed)\n"
    assert {path.name for path in tmp_path.iterdir()} == {"run", "board"}
    assert verify(file, run, "--out", str(tmp_path / "again")) == 0
    assert (tmp_path / "again" / "attempts.jsonl").exists()


def test_figures_that_were_made_up_are_found(tmp_path, run, capsys):
    done = submit(run, tmp_path / "board")
    data = json.loads(done.path.read_text())
    tasks = data["tasks"]
    worst = min(tasks, key=lambda task: task["mean"])
    gain = 1.0 - worst["mean"]
    worst["mean"], worst["passed"] = 1.0, worst["n"]
    score = data["scores"]["avg@3"]
    score["value"] += gain / len(tasks)
    score["high"] = max(score["high"], score["value"])
    write_result(data, done.path)  # consistent in itself, so that reading it does not tell
    assert verify(done.path, run) == 1
    out = capsys.readouterr().out
    assert "figures differ (18 attempts judged again, 0 verdicts changed)" in out
    assert f"tasks[{worst['id']}].mean: file 1.0, judged again" in out
    assert "scores.avg@3.value: file" in out


def test_verdicts_that_were_altered_in_the_run_are_found(tmp_path, run, capsys):
    """The result follows from the stored verdicts; only judging again shows that these are not the judge's."""
    lines = [json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines()]
    for row in lines:
        row |= {"reward": 1.0, "status": "passed", "outcome": "accepted", "scores": {"score": 1.0, "closeness": 1.0}}
    (run / "attempts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, out=run))  # writes the summary again
    done = submit(run, tmp_path / "board")
    assert done.data["scores"]["avg@3"]["value"] == 1.0
    assert verify(done.path, run) == 1
    out = capsys.readouterr().out
    assert "scores.avg@3.value: file 1.0, judged again" in out
    assert ", 0 verdicts changed" not in out


def test_the_attempts_of_another_run_are_not_those_of_the_result(tmp_path, run, capsys):
    file = submit(run, tmp_path / "board").path
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, seed=1, out=tmp_path / "other"))
    assert verify(file, tmp_path / "other") == 1
    out = capsys.readouterr().out
    assert "attempts.sha256: file" in out
    assert "seeds.run: file 0, judged again 1" in out


def test_bad_input_is_one_line(tmp_path, run, capsys):
    assert verify(tmp_path / "none.json", run) == 2
    assert (
        capsys.readouterr().err
        == f"sdpo-gym: error: {tmp_path}/none.json: cannot be read (No such file or directory)\n"
    )
    file = submit(run, tmp_path / "board").path
    assert verify(file, tmp_path) == 2
    assert "is not a run directory" in capsys.readouterr().err
