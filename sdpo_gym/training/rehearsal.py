"""Rehearsal: answers from before, of which every optimizer step sees some, so that they are not unlearned."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

from sdpo_gym.agent import Row, TrainablePolicy
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import PolicyError
from sdpo_gym.task import Message


class RehearsalFile:
    """Rows from a file with one JSON object ``{"messages": [{"role", "content"}, ...], "completion": text}`` per line.

    Rows become token ids when they are first drawn; the end token is appended to each completion.

    Args:
        source: path of a ``.jsonl`` or ``.jsonl.gz`` file, or ``PACKAGE:FILE`` for one that a package brings.
        policy: renders and encodes.

    Attributes:
        digest: sha256 of the file.

    Raises:
        UsageError: if the file cannot be read, holds no row or one that is none, or the tokenizer has no end token.
    """

    def __init__(self, source: str, policy: TrainablePolicy) -> None:
        self._source, self._policy = source, policy
        data = _read(source)
        self.digest = hashlib.sha256(data).hexdigest()
        if data[:2] == b"\x1f\x8b":
            try:
                data = gzip.decompress(data)
            except (OSError, EOFError) as error:
                raise UsageError(f"rehearsal file {source} is damaged: {error}") from error
        self._lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
        if not self._lines:
            raise UsageError(f"rehearsal file {source} holds no row")
        if policy.tokenizer.eos_token_id is None:
            raise UsageError("rehearsal needs a tokenizer with an end token (eos_token), and the model's has none")
        self._rows: dict[int, Row] = {}
        self._row(0)  # a file of another kind is refused now, not in the middle of a run

    def __len__(self) -> int:
        return len(self._lines)

    def draw(self, rng: random.Random, count: int) -> list[Row]:
        """Draw rows without replacement, or with it where there are fewer than ``count``."""
        places = range(len(self._lines))
        chosen = rng.sample(places, count) if count <= len(places) else rng.choices(places, k=count)
        return [self._row(place) for place in chosen]

    def _row(self, place: int) -> Row:
        if place not in self._rows:
            number, line = self._lines[place]
            try:
                self._rows[place] = self._encoded(json.loads(line))
            except (ValueError, KeyError, TypeError, PolicyError) as error:
                raise UsageError(
                    f"rehearsal file {self._source}, line {number}: not a row with messages and completion "
                    f"({type(error).__name__}: {error})"
                ) from error
        return self._rows[place]

    def _encoded(self, row: Any) -> Row:
        if not row["messages"]:
            raise ValueError("messages is empty")
        prompt = self._policy.render([Message(message["role"], message["content"]) for message in row["messages"]])
        ids = self._policy.tokenizer(row["completion"], add_special_tokens=False)["input_ids"]
        return tuple(prompt), (*ids, self._policy.tokenizer.eos_token_id)


def _read(source: str) -> bytes:
    package, colon, name = source.partition(":")
    try:
        if colon and not Path(source).exists():
            return (files(package) / name).read_bytes()
        return Path(source).read_bytes()
    except (OSError, ModuleNotFoundError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"rehearsal file {source!r} cannot be read ({reason}); give a .jsonl or .jsonl.gz file, or PACKAGE:FILE"
        ) from error
