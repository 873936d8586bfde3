"""Simulated attempts that fail: answers right in another world, and answers with something broken in them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from sdpo_gym.completion import Completion, FinishReason

_OPTION = re.compile(r"^([A-D]): (\w+)$", re.MULTILINE)
# Programs that run into each of the limits, or crash. A model will hardly write one; they are dear to judge.
RARE_PROGRAMS = (
    "while x == x:\n    x = x + 1\nprint(x)",
    "import time\ntime.sleep(60)\nprint(x)",
    "x = [x] * 10 ** 9\nprint(x)",
    "print('1' * 10 ** 7)",
    "import os\nos.abort()\nprint(x)",
)
RARE_SHARE = 0.002


def corrupt(text: str, family: str, tokenizer: Any, draw: random.Random) -> Completion:
    """Break an answer: one mistake of its family's, or tokens dropped, doubled, changed or cut off."""
    if family == "code" and draw.random() < RARE_SHARE / 0.15:
        program = draw.choice(RARE_PROGRAMS)
        return Completion(f"```python\nx = int(input())\n{program}\n```")
    if draw.random() < 0.5:
        return Completion(draw.choice(_MISTAKES[family])(text, draw))
    return _break_tokens(text, tokenizer, draw)


def other_option(question: str, gold: str, draw: random.Random) -> str:
    """Return an answer that chooses another option than ``gold`` does, which the question lists."""
    options = _OPTION.findall(question)
    label, value = next((label, value) for label, value in options if f"\n{label}\n" in gold)
    new_label, new_value = draw.choice([o for o in options if o[0] != label])
    return gold.replace(f" {value}.", f" {new_value}.").replace(f"\n{label}\n", f"\n{new_label}\n")


def _break_tokens(text: str, tokenizer: Any, draw: random.Random) -> Completion:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    at = draw.randrange(len(ids))
    match draw.randrange(4):
        case 0:
            return Completion(tokenizer.decode(ids[:at]), FinishReason.LENGTH)
        case 1:
            ids = ids[:at] + ids[at + 1 :]
        case 2:
            ids = [*ids[:at], ids[at], *ids[at:]]
        case _:
            ids = [*ids[:at], draw.choice(ids), *ids[at + 1 :]]
    return Completion(tokenizer.decode(ids))


def _replaced(old: str, new: str) -> Callable[[str, random.Random], str]:
    return lambda text, _: text.replace(old, new, 1)


def _other_tool(text: str, draw: random.Random) -> str:
    words = ("get", "find", "book", "send", "check", "weather", "ticket", "room", "song", "photo")
    return re.sub(r"(?<=Action: )\w+", lambda m: _with_word(m.group(), draw.choice(words), draw), text, count=1)


def _with_word(name: str, word: str, draw: random.Random) -> str:
    parts = name.split("_")
    parts[draw.randrange(len(parts))] = word
    return "_".join(parts)


def _mix(pattern: str) -> Callable[[str, random.Random], str]:
    """Return what replaces one match of ``pattern`` by another one, or drops it where there is no other."""

    def mix(text: str, draw: random.Random) -> str:
        found = list(re.finditer(pattern, text))
        if not found:
            return text[: len(text) // 2]
        one, other = draw.choice(found), draw.choice(found)
        return text[: one.start()] + (other.group() if other is not one else "") + text[one.end() :]

    return mix


def _shuffled_values(text: str, draw: random.Random) -> str:
    values = re.findall(r'(?<=: ")\w+(?=")', text)
    draw.shuffle(values)
    given = iter(values)
    return re.sub(r'(?<=: ")\w+(?=")', lambda _: next(given), text)


def _drop_pair(text: str, draw: random.Random) -> str:
    pairs = re.findall(r'"\w+": "\w+"', text)
    pairs.pop(draw.randrange(len(pairs)))
    return text[: text.index("{")] + "{" + ", ".join(pairs) + "}"


def _add_pair(text: str, draw: random.Random) -> str:
    pairs = re.findall(r'"\w+": "\w+"', text)
    key = draw.choice(("location", "date", "name", "food", "size", "lang", "count", "kind", "mode", "topic"))
    pairs.insert(draw.randrange(len(pairs) + 1), f'"{key}": {draw.choice(pairs).split(": ")[1]}')
    return text[: text.index("{")] + "{" + ", ".join(pairs) + "}"


def _drop_line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    lines.pop(draw.randrange(1, len(lines) - 1))
    return "\n".join(lines)


def _swap_lines(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    one = draw.randrange(1, len(lines) - 2)
    lines[one], lines[one + 1] = lines[one + 1], lines[one]
    return "\n".join(lines)


def _double_line(text: str, draw: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(one := draw.randrange(1, len(lines) - 1), lines[one])
    return "\n".join(lines)


_MISTAKES: dict[str, Sequence[Callable[[str, random.Random], str]]] = {
    "tool": (
        _other_tool,
        _shuffled_values,
        _shuffled_values,
        _drop_pair,
        _add_pair,
        _mix(r'"\w+"(?=: )'),
        lambda text, _: f"{text}\n{text}",
        lambda text, _: text.partition("\n")[0],
        lambda text, _: text.partition("\n")[2],
        lambda text, _: text.partition("Action: ")[2],
        lambda text, _: text + text[-2:],
        lambda text, _: text.rstrip("}"),
        _replaced('"', "'"),
        _replaced('": "', '", "'),
        lambda text, _: text.replace('"', "'"),
    ),
    "code": (
        _drop_line,
        _drop_line,
        _swap_lines,
        _double_line,
        _double_line,
        _replaced("x = x", "x ="),
        _replaced("x = int(input())\n", ""),
        _replaced("int(input())", "input()"),
        _replaced("print(x)", "print(y)"),
        _replaced("print(x)\n", ""),
        _replaced("```python\n", ""),
        lambda text, _: text.replace("```", ""),
    ),
    "sci": (
        _replaced("\n</answer>", "\nA\n</answer>"),
        lambda text, _: text.partition("<answer>")[0],
        lambda text, draw: re.sub(r"\n[A-D]\n", "\n", text),
        lambda text, draw: re.sub(r"\n[A-D]\n", draw.choice(("\nE\n", "\nx\n", "\n1\n")), text),
        lambda text, _: text.replace("<answer>", "").replace("</answer>", ""),
        lambda text, draw: text + f"\n<answer>\n{draw.choice('ABCD')}\n</answer>",
        lambda text, _: text.partition("</reasoning>\n")[2],
    ),
}
