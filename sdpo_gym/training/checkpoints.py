"""Checkpoints: whole or not there, checked when they are read, of one configuration.

``checkpoints/step-000020/`` holds ``agent/`` (what the agent saves), ``state.json`` (where the run is) and
``manifest.json`` (size and sha256 of every file). It is written under another name and renamed once all of it is on
the disk, so that a run can be killed at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError

logger = logging.getLogger(__name__)

FORMAT = 1
KEPT = 2  # the last so many, and the best
_NAME = re.compile(r"step-(\d{6,})")
_MANIFEST, _STATE, _AGENT = "manifest.json", "state.json", "agent"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole.

    Attributes:
        step: steps that were made.
        path: its directory.
        state: what the trainer wrote.
    """

    step: int
    path: Path
    state: Mapping[str, Any]

    @property
    def agent(self) -> Path:
        """The directory that the agent saved into."""
        return self.path / _AGENT


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: made on the first save.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def save(self, step: int, state: Mapping[str, Any], save_agent: Callable[[Path], None]) -> Path:
        """Write the checkpoint of ``step``, replacing one that is there.

        Raises:
            UsageError: if it cannot be written (disk full); the others are kept.
        """
        final = self.directory / f"step-{step:06d}"
        part = self.directory / f".{final.name}.part"
        with _writing(final):
            self.directory.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(part, ignore_errors=True)
            (part / _AGENT).mkdir(parents=True)
            try:
                save_agent(part / _AGENT)
            except OSError:
                shutil.rmtree(part, ignore_errors=True)  # room for others
                raise
            _write_json(part / _STATE, {"step": step, **state})
            files = {str(path.relative_to(part)): _entry(path) for path in _files(part)}
            _write_json(part / _MANIFEST, {"format": FORMAT, "step": step, "files": files})
            for path in [*_files(part), *_directories(part)]:
                _sync(path)
            shutil.rmtree(final, ignore_errors=True)
            part.rename(final)
            _sync(self.directory)
        return final

    def newest(self, accept: Callable[[Checkpoint], str | None] = lambda _: None) -> Checkpoint | None:
        """Return the newest checkpoint that is whole; each that is not is named in a warning, and passed over.

        Args:
            accept: says what is wrong with a whole one, or None; it may raise UsageError.
        """
        for step, path in sorted(self._all(), reverse=True):
            try:
                checkpoint = Checkpoint(step, path, _read(path, step))
                if reason := accept(checkpoint):
                    raise _BrokenError(reason)
            except _BrokenError as error:
                logger.warning("checkpoint %s is not used: %s; looking for the one before", path, error)
            else:
                return checkpoint
        return None

    def prune(self, best: int | None) -> None:
        """Delete all but the last two and the one of step ``best``."""
        there = sorted(self._all())
        kept = {step for step, _ in there[-KEPT:]} | {best}
        for step, path in there:
            if step not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def drop_after(self, step: int) -> None:
        """Delete those of later steps, which the run is about to make again."""
        for later, path in self._all():
            if later > step:
                shutil.rmtree(path, ignore_errors=True)

    def _all(self) -> list[tuple[int, Path]]:
        if not self.directory.is_dir():
            return []
        matches = ((_NAME.fullmatch(path.name), path) for path in self.directory.iterdir())
        return [(int(match[1]), path) for match, path in matches if match]


class _BrokenError(Exception):
    pass


def _read(path: Path, step: int) -> dict[str, Any]:
    """Return the state in a checkpoint after comparing every file with the manifest."""
    try:
        manifest = json.loads((path / _MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            raise UsageError(f"{path} has format {manifest['format']!r}; this version of sdpo_gym reads {FORMAT}")
        for name, entry in manifest["files"].items():
            if _entry(path / name) != entry:
                raise _BrokenError(f"{name} is not as it was written (size or sha256 differs)")
        state: dict[str, Any] = json.loads((path / _STATE).read_bytes())
    except OSError as error:
        raise _BrokenError(f"{Path(error.filename or path).name} cannot be read ({error.strerror})") from error
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _BrokenError(f"its {_MANIFEST} or {_STATE} is damaged ({type(error).__name__}: {error})") from error
    if state.get("step") != step:
        raise _BrokenError(f"it holds step {state.get('step')}")
    return state


def _entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def _directories(directory: Path) -> list[Path]:
    return [*(path for path in directory.rglob("*") if path.is_dir()), directory]


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="ascii")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}; the checkpoints before it are kept, and the same command "
            "continues from the last"
        ) from error
