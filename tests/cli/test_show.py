from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import guess_env  # noqa: F401  (registers itself)
from sdpo_gym.cli import main
from sdpo_gym.evaluate import EvalConfig, evaluate


@pytest.fixture
def run(tmp_path) -> str:
    file = tmp_path / "answers.jsonl"
    texts = ["\x1b[2J\x07 I say 11 \u202e", "it is 10", "OUTAGE"]
    file.write_text(json.dumps({"task_id": "g1", "completions": texts}) + '\n{"task_id": "g2", "completion": "?"}\n')
    evaluate(EvalConfig("guess", f"replay:{file}", data="sample", out=tmp_path / "run"))
    return str(tmp_path / "run")


def test_without_a_task_the_tasks_are_listed(run, capsys):
    assert main(["show", run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["g1", "1", "of", "3", "1", "too_high,", "1", "accepted,", "1", "error"]
    assert lines[3].split() == ["g2", "0", "of", "1", "1", "no_number"]


def test_a_transcript_holds_prompt_completion_verdict_feedback_and_tests(run, capsys):
    assert main(["show", run, "g1"]) == 0
    out = capsys.readouterr().out
    assert out.count("Guess the number of task 1.") == 1
    parts = ["I say 11", "failed, too_high", "reward 0, score 0, closeness 0.5", "11 is too high."]
    places = [out.index(part) for part in (*parts, "test  distance  shown", "it is 10", "passed, accepted", "OUTAGE")]
    assert places == sorted(places)
    assert "JudgeError: the referee went home" in out


def test_what_a_terminal_would_act_on_is_escaped(run, capsys):
    assert main(["show", run, "g1"]) == 0
    out = capsys.readouterr().out
    assert r"\x1b[2J\x07 I say 11 \u202e" in out
    assert "\x1b" not in out


def test_one_attempt_alone(run, capsys):
    assert main(["show", run, "g1", "--attempt", "1"]) == 0
    out = capsys.readouterr().out
    assert "it is 10" in out
    assert "I say 11" not in out


def test_a_transcript_without_its_data_says_so(run, capsys):
    path = Path(run) / "run.json"
    record = json.loads(path.read_text())
    record["data"]["choice"] = "/gone"
    path.write_text(json.dumps(record))
    assert main(["show", run, "g1"]) == 0
    out = capsys.readouterr().out
    assert "(not to be had: the guessing game has no data '/gone')" in out
    assert "I say 11" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["g11"], "holds no finished attempt at task 'g11'; did you mean 'g1'?"),
        (["g1", "--attempt", "7"], "task 'g1' has the attempts 0, 1, 2, not 7"),
        (["--attempt", "1"], "--attempt needs a TASK"),
    ],
)
def test_what_is_not_there_is_named(run, capsys, arguments, words):
    assert main(["show", run, *arguments]) == 2
    assert words in capsys.readouterr().err


def test_rejudge_prints_the_new_table_and_the_changes(run, capsys):
    assert main(["rejudge", run, "--option", "tolerance=1"]) == 3  # one completion still cannot be judged
    out, err = capsys.readouterr()
    assert "avg@1 (score)" in out
    assert "1 of 3 verdicts changed." in out
    assert out.splitlines()[-1].split() == ["too_high", "accepted", "1"]
    assert "1 completions could not be judged" in err
    assert main(["show", f"{run}.rejudged", "g1", "--attempt", "0"]) == 0
    assert "passed, accepted" in capsys.readouterr().out


def test_a_run_without_attempts(tmp_path, run, capsys):
    (tmp_path / "empty").mkdir()
    shutil.copy(Path(run) / "run.json", tmp_path / "empty")
    assert main(["show", str(tmp_path / "empty")]) == 0
    assert "holds no finished attempt yet" in capsys.readouterr().out


def test_rejudge_promises_nothing_for_what_the_policy_never_answered(tmp_path, capsys):
    evaluate(EvalConfig("guess", "guess:mute=1", data="sample", turns=2, out=tmp_path / "run"))
    assert main(["rejudge", str(tmp_path / "run")]) == 0
    err = capsys.readouterr().err
    assert "attempts of the run ended because the policy failed" in err
    assert "could not be judged" not in err
