"""What is asked: a chat, what only the judge may see, and ordered sets of such tasks."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from sdpo_gym.errors import UsageError

if TYPE_CHECKING:
    import datasets

_DIGEST = "_digest"  # where a task keeps its digest once it is known

Role = Literal["system", "user", "assistant"]
MetaValue = str | int | float


@dataclass(frozen=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


def canonical_json(value: Any) -> bytes:
    """Serialise ``value`` to the one JSON text that digests are taken of: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


@dataclass(frozen=True)
class Task:
    """One question: the chat a policy sees, and what only the judge may see.

    Attributes:
        id: unique and stable within its set.
        messages: the chat that the policy sees.
        payload: for the judge only (tests, gold calls, answer key), as stored, still encoded; never reaches a policy.
        meta: difficulty, date, subject, known issues and the like; JSON scalars.
    """

    id: str
    messages: tuple[Message, ...]
    payload: Mapping[str, Any]
    meta: Mapping[str, MetaValue]

    @property
    def digest(self) -> str:
        """The sha256 (hex) of the canonical JSON of id, messages, meta and the payload as stored."""
        # Not functools.cached_property: in Python 3.11 all tasks would share its lock, which a fork may find held.
        known: str | None = vars(self).get(_DIGEST)
        if known is None:
            known = digest_of(
                {
                    "id": self.id,
                    "messages": [[m.role, m.content] for m in self.messages],
                    "meta": dict(self.meta),
                    "payload": dict(self.payload),
                }
            )
            vars(self)[_DIGEST] = known
        return known


class TaskSet(Sequence[Task], ABC):
    """An ordered set of tasks, lazy where the data is large.

    Attributes:
        name: what records and tables call it, such as ``lcb_v6`` or ``lcb_sample``.
        split: which part of the data it is, such as ``test``.
        revision: where the data comes from (hub commit, file digest, ``sample``).
        window: the range that the tasks were chosen by, as text; empty where there is none.
        notice: a sentence that every result printed from this set carries; empty where none is due.
        is_sample: whether these are a project's own sample tasks, whose results are no benchmark results.
    """

    name: str
    split: str
    revision: str
    window: str = ""
    notice: str = ""
    is_sample: bool = False

    @property
    @abstractmethod
    def ids(self) -> tuple[str, ...]:
        """The task ids in order; cheap, it loads no payload."""

    @abstractmethod
    def load(self, index: int) -> Task:
        """Load the task at ``index`` (0 <= index < len(self))."""

    def gold(self, task: Task) -> str | None:
        """Return a completion known to be right for ``task``, or None where none is known."""
        return None

    def to_dataset(self, payload: Sequence[str] = ()) -> datasets.Dataset:
        """Return the tasks as a ``datasets.Dataset``: ``task_id``, ``prompt`` (role and content), ``meta`` (JSON text).

        Gold is never in it. Of the payload, which may hold answers, only the keys named in ``payload`` get columns:
        ``payload_<key>`` for texts, ``payload_json_<key>`` with JSON text for all else.

        Raises:
            MissingExtraError: if datasets is not installed.
            UsageError: if no task has such a payload key, or a task holds what cannot be stored.
        """
        from sdpo_gym.data.datasets import to_dataset

        return to_dataset(self, payload)

    @staticmethod
    def from_dataset(
        dataset: datasets.Dataset, *, name: str | None = None, split: str | None = None, revision: str | None = None
    ) -> ListTaskSet:
        """Return a ``datasets.Dataset`` as a task set: one of ``to_dataset``, or one's own with a column ``prompt``.

        One's own may also have ``task_id``, ``meta`` and ``payload_*``; ``sdpo_gym.data.datasets.from_dataset`` says
        what they may hold. Name, split and revision are, if not given, those of the set that it was made from.

        Raises:
            MissingExtraError: if datasets is not installed.
            UsageError: if a column or a value is not as it must be; it names column and row.
        """
        from sdpo_gym.data.datasets import from_dataset

        return from_dataset(dataset, name=name, split=split, revision=revision)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Task]: ...
    def __getitem__(self, index: int | slice) -> Task | Sequence[Task]:
        if isinstance(index, slice):
            return [self._get(i) for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"task index {index} is outside a set of {len(self)} tasks")
        return self._get(position)

    def __iter__(self) -> Iterator[Task]:
        return (self._get(i) for i in range(len(self)))

    def by_id(self, task_id: str) -> Task:
        """Load the task with id ``task_id``; KeyError names it if there is none."""
        try:
            return self._get(self._positions[task_id])
        except KeyError:
            raise KeyError(f"task set {self.name!r} has no task {task_id!r}") from None

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {task_id: i for i, task_id in enumerate(self.ids)}

    @property
    def digest(self) -> str:
        """The sha256 (hex) over the digests of all tasks in order."""
        known: str | None = vars(self).get(_DIGEST)
        if known is not None:
            return known
        total = hashlib.sha256()
        for index, task in enumerate(self):
            self._digests[index] = task.digest
            total.update(task.digest.encode())
        vars(self)[_DIGEST] = total.hexdigest()
        return total.hexdigest()

    @cached_property
    def _digests(self) -> dict[int, str]:
        return {}

    def _get(self, index: int) -> Task:
        """Load a task, with its digest if that is known: hashing gigabytes of payload once is enough."""
        task = self.load(index)
        if index in self._digests:
            vars(task)[_DIGEST] = self._digests[index]
        return task


class ListTaskSet(TaskSet):
    """A task set held in memory.

    Args:
        tasks: the tasks, whose ids must differ.
        gold: completions known to be right, by task id.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        *,
        name: str,
        split: str = "test",
        revision: str = "memory",
        window: str = "",
        notice: str = "",
        is_sample: bool = False,
        gold: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.split, self.revision = name, split, revision
        self.window, self.notice, self.is_sample = window, notice, is_sample
        self._tasks = tuple(tasks)
        self._gold = dict(gold or {})
        if len(self._positions) != len(self._tasks):
            seen: set[str] = set()
            twice = next(t.id for t in self._tasks if t.id in seen or seen.add(t.id))  # type: ignore[func-returns-value]
            raise UsageError(f"task id {twice!r} occurs twice in task set {name!r}; ids must be unique")

    @property
    def ids(self) -> tuple[str, ...]:
        """The task ids in order."""
        return tuple(t.id for t in self._tasks)

    def load(self, index: int) -> Task:
        """Return the task at ``index``."""
        return self._tasks[index]

    def gold(self, task: Task) -> str | None:
        """Return the completion given for ``task`` at construction, or None."""
        return self._gold.get(task.id)
