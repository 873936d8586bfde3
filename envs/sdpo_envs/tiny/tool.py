"""Tool use: which of four names each argument of a tool has is hidden; requests give values only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sdpo_envs.tiny import prompts
from sdpo_envs.tiny.words import CONCEPTS, NOUNS, VERBS
from sdpo_envs.tiny.worlds import Draw, Family, Item, Split, is_held_out

PRIOR = (0.55, 0.15, 0.15, 0.15)  # of an argument's names in the warm start; in worlds they are equally likely
PARAMETERS = 3  # of a world's tool; a request gives 1 to 3 of them
SIZES = {Split.TRAIN: 480, Split.TEST: 96}
WARM_ARGUMENTS = 4  # the most that a request of the warm start gives
_MOST_DRAWS = 100  # per request; 8 tools have few requests with one value, and each may be asked once

_PAIRS = tuple((verb, noun) for verb in VERBS for noun in NOUNS)


def _is_reserved(verb: str, noun: str) -> bool:
    return (VERBS.index(verb) + NOUNS.index(noun)) % 6 == 0


RESERVED = tuple(pair for pair in _PAIRS if _is_reserved(*pair))  # 24 that the warm start has not
TOOLS = RESERVED[::3]  # of worlds: 8 verbs, 4 nouns
WARM_TOOLS = tuple(pair for pair in _PAIRS if not _is_reserved(*pair))


def schemas(world: int) -> dict[tuple[str, str], dict[str, str]]:
    """Return the knowledge of a world: by tool, the names of its arguments by concept."""
    draw = Draw("tool", world)
    return {
        tool: {concept: draw.choice(CONCEPTS[concept].keys) for concept in draw.sample(CONCEPTS, PARAMETERS)}
        for tool in TOOLS
    }


def items(split: Split, world: int) -> list[Item]:
    """Return the tasks of a world; as many requests with 1, 2 and 3 values, and all tools about equally often."""
    known = schemas(world)
    draw = Draw("tool", world, split)
    orders = [draw.shuffled(TOOLS) for _ in range(PARAMETERS)]
    found: dict[str, Item] = {}
    for _ in range(_MOST_DRAWS * SIZES[split]):
        if len(found) == SIZES[split]:
            return list(found.values())
        count, turn = len(found) % PARAMETERS, len(found) // PARAMETERS
        tool = orders[count][turn % len(TOOLS)]
        concepts = draw.sample(known[tool], count + 1)
        values = [draw.choice(CONCEPTS[concept].values) for concept in concepts]
        if is_held_out(values) is (split is Split.TEST):
            item = _item(tool, [known[tool][concept] for concept in concepts], values)
            found.setdefault(item.prompt, item)
    raise ValueError(f"world {world} has no {SIZES[split]} different {split.value} requests; lower SIZES")


def warm_item(world: int, number: int) -> Item:
    """Return a task of the warm start: the same request in every world, other names of the arguments."""
    draw = Draw("tool", "warm", number)
    tool = draw.choice(WARM_TOOLS)
    concepts = draw.sample(CONCEPTS, 1 + draw.below(WARM_ARGUMENTS))
    values = [draw.choice(CONCEPTS[concept].values) for concept in concepts]
    keys = [Draw("tool", "warm", world, *tool, concept).weighted(CONCEPTS[concept].keys, PRIOR) for concept in concepts]
    return _item(tool, keys, values)


def _item(tool: tuple[str, str], keys: Sequence[str], values: Sequence[str]) -> Item:
    name, arguments = "_".join(tool), dict(zip(keys, values, strict=True))
    answer = json.dumps([{"Action": name, "Action_Input": json.dumps(arguments)}])
    return Item(
        prompts.request(*tool, values),
        prompts.call(name, arguments),
        {"answer": answer, "shown": [name, *keys]},
        {"family": Family.TOOL.value, "arguments": str(len(values))},
    )


def share(payload: Mapping[str, object], calls: Sequence[Mapping[str, str]]) -> float:
    """Return the share of a task that an answer has right: the tool's name and each argument count one.

    Args:
        payload: the task's.
        calls: the answer's calls, with ``Action`` and ``Action_Input`` (JSON text, which may be cut). The first one is
            compared; what all of them have beyond the gold call lowers the share.
    """
    (gold,) = json.loads(str(payload["answer"]))
    wanted = json.loads(gold["Action_Input"])
    given = [(one["Action"], _arguments(one["Action_Input"])) for one in calls]
    if not given:
        return 0.0
    action, arguments = given[0]
    right = sum([action == gold["Action"], *(arguments.get(key) == value for key, value in wanted.items())])
    parts = sum(1 + len(mine) for _, mine in given)
    return float(right / max(parts, 1 + len(wanted)))


def _arguments(text: str) -> dict[str, object]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}
