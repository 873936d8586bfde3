"""What a run comes to, task by task: the part of a result file that attempts or evaluations decide."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.directories import writer_of
from sdpo_gym.errors import UsageError
from sdpo_gym.records import (
    ATTEMPTS_FILE,
    SUMMARY_FILE,
    Result,
    check_finished,
    iter_attempts,
    iter_rows,
    result_of_row,
)
from sdpo_gym.registry import resolve
from sdpo_gym.task import digest_of
from sdpo_gym.training.directory import METRICS_FILE
from sdpo_gym.training.summary import best_step_of, estimate_of, mean_of

_ROUNDING = 1e-9
_HASHED = (
    "task_digest", "attempt", "turn", "completion", "finish_reason", "reward", "status", "outcome", "scores", "error",
)  # fmt: skip


def of_evaluation(run: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Condense an evaluation.

    Raises:
        UsageError: if it is unfinished, torn or still being written, or its summary is not that of its attempts.
    """
    check_finished(run)
    summary = _read_json(run / SUMMARY_FILE)
    by_task = _by_task(run)
    _check_complete(run, record, sum(map(len, by_task.values())))
    headline = record["env"]["card"]["headline"]
    tasks = [_task(results, headline, record["env"]["card"]["scores"]) for results in by_task.values()]
    means = [task["mean"] for task in tasks if task["mean"] is not None]
    if not means:
        raise UsageError(f"{run}: every attempt ended in an outage, so there is no score; run the same command again")
    metric = f"avg@{summary['smallest_n']}"
    value = summary["scores"].get(metric, {}).get("value")
    if value is None or abs(value - fmean(means)) > _ROUNDING or summary["errors"] != sum(t["errors"] for t in tasks):
        raise UsageError(
            f"{run / SUMMARY_FILE}: scores.{metric}: is {value}, but the attempts come to {fmean(means)}; it is not "
            "the summary of these attempts, which the command that made the run writes again"
        )
    return {
        "sampling": record["sampling"],
        "turns": record["turns"],
        "seeds": {"run": record["seed"]},
        "scores": summary["scores"],
        "by_turn": summary["by_turn"],
        "by": summary["by"],
        "outcomes": summary["outcomes"],
        "attempts": {
            "count": summary["attempts"],
            "errors": summary["errors"],
            "error_rate": summary["error_rate"],
            "smallest_n": summary["smallest_n"],
            "largest_n": summary["largest_n"],
            "file": ATTEMPTS_FILE,
            "sha256": digest_of_attempts(run),
        },
        "tasks": tasks,
        "training": None,
    }


def _by_task(run: Path) -> dict[str, list[Result]]:
    """Return how the attempts ended, by task in order of task id."""
    ended: dict[tuple[str, int], Result] = {}
    begun = set()
    for row in iter_rows(run):
        key = (row["task_digest"], row["attempt"])
        begun.add(key)
        if result := result_of_row(row):
            ended[key] = result
    if unfinished := begun - ended.keys():
        raise UsageError(
            f"{run / ATTEMPTS_FILE}: {len(unfinished)} attempts have no end, so the run was interrupted; the command "
            "that made it continues it"
        )
    by_task: dict[str, list[Result]] = {}
    for result in sorted(ended.values(), key=lambda r: (r.task_id, r.task_digest, r.attempt)):
        by_task.setdefault(result.task_digest, []).append(result)
    return by_task


def _check_complete(run: Path, record: Mapping[str, Any], made: int) -> None:
    """Refuse a run that lacks attempts; how many recorded completions there were is not in its record."""
    if "temperature" not in record["sampling"]:
        return
    tasks = min(record["limit"] or record["data"]["count"], record["data"]["count"])
    wanted = tasks * record["sampling"]["n"]
    if made < wanted:
        raise UsageError(
            f"{run} is unfinished: {made:,} of {wanted:,} attempts have ended; the command that made it continues it"
        )


def _task(results: Sequence[Result], headline: str, scores: Sequence[str]) -> dict[str, Any]:
    valid = [r for r in results if r.outcome is not None]
    values = [r.scores[headline] if headline in scores else r.reward or 0.0 for r in valid]
    return {
        "id": results[0].task_id,
        "digest": results[0].task_digest,
        "mean": fmean(values) if values else None,
        "n": len(valid),
        "passed": sum(r.passed for r in valid),
        "errors": len(results) - len(valid),
        "outcomes": dict(sorted(Counter(str(r.outcome) for r in valid).items())),
    }


