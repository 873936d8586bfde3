"""Boards of made-up results, for tests and benchmarks of the pages."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.leaderboard.results import write_result
from sdpo_gym.stats import mean_over_tasks, pass_at_k


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_result(name: str, passed: Sequence[int | None], /, *, n: int = 4, **changes: Any) -> dict[str, Any]:
    """Return the result of an evaluation whose tasks were solved so many times of ``n``; None: every attempt errored.

    ``changes`` replace values; a key such as ``data__window`` means one within a table.
    """
    means = [None if c is None else c / n for c in passed]
    known = [c for c in passed if c is not None]
    errors = n * (len(passed) - len(known))
    data: dict[str, Any] = {
        "format": 1,
        "kind": "eval",
        "name": name,
        "date": "2026-05-01",
        "note": "",
        "env": {
            "alias": "quiz",
            "name": "Quiz-v0",
            "title": "Made-up questions",
            "options": {},
            "card_digest": digest_of("card"),
            "headline": "score",
            "reward_range": [0.0, 1.0],
        },
        "data": {
            "name": "quiz",
            "split": "test",
            "revision": "r1",
            "window": "2025-02-01:2025-05-01",
            "digest": digest_of("data"),
            "count": len(passed),
            "evaluated": len(passed),
        },
        "model": {"name": name, "weights": None, "revision": None},
        "policy": {"name": "transformers", "model": name},
        "sampling": {"n": n, "temperature": 0.6, "top_p": 0.95, "max_tokens": 8192},
        "turns": 1,
        "seeds": {"run": 0},
        "judge": {"version": "Quiz-v0", "options": {}, "judged_with": {"python": "3.11.7"}},
        "isolation": "userns",
        "machine": {"factor": 1.25, "system": "Linux", "cpus": 2},
        "versions": {"sdpo_gym": "0.1.0"},
        "scores": {
            f"avg@{n}": _estimate([m for m in means if m is not None]),
            **{f"pass@{k}": _estimate([pass_at_k(n, c, k) for c in known]) for k in dict.fromkeys((1, n))},
        },
        "by_turn": [],
        "by": {},
        "outcomes": {"accepted": sum(known), "wrong_answer": n * len(known) - sum(known)},
        "attempts": {
            "count": n * len(known),
            "errors": errors,
            "error_rate": errors / (n * len(passed)),
            "smallest_n": n,
            "largest_n": n,
            "file": "attempts.jsonl",
            "sha256": digest_of(f"attempts of {name}"),
        },
        "tasks": [
            {
                "id": f"q{i:04}",
                "digest": digest_of(f"q{i}"),
                "mean": None if c is None else c / n,
                "n": 0 if c is None else n,
                "passed": c or 0,
                "errors": n if c is None else 0,
                "outcomes": {"accepted": c, "wrong_answer": n - c} if c is not None else {},
            }
            for i, c in enumerate(passed)
        ],
        "training": None,
    }
    return change(data, changes)


def make_training(name: str, curve: Sequence[float], /, *, tasks: int = 40, **changes: Any) -> dict[str, Any]:
    """Return the result of a training run whose held-out accuracy went like ``curve``, one value per 10 steps."""
    n = 4
    passed = [round(n * tasks * curve[-1]) // tasks] * tasks
    for i in range(round(n * tasks * curve[-1]) % tasks):
        passed[i] += 1
    data = make_result(name, passed, n=n)
    last = data["scores"][f"avg@{n}"]

    def at(value: float) -> dict[str, Any]:
        return {"value": value, "low": max(0.0, value - 0.05), "high": min(1.0, value + 0.05)}

    points = [
        {"step": 10 * i, "generations": 640.0 * i, "updates": 10.0 * i, "teacher": None} | _point(at(value))
        for i, value in enumerate(curve)
    ]
    best = max(range(1, len(curve)), key=lambda i: curve[i])
    data |= {
        "kind": "train",
        "outcomes": {},
        "attempts": {**data["attempts"], "file": "metrics.jsonl"},
        "tasks": [{**task, "n": None, "passed": None, "errors": None, "outcomes": {}} for task in data["tasks"]],
        "training": {
            "agent": "sdpo",
            "preset": "tiny-sdpo",
            "steps": 10 * (len(curve) - 1),
            "planned": 10 * (len(curve) - 1),
            "initial": at(curve[0]),
            "best": at(curve[best]),
            "best_step": 10 * best,
            "last": last,
            "last_step": 10 * (len(curve) - 1),
            "mean": at(fmean(curve[1:])),
            "evaluations": len(curve) - 1,
            "teacher": None,
            "stopped": None,
            "totals": {"generations": 640.0 * (len(curve) - 1)},
            "settings": {"batch": 8, "n": 8},
            "data_digest": digest_of("training data"),
            "curve": points,
        },
    }
    return change(data, changes)


def change(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        *tables, last = key.split("__")
        table = data
        for name in tables:
            table = table[name]
        table[last] = value
    return data


def put(board: Path, *results: Mapping[str, Any]) -> Path:
    """Write results to a board and return it."""
    for data in results:
        write_result(data, board / "results" / data["env"]["alias"] / f"{data['name']}.json")
    return board


def put_reproduction(board: Path, name: str, report: str, /, **changes: Any) -> Path:
    """Publish a made-up reproduction on a board and return its folder."""
    folder = board / "results" / name
    (folder / "plots").mkdir(parents=True, exist_ok=True)
    curves = {"format": 1, "title": "Made-up worlds", "profile": "quick"} | changes
    (folder / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    (folder / "report.md").write_text(report, encoding="utf-8")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
    (folder / "plots" / "accuracy.svg").write_text(svg, encoding="utf-8")
    return folder


def draws(tasks: int, chance: float, *, n: int = 4, seed: int = 0, spread: float = 0.3) -> list[int]:
    """Return how often each task was solved by a run that solves this share of the attempts, give or take."""
    difficulty, luck = random.Random(-1), random.Random(seed)
    chances = [min(1.0, max(0.0, chance + difficulty.uniform(-spread, spread))) for _ in range(tasks)]
    return [sum(luck.random() < p for _ in range(n)) for p in chances]


def _estimate(values: Sequence[float]) -> dict[str, Any]:
    found = mean_over_tasks(values)
    assert found is not None
    return vars(found)


def _point(estimate: Mapping[str, Any]) -> dict[str, Any]:
    return {"avg": estimate["value"], "low": estimate["low"], "high": estimate["high"]}
