from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import guess_env
from sdpo_gym.cli import main
from sdpo_gym.records import load_run

PREPARE = f"import sys; sys.path.insert(0, {str(Path(guess_env.__file__).parent)!r}); import guess_env\n"
DISCOVER = ["discover", "guess", "--policy", "guess:", "--data", "sample"]
BEST = [*DISCOVER, "--method", "best_of_k"]


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_searches_are_made_printed_and_not_made_again(capsys):
    argv = [*BEST, "--task", "g1", "--task", "g2", "--k", "8", "--seeds", "3"]
    assert main(argv) == 0
    first = capsys.readouterr()
    assert "method      best_of_k, k = 8" in first.out
    assert "discovery@8" in first.out
    (directory,) = Path("runs/discover/guess").iterdir()
    assert directory.name.startswith("best_of_k-")
    assert main(argv) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert f"{directory}: searching: 6 of 6 searches were made before" in second.err


def test_every_option_arrives():
    argv = [*DISCOVER, "--method", "multi_turn", "--task", "g1", "--k", "2", "--seeds", "1", "--model", "m"]
    argv += ["--temperature", "0.5", "--top-p", "0.9", "--max-tokens", "7", "--split", "train", "--seed", "9"]
    argv += ["--option", "tolerance=1", "--workers", "2", "--method-option", "window=3", "--out", "run", "--quiet"]
    assert main(argv) == 0
    run = load_run(Path("run"))
    assert run["sampling"] == {"n": 1, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": []}
    assert (run["k"], run["tasks"], run["seed"], run["data"]["split"]) == (2, ["g1"], 9, "train")
    assert run["method"]["options"]["window"] == 3
    assert run["env"]["options"] == {"tolerance": 1}
    assert run["policy"]["model"] == "m"


def test_hard_tasks_are_chosen_and_named_for_the_next_method(capsys):
    assert main([*BEST, "--hard", "0.5", "--hard-attempts", "12", "--k", "4", "--seeds", "2", "--out", "run"]) == 0
    out = capsys.readouterr().out
    chosen = [task["task_id"] for task in json.loads(Path("run/summary.json").read_text())["tasks"]]
    assert out.rstrip().endswith("again: " + " ".join(f"--task {task_id}" for task_id in chosen))


def test_outages_make_exit_code_3_after_the_table(capsys):
    Path("down").touch()
    argv = ["discover", "guess", "--policy", "guess:down=down", "--data", "sample", "--method", "best_of_k"]
    argv += ["--task", "g1", "--k", "4", "--seeds", "2"]
    assert main(argv) == 3
    out, err = capsys.readouterr()
    assert "2 searches that an outage ended, in no figure" in out
    assert "2 searches ended in an outage, the last one with: PolicyError: the server is down" in err
    Path("down").unlink()
    assert main(argv) == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--task", "g99", "--method", "best_of_k"], "guess_sample has no task 'g99'"),
        (["--task", "g1", "--method", "best_of"], "there is no method 'best_of'; did you mean 'best_of_k'?"),
        (["--task", "g1"], "lacks the capability 'train'"),
        (["--task", "g1", "--k", "0"], "k must be at least 1, got 0"),
        (["--method", "best_of_k"], "no task is named"),
        (["--task", "g1", "--method", "multi_turn", "--method-option", "window"], "must have the form KEY=VALUE"),
    ],
)
def test_bad_input_is_one_line(capsys, argv, words):
    assert main([*DISCOVER, *argv]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_ctrl_c_says_how_to_go_on():
    argv = ["discover", "guess", "--policy", "guess:delay=0.05,say=1", "--data", "sample", "--method", "multi_turn"]
    argv += ["--task", "g2", "--k", "1000", "--out", "run"]
    code = PREPARE + f"from sdpo_gym.cli import main; sys.exit(main({argv}))"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    attempts = Path("run/attempts.jsonl")
    while not (attempts.exists() and attempts.stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert process.stderr
    assert process.stderr.read().strip().splitlines()[-1] == (
        "sdpo-gym: interrupted; the same command continues the run in run"
    )
    process.stderr.close()
