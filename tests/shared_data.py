"""The one way in which tests reach real third-party data, which is never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def shared(relative: str) -> Path:
    """Return ``relative`` under ``$SDPO_GYM_SHARED`` or ``../shared/data``; skip the test if neither is there."""
    place = Path(os.environ.get("SDPO_GYM_SHARED", _ROOT.parent / "shared" / "data"))
    if (place / relative).exists():
        return place / relative
    pytest.skip(f"no shared data: {relative} is not under {place} (set SDPO_GYM_SHARED)")
