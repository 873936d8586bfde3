"""Rows of LiveCodeBench's JSON-lines files: checked once, indexed by position, read again when they are needed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdpo_envs.livecodebench.decode import parse_metadata, parse_tests
from sdpo_gym.errors import UsageError

_TEXT_FIELDS = ("question_id", "question_content", "starter_code", "difficulty", "platform")
_OTHER_FIELDS = ("contest_date", "public_test_cases", "metadata")
_PRIVATE = "private_test_cases"


@dataclass(frozen=True)
class RowRef:
    """Where a row lies, and the little of it that choosing needs.

    Attributes:
        path: its file.
        offset: its first byte.
        line: its line number, from 1.
        id: its question id.
        date: when its contest began, as ISO text.
        private_chars: length of its private tests as stored; 0 if it has none.
    """

    path: Path
    offset: int
    line: int
    id: str
    date: str
    private_chars: int

    def read(self) -> dict[str, Any]:
        """Read the row.

        Raises:
            UsageError: if the file no longer holds it there.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                row = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path}:{self.line}: cannot read row {self.id!r} again ({error})") from None
        if not isinstance(row, dict) or str(row.get("question_id")) != self.id:
            raise UsageError(f"{self.path}:{self.line}: row {self.id!r} is no longer there; has the file been changed?")
        return row


def scan(path: Path) -> tuple[list[RowRef], str]:
    """Check every row of a file and return where the rows lie, with the sha256 of the file; one row at a time is held.

    Raises:
        UsageError: if the file cannot be read, or a row is not as it must be; it names file, line and field.
    """
    refs, digest, offset = [], hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                digest.update(line)
                if line.strip():
                    refs.append(_check(path, offset, number, line))
                offset += len(line)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}; DATA must be a .jsonl file or a directory"
        ) from None
    return refs, digest.hexdigest()


def _check(path: Path, offset: int, number: int, line: bytes) -> RowRef:
    where = f"{path}:{number}"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{where}: is not JSON ({error}); each line must be one row in LiveCodeBench's schema"
        ) from None
    if not isinstance(row, dict):
        raise UsageError(f"{where}: must be a JSON object, got {type(row).__name__}")
    for field in (*_TEXT_FIELDS, *_OTHER_FIELDS):
        if field not in row:
            raise UsageError(f"{where}: field {field!r} is missing; see LiveCodeBench's schema (code_generation_lite)")
    for field in _TEXT_FIELDS:
        if not isinstance(row[field], str):
            raise UsageError(f"{where}: field {field!r} must be a text, got {row[field]!r:.80}")
    if not row["question_id"]:
        raise UsageError(f"{where}: field 'question_id' is empty; every row needs an id of its own")
    private = row.get(_PRIVATE) or ""
    if not isinstance(private, str | list):
        raise UsageError(f"{where}: field {_PRIVATE!r} must be a text or a list, got {type(private).__name__}")
    date = parse_date(where, row["contest_date"])
    try:
        parse_metadata(row["question_id"], row["metadata"])
        parse_tests("public_test_cases", row["public_test_cases"])
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    chars = len(private) if isinstance(private, str) else len(json.dumps(private))
    return RowRef(path, offset, number, row["question_id"], date, 0 if private in ("", "[]") else chars)


def parse_date(where: str, value: Any) -> str:
    """Return a contest date as ISO text; it may be ISO text or a Unix time in seconds or milliseconds (pandas).

    Raises:
        UsageError: if it is neither.
    """
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=None).isoformat()
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > 1e11 else value
            return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError, OSError):
        pass
    raise UsageError(f"{where}: field 'contest_date' must be a date like 2025-02-01T00:00:00, got {value!r:.80}")


class RowPayload(Mapping[str, Any]):
    """What the judge needs of a row, as stored; private tests, up to tens of MB, are read when asked for."""

    def __init__(self, ref: RowRef, row: Mapping[str, Any]) -> None:
        self._ref = ref
        self._held = {key: row[key] for key in ("metadata", "public_test_cases")}
        self._keys = (*self._held, _PRIVATE) if ref.private_chars else tuple(self._held)

    @property
    def place(self) -> str:
        """How messages about the row begin: its file and line."""
        return f"{self._ref.path}:{self._ref.line}: "

    def __getitem__(self, key: str) -> Any:
        if key in self._held:
            return self._held[key]
        if key in self._keys:
            return self._ref.read()[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
