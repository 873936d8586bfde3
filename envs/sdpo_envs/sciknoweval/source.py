"""Where questions come from: the pinned hub file, local files as the SDPO reference writes them, or the sample set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from sdpo_gym.card import EnvCard
from sdpo_gym.data.datasets import load_json
from sdpo_gym.data.hub import HubFile
from sdpo_gym.data.rows import local_file, local_path
from sdpo_gym.errors import UsageError
from sdpo_gym.options import choice

HERE = Path(__file__).parent
CARD = EnvCard.load(HERE / "card.toml")
SAMPLE = HERE / "sample.jsonl"
RECORDED = HERE / "sample_completions.jsonl"
FIXTURES = HERE / "fixtures.jsonl"
SPLITS = ("test", "train")
ALL = "all"


class Subject(StrEnum):
    """The four subjects, as the SDPO paper takes them from SciKnowEval."""

    CHEMISTRY = "chemistry"
    PHYSICS = "physics"
    BIOLOGY = "biology"
    MATERIALS = "materials"

    @property
    def folders(self) -> tuple[str, ...]:
        """The names that the subject's folder may have; the first is the reference's."""
        return ("material", "materials") if self is Subject.MATERIALS else (self.value,)


_BY_FOLDER = {folder: subject for subject in Subject for folder in subject.folders}


@dataclass(frozen=True)
class Pin:
    """One question of the paper's split: the digest of its content, and its number in the reference's data."""

    digest: str
    idx: int


def subjects_of(option: str) -> tuple[Subject, ...]:
    """Return the subjects that the option ``subject`` stands for: ``all``, or one of them.

    Raises:
        UsageError: if there is no such subject.
    """
    if option == ALL:
        return tuple(Subject)
    if option in _BY_FOLDER:
        return (_BY_FOLDER[option],)
    raise UsageError(f"option subject must be one of {', '.join(Subject)} or {ALL}, got {option!r}")


def subject_named(where: str, name: str) -> Subject:
    """Return the subject that a row names.

    Raises:
        UsageError: if there is no such subject; it begins with ``where``.
    """
    return _BY_FOLDER.get(name) or choice(Subject, f"'subject' of {where}", name)


@cache
def pins(subject: Subject, split: str) -> tuple[Pin, ...]:
    """Return the paper's split of a subject, in the paper's order, from ``splits/<subject>_<split>.txt``."""
    lines = (HERE / "splits" / f"{subject}_{split}.txt").read_text(encoding="ascii").splitlines()
    return tuple(Pin(digest, int(idx)) for digest, idx in (line.split() for line in lines))


def hub_file() -> HubFile:
    """Return the hub file that holds all questions, as the card pins it."""
    source = CARD.source
    (file,) = source.files
    return HubFile(source.repo, source.revision, file.name, file.sha256, file.bytes)


def hub_rows() -> Any:
    """Fetch the hub file and return its rows as a ``datasets.Dataset``.

    Raises:
        MissingExtraError: if a library for it is not installed.
        OutageError: if the file is not to be had.
    """
    return load_json(hub_file())


@dataclass(frozen=True)
class LocalFile:
    """A local file of questions, and their subject as far as its place or the options tell it."""

    path: Path
    subject: Subject | None


def local_files(data: str, split: str, subjects: tuple[Subject, ...]) -> list[LocalFile]:
    """Return the files that ``DATA=data`` stands for: a file, a subject's folder, or a folder of subjects' folders.

    Raises:
        UsageError: if one is missing, or is in a folder of another subject than the one asked for.
    """
    path = local_path(data)
    names = [f"{split}.jsonl", f"{split}.json"]
    if not path.is_dir() or any((path / name).is_file() for name in names):
        return [_placed(local_file(data, names), subjects)]
    return [
        LocalFile(local_file(data, [f"{folder}/{name}" for folder in subject.folders for name in names]), subject)
        for subject in subjects
    ]


def _placed(path: Path, subjects: tuple[Subject, ...]) -> LocalFile:
    place = _BY_FOLDER.get(path.resolve().parent.name)
    if place and place not in subjects:
        raise UsageError(f"{path} lies in a folder of {place}, but subject {subjects[0]} was asked for; correct DATA")
    return LocalFile(path, place or (subjects[0] if len(subjects) == 1 else None))
