"""The sweep's choice: as many learning rates for every arm, in worlds that no report uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_baselines.reproduce.arms import SETTINGS_FILE, Design, Job
from sdpo_baselines.reproduce.curves import read_curve
from sdpo_baselines.reproduce.runner import DONE_FILE
from sdpo_baselines.reproduce.worker import RUN_DIRECTORY

SWEEP_FILE = "sweep.json"


def sweep_results(design: Design, jobs: Sequence[Job], out: Path, family: str) -> dict[str, Any]:
    """Return what the finished jobs of the sweep in a family say: every point with its values, and the choices.

    An arm of which some job is missing has no choice: fewer worlds for one point would not be equal effort.
    """
    grid = design.grid
    points: dict[str, dict[float, list[dict[str, Any]]]] = {arm: {} for arm in grid.rates}
    for job in jobs:
        if job.family != family or not (out / job.id / DONE_FILE).exists():
            continue
        curve = read_curve(out / job.id / RUN_DIRECTORY / "metrics.jsonl", job.arm, job.world)
        rate = float(job.arguments["config"]["agent_options"]["learning_rate"])
        found = {"run": job.id, "world": job.world, "last": curve.last, "mean": curve.mean, "best": curve.best}
        points[job.arm].setdefault(rate, []).append(found)
    arms: dict[str, list[dict[str, Any]]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for arm, rates in grid.rates.items():
        arms[arm] = []
        for rate in rates:
            runs = points[arm].get(rate, [])
            whole = len(runs) == len(grid.worlds)
            value = fmean(run[grid.select] for run in runs) if whole else None
            arms[arm].append({"learning_rate": rate, "value": value, "runs": runs})
        if (choice := choose(arms[arm])) is not None:
            chosen[arm] = choice
    train = design.train
    return {
        "family": family,
        "worlds": list(grid.worlds),
        "select": grid.select,
        "effort": {
            "points": len(next(iter(grid.rates.values()))),
            "worlds": len(grid.worlds),
            "runs_per_arm": {arm: len(rates) * len(grid.worlds) for arm, rates in grid.rates.items()},
            "generations": int(train["steps"]) * int(train["batch"]) * int(train["n"]),
        },
        "design": {name: digest for name, digest in design.digests.items() if name != SETTINGS_FILE},
        "weights": next((job.arguments["weights"] for job in jobs), ""),
        "arms": arms,
        "chosen": chosen,
    }


def choose(points: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the point of the greatest value, of equal ones that of the lowest rate; None if a value is missing.

    ``edge`` says whether it lies at an end of the grid, where a better one may lie beyond.
    """
    if not points or any(point["value"] is None for point in points):
        return None
    best = min(points, key=lambda point: (-point["value"], point["learning_rate"]))
    rates = [point["learning_rate"] for point in points]
    edge = len(rates) > 1 and best["learning_rate"] in (min(rates), max(rates))
    return {"learning_rate": best["learning_rate"], "value": best["value"], "edge": edge}


def write_sweep(found: Mapping[str, Any], path: Path) -> None:
    """Write what :func:`sweep_results` returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def write_settings(found: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the chosen settings of all families as TOML, with what they were chosen from beside them."""
    lines = [
        "# Learning rates that `make sweep` chose; the report runs take them from here. Written by that command from",
        "# leaderboards/results/tiny_*/sweep.json, which has every run of the sweep.",
    ]
    for sweep in found:
        worlds = ", ".join(map(str, sweep["worlds"]))
        for arm, choice in sweep["chosen"].items():
            tried = ", ".join(f"{point['learning_rate']:g}: {point['value']:.3f}" for point in sweep["arms"][arm])
            runs = [run["run"] for p in sweep["arms"][arm] if p["learning_rate"] == choice["learning_rate"]
                    for run in p["runs"]]  # fmt: skip
            lines += [
                "",
                f"[{sweep['family']}.{arm}]",
                f"learning_rate = {choice['learning_rate']:g}",
                f"# `{sweep['select']}` over worlds {worlds}, by learning rate: {tried}",
                f"# chosen runs: {', '.join(runs)}",
            ]
            if choice["edge"]:
                lines.append("# at the edge of the grid: a better rate may lie beyond it")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
