"""Which isolation levels work on this machine, and which one is taken."""

from __future__ import annotations

import functools
import logging

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.isolation import Isolation, Level, obstacle, parse_isolation
from sdpo_gym.sandbox.worker import Worker

logger = logging.getLogger(__name__)

AUTOMATIC = (Isolation.USERNS, Isolation.LANDLOCK)  # best first


@functools.cache
def why_not(isolation: Isolation) -> str | None:
    """Start a zygote under a level, once, and return why it does not work; None if it does."""
    reason = obstacle(Level(isolation))
    if reason is None:
        try:
            with Worker(Level(isolation), slot=0):
                pass
        except JudgeError as error:
            reason = str(error)
    return reason


def probe() -> dict[Isolation, str | None]:
    """Return, by level, why it does not work; None where it does."""
    return {level: why_not(level) for level in Isolation}


def choose(name: str) -> Level:
    """Return the level called ``name``, or for ``auto`` the best that works here.

    Level ``docker`` is not among those that ``auto`` takes: whoever may start containers is as good as root, so that is
    for people to decide.

    Raises:
        JudgeError: if it does not work here; it never degrades to a weaker level than ``auto`` allows.
    """
    level = parse_isolation(name)
    if level is not None:
        reason = obstacle(level)
        if reason is not None:
            raise JudgeError(f"isolation level {level.value} does not work here: {reason}; see `sdpo-gym doctor`")
        return level
    reasons: list[str] = []
    for candidate in AUTOMATIC:
        reason = why_not(candidate)
        if reason is None:
            if reasons:
                logger.warning("isolation level is %s, because %s", candidate.value, "; ".join(reasons))
            return Level(candidate)
        reasons.append(f"{candidate.value}: {reason}")
    raise JudgeError(
        f"no isolation level works here ({'; '.join(reasons)}); see `sdpo-gym doctor`. "
        "For code that you trust there is --isolation none"
    )
