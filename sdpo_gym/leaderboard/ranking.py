"""Ranks with ties: a run stands behind those that are better than it beyond doubt, and behind no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sdpo_gym.leaderboard.results import Entry
from sdpo_gym.paired import PairedDifference, paired_difference


@dataclass(frozen=True)
class Standing:
    """Where a run stands among those that it can be compared with.

    Attributes:
        rank: 1 plus the number of runs that are significantly better; None if some task has no verdict.
        is_tied: whether another run has the same rank.
        versus: the paired differences to the other ranked runs, this run's score less theirs, by name.
    """

    rank: int | None
    is_tied: bool
    versus: Mapping[str, PairedDifference]


def standings(entries: Sequence[Entry]) -> dict[str, Standing]:
    """Rank the runs of one environment, each among those with the same card, judge, tasks and window; by name.

    Two runs tie where the 95 % interval of their paired difference includes 0. Ties need not be transitive: with A
    better than C beyond doubt, and B between them and apart from neither, A and B have rank 1 and C has rank 2.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.setting, []).append(entry)
    found: dict[str, Standing] = {}
    for group in groups.values():
        found |= _within(group)
    return found


def _within(group: Sequence[Entry]) -> dict[str, Standing]:
    ranked = [entry for entry in group if entry.is_complete]
    versus: dict[str, dict[str, PairedDifference]] = {entry.name: {} for entry in group}
    for i, one in enumerate(ranked):
        low, high = one.data["env"]["reward_range"]
        for other in ranked[i + 1 :]:
            difference = paired_difference(one.means, other.means, (low, high))
            versus[one.name][other.name] = difference
            versus[other.name][one.name] = _reversed(difference)
    ranks = {
        entry.name: 1 + sum(d.is_significant and d.value < 0 for d in versus[entry.name].values()) for entry in ranked
    }
    shared = list(ranks.values())
    return {
        entry.name: Standing(
            ranks.get(entry.name),
            entry.name in ranks and shared.count(ranks[entry.name]) > 1,
            versus[entry.name],
        )
        for entry in group
    }


def _reversed(found: PairedDifference) -> PairedDifference:
    low, high = (None if end is None else -end for end in (found.high, found.low))
    return replace(found, value=-found.value, low=low, high=high, won=found.lost, lost=found.won)
