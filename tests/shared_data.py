"""The one way in which tests reach real third-party data, which is never part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def shared(relative: str) -> Path:
    """Return ``relative`` under ``$SDPO_GYM_SHARED`` or ``../shared/data``; skip the test if neither is there."""
    places = [Path(os.environ["SDPO_GYM_SHARED"])] if "SDPO_GYM_SHARED" in os.environ else [_ROOT.parent / "shared/data"]
    for place in places:
        if (place / relative).exists():
            return place / relative
    pytest.skip(f"no shared data: {relative} is not under {places[0]} (set SDPO_GYM_SHARED)")
