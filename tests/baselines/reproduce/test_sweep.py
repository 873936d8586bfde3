from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from baselines.reproduce.made_up import make_board, write_run
from sdpo_baselines.reproduce.arms import Job, read_design
from sdpo_baselines.reproduce.report import sweep_text
from sdpo_baselines.reproduce.sweep import choose, sweep_results, write_settings, write_sweep

LAST = {
    "sdpo": {0.001: {100: 0.4, 101: 0.5}, 0.002: {100: 0.9, 101: 0.1}},
    "grpo": {0.001: {100: 0.25, 101: 0.25}, 0.002: {100: 0.125, 101: 0.375}},
}


def run_all(jobs: list[Job], out: Path) -> None:
    for job in jobs:
        rate = job.arguments["config"]["agent_options"]["learning_rate"]
        write_run(out / job.id / "train", [0.1, LAST[job.arm][rate][job.world]])
        (out / job.id / "done.json").write_text("{}")


def test_the_choice_is_the_best_mean_over_tuning_worlds_and_of_equals_the_lower_rate(tmp_path: Path) -> None:
    design = read_design(make_board(tmp_path, settings="") / "tiny")
    jobs = design.sweep_jobs("w")
    run_all(jobs, tmp_path / "out")
    found = sweep_results(design, jobs, tmp_path / "out", "tool")
    assert found["chosen"]["sdpo"] == {"learning_rate": 0.002, "value": 0.5, "edge": True}
    assert found["chosen"]["grpo"]["learning_rate"] == 0.001
    assert found["effort"] == {
        "points": 2, "worlds": 2, "runs_per_arm": {"sdpo": 4, "grpo": 4}, "generations": 32,
    }  # fmt: skip
    assert "**0.500**" in sweep_text(found, {"sdpo": "SDPO"})


def test_settings_are_what_the_report_runs_take(tmp_path: Path) -> None:
    board = make_board(tmp_path, settings="")
    design = read_design(board / "tiny")
    jobs = design.sweep_jobs("w")
    run_all(jobs, tmp_path / "out")
    found = sweep_results(design, jobs, tmp_path / "out", "tool")
    write_sweep(found, tmp_path / "sweep.json")
    assert json.loads((tmp_path / "sweep.json").read_text())["chosen"]["grpo"]["value"] == 0.25
    write_settings([found], board / "tiny" / "settings.toml")
    text = (board / "tiny" / "settings.toml").read_text()
    assert tomllib.loads(text)["tool"]["grpo"] == {"learning_rate": 0.001}
    assert "# chosen runs: tool/grpo/lr-0.001/world-100, tool/grpo/lr-0.001/world-101" in text
    assert "# at the edge of the grid" in text
    assert read_design(board / "tiny").choice("tool", "frozen").rate == 0.002


def test_an_arm_with_a_missing_run_has_no_choice(tmp_path: Path) -> None:
    design = read_design(make_board(tmp_path, settings="") / "tiny")
    jobs = design.sweep_jobs("w")
    run_all(jobs[1:], tmp_path / "out")
    found = sweep_results(design, jobs, tmp_path / "out", "tool")
    assert set(found["chosen"]) == {"grpo"}


@pytest.mark.parametrize(
    ("values", "rate", "edge"),
    [([0.1, 0.3, 0.2], 2.0, False), ([0.3, 0.3, 0.2], 1.0, True), ([0.1, 0.2, 0.2], 2.0, False)],
)
def test_choose(values: list[float], rate: float, edge: bool) -> None:
    points = [{"learning_rate": float(i + 1), "value": value} for i, value in enumerate(values)]
    found = choose(points)
    assert found is not None
    assert (found["learning_rate"], found["edge"]) == (rate, edge)
    assert choose([*points, {"learning_rate": 9.0, "value": None}]) is None
