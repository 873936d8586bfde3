"""A training run on disk: ``run.json``, ``metrics.jsonl``, ``updates.jsonl``, ``checkpoints/``, ``summary.json``.

One process writes at a time, and every session of a run has the same configuration, some things aside that change how
long it lasts or how much memory it takes, but not what it computes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from sdpo_gym.directories import flat, listed, plain, shown, take_lock
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import EXECUTION_OPTIONS
from sdpo_gym.task import digest_of
from sdpo_gym.training.checkpoints import Checkpoints
from sdpo_gym.training.metrics import LogFile

FORMAT = 1
KIND = "train"
RUN_FILE, METRICS_FILE, UPDATES_FILE, SUMMARY_FILE = "run.json", "metrics.jsonl", "updates.jsonl", "summary.json"

# May differ between sessions. `steps` may only grow. Of preset, data and model it is the values, digests and weights
# that count, not the names. Rounding aside, the options change nothing but time and memory.
_FREE_SETTINGS = frozenset({"steps", "watch", "save_every", "preset", "data", "model", "judge_backend"})
_FREE_OPTIONS = EXECUTION_OPTIONS | {"micro_batch_tokens", "batch_tokens", "gradient_checkpointing"}
_NOT_COMPARED = frozenset({"sessions", "seeds"})

_ELSEWHERE = "give another run directory (--out DIRECTORY; with make OUT=DIRECTORY)"


def identity(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all sessions of a run have in common, as flat keys and plain values."""
    compared = flat({key: value for key, value in plain(run).items() if key not in _NOT_COMPARED})
    return {
        key: value
        for key, value in compared.items()
        if value != {}
        and not key.startswith("env.card.")
        and key.rpartition(".")[2] not in _FREE_OPTIONS
        and key not in {f"settings.{name}" for name in _FREE_SETTINGS}
    }


def check_same(was: Mapping[str, Any], now: Mapping[str, Any], where: Path) -> None:
    """Refuse two identities that differ.

    Raises:
        UsageError: naming the first differences.
    """
    differences = [
        f"{key} was {shown(was.get(key))}, is {shown(now.get(key))}"
        for key in dict.fromkeys([*was, *now])
        if was.get(key) != now.get(key)
    ]
    if differences:
        raise UsageError(f"{where} is of another configuration: {listed(differences)}; {_ELSEWHERE}")


def default_name(run: Mapping[str, Any], label: str) -> str:
    """Return the name of a run's directory where none is given."""
    return f"{label}-{digest_of(identity(run))[:8]}"


class TrainDirectory:
    """A training run's directory open for writing, by this process alone.

    Args:
        path: the directory; made if it is not there.
        run: what ``run.json`` is to hold; its ``sessions`` holds the one that begins now.

    Attributes:
        run: what ``run.json`` now holds, with the sessions of before.
        metrics: ``metrics.jsonl``.
        updates: ``updates.jsonl``.
        checkpoints: those of the run.

    Raises:
        UsageError: if the directory holds something else or a run of another configuration, if another process is
            writing to it, or if it cannot be written.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self._lock = -1
        self._logs: list[LogFile] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = take_lock(path, _ELSEWHERE)
            self.run = self._with_earlier_sessions(plain(run))
            self.write_json(RUN_FILE, self.run)
            self._logs = [LogFile(path / METRICS_FILE), LogFile(path / UPDATES_FILE)]
            self.metrics, self.updates = self._logs
        except OSError as error:
            self.close()
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise
        self.checkpoints = Checkpoints(path / "checkpoints")

    def _with_earlier_sessions(self, run: dict[str, Any]) -> dict[str, Any]:
        path = self.path / RUN_FILE
        if not path.exists():
            if strange := [entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")]:
                raise UsageError(
                    f"{self.path} is no run directory and not empty (it holds {strange[0]!r}); {_ELSEWHERE}"
                )
            return run
        try:
            old = json.loads(path.read_bytes())
            if (old["kind"], old["format"]) != (KIND, FORMAT):
                raise ValueError(f"kind {old['kind']!r}, format {old['format']!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is not that of a training run ({type(error).__name__}: {error}); {_ELSEWHERE}"
            ) from error
        check_same(identity(old), identity(run), self.path)
        return {**run, "sessions": [*old["sessions"], *run["sessions"]]}

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a file of the run at once or not at all."""
        part = self.path / f".{name}.part"
        try:
            part.write_text(json.dumps(value, indent=1, allow_nan=False, default=str) + "\n", encoding="ascii")
            part.replace(self.path / name)
        except OSError as error:
            raise UsageError(f"cannot write {self.path / name}: {error.strerror}") from error

    def close(self) -> None:
        """Give the directory up; may be called twice."""
        for log in self._logs:
            log.close()
        self._logs = []
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> TrainDirectory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
