from __future__ import annotations

from pathlib import Path

import pytest

import guess_env  # noqa: F401
from sdpo_gym.cli import main
from sdpo_gym.records import load_run

PROBE = ["probe", "guess", "--policy", "guess:", "--data", "sample"]


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_probe_is_made_printed_and_not_made_again(capsys):
    argv = [*PROBE, "--n", "4"]
    assert main(argv) == 0
    first = capsys.readouterr()
    for row in ("student, first attempts", "own feedback, after a failure", "a sibling's solution"):
        assert row in first.out
    (directory,) = Path("runs/probe/guess").iterdir()
    before = (directory / "attempts.jsonl").read_bytes()
    assert main(argv) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "24 of 24 answers were made before" in second.err
    assert (directory / "attempts.jsonl").read_bytes() == before


def test_every_option_arrives():
    argv = [*PROBE, "--model", "m", "--n", "3", "--temperature", "0.5", "--top-p", "0.9", "--max-tokens", "7"]
    argv += ["--split", "train", "--limit", "2", "--seed", "9", "--option", "tolerance=1", "--out", "run", "--quiet"]
    argv += ["--reprompt-option", "feedback_budget=20"]
    assert main(argv) == 0
    run = load_run(Path("run"))
    assert run["sampling"] == {"n": 3, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": []}
    assert (run["limit"], run["seed"], run["data"]["split"]) == (2, 9, "train")
    assert run["reprompt"]["options"] == {"feedback_budget": 20}
    assert run["env"]["options"] == {"tolerance": 1}


def test_outages_make_exit_code_3_after_the_table(capsys):
    Path("down").touch()
    argv = ["probe", "guess", "--policy", "guess:down=down", "--data", "sample", "--n", "2"]
    assert main(argv) == 3
    out, err = capsys.readouterr()
    assert "12 answers ended in an outage; they are in no figure" in out
    assert "the last one with: PolicyError: the server is down" in err
    Path("down").unlink()
    assert main(argv) == 0


def test_no_retry_is_promised_for_what_can_never_be_answered(capsys):
    assert main(["probe", "guess", "--policy", "guess:mute=0", "--data", "sample", "--n", "2"]) == 3
    err = capsys.readouterr().err
    assert "the last one with: PolicyError: the prompt is too long" in err
    assert "can never be answered" in err
    assert "makes them again" not in err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--n", "0"], "n must be at least 1, got 0"),
        (["--reprompt", "x"], "there is no reprompt 'x'"),
        (["--reprompt-option", "solutions=true"], "takes no option 'solutions'"),
        (["--option", "nonsense=1"], "has no option 'nonsense'"),
    ],
)
def test_bad_input_is_one_line(capsys, argv, words):
    assert main([*PROBE, *argv]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
