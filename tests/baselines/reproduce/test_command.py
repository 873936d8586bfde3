from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from baselines.reproduce.made_up import make_board, write_run
from sdpo_baselines.reproduce import command
from sdpo_baselines.reproduce.arms import Job
from sdpo_baselines.reproduce.command import main
from sdpo_baselines.reproduce.results import Results
from sdpo_baselines.reproduce.runner import Failure

FAILING: set[str] = set()


def run_jobs(jobs: Sequence[Job], out: Path, *, workers: int, say: Callable[[str], None]) -> list[Failure]:
    """Stand for the real one: every training run ends higher the higher its learning rate."""
    failures = []
    for job in jobs:
        if job.id in FAILING:
            failures.append(Failure(job.id, "no luck"))
            continue
        done: dict[str, object] = {"said": "done"}
        if job.kind == "train":
            rate = job.arguments["config"]["agent_options"]["learning_rate"]
            write_run(
                out / job.id / "train", [0.1, 0.2, 100 * rate + 0.3 * (job.arm == "sdpo") + 0.01 * (job.world % 7)]
            )
        elif job.kind == "search":
            done |= {"k": 16, "tasks": ["a", "b"], "attempts": [3, None], "seconds": 1.0}
        else:
            done |= {"student": 0.1, "gaps": {"feedback": {"without": 0.1, "given": 0.9, "tasks": 2}}}
        (out / job.id).mkdir(parents=True, exist_ok=True)
        (out / job.id / "done.json").write_text(json.dumps(done))
    return failures


def draw_all(results: Results, directory: Path) -> list[str]:
    directory.mkdir(parents=True)
    (directory / "accuracy_generations.svg").touch()
    return ["accuracy_generations"]


@pytest.fixture(autouse=True)
def no_real_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "run_jobs", run_jobs)
    monkeypatch.setattr(command, "draw_all", draw_all)
    monkeypatch.setattr(command, "weights_digest", lambda: "w")
    monkeypatch.chdir(tmp_path)
    FAILING.clear()


def test_sweep_then_run_then_publish(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_board(tmp_path / "leaderboards", settings="")
    assert main(["run", "--profile", "small"]) == 2
    assert "run `make sweep` first" in capsys.readouterr().err
    assert main(["sweep"]) == 0
    assert (tmp_path / "leaderboards/results/tiny_tool/sweep.json").exists()
    assert main(["run", "--profile", "small", "--publish"]) == 0
    out = capsys.readouterr().out
    assert "SDPO ends higher" in out
    for directory in ("runs/reproduce/small/tiny_tool", "leaderboards/results/tiny_tool"):
        text = (tmp_path / directory / "report.md").read_text()
        assert "The sweep: 2 learning rates x 2 tuning worlds" in text
        assert (tmp_path / directory / "plots/accuracy_generations.svg").exists()
    before = (tmp_path / "leaderboards/results/tiny_tool/report.md").read_text()
    assert main(["report", "leaderboards/results/tiny_tool"]) == 0
    assert (tmp_path / "leaderboards/results/tiny_tool/report.md").read_text() == before


def test_searches_and_probes_come_into_the_report_of_their_family(tmp_path: Path) -> None:
    make_board(tmp_path / "leaderboards")
    assert main(["run", "--profile", "wide", "--out", "here"]) == 0
    for family in ("tool", "code"):
        text = (tmp_path / f"here/tiny_{family}/report.md").read_text()
        assert "## Search at test time" in text
        assert "## Teacher gap" in text
    assert "sweep on tool, taken over" in (tmp_path / "here/tiny_code/report.md").read_text()


def test_a_failed_job_is_in_the_report_and_in_the_exit_code(tmp_path: Path) -> None:
    make_board(tmp_path / "leaderboards")
    FAILING.add("tool/grpo/world-001")
    assert main(["run", "--profile", "small"]) == 1
    text = (tmp_path / "runs/reproduce/small/tiny_tool/report.md").read_text()
    assert "`tool/grpo/world-001`: no luck" in text


def test_settings_stay_as_they_are_while_a_run_of_the_sweep_is_missing(tmp_path: Path) -> None:
    board = make_board(tmp_path / "leaderboards")
    before = (board / "tiny/settings.toml").read_text()
    FAILING.add("tool/grpo/lr-0.002/world-101")
    assert main(["sweep"]) == 1
    assert (board / "tiny/settings.toml").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "smal"], "did you mean 'small'"),
        (["run", "--profile", "small", "--only", "nothing"], "no job fits 'nothing'"),
        (["run", "--profile", "small", "--only", "tool/*", "--publish"], "leave out --only"),
        (["--board", "nowhere", "run"], "nowhere/tiny/arms.toml does not exist"),
        (["report", "nowhere"], "nowhere/curves.json cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    make_board(tmp_path / "leaderboards")
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_list_names_the_jobs_and_runs_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_board(tmp_path / "leaderboards")
    assert main(["run", "--profile", "small", "--only", "*/grpo/*", "--list"]) == 0
    assert capsys.readouterr().out.split() == ["tool/grpo/world-000", "tool/grpo/world-001"]
    assert not (tmp_path / "runs").exists()
