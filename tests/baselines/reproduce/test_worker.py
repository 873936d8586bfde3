"""The worker on the real trainer, search and probe, with a random model: what it leaves is what the report reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policies.tiny_llama import make_tiny_llama
from sdpo_baselines.reproduce.arms import Job
from sdpo_baselines.reproduce.curves import read_curve
from sdpo_baselines.reproduce.runner import progress, run_jobs


@pytest.mark.slow
def test_training_search_and_probe_end_with_what_the_report_reads(tmp_path: Path) -> None:
    model = make_tiny_llama(tmp_path / "model")
    common = {
        "env": "tiny_tool",
        "policy": f"transformers:{model}",
        "seed": 0,
        "options": {"world": 0},
        "max_tokens": 4,
    }
    train = {**common, "agent": "sdpo", "steps": 2, "batch": 2, "n": 2, "eval_n": 1, "eval_limit": 4, "eval_every": 1}
    first = {**common, "method": "best_of_k", "split": "test", "hard": 0.5, "hard_attempts": 2, "limit": 2, "k": 2}
    second = {**common, "method": "multi_turn", "split": "test", "k": 2, "seeds": 1}
    jobs = [
        Job("tool/sdpo/world-000", "train", "tool", "sdpo", 0, {"config": train}, 2),
        Job("tool/search-a/world-000", "search", "tool", "search-a", 0, {"config": {**first, "seeds": 1}}, 1),
        Job(
            "tool/search-b/world-000", "search", "tool", "search-b", 0,
            {"config": second, "tasks_of": "tool/search-a/world-000"}, 1, ("tool/search-a/world-000",),
        ),
        Job("tool/probe/world-000", "probe", "tool", "probe", 0, {"config": {**common, "n": 2, "limit": 2}}, 1),
    ]  # fmt: skip
    failures = run_jobs(jobs, tmp_path / "out", workers=2, say=lambda line: None)
    assert failures == []
    done = [json.loads((tmp_path / "out" / job.id / "done.json").read_text()) for job in jobs]
    curve = read_curve(tmp_path / "out" / jobs[0].id / "train" / "metrics.jsonl", "sdpo", 0)
    assert [point.step for point in curve.points] == [0, 1, 2]
    assert curve.points[-1].generations == 8
    assert curve.points[-1].flops > 0
    assert curve.points[-1].length is not None
    assert {"entropy", "reward_mean", "length_mean"} <= set(curve.points[-1].training)
    assert {"seconds_generate", "seconds_student", "flops_student", "tokens_student"} <= set(curve.totals)
    assert progress(tmp_path / "out" / jobs[0].id) == 2
    assert done[1]["attempts"] == done[2]["attempts"] == [None, None]
    assert done[1]["tasks"] == done[2]["tasks"]
    assert done[1]["seconds"] > 0
    assert done[3]["gaps"]["feedback"]["tasks"] == 2
