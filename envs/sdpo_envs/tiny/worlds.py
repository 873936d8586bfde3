"""Worlds: hidden knowledge that neither a prompt nor the warm start holds, drawn by a number.

A world's *names* (tools, verbs, entities) are made of words and syllables that the warm start has, put together as it
never does: which of them belong to whom is decided by rule, not by chance.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from sdpo_envs.tiny import words
from sdpo_gym.errors import UsageError
from sdpo_gym.task import MetaValue

T = TypeVar("T")

REPORT_WORLDS = range(0, 100)  # what a report trains and tests on
TUNING_WORLDS = range(100, 200)  # what settings are chosen on
MOST_WARM_START_WORLDS = 1_000_000_000


class Family(StrEnum):
    """The kinds of tasks."""

    TOOL = "tool"
    CODE = "code"
    SCI = "sci"


class Split(StrEnum):
    """The parts of the data."""

    TEST = "test"  # held-out prompts over the same hidden knowledge as train
    TRAIN = "train"
    WARMSTART = "warmstart"  # other names and other knowledge


class Owner(StrEnum):
    """Whose a two-syllable name is."""

    CODE = "code"  # verbs of the code family's worlds
    SCI = "sci"  # entities of the sci family's worlds
    WARM_CODE = "warm_code"
    WARM_SCI = "warm_sci"


@dataclass(frozen=True)
class Item:
    """What a task is made of.

    Attributes:
        prompt: what the user asks.
        gold: an answer that is right.
        payload: for the judge; ``shown`` lists texts that feedback may say by design.
        meta: the task's meta.
    """

    prompt: str
    gold: str
    payload: Mapping[str, Any]
    meta: Mapping[str, MetaValue]


class Draw:
    """Draws that come out the same on every Python: of ``random``, only seeding and ``random()`` are sure to stay."""

    def __init__(self, *names: object) -> None:
        self._random = random.Random("tiny|" + "|".join(map(str, names)))

    def below(self, count: int) -> int:
        """Return a whole number from 0 to ``count`` - 1."""
        return int(self._random.random() * count)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of ``items``."""
        return items[self.below(len(items))]

    def sample(self, items: Iterable[T], count: int) -> list[T]:
        """Return ``count`` different ones of ``items``, in random order."""
        pool = list(items)
        for at in range(count):
            other = at + self.below(len(pool) - at)
            pool[at], pool[other] = pool[other], pool[at]
        return pool[:count]

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """Return ``items`` in random order."""
        pool = list(items)
        return self.sample(pool, len(pool))

    def weighted(self, items: Sequence[T], weights: Sequence[float]) -> T:
        """Return one of ``items``, each as often as its weight says; the weights add up to 1."""
        left = self._random.random()
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0:
                return item
        return items[-1]


def is_held_out(parts: Iterable[str]) -> bool:
    """Whether a combination, whatever its order, is among the quarter that only test prompts have."""
    return hashlib.sha256("|".join(sorted(parts)).encode()).digest()[0] % 4 == 0


@cache
def names(owner: Owner) -> tuple[str, ...]:
    """Return every two-syllable name that may belong to ``owner``; no name belongs to two."""
    remainder = list(Owner).index(owner)
    syllables = words.SYLLABLES
    return tuple(
        f"{first}-{second}"
        for i, first in enumerate(syllables)
        for j, second in enumerate(syllables)
        if i != j and (i + j) % len(Owner) == remainder
    )


def check_world(split: Split, world: int) -> None:
    """Refuse the number of a world that there is not.

    Raises:
        UsageError: naming the range.
    """
    count = MOST_WARM_START_WORLDS if split is Split.WARMSTART else TUNING_WORLDS.stop
    if not 0 <= world < count:
        raise UsageError(
            f"split {split.value!r} has the worlds 0 to {count - 1:,}"
            + ("" if split is Split.WARMSTART else " (0 to 99 for reports, 100 to 199 for tuning)")
            + f", got {world}"
        )


def vocabulary() -> tuple[str, ...]:
    """Return every word that worlds are made of, each once: verbs, nouns, keys, values, syllables, attributes."""
    tool = [*words.VERBS, *words.NOUNS]
    for concept in words.CONCEPTS.values():
        tool += [*concept.keys, *concept.values]
    sci = [word for attribute, values in words.ATTRIBUTES.items() for word in (attribute, *values)]
    return tuple(dict.fromkeys([*tool, *words.SYLLABLES, *sci]))
