# class: idiom
# about: A future import behind a docstring
# case: ["3\n", "[1, 2, 3]"]
"""A docstring may stand before it."""
from __future__ import annotations


def count(n: Sequence[Unknown]) -> Missing | None:
    return list(range(1, n + 1))


print(count(int(input())))
