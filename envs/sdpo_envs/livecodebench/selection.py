"""Which tests decide the reward, and which of them may be shown: two declared subsets."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

from sdpo_envs.livecodebench.decode import Tests
from sdpo_gym.errors import UsageError
from sdpo_gym.sandbox.job import Case


class Shown(StrEnum):
    """Which graded tests' contents feedback may show."""

    PUBLIC = "public"
    NONE = "none"
    ALL = "all"


@dataclass(frozen=True)
class Selected:
    """One graded test.

    Attributes:
        case: its input and expected output.
        shown: whether feedback may show them.
    """

    case: Case
    shown: bool


@dataclass(frozen=True)
class Selection:
    """A rule that chooses the graded tests of a task.

    Attributes:
        shown: which graded tests may be shown; all public and private tests are graded.
        fraction: the paper's form instead: this share of the private tests, at least one, is shown, chosen by seed and
            task id. With split ``train`` exactly these are graded; with any other, all public and private ones.
            A task without private tests is then graded and shown by its public ones.
        split: the split that is judged.
        seed: chooses the fraction.
    """

    shown: Shown = Shown.PUBLIC
    fraction: float | None = None
    split: str = "test"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise UsageError(f"option shown_fraction must lie in (0, 1], got {self.fraction}")

    def choose(self, task_id: str, tests: Tests) -> tuple[Selected, ...]:
        """Return the graded tests in the order in which they run, public ones first."""
        if self.fraction is None or not tests.private:
            show_public = self.shown is not Shown.NONE
            show_private = self.shown is Shown.ALL
            return (
                *(Selected(case, show_public) for case in tests.public),
                *(Selected(case, show_private) for case in tests.private),
            )
        count = max(1, math.floor(self.fraction * len(tests.private)))
        picked = set(random.Random(f"{self.seed}:{task_id}").sample(range(len(tests.private)), count))
        if self.split == "train":
            return tuple(Selected(tests.private[i], shown=True) for i in sorted(picked))
        return (
            *(Selected(case, shown=False) for case in tests.public),
            *(Selected(case, shown=i in picked) for i, case in enumerate(tests.private)),
        )
