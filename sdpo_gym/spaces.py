"""The space of all texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym

_EXAMPLES = (
    "",
    "I do not know.",
    "The answer is B.",
    "```python\nprint(input())\n```",
    "Größe ≤ 10, naïve – 数 🙂\n\ttwo lines",
)


class AnyText(gym.Space[str]):
    """Every ``str`` of any length.

    Not a :class:`gymnasium.spaces.Text`: that one needs a length and an alphabet, and vector environments hand it
    round in shared memory, where text gets lost without a word. This one is refused there with a clear message.

    Args:
        examples: the texts that :meth:`sample` draws from; the space itself is the same whatever they are.
        seed: seed of :meth:`sample`.
    """

    def __init__(self, examples: Sequence[str] = _EXAMPLES, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        self._examples = tuple(examples)
        if not self._examples:
            raise ValueError("AnyText needs at least one example to sample from, got none")

    @property
    def is_np_flattenable(self) -> bool:
        """False: a text has no box."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Draw one of the examples; masks mean nothing here and are refused."""
        if mask is not None or probability is not None:
            raise ValueError("AnyText.sample takes neither mask nor probability: there is no list of all texts")
        return self._examples[int(self.np_random.integers(len(self._examples)))]

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a str."""
        return isinstance(x, str)

    def __repr__(self) -> str:
        return "AnyText()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyText)
