"""Programs: what each nonce verb does to a number is hidden; two verbs are two lines, one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache

from sdpo_envs.tiny import prompts
from sdpo_envs.tiny.worlds import Draw, Family, Item, Owner, Split, names

# Line of a program -> what it computes. Two of them keep 0..20 within -90 and 500.
OPERATIONS: dict[str, Callable[[int], int]] = {
    "x = x + 2": lambda x: x + 2,
    "x = x + 3": lambda x: x + 3,
    "x = x + 5": lambda x: x + 5,
    "x = x + 9": lambda x: x + 9,
    "x = x - 1": lambda x: x - 1,
    "x = x - 4": lambda x: x - 4,
    "x = x * 2": lambda x: x * 2,
    "x = x * 3": lambda x: x * 3,
    "x = x * 5": lambda x: x * 5,
    "x = x // 2": lambda x: x // 2,
    "x = x // 3": lambda x: x // 3,
    "x = x % 4": lambda x: x % 4,
    "x = x % 7": lambda x: x % 7,
    "x = 10 - x": lambda x: 10 - x,
    "x = 20 - x": lambda x: 20 - x,
    "x = max(x, 9)": lambda x: max(x, 9),
}
INPUTS = range(21)
TESTS = 4
VERBS = 12
_SHIFTS = 3  # pairs of each verb with as many others, in each split
_TRIES = 20
_LINES = tuple(OPERATIONS)
_PROGRAMS = (*((line,) for line in _LINES), *((one, two) for one in _LINES for two in _LINES))


def meanings(world: int) -> dict[str, str]:
    """Return the knowledge of a world: the line that each of its verbs stands for, all different."""
    draw = Draw("code", world)
    verbs = draw.sample(names(Owner.CODE), VERBS)
    return dict(zip(verbs, draw.sample(_LINES, VERBS), strict=True))


def items(split: Split, world: int) -> list[Item]:
    """Return the tasks of a world: each verb alone, and 36 pairs, which are others in train than in test."""
    known = meanings(world)
    draw = Draw("code", world, "pairs")
    verbs, shifts = draw.shuffled(known), draw.sample(range(1, VERBS), 2 * _SHIFTS)
    mine = shifts[:_SHIFTS] if split is Split.TRAIN else shifts[_SHIFTS:]
    asked: list[tuple[str, ...]] = [(verb,) for verb in verbs]
    asked += [(verb, verbs[(at + shift) % VERBS]) for shift in mine for at, verb in enumerate(verbs)]
    draw = Draw("code", world, split)
    return [_item(one, [known[verb] for verb in one], draw) for one in draw.shuffled(asked)]


def warm_item(world: int, number: int) -> Item:
    """Return a task of the warm start: the same verbs in every world, other meanings."""
    draw = Draw("code", "warm", number)
    verbs = draw.sample(names(Owner.WARM_CODE), 1 if draw.below(4) == 0 else 2)
    lines = [Draw("code", "warm", world, verb).choice(_LINES) for verb in verbs]
    return _item(verbs, lines, Draw("code", "warm", world, number))


def run(lines: Sequence[str], x: int) -> int:
    """Return what a program of these lines prints for ``x``."""
    for line in lines:
        x = OPERATIONS[line](x)
    return x


def _item(verbs: Sequence[str], lines: Sequence[str], draw: Draw) -> Item:
    tests = [(x, run(lines, x)) for x in _inputs(tuple(lines), draw)]
    rows = [{"input": str(x), "output": str(y), "testtype": "stdin"} for x, y in tests]
    shown = ["```python", *(text for test in tests for text in map(str, test))]
    return Item(
        prompts.assignment(verbs),
        prompts.program(lines),
        {"metadata": "{}", "public_test_cases": json.dumps(rows), "shown": shown},
        {"family": Family.CODE.value, "verbs": str(len(verbs))},
    )


def _inputs(lines: tuple[str, ...], draw: Draw) -> list[int]:
    """Draw the tests' inputs, so that as few other programs as can be pass them."""
    agree, outputs, equal = _agreeing(), _outputs(lines), _equal(lines)
    best: tuple[int, list[int]] | None = None
    for _ in range(_TRIES):
        inputs = draw.sample(INPUTS, TESTS)
        passing = -1
        for x in inputs:
            passing &= agree[x, outputs[x]]
        if best is None or passing.bit_count() < best[0]:
            best = passing.bit_count(), inputs
        if passing == equal:
            break
    assert best is not None
    return best[1]


@cache
def _outputs(lines: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(run(lines, x) for x in INPUTS)


@cache
def _agreeing() -> dict[tuple[int, int], int]:
    """Return, for each input and output, which programs of one or two lines have it, as bits."""
    found: dict[tuple[int, int], int] = {}
    for number, lines in enumerate(_PROGRAMS):
        for key in enumerate(_outputs(lines)):
            found[key] = found.get(key, 0) | 1 << number
    return found


@cache
def _equal(lines: tuple[str, ...]) -> int:
    """Return which programs compute the same as ``lines`` everywhere, as bits."""
    same = -1
    for key in enumerate(_outputs(lines)):
        same &= _agreeing()[key]
    return same