def of_training(run: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Condense a training run: scores and tasks are those of its last evaluation.

    Raises:
        UsageError: if it is unfinished or still being written, or its held-out tasks are not the same any more.
        OutageError: if these cannot be reached.
    """
    if (writer := writer_of(run)) is not None:
        raise UsageError(f"process {writer} is still writing to {run}; wait for it")
    summary = _read_json(run / SUMMARY_FILE)
    if summary["steps"] < summary["planned"] and not summary["stopped"]:
        raise UsageError(
            f"{run} is unfinished: {summary['steps']} of {summary['planned']} steps; the command that made it goes on"
        )
    evaluations = _evaluations(run / METRICS_FILE)
    best_step = best_step_of(evaluations)
    low, high = record["env"]["card"]["reward_range"]
    mean = mean_of(evaluations, (low, high))
    if best_step is None or mean is None:
        raise UsageError(f"{run / METRICS_FILE} has no evaluation after step 0, so there is nothing to show")
    last = evaluations[-1]
    found = last["eval"]
    tasks = _held_out(run, record, found["values"])
    at_best = next(row["eval"] for row in evaluations if row["step"] == best_step)
    settings = record["settings"]
    count = len(tasks) * settings["eval_n"] - found["errors"]
    further = {name: value for name, value in found.items() if name.startswith(("pass@", "maj@"))} | found["scores"]
    return {
        "sampling": {
            "n": settings["eval_n"],
            **{key: settings[f"eval_{key}"] for key in ("temperature", "top_p")},
            "max_tokens": settings["max_tokens"],
        },
        "turns": settings["turns"],
        "seeds": {"run": record["seeds"]["seed"], "agent": record["seeds"]["agent"]},
        "scores": {
            f"avg@{found['n']}": vars(estimate_of(found)),
            **{name: {"value": value, "low": None, "high": None} for name, value in further.items()},
        },
        "by_turn": [],
        "by": {},
        "outcomes": {},
        "attempts": {
            "count": count,
            "errors": found["errors"],
            "error_rate": found["errors"] / (count + found["errors"]),
            "smallest_n": found["n"],
            "largest_n": settings["eval_n"],
            "file": METRICS_FILE,
            "sha256": digest_of_evaluations(run),
        },
        "tasks": tasks,
        "training": {
            **{key: summary[key] for key in ("agent", "preset", "steps", "planned", "teacher")},
            "initial": vars(estimate_of(evaluations[0]["eval"])) if evaluations[0]["step"] == 0 else None,
            "best": vars(estimate_of(at_best)),
            "best_step": best_step,
            "last": vars(estimate_of(found)),
            "last_step": last["step"],
            "mean": vars(mean),
            "evaluations": sum(row["step"] > 0 for row in evaluations),
            "stopped": summary["stopped"]["message"] if summary["stopped"] else None,
            "totals": summary["totals"],
            "settings": {key: settings[key] for key in ("batch", "n", "temperature", "turns", "agent_options")},
            "data_digest": record["data"]["train"]["digest"],
            "curve": [_point(row) for row in evaluations],
        },
    }


def _evaluations(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if "eval" in row:
                _point(row)
                rows.append(row)
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}, line {number}: not a row of metrics ({type(error).__name__}: {error})"
            ) from error
    return rows


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: row[key] for key in ("step", "generations", "updates")},
        **{key: row["eval"][key] for key in ("avg", "low", "high")},
        "teacher": row["teacher_eval"]["avg"] if "teacher_eval" in row else None,
    }


def _held_out(run: Path, record: Mapping[str, Any], values: Sequence[float | None]) -> list[dict[str, Any]]:
    """Return the last evaluation by task; which tasks these are is found out by loading them."""
    settings, data = record["settings"], record["data"]["eval"]
    options = {**settings["options"], **settings["eval_options"]}
    tasks = resolve(record["env"]["alias"]).tasks(settings["eval_split"], settings["data"], **options)
    if tasks.digest != data["digest"]:
        raise UsageError(
            f"the held-out tasks of {run} have changed: {tasks.name} had digest {data['digest'][:12]}, now has "
            f"{tasks.digest[:12]}; submit with the version and the data that it was made with"
        )
    some = (tasks[i] for i in range(data["evaluated"]))
    return [
        {
            "id": task.id,
            "digest": task.digest,
            "mean": mean,
            "n": None,
            "passed": None,
            "errors": None,
            "outcomes": {},
        }
        for task, mean in zip(some, values, strict=True)
    ]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"{path} is not there, so the run was interrupted; the command that made it continues it"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    return read


def digest_of_attempts(run: Path) -> str:
    """Return a sha256 (hex) of what was answered and how it was judged.

    Neither clocks nor the order in which attempts ended enter it, so that who makes a deterministic run again gets the
    same. It is that of the attempts' digests, sorted, one a line; an attempt's is that of its turns as canonical JSON.
    """
    digests = {
        (rows[-1]["task_digest"], rows[-1]["attempt"]): digest_of([{key: row[key] for key in _HASHED} for row in rows])
        for rows in iter_attempts(run)
    }
    return hashlib.sha256("\n".join(sorted(digests.values())).encode()).hexdigest()


def digest_of_evaluations(run: Path) -> str:
    """Return a sha256 (hex) of a training run's evaluations, clocks left out."""
    keys = ("step", "generations", "updates", "eval", "teacher_eval")
    rows = _evaluations(run / METRICS_FILE)
    return digest_of([{key: row[key] for key in keys if key in row} for row in rows])
