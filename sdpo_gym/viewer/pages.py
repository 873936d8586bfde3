"""Writing the pages of a run."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sdpo_gym.credit import Credit, CreditScorer, NoCredit, percent
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.task import Task
from sdpo_gym.viewer.reading import ReadRun, ReadTask, Row

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as error:
    raise MissingExtraError(error.name or "jinja2", "board") from error

from sdpo_gym.viewer.detail import detail_html
from sdpo_gym.viewer.pictures import data, tokens_html
from sdpo_gym.viewer.texts import Cut, cut, plain, seen, short

INDEX, TASKS, TEXTS = "index.html", "tasks", "texts"
_MARKER = ".sdpo-gym-view"
_GLYPHS = {"passed": "✓", "failed": "✗", "bad_format": "?", "truncated": "…", "error": "!"}
_ABOUT_CHARS = 120
_OBJECTIONS = 5

Progress = Callable[[int, int], None]


def write_pages(
    run: ReadRun,
    out: Path,
    *,
    task_ids: Sequence[str] = (),
    credit: CreditScorer | None = None,
    progress: Progress = lambda done, total: None,
) -> Path:
    """Write the pages of a run and return the path of their index.

    Args:
        run: the run.
        out: directory for the pages; made if it is not there. Pages of before are replaced.
        task_ids: only these tasks; all without any.
        credit: makes the credit picture of every attempt, if there are to be any.
        progress: hears how many pages of how many are done.

    Raises:
        UsageError: if there is no attempt at one of the tasks, or ``out`` holds something else or cannot be written.
    """
    tasks = run.only(task_ids) if task_ids else run.tasks
    try:
        _claim(out)
        writer = _Writer(run, out, credit)
        lines = []
        for place, read in enumerate(tasks):
            around = [tasks[i].name if 0 <= i < len(tasks) else None for i in (place - 1, place + 1)]
            lines.append(writer.task_page(read, *around))
            progress(place + 1, len(tasks))
        writer.index(tasks, lines)
        writer.drop_old(tasks)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or out}: {error.strerror}") from error
    return out / INDEX


def _claim(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if not (out / _MARKER).exists() and (strange := sorted(entry.name for entry in out.iterdir())):
        raise UsageError(
            f"{out} is not empty and holds no pages of before (it holds {strange[0]!r}); give another --out"
        )
    (out / _MARKER).touch()
    (out / TASKS).mkdir(exist_ok=True)
    (out / TEXTS).mkdir(exist_ok=True)


@dataclass(frozen=True)
class _About:
    """What the head of every page says of the run."""

    env: str
    policy: str
    facts: Sequence[tuple[str, str]]
    notices: Sequence[str]


class _Writer:
    """Writes pages of one run into one directory."""

    def __init__(self, run: ReadRun, out: Path, credit: CreditScorer | None) -> None:
        self._run, self._out, self._credit = run, out, credit
        self._texts: set[str] = set()
        style, script = (files(__package__).joinpath("templates", name).read_text() for name in ("view.css", "view.js"))
        environment = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            keep_trailing_newline=True,
        )
        environment.filters |= {"seen": seen, "plain": plain}
        environment.globals |= {
            "glyphs": _GLYPHS,
            "style": Markup(style),
            "script": Markup(script),
            "policy": "; ".join(
                [
                    "default-src 'none'",
                    f"style-src '{_sha256(style)}'",
                    f"script-src '{_sha256(script)}'",
                    "base-uri 'none'",
                    "form-action 'none'",
                ]
            ),
            "run": _about(run),
        }
        self._task_template = environment.get_template("task.html.j2")
        self._index_template = environment.get_template("index.html.j2")

    def task_page(self, read: ReadTask, previous: str | None, following: str | None) -> Mapping[str, Any]:
        """Write the page of a task; return what the index says of it."""
        task = self._run.task(read)
        pictures: Mapping[int, Credit | NoCredit] = {}
        if self._credit is not None:
            if isinstance(task, Task):
                pictures = self._credit.of(task, list(read.attempts.values()))
            else:
                pictures = dict.fromkeys(read.attempts, NoCredit(f"the task cannot be had: {task}"))
        outcomes = read.outcomes.most_common()
        shown: dict[str, Any] = {
            "id": read.task_id,
            "passed": read.passed,
            "n": len(read.attempts),
            "about": _about_task(task),
        }
        page = self._task_template.render(
            task=shown,
            notices=self._credit.notices if self._credit else (),
            previous=previous and f"{previous}.html",
            next=following and f"{following}.html",
            prompt=list(self._prompt(read, task)),
            no_prompt=task if isinstance(task, str) else "",
            outcomes=outcomes,
            attempts=[self._attempt(read, index, pictures.get(index)) for index in read.attempts],
        )
        _write(self._out / TASKS / f"{read.name}.html", page)
        return {
            **shown,
            "href": f"{TASKS}/{read.name}.html",
            "outcomes": outcomes,
            "solved": "none" if not read.passed else "all" if read.passed == len(read.attempts) else "some",
            "strip": [(i, _status(rows[-1]), _outcome(rows[-1])) for i, rows in read.attempts.items()],
        }

    def index(self, tasks: Sequence[ReadTask], lines: Sequence[Mapping[str, Any]]) -> None:
        """Write the index."""
        outcomes = sum((read.outcomes for read in tasks), Counter[str]()).most_common()
        _write(self._out / INDEX, self._index_template.render(tasks=lines, outcomes=outcomes))

    def drop_old(self, tasks: Sequence[ReadTask]) -> None:
        """Remove the pages and texts of before that this time did not write."""
        kept = {f"{read.name}.html" for read in tasks}
        for old in (self._out / TASKS).glob("*.html"):
            if old.name not in kept:
                old.unlink()
        for old in (self._out / TEXTS).glob("*.txt"):
            if old.name not in self._texts:
                old.unlink()

    def _prompt(self, read: ReadTask, task: Task | str) -> Iterator[tuple[str, Cut, str | None]]:
        if isinstance(task, Task):
            for number, message in enumerate(task.messages):
                shown, link = self._text(message.content, f"{read.name}-prompt-{number}")
                if shown:
                    yield message.role, shown, link

    def _attempt(self, read: ReadTask, index: int, picture: Credit | NoCredit | None) -> Mapping[str, Any]:
        rows = read.attempts[index]
        return {
            "index": index,
            "status": _status(rows[-1]),
            "outcome": _outcome(rows[-1]),
            "turns": [
                self._turn(row, f"{read.name}-{index}-{row['turn']}", picture if row is rows[-1] else None)
                for row in rows
            ],
        }

    def _turn(self, row: Row, name: str, picture: Credit | NoCredit | None) -> Mapping[str, Any]:
        completion, completion_link = self._text(row["completion"], f"{name}-completion")
        feedback, feedback_link = self._text(row["feedback"], f"{name}-feedback")
        detail, whole = detail_html(row["detail"])
        if not whole:
            self._keep(f"{name}-detail", json.dumps(row["detail"], indent=1))
        return {
            "number": row["turn"] + 1,
            "status": _status(row),
            "outcome": _outcome(row),
            "completion": completion,
            "completion_link": completion_link,
            "facts": _facts(row),
            "credit": _credit_fields(picture) if isinstance(picture, Credit) else None,
            "no_credit": picture.reason.removesuffix(".") if isinstance(picture, NoCredit) else "",
            "error": cut(row["error"]) if row["error"] else None,
            "reward": row["reward"],
            "scores": list(row["scores"].items()),
            "feedback": feedback,
            "feedback_link": feedback_link,
            "detail": detail,
            "detail_open": row["status"] != "passed",
            "detail_link": None if whole else f"../{TEXTS}/{name}-detail.txt",
        }

    def _text(self, text: str | None, name: str) -> tuple[Cut | None, str | None]:
        """Return a text as it is shown and where it stands in whole; None where there is none, or it is shown whole."""
        if text is None or (not text and name.endswith("-feedback")):
            return None, None
        shown = cut(text or "(empty)")
        if not shown.missing:
            return shown, None
        self._keep(name, text)
        return shown, f"../{TEXTS}/{name}.txt"

    def _keep(self, name: str, text: str) -> None:
        self._texts.add(f"{name}.txt")
        # lone surrogates, which UTF-8 has not, stand as escapes
        _write(self._out / TEXTS / f"{name}.txt", text)


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "backslashreplace"))


def _sha256(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _status(row: Row) -> str:
    return row["status"] if row["status"] in _GLYPHS else "error"


def _outcome(row: Row) -> str:
    return str(row["outcome"] or "error")


def _facts(row: Row) -> str:
    facts = []
    if row["tokens"]:
        facts.append(f"{row['tokens']['completion']:,} tokens")
    if row["completion"] is not None:
        facts.append(f"{len(row['completion']):,} characters")
    if row["finish_reason"] == "length":
        facts.append("cut by the token limit")
    return ", ".join(facts)


def _about(run: ReadRun) -> _About:
    record = run.record
    data_, policy, sampling = record["data"], record["policy"], record["sampling"]
    name = " ".join(str(policy[key]) for key in ("name", "model", "script") if policy.get(key))
    sampled = ", ".join(f"{key} {value}" for key, value in sampling.items() if value not in (None, [], ()))
    facts = [
        ("data", f"{data_['split']}, revision {data_['revision']}, digest {str(data_['digest'])[:12]}"),
        ("window", data_["window"]),
        ("sampling", sampled),
        ("seed", str(record["seed"])),
    ]
    known = [(name, value) for name, value in facts if value]
    notices = [str(each) for each in run.summary.get("notices", [])]
    return _About(data_["name"], name, [*_scores(run.summary), *known], notices)


def _scores(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, estimate in list(summary.get("scores", {}).items())[:3]:
        value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
        interval = f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else ""
        yield name, f"{value:.3f}{interval}"


def _about_task(task: Task | str) -> Markup:
    """Return what is known of a task in a line: its meta values, or how its prompt begins."""
    if isinstance(task, str):
        return Markup()
    facts = [f"{key} {value}" for key, value in task.meta.items() if value not in ("", None)]
    if "title" not in task.meta:
        facts.append(" ".join(task.messages[-1].content[: 2 * _ABOUT_CHARS].split()))
    return Markup(" &middot; ").join(short(each, _ABOUT_CHARS) for each in facts)


def _credit_fields(picture: Credit) -> Mapping[str, Any]:
    return {
        "tokens": tokens_html(picture),
        "data": data(picture),
        "told": cut(picture.teacher_chat[-1].content),
        "objections": [
            {
                "text": seen(token.text) or "·",
                "credit": f"{token.credit:.2f}",
                "student": percent(token.student),
                "teacher": percent(token.teacher),
                "instead": [(seen(a.text), percent(a.teacher)) for a in token.alternatives[:3]],
            }
            for token in picture.objections(_OBJECTIONS)
        ],
    }
