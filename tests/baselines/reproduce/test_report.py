from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines.reproduce.made_up import PROBES, make_curve, make_results, make_searches
from sdpo_baselines.reproduce.claims import Claim, Rule, judge_claims
from sdpo_baselines.reproduce.curves import Axis
from sdpo_baselines.reproduce.plots import draw_all
from sdpo_baselines.reproduce.report import report, summary_table, table
from sdpo_baselines.reproduce.results import Results, read_results, write_results
from sdpo_baselines.reproduce.runner import Failure
from sdpo_gym.errors import UsageError

CLAIM = Claim(
    "wins", "SDPO ends higher", "made up", "accuracy", "sdpo", Rule.ABOVE, 0.0,
    than="grpo", axes=(Axis.GENERATIONS, Axis.FLOPS),
)  # fmt: skip


@pytest.fixture
def results() -> Results:
    runs = {
        "grpo": {w: make_curve("grpo", w, [0.1, 0.2, 0.3 + 0.01 * w], seconds=1) for w in range(3)},
        "sdpo": {
            w: make_curve("sdpo", w, [0.1, 0.4, 0.7 + 0.02 * w], seconds=3, teacher=[0.5, 0.6, 0.7]) for w in range(3)
        },
        "frozen": {w: make_curve("frozen", w, [0.1, 0.4, 0.6]) for w in range(3)},
    }
    return make_results(
        {arm: [] for arm in runs},
        runs=runs,
        groups={"main": ("grpo", "sdpo"), "teacher": ("sdpo", "frozen")},
        notes={"frozen": "never moves"},
        searches={name: make_searches(name, [[1, None], [3, 9]]) for name in ("sdpo", "best_of_k")},
        probes=PROBES,
        failures=(Failure("tool/live/world-000", "killed by signal 9"),),
        facts={"weights": "abc"},
    )


def test_results_survive_json(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path / "curves.json")
    read = read_results(tmp_path / "curves.json")
    assert read.runs["sdpo"][2].last == results.runs["sdpo"][2].last
    assert read.searches == results.searches
    assert read.probes == results.probes
    assert read.failures == results.failures
    assert summary_table(read) == summary_table(results)
    assert judge_claims([CLAIM], read)[0].answer is judge_claims([CLAIM], results)[0].answer


def test_what_are_no_results_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "curves.json"
    for text in ("", "{}", json.dumps({"format": 99})):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"curves\.json"):
            read_results(path)


def test_headline_table(results: Results) -> None:
    head, _, grpo, sdpo = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in summary_table(results).split("\n")
    ]
    assert dict(zip(head, grpo, strict=True))["last - GRPO"] == "-"
    row = dict(zip(head, sdpo, strict=True))
    assert row["worlds"] == "3"
    assert row["initial"] == "0.100"
    assert row["last"].startswith("0.720 [0.670, 0.770]")
    assert row["last - GRPO"].startswith("+0.410 [+0.385, +0.435]")


def test_report_says_everything_that_was_found(results: Results) -> None:
    judged = judge_claims([CLAIM], results)
    text = report(results, judged, ["accuracy_generations", "teacher", "group_teacher", "discovery"], None)
    for expected in (
        "`tool/live/world-000`: killed by signal 9",
        "![accuracy generations](plots/accuracy_generations.svg)",
        "| SDPO ends higher | equal generations",
        "**yes**",
        "never moves",
        "@16",
        "rich feedback",
        "## What has to be said beside this",
        "sha256 abc",
    ):
        assert expected in text, expected


def test_the_table_of_what_is_needed_handles_what_is_not_reached(results: Results) -> None:
    text = report(results, [], [], None)
    section = text.partition("## What an arm needs")[2].partition("## Cost")[0]
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")}
    # SDPO comes from .1 to GRPO's .30 to .32 within its first 20 steps, at 20 (.2 to .22) / .3 of them: 896 generations
    assert "896 (35%)" in rows["SDPO"]
    worse = make_results({"grpo": [[0.1, 0.5], [0.1, 0.5]], "sdpo": [[0.1, 0.2], [0.1, 0.9]]})
    rows = {
        line.split("|")[1].strip(): line for line in report(worse, [], [], None).splitlines() if line.startswith("| ")
    }
    assert "640 where reached (1 of 2)" in report(worse, [], [], None)
    nothing = make_results({"grpo": [[0.1, 0.1]], "sdpo": [[0.1, 0.2]]})
    assert "the target learned nothing" in report(nothing, [], [], None)


def test_a_report_of_nothing_is_still_one() -> None:
    assert "None was run" in report(make_results({}), [], [], None)


def test_table_escapes_what_would_end_a_cell() -> None:
    assert table(["a"], [["x|y"]]).splitlines() == ["| a    |", "|------|", "| x\\|y |"]


@pytest.mark.slow
def test_plots_are_drawn_in_both_formats_and_the_svg_is_the_same_every_time(results: Results, tmp_path: Path) -> None:
    names = draw_all(results, tmp_path / "one")
    assert names == [
        "accuracy_generations", "accuracy_updates", "accuracy_flops", "accuracy_seconds", "teacher", "length",
        "entropy", "group_teacher", "discovery",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == sorted(
        f"{name}.{suffix}" for name in names for suffix in ("png", "svg")
    )
    draw_all(results, tmp_path / "two")
    for name in names:
        assert (tmp_path / "one" / f"{name}.svg").read_bytes() == (tmp_path / "two" / f"{name}.svg").read_bytes()


def test_there_are_no_plots_of_nothing(tmp_path: Path) -> None:
    assert draw_all(make_results({}), tmp_path) == []
