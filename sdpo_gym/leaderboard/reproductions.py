"""What ``make reproduce --publish`` left beside the runs: its report as a page, with its plots and data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.leaderboard.results import NAME, RESULTS

if TYPE_CHECKING:
    from markdown_it.token import Token

CURVES_FILE, REPORT_FILE, SWEEP_FILE, PLOTS = "curves.json", "report.md", "sweep.json", "plots"
_FORMAT = 1
_INTERVAL = re.compile(r"\[[+-]?[\d.]+, [+-]?[\d.]+\]")
_PICTURES = frozenset({".svg", ".png"})


@dataclass(frozen=True)
class Reproduction:
    """A published reproduction.

    Attributes:
        name: of its folder, which is an environment's alias.
        title: of its report.
        profile: which profile was run.
        html: the report without its title.
        sections: anchors and titles of the report's sections.
        files: what lies beside the page, relative to ``directory``.
        directory: where these lie.
    """

    name: str
    title: str
    profile: str
    html: str
    sections: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    directory: Path


def read_reproductions(board: Path) -> tuple[list[Reproduction], list[str]]:
    """Read the published reproductions of a board; return them, and one line for each that cannot be read.

    Raises:
        MissingExtraError: if markdown-it-py is not installed.
    """
    found, problems = [], []
    for curves in sorted((board / RESULTS).glob(f"*/{CURVES_FILE}")):
        try:
            found.append(_read(curves))
        except UsageError as error:
            if isinstance(error, MissingExtraError):
                raise
            problems.append(str(error))
    return found, problems


def _read(curves: Path) -> Reproduction:
    directory = curves.parent
    if not re.fullmatch(NAME, directory.name):
        raise UsageError(f"{curves}: the folder's name {directory.name[:80]!r} is not that of an environment")
    try:
        data = json.loads(curves.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{curves}: cannot be read ({error})") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise UsageError(f"{curves}: format: is {str(found)[:80]!r}; this version of sdpo_gym reads format {_FORMAT}")
    for field in ("title", "profile"):
        if not isinstance(data.get(field), str) or not data[field]:
            raise UsageError(f"{curves}: {field}: must be a text, got {str(data.get(field))[:80]!r}")
    try:
        text = (directory / REPORT_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{directory / REPORT_FILE}: cannot be read ({error})") from error
    html, sections, pictures = _render(text, directory)
    downloads = [name for name in (CURVES_FILE, SWEEP_FILE, REPORT_FILE) if (directory / name).is_file()]
    files = (*downloads, *dict.fromkeys(pictures))
    return Reproduction(directory.name, data["title"], data["profile"], html, sections, files, directory)


def _render(text: str, directory: Path) -> tuple[str, tuple[tuple[str, str], ...], list[str]]:
    """Return a report as HTML, its sections and its pictures; HTML within it is shown, not obeyed."""
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise MissingExtraError("markdown-it-py", "board") from None
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    if len(tokens) > 2 and tokens[0].tag == "h1":  # the page has a title of its own
        tokens = tokens[3:]
    sections: list[tuple[str, str]] = []
    pictures: list[str] = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            anchor = f"section-{len(sections) + 1}"
            opening.attrSet("id", anchor)
            sections.append((anchor, inline.content))
    for image in _images(tokens):
        source = str(image.attrs["src"])
        path = Path(source)
        if path.parent != Path(PLOTS) or path.suffix not in _PICTURES or not (directory / path).is_file():
            raise UsageError(
                f"{directory / REPORT_FILE}: picture {source[:80]!r} is no .svg or .png that lies in {PLOTS}/ beside it"
            )
        image.attrSet("loading", "lazy")
        pictures.append(source)
    html = markdown.renderer.render(tokens, markdown.options, {})
    html = _INTERVAL.sub(r'<span class="interval">\g<0></span>', html)
    # wide tables scroll by themselves, also with the keyboard
    html = html.replace("<table>", '<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>')
    return html.replace("</table>", "</table></div>"), tuple(sections), pictures


def _images(tokens: list[Token]) -> Iterator[Any]:
    for token in tokens:
        if token.type == "image":
            yield token
        yield from _images(token.children or [])
