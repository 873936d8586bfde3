"""Result files: what a run is condensed to for a leaderboard, checked against a schema when read and written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.errors import MissingExtraError, UsageError

FORMAT = 1
RESULTS = "results"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
NOT_RUNS = frozenset({"curves", "sweep"})  # what reproductions publish beside the runs
_LONGEST = 200
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Entry:
    """A run on a board.

    Attributes:
        path: its result file.
        data: what that holds, see ``result.schema.json``.
    """

    path: Path
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the run, unique within its environment."""
        return str(self.data["name"])

    @property
    def alias(self) -> str:
        """The environment."""
        return str(self.data["env"]["alias"])

    @property
    def is_training(self) -> bool:
        """Whether it is a training run; its scores are those of the last evaluation."""
        return str(self.data["kind"]) == "train"

    @property
    def metric(self) -> str:
        """Name of the score that it is ranked by, such as ``avg@4``."""
        return f"avg@{self.data['attempts']['smallest_n']}"

    @property
    def score(self) -> Mapping[str, Any]:
        """That score with its interval."""
        score: Mapping[str, Any] = self.data["scores"][self.metric]
        return score

    @cached_property
    def means(self) -> dict[str, float]:
        """Mean over attempts by task digest, of the tasks that have one."""
        return {task["digest"]: task["mean"] for task in self.data["tasks"] if task["mean"] is not None}

    @cached_property
    def is_complete(self) -> bool:
        """Whether every task of the set has a verdict."""
        return len(self.means) == int(self.data["data"]["count"])

    @cached_property
    def setting(self) -> str:
        """What two runs must have in common to be compared: card, judge and its options, tasks and their window."""
        data, judge = self.data["data"], self.data["judge"]
        card = self.data["env"]["card_digest"]
        same = [card, judge["version"], judge["options"], data["digest"], data["window"]]
        return json.dumps(same, sort_keys=True)


@dataclass(frozen=True)
class Board:
    """What a board's directory holds.

    Attributes:
        entries: the runs, by environment and name.
        problems: one line for each file that is no result, naming file and field.
    """

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def read_board(directory: Path) -> Board:
    """Read every result file of a board; the bad ones are told of and left out.

    Raises:
        UsageError: if the directory has no ``results``.
        MissingExtraError: if jsonschema is not installed.
    """
    results = directory / RESULTS
    if not results.is_dir():
        raise UsageError(
            f"{directory} is no leaderboard: it has no folder {RESULTS!r}; `sdpo-gym submit RUN --board {directory}` "
            "makes one"
        )
    entries: dict[tuple[str, str], Entry] = {}
    problems = [
        f"{path}: lies in no environment's folder; move it to {results}/ENVIRONMENT/"
        for path in sorted(results.glob("*.json"))
    ]
    for path in _files(results):
        try:
            entry = read_result(path)
            key = (entry.alias, entry.name.lower())
            if key in entries:
                raise UsageError(
                    f"{path}: name: {entry.name!r} is also that of {entries[key].path}; rename one of them"
                )
            if entry.name != path.stem:
                raise UsageError(f"{path}: name: is {entry.name!r}, so the file must be called {entry.name}.json")
            if entry.alias != path.parent.name:
                raise UsageError(f"{path}: env.alias: is {entry.alias!r}, but the folder is {path.parent.name!r}")
        except UsageError as error:
            if isinstance(error, MissingExtraError):
                raise
            problems.append(str(error))
        else:
            entries[key] = entry
    return Board(tuple(entries.values()), tuple(problems))


def _files(results: Path) -> Iterator[Path]:
    for path in sorted(results.glob("*/*.json")):
        if path.stem not in NOT_RUNS:
            yield path


def read_result(path: Path) -> Entry:
    """Read a result file.

    Raises:
        UsageError: in one line with file and field, if it cannot be read, breaks the schema or contradicts itself.
        MissingExtraError: if jsonschema is not installed.
    """
    try:
        data = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({_short(str(error))})") from error
    if problem := check_result(data):
        raise UsageError(f"{path}: {problem}")
    return Entry(path, data)


