"""Worlds: names and words that the warm start and the other worlds share or must not share."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import combinations

import pytest

from sdpo_envs.tiny import code, sci, tool, words
from sdpo_envs.tiny.tasks import make_tasks
from sdpo_envs.tiny.worlds import (
    REPORT_WORLDS,
    TUNING_WORLDS,
    Draw,
    Owner,
    Split,
    check_world,
    is_held_out,
    names,
    vocabulary,
)
from sdpo_gym.errors import UsageError
from sdpo_gym.task import Task

WORD = re.compile(r"[a-z]+")
FRAMES = {  # of prompts and answers, in small letters
    *("call", "write", "a", "program", "which", "has", "action", "input"),
    *("x", "int", "print", "max", "python", "reasoning", "answer", "the", "of", "is"),
}
TOOL = re.compile(r"[a-z]+_[a-z]+|(?<=call )[a-z]+ [a-z]+")
NONCE = re.compile(r"[a-z]{2}-[a-z]{2}")


def text_of(task: Task, gold: str | None) -> str:
    return f"{task.messages[0].content}\n{gold}".lower()


@cache
def said(split: str, world: int, size: int | None = None) -> str:
    tasks = make_tasks(split, world=world, size=size)
    return "\n".join(text_of(task, tasks.gold(task)) for task in tasks)


def test_draws_are_the_same_on_every_python() -> None:
    draw = Draw("pinned", 1)
    found = [draw.below(1000), draw.choice("abcdef"), draw.shuffled(range(5)), draw.weighted("ab", (0.9, 0.1))]
    assert found == [974, "d", [2, 0, 4, 3, 1], "a"]


def test_a_sample_has_every_order_equally_often() -> None:
    draw = Draw("orders")
    counts = Counter(tuple(draw.sample("abc", 2)) for _ in range(6000))
    assert len(counts) == 6
    assert all(850 < count < 1150 for count in counts.values())


def test_weights_are_kept() -> None:
    draw = Draw("weights")
    counts = Counter(draw.weighted("abcd", tool.PRIOR) for _ in range(4000))
    assert 2050 < counts["a"] < 2350
    assert all(500 < counts[letter] < 700 for letter in "bcd")


def test_a_quarter_of_the_combinations_is_held_out_whatever_their_order() -> None:
    pairs = list(combinations(words.CONCEPTS["place"].values + words.CONCEPTS["day"].values, 2))
    held_out = [pair for pair in pairs if is_held_out(pair)]
    assert 0.2 < len(held_out) / len(pairs) < 0.3
    assert all(is_held_out(pair[::-1]) for pair in held_out)


def test_every_value_tells_its_concept_and_every_word_is_one_token() -> None:
    values = [value for concept in words.CONCEPTS.values() for value in concept.values]
    values += [value for group in words.ATTRIBUTES.values() for value in group]
    assert len(set(values)) == len(values)
    keys = [key for concept in words.CONCEPTS.values() for key in concept.keys]
    assert len(set(keys)) == len(keys) == 48
    assert {len(concept.values) for concept in words.CONCEPTS.values()} == {12}
    assert {len(group) for group in words.ATTRIBUTES.values()} == {12}
    assert all(WORD.fullmatch(word) for word in vocabulary())
    assert len(set(vocabulary())) == len(vocabulary())


def test_no_name_belongs_to_two_and_every_syllable_is_in_all() -> None:
    every = [name for owner in Owner for name in names(owner)]
    assert len(set(every)) == len(every)
    for owner in Owner:
        assert {s for name in names(owner) for s in name.split("-")} == set(words.SYLLABLES)


def test_the_tools_of_worlds_share_words_with_the_warm_starts_and_are_not_its() -> None:
    assert len(tool.TOOLS) == len({verb for verb, _ in tool.TOOLS}) == 8
    assert set(Counter(noun for _, noun in tool.TOOLS).values()) == {2}
    assert {word for name in tool.TOOLS for word in name} <= {word for name in tool.WARM_TOOLS for word in name}
    assert not set(tool.TOOLS) & set(tool.WARM_TOOLS)


def test_a_world_without_enough_requests_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tool.SIZES, Split.TRAIN, 2000)  # there are 288 requests with one value
    with pytest.raises(ValueError, match="world 3 has no 2000 different train requests"):
        tool.items(Split.TRAIN, 3)


@pytest.mark.parametrize("world", [0, 1, 57, 100, 199])
def test_the_names_of_a_world_are_absent_from_the_warm_start(world: int) -> None:
    here, warm = said("train", world), said("warmstart", 0, 6000)
    nonce = set(code.meanings(world)) | {entity for entity, _, _ in sci.facts(world)}
    assert len(nonce) == code.VERBS + sci.ENTITIES
    assert set(NONCE.findall(here)) == nonce
    assert set(TOOL.findall(here)) == {mark.join(name) for name in tool.schemas(world) for mark in "_ "}
    assert not set(NONCE.findall(here)) & set(NONCE.findall(warm))
    assert not set(TOOL.findall(here)) & set(TOOL.findall(warm))


def test_the_warm_start_has_every_word_of_the_vocabulary() -> None:
    assert not set(vocabulary()) - set(WORD.findall(said("warmstart", 0, 6000)))


def test_the_vocabulary_has_every_word_of_the_tasks() -> None:
    for split, world in (("train", 0), ("test", 7), ("test", 150), ("warmstart", 2)):
        assert not set(WORD.findall(said(split, world))) - set(vocabulary()) - FRAMES - set("abcd")


def test_report_worlds_are_not_tuning_worlds() -> None:
    assert not set(REPORT_WORLDS) & set(TUNING_WORLDS)


@pytest.mark.parametrize(("split", "world"), [(Split.TRAIN, -1), (Split.TEST, 200), (Split.WARMSTART, 10**9)])
def test_a_world_that_there_is_not(split: Split, world: int) -> None:
    with pytest.raises(UsageError, match=f"got {world}$"):
        check_world(split, world)
    check_world(split, 0)
