"""maj@k: how often the answer that most of k attempts give is right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

Vote = tuple[str | None, bool]


def maj_at_k(votes: Sequence[Vote], k: int) -> float:
    """Return the chance that the majority of k attempts, drawn without replacement, gives a right answer.

    Self-consistency (Wang et al. 2023, arXiv:2203.11171), as the exact mean over all subsets of k, not over one draw.
    Of several answers with the most votes one is drawn, each with the same chance. An attempt without an answer has no
    vote; where none of the k has one, the majority is wrong. If a judge accepts an answer in some attempts only, it is
    right to the share in which it does.

    Args:
        votes: for each attempt the answer, None where it gives none, and whether it passed. Answers that count as the
            same must be equal texts.
        k: number of attempts.

    Raises:
        ValueError: unless 1 <= k <= the number of attempts.
    """
    if not 1 <= k <= len(votes):
        raise ValueError(f"k must lie in [1, n = {len(votes)}], got {k}")
    sizes = Counter(answer for answer, _ in votes if answer is not None)
    right = Counter(answer for answer, passed in votes if answer is not None and passed)
    silent = len(votes) - sizes.total()
    return math.fsum(
        right[answer]
        / size
        * _chance_to_win(size, tuple(sorted((sizes - Counter({answer: size})).values())), silent, k)
        for answer, size in sizes.items()
        if right[answer]
    )


@lru_cache(maxsize=4096)
def _chance_to_win(size: int, others: tuple[int, ...], silent: int, k: int) -> float:
    """Return the chance that an answer given ``size`` times wins among k of all attempts.

    Counts subsets by the votes v that the answer gets in them; ``ways[t][s]`` is the number of choices of s attempts
    among the other answers of which t get v votes, too, and none gets more.
    """
    total = 0.0
    for votes in range(1, min(size, k) + 1):
        rest = k - votes
        ways = {(0, 0): 1}
        for other in others:
            grown: Counter[tuple[int, int]] = Counter()
            for (ties, chosen), count in ways.items():
                for taken in range(min(other, votes, rest - chosen) + 1):
                    grown[ties + (taken == votes), chosen + taken] += count * math.comb(other, taken)
            ways = grown
        total += math.comb(size, votes) * sum(
            count * math.comb(silent, rest - chosen) / (ties + 1) for (ties, chosen), count in ways.items()
        )
    return total / math.comb(size + sum(others) + silent, k)
