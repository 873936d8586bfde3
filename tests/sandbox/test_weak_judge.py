"""Every attack of the corpus does attack: it reaches its goal against a judge that is weak in the usual ways."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.corpus import CorpusProgram, Goal, Kind, attacks
from sandbox.weak_judge import WeakOutcome, judge_weakly, reached, unavailable
from sdpo_gym.sandbox.job import Case

PROGRAMS = [program for program in attacks() if program.goal is not None]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, WeakOutcome]:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no container for the weak judge: {reason}")
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) + 1) as executor:  # those that hang leave a core idle
        return dict(zip(map(str, PROGRAMS), executor.map(judge_weakly, PROGRAMS), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_reaches_its_goal(program: CorpusProgram, outcomes: dict[str, WeakOutcome]) -> None:
    assert program.goal is not None
    assert reached(program.goal, outcomes[program.name]), outcomes[program.name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "passed"),
    [("print(sum(map(int, input().split())))", True), ("print(4)", False), ("raise ValueError", False)],
    ids=["right", "wrong", "raises"],
)
def test_the_weak_judge_judges_honest_programs(source: str, passed: bool) -> None:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no container for the weak judge: {reason}")
    cases = (Case("1 2\n", "3"),)
    program = CorpusProgram("honest", Kind.IDIOM, "adds", source, None, cases, frozenset(), None, None, None)
    outcome = judge_weakly(program)
    assert outcome.report is not None
    assert outcome.report["passed"] is passed
    assert not any(reached(goal, outcome) for goal in Goal if goal is not Goal.FALSE_PASS)


def test_every_attack_has_a_goal_or_says_why_not() -> None:
    assert [program.name for program in attacks() if (program.goal is None) == (program.unproven is None)] == []


def test_the_corpus_covers_every_kind() -> None:
    assert len(PROGRAMS) >= 200
    assert {program.kind for program in PROGRAMS} == set(Kind) - {Kind.IDIOM}
    assert {program.goal for program in PROGRAMS} == set(Goal)
