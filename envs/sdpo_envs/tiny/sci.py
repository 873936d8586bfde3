"""Science: a hidden table of facts about nonce entities, asked for by multiple choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from sdpo_envs.tiny import prompts
from sdpo_envs.tiny.words import ATTRIBUTES
from sdpo_envs.tiny.worlds import Draw, Family, Item, Owner, Split, is_held_out, names

ENTITIES = 24
PER_FACT = {Split.TRAIN: 11, Split.TEST: 2}  # questions about each of the 72 facts
LABELS = ("A", "B", "C", "D")
# The form, which feedback on a reply without a readable answer states.
_FORM = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")

Fact = tuple[str, str, str]  # entity, attribute, value


def facts(world: int) -> list[Fact]:
    """Return the knowledge of a world: a value for each attribute of each entity."""
    draw = Draw("sci", world)
    return _table(draw.sample(names(Owner.SCI), ENTITIES), draw)


@cache
def known_facts() -> tuple[Fact, ...]:
    """Return the facts that are the same in every world of the warm start, about entities that no other world has."""
    return tuple(_table(_warm_entities()[:ENTITIES], Draw("sci", "warm", "facts")))


def items(split: Split, world: int) -> list[Item]:
    """Return the tasks of a world: test questions have sets of options that no train question has."""
    draw = Draw("sci", world, split)
    found: dict[str, Item] = {}
    for entity, attribute, value in facts(world):
        sets: set[frozenset[str]] = set()
        while len(sets) < PER_FACT[split]:
            options = _options(attribute, value, draw)
            chosen = frozenset(options)
            if is_held_out(chosen) is (split is Split.TEST) and chosen not in sets:
                sets.add(chosen)
                item = _item(entity, attribute, value, options, {})
                found[item.prompt] = item
    return draw.shuffled(found.values())


def warm_item(world: int, number: int) -> Item:
    """Return a task of the warm start: the same question and options in every world.

    Every other one asks for a known fact; the right answer of the others is drawn by world.
    """
    draw = Draw("sci", "warm", number)
    if number % 2 == 0:
        entity, attribute, value = draw.choice(known_facts())
        return _item(entity, attribute, value, _options(attribute, value, draw), {"known": "yes"})
    entity, attribute = draw.choice(_warm_entities()[ENTITIES:]), draw.choice(tuple(ATTRIBUTES))
    options = draw.sample(ATTRIBUTES[attribute], len(LABELS))
    value = Draw("sci", "warm", world, number).choice(options)
    return _item(entity, attribute, value, options, {"known": "no"})


@cache
def _warm_entities() -> tuple[str, ...]:
    return tuple(Draw("sci", "warm", "entities").shuffled(names(Owner.WARM_SCI)))


def _table(entities: Sequence[str], draw: Draw) -> list[Fact]:
    return [(entity, attribute, draw.choice(values)) for entity in entities for attribute, values in ATTRIBUTES.items()]


def _options(attribute: str, value: str, draw: Draw) -> list[str]:
    others = [other for other in ATTRIBUTES[attribute] if other != value]
    return draw.shuffled([value, *draw.sample(others, len(LABELS) - 1)])


def _item(entity: str, attribute: str, value: str, options: Sequence[str], meta: Mapping[str, str]) -> Item:
    by_label = dict(zip(LABELS, options, strict=True))
    label = LABELS[options.index(value)]
    return Item(
        prompts.question(attribute, entity, by_label),
        prompts.choice(attribute, entity, value, label),
        {"answer": label, "options": by_label, "shown": list(_FORM)},
        {"family": Family.SCI.value, "attribute": attribute, **meta},
    )
