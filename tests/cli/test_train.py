from __future__ import annotations

import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

import sdpo_gym.agent as agents
import toy_env  # noqa: F401  (registers itself)
from sdpo_gym.agent import register_agent
from sdpo_gym.cli import ALARMED, INTERRUPTED, main
from sdpo_gym.cli import train as command
from sdpo_gym.cli.train import TrainProgress
from sdpo_gym.training import loop
from training.fakes import FakeAgent, FakePolicy, make_agent

TRAIN = ["train", "Toy-v0", "--agent", "fake", "--policy", "fake", "--data", "sample", "--batch", "3", "--steps", "4"]


@pytest.fixture(autouse=True)
def _fakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "_in_process", {})
    register_agent("fake", make_agent)
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: FakePolicy())


def test_a_run_prints_its_configuration_and_ends_with_a_table(capsys):
    assert main([*TRAIN, "--eval-every", "2", "--eval-teacher"]) == 0
    out, err = capsys.readouterr()
    (directory,) = Path("runs/Toy-v0").iterdir()
    assert 'settings: {"env": "Toy-v0", "agent": "fake"' in err
    assert '"temperature": 1.0' in err
    assert 'agent: {"rate": 0.05' in err
    assert "step 0: held-out avg@4 " in err
    assert ", teacher " in err
    lines = out.splitlines()
    assert lines[0] == "Toy-v0, fake: 4 of 4 steps"
    assert lines[2].split() == ["held-out", "avg@4", "95", "%", "interval", "of"]
    assert [line.split()[0] for line in lines[3:8]] == ["initial", "best", "last", "mean", "teacher"]
    assert "96 generations, 8 updates" in out
    assert lines[-1] == f"run: {directory}"
    assert main([*TRAIN, "--eval-every", "2", "--eval-teacher"]) == 0
    again = capsys.readouterr()
    assert again.out == out
    assert "continuing after step 4 of 4" in again.err


def test_every_option_arrives(tmp_path, capsys):
    Path("mine.toml").write_text('agent = "fake"\n[train]\nsplit = "dev"\nn = 9\n')
    argv = ["train", "Toy-v0", "--preset", "mine.toml", "--policy", "fake", "--model", "m", "--data", "sample"]
    argv += ["--steps", "2", "--batch", "2", "--n", "3", "--temperature", "0.5", "--top-p", "0.9", "--max-tokens", "7"]
    argv += ["--turns", "2", "--eval-split", "other", "--eval-every", "3", "--eval-n", "2", "--eval-limit", "4"]
    argv += ["--eval-temperature", "0.2", "--eval-top-p", "0.8", "--no-eval-teacher", "--save-every", "5"]
    argv += ["--seed", "9", "--examples", "1", "--watch", "warn", "--out", "run", "--quiet"]
    argv += ["--option", "tolerance=1", "--eval-option", "count=4", "--agent-option", "rate=0.5"]
    argv += ["--policy-option", "dtype=float32"]
    assert main(argv) == 0
    assert capsys.readouterr().err == ""
    settings = json.loads(Path("run/run.json").read_text())["settings"]
    assert settings == {
        "env": "Toy-v0", "agent": "fake", "policy": "fake", "preset": "mine.toml", "model": "m", "data": "sample",
        "split": "dev", "steps": 2, "batch": 2, "n": 3, "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "turns": 2,
        "eval_split": "other", "eval_every": 3, "eval_n": 2, "eval_limit": 4, "eval_temperature": 0.2,
        "eval_top_p": 0.8, "eval_teacher": False, "save_every": 5, "seed": 9, "rehearsal": None, "watch": "warn",
        "examples": 1, "options": {"tolerance": 1}, "eval_options": {"count": 4}, "agent_options": {"rate": 0.5},
        "policy_options": {"dtype": "float32"}, "judge_backend": "local",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--agent", "fakee"], "there is no agent 'fakee'; did you mean 'fake'?"),
        (["--preset", "no-such"], "there is no preset 'no-such'"),
        (["--agent-option", "rte=1"], "did you mean 'rate'?"),
        (["--agent-option", "rate"], "--agent-option 'rate' must have the form KEY=VALUE"),
        (["--temperature", "0"], "nothing to compare"),
        (["--batch", "9"], "give --batch 5 or less"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, more, said):
    assert main([*TRAIN, *more]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_no_policy_and_no_agent(capsys):
    assert main(["train", "Toy-v0"]) == 2
    assert "training needs an agent" in capsys.readouterr().err
    assert main(["train", "Toy-v0", "--agent", "fake"]) == 2
    assert "training needs a policy" in capsys.readouterr().err


def test_the_watch_ends_with_an_exit_code_of_its_own_and_says_why(capsys):
    class Dull(FakeAgent):
        def update(self, groups):
            return super().update(groups) | {"reprompt_fraction": 0.0}

    register_agent("dull", lambda policy, *, seed, temperature, rehearsal=None: Dull(policy, seed, 0.0, None, None))
    assert main([*TRAIN, "--agent", "dull", "--steps", "30"]) == ALARMED
    out, err = capsys.readouterr()
    assert "10 of 30 steps" in out
    assert "the collapse watch ended the run at step 10: nothing_learned: in 10 steps in a row" in err
    assert "--watch warn" in err


def test_an_interrupt_says_how_to_go_on(capsys, monkeypatch):
    class Interrupted(TrainProgress):
        def work(self, what, total):
            if what == "step 2":
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.05)
            super().work(what, total)

    monkeypatch.setattr(command, "TrainProgress", Interrupted)
    assert main([*TRAIN, "--out", "run"]) == INTERRUPTED
    assert "the same command continues the run in run" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROW = {"step": 1, "reward_mean": 0.25}
EVALUATION = {"step": 1, "eval": {"avg": 0.5, "n": 4}}
RUN = dict.fromkeys(("settings", "agent", "policy", "data", "rehearsal", "seeds"))


def test_a_terminal_gets_a_bar_with_what_was_reached():
    stream = Terminal()
    progress = TrainProgress(quiet=False, stream=stream)
    progress.begin(Path("run"), RUN, 0, 2)
    progress.work("step 1", 8)
    progress.row(ROW)
    progress.row(EVALUATION)
    progress.row({"step": 2, "reward_mean": None})
    progress.close()
    assert "reward 0.250" in stream.getvalue()
    assert "2/2" in stream.getvalue()


def test_elsewhere_a_line_comes_now_and_then_with_the_time_left(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = TrainProgress(quiet=False, stream=stream)
    progress.begin(Path("run"), RUN, 10, 14)
    progress.row({"step": 11, "reward_mean": 0.25})
    now[0] = 30.0
    progress.work("step 12", 8)
    progress.row({"step": 12, "reward_mean": 0.5})
    lines = stream.getvalue().splitlines()
    assert "continuing after step 10 of 14" in lines
    assert lines[-1] == (
        "12 of 14 steps, reward 0.500, held-out -, 0 errors, step 12 at 0 of 8 attempts, about 00:30 left"
    )
