from __future__ import annotations

import io
from pathlib import Path

import pytest

from guess_env import GuessJudge, GuessPolicy, make_tasks
from sdpo_gym.cli import progress as progress_module
from sdpo_gym.cli.progress import Progress
from sdpo_gym.policies.base import Sampling
from sdpo_gym.rollout import rollout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watch(stream: io.StringIO, policy: GuessPolicy, *, quiet: bool = False, tasks: int = 6) -> Progress:
    progress = Progress(quiet=quiet, stream=stream)
    progress.begin(Path("run"), [], tasks)
    judge = GuessJudge(0, 0.0)
    plan = [(i, 0) for i in range(tasks)]
    rollout(make_tasks(count=tasks), plan, policy, judge, Sampling(), on_turn=progress.turn)
    progress.close()
    return progress


def test_a_terminal_gets_a_bar_with_the_average_and_the_errors():
    stream = Terminal()
    watch(stream, GuessPolicy(say="0"))
    last = stream.getvalue().split("\r")[-1]
    assert "6/6" in last
    assert "avg 0.167, 0 errors" in last


def test_elsewhere_there_is_a_line_now_and_then(monkeypatch):
    stream = io.StringIO()
    watch(stream, GuessPolicy(say="0"))
    assert stream.getvalue() == ""  # it took less than ten seconds
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_LINES", 0.0)
    watch(stream, GuessPolicy(say="0"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("6 of 6 attempts, avg 0.167, 0 errors, about 00:00 left")


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_quiet_is_quiet(stream, monkeypatch):
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_LINES", 0.0)
    watch(stream, GuessPolicy(say="0"), quiet=True)
    assert stream.getvalue() == ""


def test_permanent_errors_are_counted_apart():
    assert watch(io.StringIO(), GuessPolicy(mute=0)).permanent == 6
    assert watch(io.StringIO(), GuessPolicy(say="OUTAGE 0")).permanent == 0


def test_errors_are_counted_and_the_last_one_is_kept(monkeypatch):
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    progress = watch(stream, GuessPolicy(say="OUTAGE 0"))
    assert "6 of 6 attempts, avg -, 6 errors" in stream.getvalue()
    assert progress.last_error == "JudgeError: the referee went home"
