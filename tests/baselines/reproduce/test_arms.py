from __future__ import annotations

from pathlib import Path

import pytest

from baselines.reproduce.made_up import ARMS, GRID, SETTINGS, make_board
from sdpo_baselines.reproduce.arms import read_design
from sdpo_baselines.reproduce.claims import read_claims
from sdpo_gym.errors import UsageError

SHIPPED = Path(__file__).parents[3] / "leaderboards" / "tiny"


def test_a_job_has_everything_that_a_run_is_made_of(tmp_path: Path) -> None:
    jobs = {job.id: job for job in read_design(make_board(tmp_path) / "tiny").jobs("small", "w")}
    assert list(jobs) == [f"tool/{arm}/world-00{world}" for world in (0, 1) for arm in ("sdpo", "grpo", "frozen")]
    job = jobs["tool/frozen/world-001"]
    assert job.steps == 4
    assert job.arguments["weights"] == "w"
    assert job.arguments["config"] == {
        "policy": "tiny", "steps": 4, "batch": 2, "n": 4, "eval_every": 2, "eval_limit": 10, "eval_n": 2,
        "env": "tiny_tool", "agent": "sdpo", "seed": 1, "options": {"feedback": "plain", "world": 1},
        "agent_options": {
            "grad_clip": 1.0, "alpha": 0.5, "level": "logit", "teacher": "frozen", "learning_rate": 0.002,
        },
    }  # fmt: skip


def test_arms_of_one_world_differ_in_nothing_but_their_own(tmp_path: Path) -> None:
    jobs = {job.id: job for job in read_design(make_board(tmp_path) / "tiny").jobs("small", "w")}
    sdpo, grpo = (jobs[f"tool/{arm}/world-000"].arguments["config"] for arm in ("sdpo", "grpo"))
    assert {key for key in sdpo if sdpo[key] != grpo[key]} == {"agent", "agent_options"}


def test_a_family_without_a_sweep_takes_over_and_says_so(tmp_path: Path) -> None:
    design = read_design(make_board(tmp_path) / "tiny")
    choice = design.choice("code", "grpo")
    assert (choice.rate, choice.family) == (0.001, "tool")
    own = read_design(make_board(tmp_path, settings=SETTINGS + "[code.grpo]\nlearning_rate = 0.004\n") / "tiny")
    assert own.choice("code", "grpo").rate == 0.004
    assert own.choice("code", "frozen").family == "tool"


def test_before_the_sweep_there_are_no_jobs_but_those_of_the_sweep(tmp_path: Path) -> None:
    design = read_design(make_board(tmp_path, settings="") / "tiny")
    with pytest.raises(UsageError, match="no learning rate for arm 'sdpo' in family 'tool'; run `make sweep` first"):
        design.jobs("small", "w")
    assert len(design.sweep_jobs("w")) == 2 * 2 * 2


def test_the_sweep_gives_every_arm_the_same_effort_in_tuning_worlds(tmp_path: Path) -> None:
    jobs = read_design(make_board(tmp_path) / "tiny").sweep_jobs("w")
    assert {job.world for job in jobs} == {100, 101}
    for arm in ("sdpo", "grpo"):
        mine = [job for job in jobs if job.arm == arm]
        assert sorted(job.arguments["config"]["agent_options"]["learning_rate"] for job in mine) == [
            0.001, 0.001, 0.002, 0.002,
        ]  # fmt: skip
    assert "tool/grpo/lr-0.001/world-100" in {job.id for job in jobs}


def test_searches_come_after_the_one_that_chooses_the_tasks(tmp_path: Path) -> None:
    jobs = {job.id: job for job in read_design(make_board(tmp_path) / "tiny").jobs("wide", "w")}
    first, second = jobs["tool/search-best_of_k/world-000"], jobs["tool/search-sdpo/world-000"]
    assert first.after == ()
    assert first.arguments["config"]["hard"] == 0.03
    assert second.after == (first.id,)
    assert second.arguments["tasks_of"] == first.id
    assert not {"hard", "hard_attempts", "limit"} & set(second.arguments["config"])
    assert second.arguments["config"]["method_options"] == {"n": 1}
    assert jobs["code/probe-rich/world-000"].arguments["config"]["options"] == {"workers": 1, "world": 0}


def test_a_pattern_takes_along_what_its_jobs_need(tmp_path: Path) -> None:
    design = read_design(make_board(tmp_path) / "tiny")
    ids = [job.id for job in design.jobs("wide", "w", "tool/search-sdpo/*")]
    assert ids == ["tool/search-best_of_k/world-000", "tool/search-sdpo/world-000"]
    assert [job.id for job in design.jobs("small", "w", "*/grpo/*1")] == ["tool/grpo/world-001"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("arms", ARMS.replace("worlds = [0, 1]", "worlds = [0, 100]"), "worlds from 100 on are for tuning"),
        ("grid", GRID.replace("[100, 101]", "[99, 100]"), "worlds below 100 are for reports"),
        ("grid", GRID + "grpo = [0.1]\n", "same number of learning rates in the grid, got 2 for sdpo, 1 for grpo"),
        ("grid", GRID.replace('"last"', '"luck"'), "selects by 'last' or 'mean', not by 'luck'"),
        ("arms", ARMS.replace('as = "sdpo"', 'as = "sdop"'), "no `as` of arm frozen is called 'sdop'.*'sdpo'"),
        ("arms", ARMS.replace('["sdpo", "frozen"]', '["frosen"]'), "did you mean 'frozen'"),
        ("arms", ARMS.replace("tuned = true", "", 1), "neither `tuned` nor has it the settings of another"),
        ("arms", "arms = [", "arms.toml cannot be read"),
        ("claims", "", r"claims.toml does not exist; run this in the repository, or give --board"),
    ],
)
def test_a_design_that_cannot_be_meant_is_refused(tmp_path: Path, file: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_design(make_board(tmp_path, **{file: text}) / "tiny")


def test_unknown_profile_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no profile is called 'smal'; there are small, wide; did you mean 'small'"):
        read_design(make_board(tmp_path) / "tiny").jobs("smal", "w")


def test_the_shipped_design_is_whole() -> None:
    design = read_design(SHIPPED)
    assert {part.worlds for part in design.profile("quick")} == {(0, 1, 2)}
    assert {arm for part in design.profile("quick") for arm in part.arms} == {
        "sdpo_logit", "sdpo_token", "grpo", "grpo_dense",
    }  # fmt: skip
    full = design.profile("full")
    assert all(len(part.worlds) >= 5 for part in full)
    assert {"tool", "sci"} <= {family for part in full for family in part.families}
    assert set(design.grid.worlds).isdisjoint(world for part in full for world in part.worlds)
    run = {arm for part in full for arm in part.arms} | set(design.discovery["searches"])
    for claim in read_claims(SHIPPED):
        assert claim.arm in run, claim.id
        assert claim.than is None or claim.than in run or claim.than.removeprefix("best:") in design.groups, claim.id
