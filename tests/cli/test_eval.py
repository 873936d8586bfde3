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
from sdpo_gym.records import iter_rows, load_run

PREPARE = f"import sys; sys.path.insert(0, {str(Path(guess_env.__file__).parent)!r}); import guess_env\n"
GUESS = ["eval", "guess", "--policy", "guess:", "--data", "sample"]


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_main_job_with_nothing_but_a_name(capsys):
    assert main(["eval", "guess"]) == 0
    first = capsys.readouterr()
    assert "guess_sample: replay" in first.out
    assert "avg@2 (score)  0.625" in first.out
    assert "make eval ENV=guess MODEL=" in first.out
    (directory,) = Path("runs/guess").iterdir()
    assert f"run       {directory}" in first.out
    before = (directory / "attempts.jsonl").read_bytes()
    assert main(["eval", "guess"]) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "8 of 8 attempts were made before" in second.err
    assert (directory / "attempts.jsonl").read_bytes() == before


def test_every_option_arrives():
    argv = [*GUESS[:2], "--policy", "guess:", "--model", "m", "--n", "3", "--temperature", "0.5", "--top-p", "0.9"]
    argv += ["--max-tokens", "7", "--turns", "2", "--data", "sample", "--split", "train", "--limit", "4", "--seed", "9"]
    argv += ["--workers", "2", "--option", "tolerance=1", "--option", "salt=some text", "--out", "run", "--quiet"]
    assert main(argv) == 0
    run = load_run(Path("run"))
    assert run["sampling"] == {"n": 3, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": []}
    assert (run["turns"], run["limit"], run["seed"]) == (2, 4, 9)
    assert run["data"]["choice"] == "sample"
    assert run["data"]["split"] == "train"
    assert run["policy"] == {"name": "guess", "policy": "guess", "model": "m"}
    assert run["env"]["options"] == {"tolerance": 1, "salt": "some text"}
    assert run["sessions"][0]["execution"] == {"workers": 2}


@pytest.mark.parametrize(("argument", "option"), [("--from", "date_from"), ("--until", "date_until")])
def test_options_that_an_environment_lacks_are_named(capsys, argument, option):
    assert main([*GUESS, argument, "2025-01-01"]) == 2
    assert f"has no option '{option}'" in capsys.readouterr().err


def test_outages_make_exit_code_3_after_the_table(capsys):
    Path("down").touch()
    argv = ["eval", "guess", "--policy", "guess:down=down", "--data", "sample", "--out", "run"]
    assert main(argv) == 3
    out, err = capsys.readouterr()
    assert "12 of 12 attempts (100.0%), in no score" in out
    assert "12 attempts ended in an outage, the last one with: PolicyError: the server is down" in err
    assert "the same command makes them again" in err
    Path("down").unlink()
    assert main(argv) == 0


def test_no_retry_is_promised_for_what_can_never_be_answered(capsys):
    argv = ["eval", "guess", "--data", "sample", "--out", "run", "--policy", "guess:mute=0"]
    assert main(argv) == 3
    err = capsys.readouterr().err
    assert "12 attempts ended in an outage, the last one with: PolicyError: the prompt is too long" in err
    assert "makes them again" not in err
    assert "can never be answered" in err


def test_a_disk_that_is_full_is_one_line_and_what_was_made_is_kept():
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))\n"
    code = PREPARE + limit + f"from sdpo_gym.cli import main; sys.exit(main({[*GUESS, '--n', '8', '--out', 'run']}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot write run/attempts.jsonl: File too large" in done.stderr
    kept = list(iter_rows(Path("run")))
    assert 5 < len(kept) < 48
    assert main([*GUESS, "--n", "8", "--out", "run"]) == 0
    rows = list(iter_rows(Path("run")))
    assert rows[: len(kept)] == kept
    assert len(rows) == 48


def test_ctrl_c_says_how_to_go_on():
    argv = ["eval", "guess", "--policy", "guess:delay=0.05", "--data", "sample", "--n", "100", "--out", "run"]
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
    said = process.stderr.read().strip().splitlines()
    assert said[-1] == "sdpo-gym: interrupted; the same command continues the run in run"
    process.stderr.close()
    assert json.loads(attempts.read_text().splitlines()[-1])["done"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--workers", "0"], "workers must be at least 1, got 0"),
        (["--option", "cpu_s=abc"], "option 'cpu_s' must be of type float, got 'abc'"),
        (["--option", "memory_mb=1.5"], "option 'memory_mb' must be of type int, got 1.5"),
        (["--option", "exclude_known_issues=1"], "option 'exclude_known_issues' must be of type bool, got 1"),
        (["--option", "cpu_s=0"], "cpu_s must lie in"),
        (["--policy-option", "concurrency=4"], "policy 'scripted' takes no option 'concurrency'"),
        (["--policy-option", "model=x"], "use --model"),
        (["--policy-option", "gold=x"], "use --policy scripted:gold"),
    ],
)
def test_option_values_that_make_no_sense_are_one_line(capsys, argv, words):
    assert main(["eval", "lcb_v6", "--data", "sample", "--policy", "scripted:empty", "--quiet", *argv]) == 2
    assert words in capsys.readouterr().err


def test_a_machine_without_a_sandbox_is_an_outage_in_one_line(tmp_path):
    environment = {**os.environ, "SDPO_GYM_CACHE": "/proc/nowhere"}
    code = "import os, sys; os.geteuid = lambda: 1; from sdpo_gym.cli import main; sys.exit(main(sys.argv[1:]))"
    argv = ["eval", "lcb_v6", "--data", "sample", "--policy", "scripted:gold", "--limit", "1", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", code, *argv], env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert "SDPO_GYM_CACHE" in line
    assert "Traceback" not in done.stderr
