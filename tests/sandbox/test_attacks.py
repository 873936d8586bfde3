"""No attack reaches anything, at any isolation level. That each one does attack is shown in test_weak_judge.py."""

from __future__ import annotations

import pytest

from sandbox.attack_run import Findings, run_attacks
from sandbox.corpus import CorpusProgram, attacks
from sandbox.levels import ALL_LEVELS, require
from sdpo_gym.sandbox.isolation import Isolation

PROGRAMS = attacks()


@pytest.fixture(scope="module", params=ALL_LEVELS, ids=lambda level: level.value)
def level(request: pytest.FixtureRequest) -> Isolation:
    chosen: Isolation = request.param
    require(chosen)
    return chosen


@pytest.fixture(scope="module")
def findings(level: Isolation) -> Findings:
    return run_attacks(level.value)


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_refused(program: CorpusProgram, findings: Findings, level: Isolation) -> None:
    finding = findings.programs[program.name]
    assert not finding.accepted
    assert finding.status in program.want, finding.said
    assert not finding.pwned, finding.said
    assert finding.isolation == level.value
    assert finding.next_accepted


@pytest.mark.slow
def test_no_trace_outside(findings: Findings) -> None:
    assert findings.servers_reached == []
    assert findings.files_left == []
    assert findings.canary_intact
    assert not findings.secret_told
    assert findings.processes_left == []


@pytest.mark.slow
def test_the_worker_survives_every_attack(findings: Findings) -> None:
    assert findings.warnings == []
