"""A verdict's detail as HTML: like records as tables, all else as a line. Written by hand, for there are many cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from sdpo_gym.viewer.texts import seen, short

_ROWS, _CELL_CHARS, _FACT_CHARS = 100, 200, 500
_NOTHING: tuple[object, ...] = (None, "", [], {})


def detail_html(detail: Mapping[str, Any]) -> tuple[Markup, bool]:
    """Return HTML of a verdict's detail (empty if there is none), and whether all of it is there."""
    tables = {k: v for k, v in detail.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)}
    facts = {k: str(v) for k, v in detail.items() if k not in tables and v not in _NOTHING}
    parts = []
    if facts:
        listed = Markup(", ").join(seen(f"{k} ") + short(v, _FACT_CHARS) for k, v in facts.items())
        parts.append(f'<p class="verdict">{listed}</p>')
    whole = all(len(v) <= _FACT_CHARS for v in facts.values())
    for name, records in tables.items():
        table, complete = _table(name, records)
        parts.append(table)
        whole = whole and complete
    return Markup("".join(parts)), whole


def _table(name: str, records: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """Lay out like records, leaving out the columns in which there is nothing."""
    shown = records[:_ROWS]
    columns = [c for c in dict.fromkeys(k for r in shown for k in r) if any(r.get(c) not in _NOTHING for r in shown)]
    whole = len(shown) == len(records)
    left_out = "" if whole else f" (the first {len(shown)} of {len(records):,})"
    rows = []
    for record in shown:
        cells = []
        for column in columns:
            value = record.get(column)
            if type(value) is int or type(value) is float:
                cells.append(
                    f'<td class="number">{value:.4g}' if type(value) is float else f'<td class="number">{value}'
                )
                continue
            text = "" if value is None else ("no", "yes")[value] if isinstance(value, bool) else str(value)
            whole = whole and len(text) <= _CELL_CHARS
            cells.append(f"<td>{short(text, _CELL_CHARS)}")
        rows.append(f"<tr>{''.join(cells)}")
    heads = "".join(f'<th scope="col">{seen(column)}' for column in columns)
    return (
        f'<div class="wide"><table><caption>{seen(name)}{left_out}</caption><thead><tr>{heads}</thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
        whole,
    )
