"""``sdpo-gym show RUN [TASK]``: what was asked, answered and found."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdpo_gym.cli.common import visible
from sdpo_gym.cli.credit import add_credit_options, credit_config, picture, wants_colour
from sdpo_gym.credit import Credit, CreditConfig, NoCredit, credit_scorer
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.records import iter_attempts, load_evaluation, load_results
from sdpo_gym.rejudge import tasks_of_run
from sdpo_gym.report import table
from sdpo_gym.task import Task, TaskSet

if TYPE_CHECKING:
    from sdpo_gym.cli.common import Subparsers

_CELL = 40


def add_parser(subparsers: Subparsers) -> None:
    """Add the command ``show``."""
    parser = subparsers.add_parser(
        "show", help="read a run", description="List the tasks of a run, or show the attempts at one of them."
    )
    parser.add_argument("directory", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("task", nargs="?", metavar="TASK", help="task id")
    parser.add_argument("--attempt", type=int, metavar="K", help="only this attempt, from 0")
    add_credit_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list of tasks or the transcript."""
    record = load_evaluation(arguments.directory)
    credit = credit_config(arguments)
    if arguments.task is None:
        if arguments.attempt is not None or credit:
            raise UsageError(f"--{'credit' if credit else 'attempt'} needs a TASK")
        print(_listing(arguments.directory))
    else:
        print("\n".join(_transcript(arguments.directory, record, arguments.task, arguments.attempt, credit)))
    return 0


def _listing(run: Path) -> str:
    by_task: dict[str, list[str]] = {}
    passed: Counter[str] = Counter()
    for result in sorted(load_results(run).values(), key=lambda r: (r.task_id, r.attempt)):
        by_task.setdefault(result.task_id, []).append(result.outcome or "error")
        passed[result.task_id] += result.passed
    if not by_task:
        return f"{run} holds no finished attempt yet."
    rows = [
        [visible(task_id), f"{passed[task_id]} of {len(ends)}", ", ".join(f"{n} {o}" for o, n in Counter(ends).items())]
        for task_id, ends in by_task.items()
    ]
    return table(["task", "passed", "outcomes"], rows, numeric=(1,))


def _transcript(
    run: Path, record: Mapping[str, Any], task_id: str, attempt: int | None, credit: CreditConfig | None
) -> Iterator[str]:
    known = {result.task_id for result in load_results(run).values()}
    if task_id not in known:
        raise UsageError(f"{run} holds no finished attempt at task {task_id!r}{suggestion(task_id, known)}")
    attempts = {rows[0]["attempt"]: rows for rows in iter_attempts(run) if rows[0]["task_id"] == task_id}
    if attempt is not None and attempt not in attempts:
        raise UsageError(f"task {task_id!r} has the attempts {', '.join(map(str, sorted(attempts)))}, not {attempt}")
    pictures: Mapping[int, Credit | NoCredit] = {}
    notices: Sequence[str] = ()
    if credit:
        _, tasks = tasks_of_run(record)
        with credit_scorer(record, credit) as scorer:
            rows_of_all = [attempts[index] for index in sorted(attempts)]
            pictures = scorer.of(_task(tasks, task_id, run), rows_of_all, only=attempt)
            notices = scorer.notices
    yield f"Task {visible(task_id)} of {record['data']['name']}"
    yield from map(visible, notices)
    yield from _prompt(record, task_id)
    for index in sorted(attempts) if attempt is None else [attempt]:
        for row in attempts[index]:
            yield from _turn(row)
        if index in pictures:
            yield from _picture(index, pictures[index])


def _task(tasks: TaskSet, task_id: str, run: Path) -> Task:
    try:
        return tasks.by_id(task_id)
    except KeyError as error:
        raise UsageError(f"{error.args[0]}, so there can be no credit picture; bring back the data of {run}") from error


def _picture(index: int, made: Credit | NoCredit) -> Iterator[str]:
    yield from ("", f"--- attempt {index}: credit", "")
    if isinstance(made, NoCredit):
        yield visible(f"(none: {made.reason})")
    else:
        yield from picture(made, colour=wants_colour())


def _prompt(record: Mapping[str, Any], task_id: str) -> Iterator[str]:
    try:
        _, tasks = tasks_of_run(record)
        messages = tasks.by_id(task_id).messages
    except (UsageError, OutageError, KeyError) as error:
        yield from _section("prompt", f"(not to be had: {error})")
        return
    for message in messages:
        yield from _section(f"prompt: {message.role}", message.content)


def _turn(row: Mapping[str, Any]) -> Iterator[str]:
    name = f"attempt {row['attempt']}" + (f", turn {row['turn']}" if row["turn"] else "")
    if row["completion"] is not None:
        cut = ", cut by the token limit" if row["finish_reason"] == "length" else ""
        yield from _section(f"{name}: completion{cut}", row["completion"] or "(empty)")
    if row["error"]:
        yield from _section(f"{name}: outage", row["error"])
        return
    scores = "".join(f", {key} {value:g}" for key, value in row["scores"].items())
    yield from _section(f"{name}: {row['status']}, {row['outcome']}", f"reward {row['reward']:g}{scores}")
    if row["feedback"]:
        yield from _section(f"{name}: feedback", row["feedback"])
    yield from _detail(name, row["detail"])


def _detail(name: str, detail: Mapping[str, Any]) -> Iterator[str]:
    tables = {k: v for k, v in detail.items() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)}
    facts = [f"{key} {value}" for key, value in detail.items() if key not in tables and value not in (None, "", [], {})]
    if facts:
        yield from _section(f"{name}: detail", ", ".join(facts))
    for key, records in tables.items():
        yield from ("", f"--- {name}: {visible(key)}", "")
        yield _records(records)


def _records(records: Sequence[Mapping[str, Any]]) -> str:
    """Lay out like records as a table, leaving out the columns in which there is nothing."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    filled = [c for c in columns if any(record.get(c) not in (None, "", [], {}) for record in records)]
    rows = [[_cell(record.get(c)) for c in filled] for record in records]
    return table([visible(c) for c in filled], rows)


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    return visible(textwrap.shorten(text, _CELL, placeholder="...")).replace("\t", " ")


def _section(title: str, text: str) -> Iterator[str]:
    yield from ("", f"--- {visible(title)}", "", visible(text.rstrip("\n")))
