"""Completions that were recorded before, read from a JSONL file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling


class ReplayPolicy:
    """Answers attempt ``k`` at a task with the ``k``-th completion that ``path`` holds for it.

    Each line is an object with ``task_id`` and either ``completion`` or ``completions`` (a list); a completion is a
    text or ``{"text": ..., "finish_reason": "stop" | "length"}``. Lines for one task add up; other keys are ignored.

    Raises:
        UsageError: the file cannot be read, holds nothing, or a line (named by its number) is not as above.
    """

    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}; give a JSONL file: replay:FILE") from error
        self._path = path
        self._sha256 = hashlib.sha256(data).hexdigest()
        self._completions: dict[str, list[Completion]] = {}
        for number, line in enumerate(data.split(b"\n"), start=1):
            if line.strip():
                try:
                    task_id, completions = _parse_line(line)
                except ValueError as error:
                    raise UsageError(f"{path}, line {number}: {error}") from error
                self._completions.setdefault(task_id, []).extend(completions)
        if not self._completions:
            raise UsageError(f"{path} holds no completions: each line needs 'task_id' and 'completion'")

    def recorded(self) -> Mapping[str, int]:
        """Return the number of completions by task id, in the order of the file."""
        return {task_id: len(completions) for task_id, completions in self._completions.items()}

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        """Yield the recorded completions in the order of the requests; ``sampling`` changes nothing."""
        for index, request in enumerate(requests):
            held = self._completions.get(request.task_id, [])
            if request.turn > 0:
                yield index, PolicyError(f"{self._path} holds first turns only, turn {request.turn} was asked for")
            elif request.attempt < len(held):
                yield index, held[request.attempt]
            else:
                yield (
                    index,
                    PolicyError(
                        f"{self._path} holds {len(held)} completions of task {request.task_id!r}, "
                        f"attempt {request.attempt} (from 0) was asked for"
                    ),
                )

    def describe(self) -> dict[str, Any]:
        """Return the file's name and sha256; not its folder, so that moving both run and file changes nothing."""
        return {"policy": "replay", "file": self._path.name, "sha256": self._sha256}

    def close(self) -> None:
        """Do nothing: the file was closed after reading."""


def make(argument: str) -> ReplayPolicy:
    """Make ``replay:FILE``.

    Raises:
        UsageError: no file is named, or it is not as :class:`ReplayPolicy` says.
    """
    if not argument:
        raise UsageError("policy 'replay' needs a file of recorded completions: replay:FILE")
    return ReplayPolicy(Path(argument).expanduser())


def _parse_line(line: bytes) -> tuple[str, list[Completion]]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error})") from error
    if not isinstance(row, dict):
        raise ValueError(f"is a JSON {_kind(row)}, must be an object with 'task_id' and 'completion'")
    if "task_id" not in row:
        raise ValueError("lacks the field 'task_id'")
    if not isinstance(row["task_id"], str):
        raise ValueError(f"'task_id' is a {_kind(row['task_id'])}, must be a string")
    match ("completion" in row, "completions" in row):
        case (True, True):
            raise ValueError("has both 'completion' and 'completions'; keep one")
        case (True, False):
            return row["task_id"], [_parse_completion(row["completion"], "'completion'")]
        case (False, False):
            raise ValueError("lacks the field 'completion' (or 'completions')")
    many = row["completions"]
    if not isinstance(many, list) or not many:
        raise ValueError(f"'completions' is {'empty' if many == [] else f'a {_kind(many)}'}, must be a non-empty list")
    return row["task_id"], [_parse_completion(item, f"'completions'[{i}]") for i, item in enumerate(many)]


def _parse_completion(item: Any, where: str) -> Completion:
    if isinstance(item, dict):
        if "text" not in item:
            raise ValueError(f"{where} lacks the field 'text'")
        text, reason = item["text"], item.get("finish_reason", "stop")
    else:
        text, reason = item, "stop"
    if not isinstance(text, str):
        raise ValueError(f"{where} is a {_kind(text)}, must be a string or an object with 'text'")
    if reason not in list(FinishReason):
        raise ValueError(f"{where} has finish_reason {reason!r:.60}, must be 'stop' or 'length'")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        # Every later step writes the text as UTF-8; better to fail on the first line than in the middle of a run.
        raise ValueError(f"{where} is not valid Unicode: half a surrogate pair at character {error.start}") from error
    return Completion(text, FinishReason(reason))


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
    return "object"
