"""Completions that are wrong, in ways that people and models are."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from sdpo_gym.checking.bench import Try
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.env import chat_text
from sdpo_gym.task import Task

_REPEATED = 5_000
_OTHERS = 2  # gold answers of other tasks, per task
_SHARE = 0.15  # of the words that are dropped
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"(\s+)")


def junk(task: Task) -> list[Try]:
    """Return completions that are no answers to ``task``."""
    texts = {
        "the empty answer": "",
        "an answer that knows nothing": "I do not know.",
        "the prompt echoed": chat_text(task.messages),
        "one word repeated": "answer " * _REPEATED,
        "an answer in other scripts": "¿Größe? Ответа нет – 答えは分かりません。 \U0001f937 \u202e\u0000\ud800",
    }
    return [Try(task, Completion(text), kind) for kind, text in texts.items()]


def wrong(task: Task, gold: str | None, others: Sequence[str]) -> list[Try]:
    """Return plausible answers to ``task`` that are hardly right: mutated gold, and gold answers of other tasks.

    Args:
        task: the task; its id seeds the choice.
        gold: its gold answer, if one is known.
        others: gold answers of other tasks.
    """
    rng = random.Random(f"wrong:{task.id}")
    texts = [("a gold answer of another task", text) for text in rng.sample(others, min(_OTHERS, len(others)))]
    tries = [Try(task, Completion(text), kind) for kind, text in texts]
    if gold is not None:
        tries += [Try(task, Completion(text), kind) for kind, text in _mutations(gold, rng)]
        cut = Completion(gold[: len(gold) // 2], FinishReason.LENGTH)
        tries.append(Try(task, cut, "its gold answer cut by the token limit"))
    return [attempt for attempt in tries if attempt.completion.text != gold]


def _mutations(gold: str, rng: random.Random) -> Iterator[tuple[str, str]]:
    yield "its gold answer with other digits", _DIGITS.sub(lambda number: _other(number.group(), rng), gold)
    words = _SPACE.split(gold)
    dropped = {i for i in range(0, len(words), 2) if rng.random() < _SHARE} or {2 * rng.randrange(len(words) // 2 + 1)}
    yield "its gold answer with words left out", "".join(w for i, w in enumerate(words) if i not in dropped)
    for rest in (1, 2):
        yield "its gold answer cut short", gold[: len(gold) * rest // 3]


def _other(number: str, rng: random.Random) -> str:
    """Return a number with as many digits, which is another one every second time."""
    return number if rng.random() < 0.5 else "".join(rng.choice("123456789") for _ in number)
