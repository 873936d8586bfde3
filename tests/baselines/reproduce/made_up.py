"""Made-up designs, curves and runs that keep to the contract of the trainer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdpo_baselines.reproduce.curves import Curve, Point
from sdpo_baselines.reproduce.results import Probe, Results, Search

ARMS = """
targets = ["grpo"]
[train]
policy = "tiny"
steps = 4
batch = 2
n = 4
eval_every = 2
eval_limit = 10
eval_n = 2
[agent]
grad_clip = 1.0
[agents.sdpo]
alpha = 0.5
[families.tool]
title = "tools"
env = "tiny_tool"
[families.code]
title = "code"
env = "tiny_code"
options = { workers = 1 }
[arms.sdpo]
title = "SDPO"
agent = "sdpo"
tuned = true
agent_options = { level = "logit" }
[arms.grpo]
title = "GRPO"
agent = "grpo"
tuned = true
[arms.frozen]
title = "frozen"
note = "never moves"
as = "sdpo"
options = { feedback = "plain" }
agent_options = { teacher = "frozen" }
[groups]
main = ["grpo", "sdpo"]
teacher = ["sdpo", "frozen"]
[group_titles]
teacher = "Teachers"
[discovery]
hard = 0.03
hard_attempts = 8
limit = 5
k = 16
[discovery.searches.best_of_k]
method = "best_of_k"
[discovery.searches.sdpo]
method = "sdpo"
options = { n = 1 }
[probe]
n = 2
[probe.kinds.rich]
[[profiles.small.parts]]
families = ["tool"]
arms = ["sdpo", "grpo", "frozen"]
worlds = [0, 1]
[[profiles.wide.parts]]
families = ["tool", "code"]
arms = ["grpo"]
worlds = [0]
probe = true
discovery = true
"""
GRID = """
families = ["tool"]
worlds = [100, 101]
select = "last"
[learning_rates]
default = [0.002, 0.001]
"""
SETTINGS = """
[tool.sdpo]
learning_rate = 0.002
[tool.grpo]
learning_rate = 0.001
"""
CLAIMS = """
[[claim]]
id = "wins"
says = "SDPO ends higher"
source = "made up"
measure = "accuracy"
arm = "sdpo"
than = "grpo"
axes = ["generations", "flops"]
rule = "above"
bound = 0.0
"""


def make_board(directory: Path, **files: str) -> Path:
    """Write a design; ``files`` replace the text of some of its files, by stem, an empty one leaves it out."""
    texts = {"arms": ARMS, "grid": GRID, "settings": SETTINGS, "claims": CLAIMS, **files}
    (directory / "tiny").mkdir(parents=True, exist_ok=True)
    for stem, text in texts.items():
        if text:
            (directory / "tiny" / f"{stem}.toml").write_text(text)
    return directory


def make_curve(
    arm: str,
    world: int,
    avgs: Sequence[float],
    *,
    per_step: float = 64.0,
    flops: float = 1e12,
    seconds: float = 1.0,
    every: int = 20,
    teacher: Sequence[float] | None = None,
    length: float | None = 12.0,
) -> Curve:
    """Return a curve with an evaluation every so many steps."""
    points = tuple(
        Point(
            step=i * every,
            generations=i * every * per_step,
            updates=float(i * every),
            seconds=i * every * seconds,
            flops=i * every * flops,
            avg=avg,
            length=length,
            teacher=teacher[i] if teacher else None,
            training={"entropy": 1.0 / (i + 1)} if i else {},
        )
        for i, avg in enumerate(avgs)
    )
    return Curve(arm, world, points, {"seconds_generate": 3.0})


def make_results(accuracies: Mapping[str, Sequence[Sequence[float]]], **more: Any) -> Results:
    """Return results with the accuracies of each arm in worlds 0, 1 ..."""
    curves = {
        arm: {world: make_curve(arm, world, avgs) for world, avgs in enumerate(worlds)}
        for arm, worlds in accuracies.items()
    }
    given: dict[str, Any] = {
        "profile": "made up",
        "family": "tool",
        "title": "tiny_tool",
        "runs": curves,
        "titles": {arm: arm.upper() for arm in accuracies},
        "groups": {"main": tuple(accuracies)},
        "targets": ("grpo",) if "grpo" in accuracies else (),
        "notes": {},
        "settings": {
            arm: {"learning_rate": 0.001, "chosen_in": "tool", "chosen_for": arm, "options": {}} for arm in accuracies
        },
    }
    return Results(**{**given, **more})


def make_searches(method: str, worlds: Sequence[Sequence[int | None]], k: int = 16) -> dict[int, Search]:
    """Return searches by world."""
    return {world: Search(method, world, k, tuple(found), 2.0) for world, found in enumerate(worlds)}


PROBES = tuple(Probe("rich", world, "feedback", 0.1, 0.9 + 0.01 * world) for world in range(3))


def write_run(directory: Path, avgs: Sequence[float], *, every: int = 2, extra: str = "") -> Path:
    """Write a ``metrics.jsonl`` with a row for every step and an evaluation every so many."""
    directory.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for i, avg in enumerate(avgs):
        for step in range((i - 1) * every + 1, i * every + 1) if i else ():
            rows.append({**_totals(step), "entropy": float(step), "seconds_generate": 0.5, "scores": {"share": 1.0}})
        rows.append({**_totals(i * every), "eval": {"avg": avg, "low": None, "high": None, "length": 9.0}})
    path = directory / "metrics.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + extra)
    return path


def _totals(step: int) -> dict[str, Any]:
    return {"step": step, "generations": step * 8, "updates": step, "seconds": step * 0.25, "flops": step * 1e9}
