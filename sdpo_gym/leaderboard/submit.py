"""Condensing a run to a result file of a leaderboard."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.leaderboard.condense import of_evaluation, of_training
from sdpo_gym.leaderboard.results import FORMAT, NOT_RUNS, RESULTS, read_result, write_result
from sdpo_gym.records import config_digest, load_run
from sdpo_gym.registry import resolve
from sdpo_gym.task import digest_of
from sdpo_gym.training.directory import KIND as TRAIN
from sdpo_gym.training.directory import identity

_PRIVATE = frozenset({"base_url"})  # of a policy: where its server stands is nobody's business
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Submission:
    """What was put on a board.

    Attributes:
        path: the result file.
        data: what it holds.
    """

    path: Path
    data: Mapping[str, Any]


def submit(
    run: Path,
    board: Path,
    *,
    name: str | None = None,
    model: str | None = None,
    note: str = "",
    replace: bool = False,
) -> Submission:
    """Write the result file of a run, ``<board>/results/<environment>/<name>.json``.

    Args:
        run: directory of an evaluation or of a training run.
        board: directory of the board.
        name: of the result; without it the model's name and the first 8 of the run's digest.
        model: how the board calls the model; without it the model's own name.
        note: a line of text for the run's page.
        replace: whether a result of that name may be replaced.

    Raises:
        UsageError: if the run is none, is unfinished, torn, still being written or of a sample set, or if there is
            another result of that name.
        OutageError: if a training run's held-out tasks cannot be reached.
        MissingExtraError: if jsonschema is not installed.
    """
    data = result_of_run(run, name=name, model=model, note=note)
    path = board / RESULTS / data["env"]["alias"] / f"{data['name']}.json"
    if data["name"] in NOT_RUNS:
        raise UsageError(f"the name {data['name']!r} is taken by what reproductions publish; give another --name")
    if path.exists() and not replace:
        try:
            same = read_result(path).data["attempts"]["sha256"] == data["attempts"]["sha256"]
        except UsageError:
            same = False
        if not same:
            raise UsageError(
                f"{path} is the result of another run; give another --name, or --replace to put this run in its place"
            )
    write_result(data, path)
    return Submission(path, data)


def result_of_run(run: Path, *, name: str | None = None, model: str | None = None, note: str = "") -> dict[str, Any]:
    """Return what the result file of a run holds; see :func:`submit`."""
    record = load_run(run)
    kind = record.get("kind")
    if kind not in (None, TRAIN):
        raise UsageError(f"{run} holds a run of kind {kind!r}; leaderboards take evaluations and training runs")
    data_parts = list(record["data"].values()) if kind == TRAIN else [record["data"]]
    if sample := [part["name"] for part in data_parts if part["is_sample"]]:
        raise UsageError(
            f"{run} is a run on the sample set {sample[0]!r}, which is not the benchmark; evaluate on the benchmark's "
            "own data (--data hub, or a path) to get on a leaderboard"
        )
    data = record["data"]["eval"] if kind == TRAIN else record["data"]
    parts = of_training(run, record) if kind == TRAIN else of_evaluation(run, record)
    label = model or _model_name(record["policy"])
    digest = digest_of(identity(record)) if kind == TRAIN else config_digest(record)
    env, sessions = record["env"], record["sessions"]
    return {
        "format": FORMAT,
        "kind": "train" if kind == TRAIN else "eval",
        "name": name or _slug("-".join([label, *([parts["training"]["agent"]] if kind == TRAIN else []), digest[:8]])),
        "date": (record.get("rejudged_started") or [sessions[0]["started"]])[0][:10],
        "note": note,
        "env": {
            "alias": env["alias"],
            "name": env["name"],
            "title": env["card"]["title"],
            "options": _public(env["options"]),
            "card_digest": env["card_digest"],
            "headline": env["card"]["headline"],
            "reward_range": env["card"]["reward_range"],
        },
        "data": {
            **{key: data[key] for key in ("name", "split", "revision", "window", "digest", "count")},
            "evaluated": len(parts["tasks"]),
        },
        "model": {
            "name": label,
            "weights": record["policy"].get("weights"),
            "revision": record["policy"].get("revision"),
        },
        "policy": _public({key: value for key, value in record["policy"].items() if key not in _PRIVATE}),
        "judge": {
            "version": env["name"],
            "options": _public(_options_of_judge(env)),
            "judged_with": sessions[-1]["judged_with"],
        },
        "isolation": ", ".join(sorted({s["isolation"] for s in sessions if s["isolation"]})) or None,
        "machine": {"factor": None, **sessions[-1]["machine"]},
        "versions": sessions[-1]["versions"],
        **parts,
    }


def _options_of_judge(env: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a run's options that its judge takes; the others choose tasks, which have a digest."""
    parameters = inspect.signature(resolve(env["alias"]).spec.judge).parameters
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return {key: value for key, value in env["options"].items() if takes_all or key in parameters}


def _model_name(policy: Mapping[str, Any]) -> str:
    """Return the model's name; of a directory its last part, and of a policy that brings its model its own name."""
    if policy["name"] != policy.get("policy", policy["name"]):
        return str(policy["name"])
    for key in ("model", "script", "file"):
        if policy.get(key):
            text = str(policy[key]).rstrip("/")
            return Path(text).name if Path(text).is_absolute() else text
    return str(policy["name"])


def _slug(text: str) -> str:
    return _SAFE.sub("-", text).strip("-._")[-80:].strip("-._") or "run"


def _public(value: Any) -> Any:
    """Return a value without the folders of absolute paths, which tell of a machine and not of a run."""
    if isinstance(value, dict):
        return {key: _public(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_public(item) for item in value]
    return Path(value).name if isinstance(value, str) and value.startswith("/") else value
