"""The newcomer's page: every command of its walk, run as it stands there, and what it says they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sdpo_gym.cli import main
from sdpo_gym.leaderboard import build_site, read_board

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "first-result.md").read_text(encoding="utf-8")
WALK = PAGE.partition("## With a model of your own")[0]


@pytest.mark.slow
def test_the_walk(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line)[1:] for line in re.findall(r"^\$ (sdpo-gym .*)$", WALK, re.MULTILINE)]
    assert len(commands) == 8
    printed = ""
    for command in commands:
        # a quarter of the tasks, which shows as much and takes a quarter of the time
        more = ["--quiet", "--limit", "24"] if command[0] == "eval" else []
        assert main([*command, *more]) == 0, command
        printed += capsys.readouterr().out
    # the figures are others for other tasks; what stands around them is not
    shown = [line for block in re.findall(r"```text\n(.*?)```", WALK, re.DOTALL) for line in block.splitlines()]
    for line in shown:
        words = re.sub(r"[-+]?\d+\.\d+|\d+", "N", line).split()
        assert words in [re.sub(r"[-+]?\d+\.\d+|\d+", "N", row).split() for row in printed.splitlines()], line
    assert Path("leaderboards/results/tiny_tool/tiny-greedy.json").exists()
    assert Path("leaderboards/site/runs/tiny_tool/tiny-greedy.html").exists()
    assert "confirmed (24 attempts judged again, 0 verdicts changed)" in printed


def test_the_committed_results_are_good_and_make_a_site(tmp_path):
    board = read_board(ROOT / "leaderboards")
    assert board.problems == ()
    assert {"tiny_tool", "tiny_code", "tiny_sci"} <= {entry.alias for entry in board.entries}
    assert any(entry.is_training for entry in board.entries)
    site = build_site(ROOT / "leaderboards", tmp_path / "site")
    assert site.problems == ()
    assert site.runs == len(board.entries)


@pytest.mark.parametrize("name", ["first-result.md", "leaderboards.md"])
def test_links_of_the_pages_lead_somewhere(name):
    page = ROOT / "docs" / name
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (page.parent / link).is_file(), link
