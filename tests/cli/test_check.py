from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator

import gymnasium
import pytest

import toy_env
from sdpo_gym import register_spec, registry
from sdpo_gym.checking import Mark, Report, Result
from sdpo_gym.cli import main
from sdpo_gym.cli.check import _Progress, render


@pytest.fixture(autouse=True)
def _forget_what_a_test_registers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_in_process", dict(registry._in_process))
    yield
    gymnasium.registry.pop("sdpo/Broken-v0", None)


def test_a_good_environment(capsys):
    assert main(["check", "toy_lenient"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("check of toy_lenient\n")
    assert "  ok          gold          3 of 3 tasks have a gold answer, which passes\n" in out
    assert out.endswith("\nall 12 checks passed\n")
    assert err == ""


def test_an_environment_with_faults(capsys):
    card = dataclasses.replace(toy_env.SPEC.card, name="Broken", title="TODO: a title")
    register_spec(dataclasses.replace(toy_env.SPEC, name="Broken-v0", card=card, aliases={}, fixtures=None))
    assert main(["check", "Broken-v0", "--option", "count=2"]) == 1
    out, err = capsys.readouterr()
    assert "  to fill in  card          card.toml, key 'title': TODO: a title\n" in out
    assert "  failed      fixtures      the environment has no fixtures\n" in out
    assert "-> write fixtures.jsonl" in out
    assert "  not run     expectations  it needs a check above that does not pass yet\n" in out
    assert out.endswith("\nof 12 checks: 1 failed, 1 to fill in, 1 not run\n")
    assert max(map(len, out.splitlines())) <= 100
    assert err == ""


def test_text_that_is_not_ours_cannot_act_on_the_terminal():
    out = render(Report("x", (Result("gold", Mark.FAILED, "said \x1b[2J", "do \x07"),)))
    assert "said \\x1b[2J" in out
    assert "do \\x07" in out


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(monkeypatch):
    stream, now = io.StringIO(), [0.0]
    monkeypatch.setattr("sdpo_gym.cli.check.time.monotonic", lambda: now[0])
    progress = _Progress(quiet=False, stream=stream)
    for done, second in ((1, 1.0), (2, 11.0), (3, 12.0)):
        now[0] = second
        progress("gold", done, 1234)
    progress.close()
    assert stream.getvalue() == "gold: 2 of 1,234 answers judged\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_a_bar_on_a_terminal(quiet):
    stream = Terminal()
    progress = _Progress(quiet=quiet, stream=stream)
    for check, total in (("gold", 2), ("junk", 3)):
        for done in range(1, total + 1):
            progress(check, done, total)
    progress.close()
    assert ("gold" in stream.getvalue(), "junk" in stream.getvalue()) == (not quiet, not quiet)
