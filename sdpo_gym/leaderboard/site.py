"""The static site: every page of a board as a file that works without a server and asks the network for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.leaderboard.curves import chart_of
from sdpo_gym.leaderboard.ranking import standings
from sdpo_gym.leaderboard.reproductions import Reproduction, read_reproductions
from sdpo_gym.leaderboard.results import Entry, read_board
from sdpo_gym.leaderboard.views import Row, facts_of, interval, number, rivals_of, rows_of, signed

MARKER = ".sdpo-gym-leaderboard"
STATIC = ("style.css", "board.js")


@dataclass(frozen=True)
class Site:
    """What was written.

    Attributes:
        index: the page to open.
        runs: how many runs it shows.
        environments: of how many environments.
        reproductions: how many reproductions it shows.
        problems: one line for each file that could not be shown.
    """

    index: Path
    runs: int
    environments: int
    reproductions: int
    problems: tuple[str, ...]


def build_site(board: Path, out: Path) -> Site:
    """Write the site of a board to ``out``, in place of an earlier one; bad files are told of and left out.

    Raises:
        UsageError: if ``board`` has no results, or ``out`` holds something else or cannot be written.
        MissingExtraError: if Jinja2, jsonschema or markdown-it-py is not installed.
    """
    templates = _Templates()
    read = read_board(board)
    reproductions, bad = read_reproductions(board)
    _check_out(out)
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        (part / MARKER).touch()
        environments = _write(templates, part, read.entries, reproductions)
        shutil.rmtree(out, ignore_errors=True)
        part.replace(out)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return Site(out / "index.html", len(read.entries), environments, len(reproductions), (*read.problems, *bad))


def _check_out(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).exists():
        raise UsageError(f"{out} is not empty and holds no site of ours, so it is left alone; give another --out")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; give another --out")


def _write(templates: _Templates, out: Path, entries: Sequence[Entry], reproductions: Sequence[Reproduction]) -> int:
    (out / "static").mkdir()
    for name in STATIC:
        shutil.copyfile(str(files(__package__).joinpath("static", name)), out / "static" / name)
    by_alias: dict[str, list[Entry]] = {}
    for entry in entries:
        by_alias.setdefault(entry.alias, []).append(entry)
    tables = {alias: rows_of(some, standings(some)) for alias, some in sorted(by_alias.items())}
    reports = {each.name: each for each in reproductions}
    templates.write("index", out / "index.html", "", tables=tables, reproductions=reproductions)
    for alias, rows in tables.items():
        chart = chart_of([row.entry for row in rows])
        page = out / "envs" / f"{alias}.html"
        templates.write("environment", page, "../", alias=alias, rows=rows, chart=chart, report=reports.get(alias))
        for row in rows:
            _write_run(templates, out, row, rows)
    for each in reproductions:
        folder = out / "reproductions" / each.name
        templates.write("reproduction", folder / "index.html", "../../", report=each, rows=tables.get(each.name, []))
        for name in each.files:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(each.directory / name, folder / name)
    return len(tables)


def _write_run(templates: _Templates, out: Path, row: Row, rows: Sequence[Row]) -> None:
    copy = out / "results" / row.entry.alias / row.entry.path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(row.entry.path, copy)
    templates.write(
        "run",
        out / row.url,
        "../../",
        row=row,
        run=row.data,
        facts=list(facts_of(row.entry)),
        chart=chart_of([row.entry]),
        rivals=rivals_of(row, rows),
    )


class _Templates:
    """The templates; everything put into one is escaped, and a name that is not there is an error."""

    def __init__(self) -> None:
        try:
            from jinja2 import Environment, PackageLoader, StrictUndefined
        except ImportError:
            raise MissingExtraError("Jinja2", "board") from None
        self._environment = Environment(
            loader=PackageLoader(str(__package__)),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"number": number, "interval": interval, "signed": signed}

    def write(self, name: str, page: Path, root: str, **values: Any) -> None:
        """Write a page; ``root`` leads from it to the site's root."""
        context: Mapping[str, Any] = {"root": root, **values}
        page.parent.mkdir(parents=True, exist_ok=True)
        text = self._environment.get_template(f"{name}.html.j2").render(context)
        page.write_text(text, encoding="utf-8", errors="backslashreplace")
