"""Right programs that other judges reject are accepted, at every isolation level."""

from __future__ import annotations

import sys

import pytest

from sandbox.corpus import CorpusProgram, decisive, idioms, job
from sandbox.levels import ALL_LEVELS, require
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.job import JobResult, RunStatus
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool

PROGRAMS = idioms()
RECURSE_THROUGH_C = {"deep_lru_cache", "recursion_in_method"}


@pytest.fixture(scope="module", params=ALL_LEVELS, ids=lambda level: level.value)
def results(request: pytest.FixtureRequest) -> dict[str, JobResult]:
    level: Isolation = request.param
    require(level)
    pool = JudgePool(workers=2, isolation=level.value)
    futures = {program.name: pool.submit(job(program, Limits(cpu_s=6))) for program in PROGRAMS}
    pool.close()
    return {name: future.result() for name, future in futures.items()}


def test_the_corpus_is_large() -> None:
    assert len(PROGRAMS) >= 50


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_accepted(program: CorpusProgram, results: dict[str, JobResult]) -> None:
    if program.name in RECURSE_THROUGH_C and sys.version_info >= (3, 12):
        pytest.skip("CPython 3.12 and later bound recursion through C code, whatever the recursion limit")
    result = results[program.name]
    assert decisive(result) is RunStatus.ACCEPTED, result
    assert len(result.runs) == len(program.cases)
