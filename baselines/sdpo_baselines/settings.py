"""Options that agents share, and how options are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sdpo_baselines.losses import Aggregation
from sdpo_gym.errors import UsageError

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Settings:
    """Options that every agent takes.

    Attributes:
        learning_rate: of AdamW (arXiv 1711.05101), constant after the warm-up.
        warmup_steps: optimizer steps over which it grows linearly to that.
        weight_decay: of AdamW.
        betas: of AdamW, two.
        grad_clip: largest norm of the gradient; 0 for no bound.
        mini_batch: tasks per optimizer step; 0 for the whole batch, which is then on-policy.
        micro_batch_tokens: most tokens, padding included, that go through the model at once.
        aggregation: see :class:`~sdpo_baselines.losses.Aggregation`.
        rehearsal_weight: weight of the cross-entropy on rehearsed rows, if there are any to rehearse.
        rehearsal_batch: rows rehearsed in every optimizer step.
    """

    learning_rate: float
    warmup_steps: int
    weight_decay: float
    betas: Sequence[float]
    grad_clip: float
    mini_batch: int
    micro_batch_tokens: int
    aggregation: str
    rehearsal_weight: float
    rehearsal_batch: int

    def __post_init__(self) -> None:
        check("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        for name in ("warmup_steps", "weight_decay", "grad_clip", "mini_batch", "rehearsal_weight", "rehearsal_batch"):
            check(name, getattr(self, name), getattr(self, name) >= 0, "at least 0")
        are_two = isinstance(self.betas, list | tuple) and len(self.betas) == 2
        fits = are_two and all(isinstance(b, int | float) and 0 <= b < 1 for b in self.betas)
        check("betas", self.betas, fits, "two numbers in [0, 1)")
        check("micro_batch_tokens", self.micro_batch_tokens, self.micro_batch_tokens >= 1, "at least 1")
        check("aggregation", self.aggregation, self.aggregation in set(Aggregation), f"one of {', '.join(Aggregation)}")


def check(name: str, value: object, fits: bool, wanted: str) -> None:
    """Raise UsageError unless an option's value fits."""
    if not fits:
        raise UsageError(f"option {name!r} must be {wanted}, got {value!r}")


def pick(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Make a dataclass from those of ``values`` that are named like its fields."""
    return kind(**{field.name: values[field.name] for field in fields(kind)})  # type: ignore[arg-type]
