"""Rows of JSON-lines files, read whole, with errors that name file, line and field."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        where: its file and line as ``path:line``, with which messages about it begin.
        fields: what it holds.
    """

    where: str
    fields: Mapping[str, Any]

    def text(self, name: str) -> str:
        """Return a field that must be a text.

        Raises:
            UsageError: if it is missing, is no text, or is empty; it names file, line and field.
        """
        if name not in self.fields:
            raise UsageError(f"{self.where}: field {name!r} is missing; the row has {', '.join(self.fields) or 'none'}")
        value = self.fields[name]
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{self.where}: field {name!r} must be a text that is not empty, got {value!r:.80}")
        return value


def read_rows(path: Path) -> tuple[list[Row], str]:
    """Read a JSON-lines file and return its rows with the sha256 (hex) of the file; empty lines are no rows.

    Raises:
        UsageError: if the file cannot be read, holds no rows, or a line is not a JSON object; it names file and line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}; DATA must be a file or a directory") from None
    rows = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            fields = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where}: is not JSON ({error}); each line must be one row") from None
        if not isinstance(fields, dict):
            raise UsageError(f"{where}: must be a JSON object, got {type(fields).__name__}")
        rows.append(Row(where, fields))
    if not rows:
        raise UsageError(f"{path} holds no rows")
    return rows, hashlib.sha256(content).hexdigest()


def local_path(data: str) -> Path:
    """Return the file or directory that ``DATA=data`` names.

    Raises:
        UsageError: if there is none, or it cannot be one.
    """
    path = Path(data).expanduser()
    try:
        path.stat()
    except FileNotFoundError:
        raise UsageError(f"DATA={data} does not exist; give a file, a directory, 'hub' or 'sample'") from None
    except (OSError, ValueError) as error:  # such as a name that is too long
        raise UsageError(f"cannot read DATA={data:.80}: {getattr(error, 'strerror', None) or error}") from None
    return path


def local_file(data: str, candidates: Sequence[str]) -> Path:
    """Return the file that ``DATA=data`` stands for: itself, or the first of ``candidates`` in that directory.

    Raises:
        UsageError: if there is no such file; it says what was looked for.
    """
    path = local_path(data)
    if path.is_file():
        return path
    for candidate in candidates:
        if (path / candidate).is_file():
            return path / candidate
    raise UsageError(f"directory {path} holds none of {', '.join(candidates)}; give one of these, or the file itself")
