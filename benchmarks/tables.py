"""Tables of figures, as text and as a page."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """Figures with what they mean."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        widths = [max(len(row[i]) for row in (self.head, *self.rows)) for i in range(len(self.head))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in (self.head, *self.rows)
        ]
        return "\n".join(["", *(f"  {line}".rstrip() for line in lines)])

    def markdown(self) -> str:
        rows = [self.head, ("---",) * len(self.head), *self.rows]
        return "\n".join([f"## {self.title}", "", self.note, "", *(f"| {' | '.join(row)} |" for row in rows)])


@dataclass(frozen=True)
class Aim:
    """What was to be reached, and what was found."""

    what: str
    found: str
    is_met: bool

    def text(self) -> str:
        return f"{'met' if self.is_met else 'MISSED'}: {self.what}: {self.found}"


def write_page(
    path: Path, machine: str, tables: Sequence[Table], aims: Sequence[Aim], missing: Mapping[str, str]
) -> None:
    """Write all of it as a page of the docs."""
    aimed = Table(
        "Aims",
        "What the judge is meant to reach, on the trivial programs below.",
        ("aim", "found", ""),
        tuple((aim.what, aim.found, "met" if aim.is_met else "missed") for aim in aims),
    )
    absent = [f"Not measured, {name}: {reason}." for name, reason in missing.items()]
    parts = [
        "# How fast the judge is",
        "<!-- Generated: make bench ARGS=--write-docs -->",
        "Compared systems judge the same submissions in turn, in one process, round by round; figures are medians with "
        "[least-most] over the rounds. CPU time is of everything that takes part, the judge's own process included. It "
        "is the figure to trust on a shared machine; wall times are good only where nothing else runs.",
        f"{datetime.date.today().isoformat()}: {machine}.",
        *absent,
        aimed.markdown(),
        *(table.markdown() for table in tables),
    ]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
