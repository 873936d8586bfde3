"""What an environment says of itself, read from its ``card.toml`` and checked strictly."""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import Sampling
from sdpo_gym.task import digest_of
from sdpo_gym.verdict import Verdict

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class SourceFile:
    """One pinned file of the data.

    Attributes:
        name: path within the source.
        sha256: hex digest; empty while nobody could check it.
        bytes: size in bytes; 0 while unknown.
        verified: whether somebody has downloaded the file and found this digest.
    """

    name: str
    sha256: str
    bytes: int
    verified: bool


@dataclass(frozen=True)
class Source:
    """Where the data comes from: a page or a hub repository, at one revision, in these files."""

    url: str
    repo: str
    revision: str
    files: tuple[SourceFile, ...]


@dataclass(frozen=True)
class Window:
    """A date range of tasks, ``from`` inclusive and ``until`` exclusive (empty: no bound), and how many lie in it."""

    begin: str
    until: str
    count: int


@dataclass(frozen=True)
class EnvCard:
    """What an environment is, where its data comes from, and how its figures are to be read.

    Attributes:
        name: the environment's name without version, such as ``LiveCodeBench``.
        version: goes up whenever the same completion could get another verdict.
        title: one line for tables.
        description: a paragraph.
        outcomes: every value that a verdict's ``outcome`` may take.
        scores: the keys that every verdict's ``scores`` has.
        headline: the metric that tables show first, such as ``score``.
        reward_range: least and greatest reward.
        max_turns: default number of turns of an episode.
        sampling: default sampling of an evaluation.
        licence: of the data.
        source: where the data comes from.
        judge: free table: how it judges, with which limits.
        feedback: free table: what is shown and what is graded.
        windows: date windows by alias.
        differences: known differences from the benchmark that the environment follows.
        known_issues: what is wrong with a task, by task id.
        citation: how to cite the data.
    """

    name: str
    version: int
    title: str
    description: str
    outcomes: tuple[str, ...]
    scores: tuple[str, ...]
    headline: str
    reward_range: tuple[float, float]
    max_turns: int
    sampling: Sampling
    licence: str
    source: Source
    judge: Mapping[str, Any]
    feedback: Mapping[str, Any]
    windows: Mapping[str, Window] = field(default_factory=dict)
    differences: tuple[str, ...] = ()
    known_issues: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""

    @classmethod
    def load(cls, path: Path) -> EnvCard:
        """Read a ``card.toml``.

        Every key is required, except windows, differences, known_issues and citation.

        Raises:
            UsageError: naming file and key, if it cannot be read, or a key is unknown, missing or of a wrong type.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"cannot read the environment card {path}: {error}") from error
        try:
            return cls(**_record(_CARD, _OPTIONAL)(table))
        except _WrongKeyError as wrong:
            raise UsageError(f"{path}: key '{wrong.key}' {wrong.what}") from None

    @cached_property
    def digest(self) -> str:
        """The sha256 (hex) of the canonical JSON of everything the card says."""
        return digest_of(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON-able data, as ``run.json`` records it."""
        return dataclasses.asdict(self)

    def check(self, verdict: Verdict) -> None:
        """Check that a verdict keeps to the card.

        Raises:
            JudgeError: if its reward, outcome or score keys are not as the card declares: the judge is broken.
        """
        low, high = self.reward_range
        if not low <= verdict.reward <= high:
            raise self._broken(f"reward {verdict.reward}, which is outside [{low}, {high}]")
        if verdict.outcome not in self.outcomes:
            raise self._broken(f"outcome {verdict.outcome!r}, which is none of {', '.join(self.outcomes)}")
        if set(verdict.scores) != set(self.scores):
            raise self._broken(f"the scores {sorted(verdict.scores)} instead of {sorted(self.scores)}")
        for key, score in verdict.scores.items():
            if not math.isfinite(score):
                raise self._broken(f"score {key!r} = {score}, which is not finite")

    def _broken(self, what: str) -> JudgeError:
        return JudgeError(f"the judge of {self.name} does not keep to the environment's card: it gave {what}")


class _WrongKeyError(ValueError):
    """What is wrong with one key; every level of the file puts its own key before."""

    def __init__(self, what: str, key: str = "") -> None:
        super().__init__(what)
        self.what, self.key = what, key


_Convert = Callable[[Any], Any]


def _at(key: str, convert: _Convert, value: Any) -> Any:
    try:
        return convert(value)
    except _WrongKeyError as wrong:
        raise _WrongKeyError(wrong.what, f"{key}.{wrong.key}".rstrip(".")) from None


