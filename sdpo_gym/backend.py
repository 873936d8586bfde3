"""Where judging happens: in this process and its sandbox, or on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sdpo_gym.judge import Judge
from sdpo_gym.options import choice
from sdpo_gym.registry import ResolvedEnv


class JudgeBackend(StrEnum):
    """Where a judge works; verdicts are the same everywhere."""

    LOCAL = "local"
    RAY = "ray"


def judge_for(env: ResolvedEnv, options: Mapping[str, object], backend: str = JudgeBackend.LOCAL) -> Judge:
    """Make the judge of an environment; :func:`sdpo_gym.env.close_judge` ends what it holds.

    Raises:
        UsageError: if there is no such backend, or an option is wrong (on Ray, that comes with the first completion).
        MissingExtraError: if the backend's library is not installed.
    """
    if choice(JudgeBackend, "judge_backend", backend) is JudgeBackend.LOCAL:
        return env.judge(**options)
    from sdpo_gym.ray_judge import RayJudge

    return RayJudge(env, options)
