"""The tiny policy: a model of half a million parameters that our own warm start has trained, for the tiny worlds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdpo_gym.policies.base import Policy

WEIGHTS = Path(__file__).parent / "weights"


def make(
    argument: str,
    *,
    model: str | None = None,
    dtype: str | None = None,
    device: str | None = None,
    batch_tokens: int | None = None,
    template_options: Mapping[str, Any] | None = None,
) -> Policy:
    """Make ``tiny``, the policy with the shipped weights, or ``tiny:DIRECTORY`` with others.

    Options are those of policy ``transformers``.

    Raises:
        UsageError: the directory holds no model, or an option is wrong.
        MissingExtraError: torch or transformers is not installed.
    """
    from sdpo_gym.policies import transformers

    return transformers.make(
        argument or model or str(WEIGHTS),
        dtype=dtype,
        device=device,
        batch_tokens=batch_tokens,
        template_options=template_options,
    )