def _record(schema: Mapping[str, _Convert], optional: frozenset[str] = frozenset()) -> _Convert:
    def convert(value: Any) -> dict[str, Any]:
        table = _of(dict, "a table")(value)
        for key in table:
            if key not in schema:
                raise _WrongKeyError(f"is unknown; the keys here are {', '.join(schema)}", key)
        for key in schema:
            if key not in table and key not in optional:
                raise _WrongKeyError("is missing", key)
        return {key: _at(key, schema[key], table[key]) for key in schema if key in table}

    return convert


def _of(kind: type, wanted: str, accept: Callable[[Any], bool] = lambda value: True) -> _Convert:
    def convert(value: Any) -> Any:
        # type(), not isinstance(): in Python, and only there, true is an integer
        if type(value) is not kind or not accept(value):
            raise _WrongKeyError(f"must be {wanted}, got {value!r}")
        return value

    return convert


def _list_of(convert_item: _Convert) -> _Convert:
    def convert(value: Any) -> tuple[Any, ...]:
        return tuple(_at(str(i), convert_item, item) for i, item in enumerate(_of(list, "a list")(value)))

    return convert


def _table_of(convert_item: _Convert) -> _Convert:
    def convert(value: Any) -> dict[str, Any]:
        return {key: _at(key, convert_item, item) for key, item in _of(dict, "a table")(value).items()}

    return convert


_ANY_TEXT = _of(str, "a text")
_TEXT = _of(str, "a text that is not empty", lambda text: bool(text.strip()))
_FLAG = _of(bool, "true or false")
_COUNT = _of(int, "an integer of at least 0", lambda number: number >= 0)
_POSITIVE = _of(int, "an integer of at least 1", lambda number: number >= 1)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _WrongKeyError(f"must be a finite number, got {value!r}")
    return float(value)


def _names(value: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = _list_of(_TEXT)(value)
    if len(set(names)) < len(names):
        raise _WrongKeyError(f"must be a list without repetition, got {value!r}")
    return names


def _range(value: Any) -> tuple[float, float]:
    bounds = _list_of(_number)(value)
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise _WrongKeyError(f"must be [low, high] with low < high, got {value!r}")
    return bounds[0], bounds[1]


def _window(value: Any) -> Window:
    match value:
        case [str() | date() as begin, str() | date() as until, int() as count]:
            return Window(str(begin), str(until), _COUNT(count))
    raise _WrongKeyError(f"must be [from, until, count], got {value!r}")


def _free(value: Any) -> Any:
    """Keep a free value as it is, but for dates, which JSON does not know."""
    match value:
        case dict():
            return _table_of(_free)(value)
        case list():
            return list(_list_of(_free)(value))
        case date() | time():
            return value.isoformat()
        case float():
            return _number(value)
    return value


def _sampling(value: Any) -> Sampling:
    keys = {"n": _POSITIVE, "temperature": _number, "top_p": _number, "max_tokens": _POSITIVE}
    try:
        return Sampling(**_record(keys)(value))
    except _WrongKeyError:
        raise
    except ValueError as error:
        raise _WrongKeyError(f"is out of range: {error}") from error


def _file(value: Any) -> SourceFile:
    file = SourceFile(**_record({"name": _TEXT, "sha256": _ANY_TEXT, "bytes": _COUNT, "verified": _FLAG})(value))
    if not _SHA256.fullmatch(file.sha256) and (file.sha256 or file.verified):
        raise _WrongKeyError(
            f"must be 64 lower-case hex digits, or empty with verified = false, got {file.sha256!r}", "sha256"
        )
    return file


def _source(value: Any) -> Source:
    keys = {"url": _TEXT, "repo": _TEXT, "revision": _TEXT, "files": _list_of(_file)}
    source = Source(**{"url": "", "repo": ""} | _record(keys, frozenset({"url", "repo"}))(value))
    if not source.url and not source.repo:
        raise _WrongKeyError("is missing: say where the data comes from, as url or repo", "url")
    return source


_CARD: dict[str, _Convert] = {
    "name": _TEXT,
    "version": _COUNT,
    "title": _TEXT,
    "description": _TEXT,
    "outcomes": _names,
    "scores": _names,
    "headline": _TEXT,
    "reward_range": _range,
    "max_turns": _POSITIVE,
    "sampling": _sampling,
    "licence": _TEXT,
    "source": _source,
    "judge": _table_of(_free),
    "feedback": _table_of(_free),
    "windows": _table_of(_window),
    "differences": _list_of(_TEXT),
    "known_issues": _table_of(_TEXT),
    "citation": _ANY_TEXT,
}
_OPTIONAL = frozenset({"windows", "differences", "known_issues", "citation"})
