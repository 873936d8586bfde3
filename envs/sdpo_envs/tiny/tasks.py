"""The task sets: made from a world's number, so that there is nothing to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Protocol

from sdpo_envs.tiny import code, sci, tool
from sdpo_envs.tiny.worlds import Family, Item, Split, check_world, vocabulary
from sdpo_gym.errors import UsageError
from sdpo_gym.options import choice
from sdpo_gym.task import Message, Task, TaskSet

ALL = "all"
REVISION = "procedural"
WARM_START_SIZE = 1000
_DATA = ("hub", "sample")


class Maker(Protocol):
    """What a family's module makes tasks with."""

    def items(self, split: Split, world: int) -> list[Item]:
        """Return the tasks of a world."""
        ...

    def warm_item(self, world: int, number: int) -> Item:
        """Return a task of the warm start."""
        ...


MAKERS: dict[Family, Maker] = {Family.TOOL: tool, Family.CODE: code, Family.SCI: sci}


class TinyTasks(TaskSet):
    """Tasks of one world. Those of the warm start are made when they are asked for, several thousand a second.

    Attributes:
        vocabulary: every word that worlds, all of them, are made of.
    """

    def __init__(self, families: Sequence[Family], split: Split, world: int, size: int, *, is_sample: bool) -> None:
        name = "tiny" if len(families) > 1 else f"tiny_{families[0]}"
        self.name = f"{name}_sample" if is_sample else name
        self.split, self.revision, self.window, self.is_sample = split.value, REVISION, f"world {world}", is_sample
        self._families, self._split, self._world, self._size = tuple(families), split, world, size

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every word that worlds are made of, of any family and split."""
        return vocabulary()

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The task ids in order: family, world, split and number."""
        return tuple(f"{family}-{self._world}-{self.split}-{number}" for family, number in self._places)

    def load(self, index: int) -> Task:
        """Make a task."""
        item = self._item(index)
        return Task(self.ids[index], (Message("user", item.prompt),), item.payload, item.meta)

    def gold(self, task: Task) -> str | None:
        """Return the answer that is right, or None if the task is of another set."""
        index = self._positions.get(task.id)
        return None if index is None else self._item(index).gold

    @cached_property
    def _places(self) -> list[tuple[Family, int]]:
        if self._split is Split.WARMSTART:  # families by turns, so that a short set has all of them
            many = len(self._families)
            return [(self._families[number % many], number // many) for number in range(self._size)]
        return [
            (family, number)
            for family in self._families
            for number in range(len(_items(family, self._split, self._world)))
        ]

    def _item(self, index: int) -> Item:
        family, number = self._places[index]
        if self._split is Split.WARMSTART:
            return MAKERS[family].warm_item(self._world, number)
        return _items(family, self._split, self._world)[number]


@lru_cache(maxsize=64)
def _items(family: Family, split: Split, world: int) -> list[Item]:
    return MAKERS[family].items(split, world)


def make_tasks(
    split: str | None = None, data: str = "hub", *, family: str = ALL, world: int = 0, size: int | None = None
) -> TinyTasks:
    """Make a task set.

    Args:
        split: ``test`` (the default): held-out prompts about what ``train`` hides; ``train``; or ``warmstart``: other
            names, and knowledge that is another in every world. Prompt ``i`` of the warm start is the same text in
            every world, so that what is right in one is a plausible mistake in another.
        data: ``hub`` or ``sample``: both are made here, and differ in nothing but the name.
        family: ``tool``, ``code``, ``sci``, or ``all``.
        world: number of the world: 0 to 99 for reports, 100 to 199 for tuning; of the warm start any.
        size: number of tasks of the warm start; None for 1,000. The other splits have their own.

    Raises:
        UsageError: if an option has a value that it cannot have.
    """
    wanted = choice(Split, "split", split or Split.TEST)
    if data not in _DATA:
        raise UsageError(f"the tiny tasks are made, not read: data must be {' or '.join(_DATA)}, got {data!r}")
    if family != ALL and family not in list(Family):
        raise UsageError(f"option family must be one of {', '.join([*Family, ALL])}, got {family!r}")
    check_world(wanted, world)
    if size is not None and wanted is not Split.WARMSTART:
        raise UsageError(f"option size is for split 'warmstart' only, got size={size} with split {wanted.value!r}")
    if size is not None and size < 1:
        raise UsageError(f"option size must be at least 1, got {size}")
    families = tuple(Family) if family == ALL else (Family(family),)
    return TinyTasks(families, wanted, world, size or WARM_START_SIZE, is_sample=data == "sample")