def write_result(data: Mapping[str, Any], path: Path) -> None:
    """Write a result file, at once or not at all.

    Raises:
        UsageError: if ``data`` is no result, or the file cannot be written.
    """
    if problem := check_result(data):
        raise UsageError(f"{path}: {problem}")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(_layout(data), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _layout(data: Mapping[str, Any]) -> str:
    """Lay a result out with one line per task and per point of a curve, so that changes can be read."""
    text = json.dumps({**data, "tasks": [], "training": None}, indent=1, allow_nan=False)
    training = data["training"]
    if training is not None:
        curve = _lines(training["curve"], 3)
        training = json.dumps({**training, "curve": []}, indent=1, allow_nan=False)
        training = training.replace("\n", "\n ").replace('"curve": []', f'"curve": {curve}')
        text = text.replace('\n "training": null', f'\n "training": {training}')
    return text.replace('\n "tasks": []', f'\n "tasks": {_lines(data["tasks"], 2)}') + "\n"


def _lines(items: list[Any], indent: int) -> str:
    lines = (" " * indent + json.dumps(item, allow_nan=False) for item in items)
    return "[\n" + ",\n".join(lines) + "\n" + " " * (indent - 1) + "]"


def check_result(data: Any) -> str | None:
    """Return what is wrong with a result, as one line that begins with the field; None if nothing is.

    Raises:
        MissingExtraError: if jsonschema is not installed.
    """
    found = data.get("format") if isinstance(data, dict) else None
    if isinstance(data, dict) and found != FORMAT:
        return f"format: is {_short(repr(found))}; this version of sdpo_gym reads format {FORMAT}"
    try:
        from jsonschema.exceptions import best_match
    except ImportError:
        raise MissingExtraError("jsonschema", "board") from None
    error = best_match(_validator().iter_errors(data))
    if error is not None:
        return _told(error)
    return _contradiction(data)


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(files(__package__).joinpath("result.schema.json").read_text("utf-8")))


def _told(error: Any) -> str:
    field = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{f'{field}.{missing}'.lstrip('.')}: is missing"
    if error.validator == "additionalProperties" and error.validator_value is False:
        unknown = next(key for key in error.instance if key not in error.schema["properties"])
        known = ", ".join(error.schema["properties"])
        return f"{_short(f'{field}.{unknown}'.lstrip('.'))}: is unknown; the fields here are {known}"
    return f"{field or 'the whole file'}: {_short(error.message)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON's")


def _contradiction(data: Mapping[str, Any]) -> str | None:
    """Return what in a result that fits the schema cannot be: figures that do not follow from one another."""
    tasks, attempts = data["tasks"], data["attempts"]
    digests = [task["digest"] for task in tasks]
    if len(set(digests)) < len(digests):
        return "tasks: two of them have the same digest"
    if len(tasks) != data["data"]["evaluated"]:
        return f"data.evaluated: is {data['data']['evaluated']}, but there are {len(tasks)} tasks"
    if data["data"]["evaluated"] > data["data"]["count"]:
        return f"data.evaluated: is {data['data']['evaluated']}, more than the {data['data']['count']} of data.count"
    for key, sums in (("count", "n"), ("errors", "errors")):
        parts = [task[sums] for task in tasks]
        if None not in parts and sum(parts) != attempts[key]:
            return f"attempts.{key}: is {attempts[key]}, but the tasks' {sums} come to {sum(parts)}"
    rate = attempts["errors"] / (attempts["count"] + attempts["errors"])
    if abs(attempts["error_rate"] - rate) > _ROUNDING:
        return f"attempts.error_rate: is {attempts['error_rate']:g}, but errors and count come to {rate:g}"
    metric = f"avg@{attempts['smallest_n']}"
    means = [task["mean"] for task in tasks if task["mean"] is not None]
    if metric not in data["scores"]:
        return f"scores.{metric}: is missing, and attempts.smallest_n is {attempts['smallest_n']}"
    low, high = data["env"]["reward_range"]
    for i, mean in enumerate(task["mean"] for task in tasks):
        if mean is not None and not low <= mean <= high:
            return f"tasks.{i}.mean: is {mean:g}, outside of env.reward_range [{low:g}, {high:g}]"
    value = data["scores"][metric]["value"]
    if not means or abs(value - fmean(means)) > _ROUNDING:
        return (
            f"scores.{metric}.value: is {value:g}, but the tasks' means come to {fmean(means) if means else math.nan:g}"
        )
    for name, score in data["scores"].items():
        if (
            score["low"] is not None
            and score["high"] is not None
            and not score["low"] <= score["value"] <= score["high"]
        ):
            return f"scores.{name}: the value {score['value']:g} lies outside of its interval"
    if (data["kind"] == "train") != (data["training"] is not None):
        return f"training: {'is missing' if data['training'] is None else 'is given'}, and kind is {data['kind']!r}"
    if data["training"] is not None and data["training"]["last"]["value"] != value:
        return f"training.last.value: is {data['training']['last']['value']:g}, but scores.{metric}.value is {value:g}"
    return None
