"""The result of a run as text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from sdpo_gym.stats import Estimate
from sdpo_gym.summary import Summary

WIDTH = 100


def render(summary: Summary) -> str:
    """Return the result table: scores with 95 % intervals, by kind of task, outcomes, errors, and what was measured."""
    blocks = [_head(summary), _scores(summary), _turns(summary)]
    blocks += [_kinds(summary, key) for key in summary.by]
    blocks.append(_outcomes(summary))
    blocks += [textwrap.fill(f"Note: {notice}", WIDTH, subsequent_indent="  ") for notice in summary.notices]
    return "\n\n".join(block for block in blocks if block)


def _head(summary: Summary) -> str:
    tasks = f"{summary.tasks:,} tasks"
    if summary.left_out:
        tasks += f" ({summary.left_out:,} more of the set left out: no recorded completion)"
    if summary.unscored:
        tasks += f" ({summary.unscored:,} without a verdict, in no score)"
    n = f"n = {summary.smallest_n}"
    if summary.largest_n != summary.smallest_n:
        n = f"n differs from task to task: {summary.smallest_n} to {summary.largest_n}"
    facts = {
        "tasks": tasks,
        "window": summary.window or "none",
        "data": f"{summary.split}, revision {summary.revision}",
        "digest": summary.data_digest,
        "attempts": f"{summary.attempts:,} with a verdict, {n}",
        "errors": _errors(summary),
        "sampling": _sampling(summary),
        "sandbox": summary.isolation or "none (no program is run)",
        "run": str(summary.directory),
    }
    lines = [f"{summary.env}: {summary.policy}"]
    for name, fact in facts.items():
        lines += textwrap.wrap(f"  {name:<10}{fact}", WIDTH, subsequent_indent=" " * 12, break_on_hyphens=False)
    return "\n".join(lines)


def _sampling(summary: Summary) -> str:
    facts = [
        f"{name} {value}" for name, value in summary.sampling.items() if name != "n" and value not in (None, [], ())
    ]
    if summary.turns > 1:
        facts.append(f"up to {summary.turns} turns")
    return ", ".join(facts) or "none (recorded completions)"


def _errors(summary: Summary) -> str:
    if not summary.errors:
        return "0"
    return (
        f"{summary.errors:,} of {summary.attempts + summary.errors:,} attempts ({summary.error_rate:.1%}), in no score"
    )


def _scores(summary: Summary) -> str:
    if not summary.scores:
        return "No attempt ended with a verdict, so there is no score."
    rows = [[_label(name, summary), _number(e.value), _interval(e)] for name, e in summary.scores.items()]
    return _table(["score", "value", "95 % interval"], rows)


def _turns(summary: Summary) -> str:
    rows = [[str(turn), _number(e.value), _interval(e)] for turn, e in enumerate(summary.by_turn, 1)]
    return _table(["turn", "solved by then", "95 % interval"], rows) if rows else ""


def _kinds(summary: Summary, key: str) -> str:
    names = _headlines(summary)
    rows = []
    for kind, part in summary.by[key].items():
        cells = [textwrap.shorten(kind, 40, placeholder="..."), f"{part.tasks:,}"]
        for name in names:
            cells += [_number(part.scores[name].value), _interval(part.scores[name])]
        rows.append(cells)
    return _table([key, "tasks", *(cell for name in names for cell in (name, "95 % interval"))], rows)


def _headlines(summary: Summary) -> list[str]:
    """Return avg@n and pass@n, the latter only where it says something else."""
    averages = [name for name in summary.scores if name.startswith("avg@")]
    passes = [name for name in summary.scores if name.startswith("pass@") and name != "pass@1"]
    return averages + passes[-1:]


def _outcomes(summary: Summary) -> str:
    rows = [
        [outcome, f"{count:,}", f"{count / summary.attempts:.1%}"]
        for outcome, count in sorted(summary.outcomes.items(), key=lambda item: -item[1])
    ]
    return _table(["outcome", "attempts", "share"], rows) if rows else ""


def _label(name: str, summary: Summary) -> str:
    return f"{name} ({summary.headline})" if name.startswith("avg@") else name


def _number(value: float) -> str:
    return f"{value:.3f}"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(head, rows, numeric=range(1, len(head)))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Lay out a table; columns in ``numeric`` are set flush right, no line ends in spaces."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        set_cells = (
            c.rjust(w) if i in numeric else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return ("  " + "  ".join(set_cells)).rstrip()

    rule = "  " + "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([line(head), rule, *map(line, rows)])
