"""Where rows come from: the pinned hub files, local files in the same schema, or the sample set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdpo_gym.card import EnvCard
from sdpo_gym.data.hub import HubFile, fetch
from sdpo_gym.data.rows import local_path
from sdpo_gym.errors import UsageError

HERE = Path(__file__).parent
CARD = EnvCard.load(HERE / "card.toml")
SAMPLE = HERE / "sample.jsonl"
RECORDED = HERE / "sample_completions.jsonl"
FIXTURES = HERE / "fixtures.jsonl"

# First and last contest date in each hub file, so that a window downloads only what it needs. Release vN is the first N
# files; their dates overlap, so a release is not a window.
_DATES = {
    "test.jsonl": ("2023-05-07", "2024-03-02"),
    "test2.jsonl": ("2024-03-09", "2024-05-25"),
    "test3.jsonl": ("2024-06-01", "2024-08-10"),
    "test4.jsonl": ("2023-08-26", "2024-10-05"),
    "test5.jsonl": ("2024-09-22", "2025-01-04"),
    "test6.jsonl": ("2025-01-04", "2025-04-06"),
}
RELEASES = {f"v{count}": tuple(_DATES)[:count] for count in range(1, 7)}


@dataclass(frozen=True)
class Window:
    """Contest dates from ``begin`` (inclusive) to ``until`` (exclusive), ISO text; empty means no bound."""

    begin: str = ""
    until: str = ""

    def __contains__(self, date: str) -> bool:
        return self.begin <= date and (not self.until or date < self.until)

    def meets(self, first: str, last: str) -> bool:
        """Whether any date from ``first`` to ``last`` (both inclusive, whole days) can lie in the window."""
        return self.begin[:10] <= last and (not self.until or first < self.until)

    def __str__(self) -> str:
        if not self.begin and not self.until:
            return "all contest dates"
        return f"contest date in [{self.begin or '...'}, {self.until or '...'})"


def hub_paths(window: Window, release: str) -> list[Path]:
    """Fetch those hub files of a release that can hold rows of the window.

    Raises:
        OutageError: if one is not to be had.
    """
    source = CARD.source
    names = [name for name in RELEASES[release] if window.meets(*_DATES[name])]
    return [
        fetch(HubFile(source.repo, source.revision, file.name, file.sha256, file.bytes))
        for file in source.files
        if file.name in names
    ]


def local_paths(data: str, release: str) -> list[Path]:
    """Return the files that ``data``, a file or a directory of .jsonl files, stands for.

    Raises:
        UsageError: if there are none, or if an older release is asked for and the files are not named as on the hub.
    """
    path = local_path(data)
    if path.is_dir():
        paths: Sequence[Path] = sorted(path.glob("*.jsonl"), key=lambda file: (len(file.name), file.name))
        if not paths:
            raise UsageError(
                f"directory {path} holds no .jsonl file; DATA must be a file or a directory of .jsonl files"
            )
    else:
        paths = [path]
    if release == "v6":
        return list(paths)
    by_name = {file.name: file for file in paths}
    missing = [name for name in RELEASES[release] if name not in by_name]
    if missing:
        raise UsageError(
            f"release {release} is known by its files only, and {path} has no {missing[0]}; "
            f"give a directory with {', '.join(RELEASES[release])}, or choose by date instead"
        )
    return [by_name[name] for name in RELEASES[release]]
