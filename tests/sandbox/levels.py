"""Pools under every isolation level that programs may run under, for the sandbox's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, TestRun
from sdpo_gym.sandbox.levels import AUTOMATIC, why_not
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.sandbox.pool import JudgePool

LEVELS = list(AUTOMATIC)  # everywhere
ALL_LEVELS = [*LEVELS, Isolation.DOCKER]  # and where there is a container engine


def require(level: Isolation) -> None:
    """Skip where the machine lacks ``level``."""
    reason = why_not(level)
    if reason is not None:
        pytest.skip(f"isolation level {level.value} does not work here: {reason}")


def same_text(case: Case, run: TestRun) -> bool:
    return run.stdout.decode(errors="replace").strip() == case.expected.strip()


def same_value(case: Case, run: TestRun) -> bool:
    return run.value == case.expected.encode()


def run(
    pool: JudgePool,
    source: str,
    cases: Sequence[tuple[str, str]] = (("", ""),),
    *,
    entry: str | None = None,
    limits: Limits | None = None,
    stop: StopRule = StopRule.RESOURCE,
    check: Callable[[Case, TestRun], bool] | None = None,
) -> JobResult:
    """Judge one program and wait for it."""
    job = Job(
        Program(source, entry),
        lambda: [Case(*case) for case in cases],
        check or (same_text if entry is None else same_value),
        limits or Limits(cpu_s=1),
        stop,
    )
    return pool.submit(job).result(timeout=120)
