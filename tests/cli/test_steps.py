from __future__ import annotations

import io
from pathlib import Path

from sdpo_gym.cli import steps
from sdpo_gym.cli.steps import Steps
from sdpo_gym.discovery import Trail
from sdpo_gym.policies.base import Request
from sdpo_gym.rollout import Turn
from sdpo_gym.verdict import Status, Verdict


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def turn(error: str | None = None) -> Turn:
    verdict = None if error else Verdict(1.0, "", Status.PASSED, "accepted")
    return Turn("d", Request((), "t"), None, verdict, error, verdict is not None, 0.0, 0.0)


TRAIL = Trail("t", "d", 0, 1, 1)


def test_answers_and_searches_are_counted_in_their_phases(monkeypatch):
    monkeypatch.setattr(steps, "SECONDS_BETWEEN_LINES", 0.0)
    stream = io.StringIO()
    watching = Steps(quiet=False, stream=stream)
    watching.phase(Path("run"), "estimating", "answer", 2, 4)
    watching.turn(turn())
    watching.phase(Path("run"), "searching", "search", 0, 3)
    watching.turn(turn("PolicyError: down"))
    watching.end(TRAIL)
    assert stream.getvalue().splitlines() == [
        "run: estimating: 2 of 4 answers were made before",
        "estimating: 3 of 4 answers, 1 answers, 1 right, 0 errors",
        "the first outage of this session: PolicyError: down",
        "searching: 0 of 3 searches, 1 answers, 0 right, 1 errors",
        "searching: 1 of 3 searches, 1 answers, 0 right, 1 errors",
    ]
    assert watching.last_error == "PolicyError: down"
    assert watching.directory == Path("run")


def test_lines_come_now_and_then_only():
    stream = io.StringIO()
    watching = Steps(quiet=False, stream=stream)
    watching.phase(Path("run"), "searching", "search", 0, 3)
    for _ in range(3):
        watching.turn(turn())
        watching.end(TRAIL)
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_for_each_phase():
    stream = Terminal()
    watching = Steps(quiet=False, stream=stream)
    watching.phase(Path("run"), "searching", "search", 1, 2)
    watching.turn(turn())
    watching.end(TRAIL)
    watching.close()
    watching.close()
    assert "searching: 100%" in stream.getvalue()
    assert "2/2" in stream.getvalue()


def test_quiet_says_nothing():
    stream = Terminal()
    watching = Steps(quiet=True, stream=stream)
    watching.phase(Path("run"), "searching", "search", 1, 2)
    watching.turn(turn("PolicyError: down"))
    watching.end(TRAIL)
    watching.close()
    assert stream.getvalue() == ""
