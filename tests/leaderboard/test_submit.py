from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

import guess_env  # noqa: F401  (registers the environment)
from sdpo_gym.cli import main
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.leaderboard.results import read_result
from sdpo_gym.leaderboard.submit import submit


@pytest.fixture
def run(tmp_path) -> Path:
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, seed=7, out=tmp_path / "run"))
    return tmp_path / "run"


def change_json(path: Path, *keys: str, to: object) -> None:
    data = json.loads(path.read_text())
    table = data
    for key in keys[:-1]:
        table = table[key]
    table[keys[-1]] = to
    path.write_text(json.dumps(data))


def test_a_result_says_what_the_run_says(tmp_path, run):
    done = submit(run, tmp_path / "board", note="first try")
    assert done.path.parent == tmp_path / "board" / "results" / "guess"
    data = read_result(done.path).data
    record, summary = (json.loads((run / name).read_text()) for name in ("run.json", "summary.json"))
    assert data["scores"] == summary["scores"]
    assert data["by"] == summary["by"]
    assert data["outcomes"] == summary["outcomes"]
    assert data["env"]["card_digest"] == record["env"]["card_digest"]
    assert data["data"]["digest"] == record["data"]["digest"]
    assert data["data"]["window"] == "since ever"
    assert (data["seeds"], data["turns"], data["note"]) == ({"run": 7}, 1, "first try")
    assert data["sampling"] == record["sampling"]
    assert data["judge"]["version"] == "Guess-v0"
    assert data["machine"]["factor"] == record["sessions"][0]["machine"]["factor"] > 0
    by_task: dict[str, list[float]] = {}
    for line in (run / "attempts.jsonl").read_text().splitlines():
        row = json.loads(line)
        by_task.setdefault(row["task_id"], []).append(row["scores"]["score"])
    assert {task["id"]: task["mean"] for task in data["tasks"]} == {k: sum(v) / len(v) for k, v in by_task.items()}
    assert [task["n"] for task in data["tasks"]] == [3] * 6


def test_the_hash_is_that_of_answers_and_verdicts_and_of_no_clock(tmp_path, run):
    def digest(directory: Path) -> str:
        return submit(directory, tmp_path / "board", name="mine", replace=True).data["attempts"]["sha256"]

    first = digest(run)
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, seed=7, out=tmp_path / "again"))
    assert digest(tmp_path / "again") == first
    attempts = run / "attempts.jsonl"
    lines = attempts.read_text().splitlines(keepends=True)
    attempts.write_text("".join(reversed(lines)))
    assert digest(run) == first
    row = json.loads(lines[0])
    attempts.write_text("".join([json.dumps({**row, "completion": f"{row['completion']} "}) + "\n", *lines[1:]]))
    assert digest(run) != first


def test_the_same_run_may_be_submitted_again_and_another_one_not_in_its_place(tmp_path, run):
    board = tmp_path / "board"
    first = submit(run, board, name="mine")
    assert submit(run, board, name="mine", note="better said").path == first.path
    assert read_result(first.path).data["note"] == "better said"
    evaluate(EvalConfig("guess", policy="guess:", data="hub", n=3, seed=8, out=tmp_path / "other"))
    with pytest.raises(UsageError, match="is the result of another run; give another --name, or --replace"):
        submit(tmp_path / "other", board, name="mine")
    submit(tmp_path / "other", board, name="mine", replace=True)
    assert read_result(first.path).data["seeds"] == {"run": 8}
    with pytest.raises(UsageError, match="'curves' is taken"):
        submit(run, board, name="curves")
    with pytest.raises(UsageError, match=r"name: 'a b' does not match"):
        submit(run, board, name="a b")


def test_sample_runs_are_refused(tmp_path):
    evaluate(EvalConfig("guess", policy="guess:", data="sample", out=tmp_path / "run"))
    with pytest.raises(UsageError, match="is a run on the sample set 'guess_sample', which is not the benchmark"):
        submit(tmp_path / "run", tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_unfinished_torn_and_altered_runs_are_refused(tmp_path, run):
    attempts, summary = run / "attempts.jsonl", run / "summary.json"
    lines = attempts.read_text().splitlines(keepends=True)
    attempts.write_text("".join(lines[:-2]))
    with pytest.raises(UsageError, match="is unfinished: 16 of 18 attempts have ended"):
        submit(run, tmp_path / "board")
    attempts.write_text("".join(lines)[:-5])
    with pytest.raises(UsageError, match=r"attempts\.jsonl: its last line is torn"):
        submit(run, tmp_path / "board")
    attempts.write_text("".join(lines).replace('"done": true', '"done": false', 1))
    with pytest.raises(UsageError, match="1 attempts have no end"):
        submit(run, tmp_path / "board")
    attempts.write_text("".join(lines))
    change_json(summary, "scores", "avg@3", "value", to=0.99)
    with pytest.raises(UsageError, match=r"summary\.json: scores\.avg@3: is 0\.99, but the attempts come to"):
        submit(run, tmp_path / "board")
    summary.unlink()
    with pytest.raises(UsageError, match=r"has no summary\.json, so the run was interrupted"):
        submit(run, tmp_path / "board")


def test_a_run_that_is_still_being_written_is_refused(tmp_path, run):
    with (run / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="is still writing to"):
            submit(run, tmp_path / "board")


def test_errors_and_tasks_left_out_are_stated(tmp_path, capsys):
    # what the first answer does not solve has no second one
    config = EvalConfig("guess", policy="guess:mute=1", data="hub", turns=2, limit=4, n=4, out=tmp_path / "run")
    evaluate(config)
    assert main(["submit", str(tmp_path / "run"), "--board", str(tmp_path / "board"), "--model-name", "mute"]) == 0
    out = capsys.readouterr().out
    (path,) = (tmp_path / "board" / "results" / "guess").iterdir()
    assert path.name.startswith("mute-")
    attempts = read_result(path).data["attempts"]
    assert attempts["errors"] > 0
    assert attempts["errors"] + attempts["count"] == 16
    assert f"{attempts['errors']} attempts ({attempts['error_rate']:.1%}) ended in an outage" in out
    assert "4 of 6 tasks were asked, so the run gets no rank" in out


def test_a_run_of_nothing_but_outages_has_no_score(tmp_path):
    evaluate(EvalConfig("guess", policy="guess:mute=0", data="hub", out=tmp_path / "run"))
    with pytest.raises(UsageError, match="every attempt ended in an outage, so there is no score"):
        submit(tmp_path / "run", tmp_path / "board")


def test_neither_folders_nor_servers_are_published(tmp_path, run):
    change_json(run / "run.json", "policy", to={
        "name": "transformers", "policy": "transformers", "model": "/home/me/models/Big-7B", "base_url": "http://10.0.0.7/v1",
    })  # fmt: skip
    done = submit(run, tmp_path / "board")
    text = done.path.read_text()
    assert done.data["model"]["name"] == "Big-7B"
    assert done.path.name.startswith("Big-7B-")
    assert "/home/me" not in text
    assert "10.0.0.7" not in text


def test_what_is_no_run_is_one_line(tmp_path, capsys):
    assert main(["submit", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "run.json").write_text('{"format": 1, "kind": "discover"}')
    assert main(["submit", str(tmp_path)]) == 2
    assert "holds a run of kind 'discover'; leaderboards take evaluations and training runs" in capsys.readouterr().err
