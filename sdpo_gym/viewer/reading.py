"""A run as its pages show it: tasks in their order, each with its prompt and its attempts."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.records import ATTEMPTS_FILE, SUMMARY_FILE, check_finished, iter_attempts, load_evaluation
from sdpo_gym.rejudge import tasks_of_run
from sdpo_gym.task import Task, TaskSet

_DIGEST = re.compile(r"[0-9a-f]{16,}")
_MAYBE_TEXT = (str, type(None))
_FIELDS: dict[str, tuple[type, ...]] = {
    "task_id": (str,),
    "task_digest": (str,),
    "attempt": (int,),
    "turn": (int,),
    "completion": _MAYBE_TEXT,
    "finish_reason": _MAYBE_TEXT,
    "tokens": (dict, type(None)),
    "reward": (int, float, type(None)),
    "status": _MAYBE_TEXT,
    "outcome": _MAYBE_TEXT,
    "scores": (dict,),
    "feedback": _MAYBE_TEXT,
    "detail": (dict,),
    "error": _MAYBE_TEXT,
}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ReadTask:
    """The attempts at one task.

    Attributes:
        task_id: its id.
        digest: its digest, as the rows have it.
        attempts: of each attempt its rows in turn order, by its index.
    """

    task_id: str
    digest: str
    attempts: Mapping[int, Sequence[Row]]

    @property
    def name(self) -> str:
        """What its page is called, whatever the digest in the rows is."""
        is_digest = _DIGEST.fullmatch(self.digest)
        return self.digest[:16] if is_digest else hashlib.sha256(repr(self.digest).encode()).hexdigest()[:16]

    @property
    def outcomes(self) -> Counter[str]:
        """How many attempts ended how; one that an outage ended counts as ``error``."""
        return Counter(str(rows[-1]["outcome"] or "error") for rows in self.attempts.values())

    @property
    def passed(self) -> int:
        """How many attempts solved it."""
        return sum(rows[-1]["status"] == "passed" for rows in self.attempts.values())


class ReadRun:
    """A run that is finished, read whole.

    Attributes:
        path: its directory.
        record: what ``run.json`` holds.
        summary: what ``summary.json`` holds.
        tasks: the tasks that there are attempts at, in the order of the task set.

    Raises:
        UsageError: if it is no run of ``sdpo-gym eval``, if it is still being written, or if a file of it is torn.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = load_evaluation(path)
        check_finished(path)
        self.summary = _summary(path / SUMMARY_FILE)
        self._set: TaskSet | None = None
        self._missing = ""
        try:
            _, self._set = tasks_of_run(self.record)
        except (UsageError, OutageError) as error:
            self._missing = str(error)
        by_task: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
        for rows in iter_attempts(path):
            for row in rows:
                _check(row, path)
            by_task.setdefault((row["task_id"], row["task_digest"]), {})[row["attempt"]] = rows
        order = {task_id: place for place, task_id in enumerate(self._set.ids)} if self._set else {}
        self.tasks = [
            ReadTask(task_id, digest, dict(sorted(attempts.items())))
            for (task_id, digest), attempts in sorted(
                by_task.items(), key=lambda item: order.get(item[0][0], len(order))
            )
        ]

    def only(self, task_ids: Sequence[str]) -> list[ReadTask]:
        """Return the tasks with these ids, in the order of the task set.

        Raises:
            UsageError: if there is no attempt at one of them.
        """
        known = {task.task_id for task in self.tasks}
        for task_id in task_ids:
            if task_id not in known:
                raise UsageError(
                    f"{self.path} holds no finished attempt at task {task_id!r}{suggestion(task_id, known)}"
                )
        return [task for task in self.tasks if task.task_id in task_ids]

    def task(self, read: ReadTask) -> Task | str:
        """Load a task, or say why it cannot be had."""
        if self._set is None:
            return self._missing
        try:
            task = self._set.by_id(read.task_id)
        except KeyError as error:
            return str(error.args[0])
        return task if task.digest == read.digest else "the data of this task have changed since the run"


def _check(row: Row, run: Path) -> None:
    """Refuse a row that pages cannot be made of; names of files are made of some fields."""
    for name, kinds in _FIELDS.items():
        if name not in row or not isinstance(row[name], kinds):
            found = f"is {type(row[name]).__name__}" if name in row else "is missing"
            where = f"attempt {row.get('attempt')!r} at task {row.get('task_id')!r}"
            raise UsageError(f"{run / ATTEMPTS_FILE}: field {name!r} {found} in the row of {where}")


def _summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(summary, dict):
        raise UsageError(f"{path} holds no summary: it is a JSON {type(summary).__name__}")
    return summary
