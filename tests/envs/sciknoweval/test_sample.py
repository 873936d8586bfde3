"""The sample set: our own questions, recorded completions of every kind, and fixtures, all as their sources say."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sdpo_envs.sciknoweval.judge import make_judge
from sdpo_envs.sciknoweval.source import CARD, FIXTURES, RECORDED, SAMPLE, Subject
from sdpo_envs.sciknoweval.tasks import SAMPLE_NOTICE, make_tasks
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.fixtures import Expectation, read_fixtures
from sdpo_gym.verdict import Status
from shared_data import shared

SOURCES = Path(__file__).resolve().parents[3] / "envs/authoring/sciknoweval"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    if not SOURCES.exists():
        pytest.skip("the sample's sources are not part of this distribution")
    spec = importlib.util.spec_from_file_location("sciknoweval_sample_builder", SOURCES / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_products_are_what_the_sources_give(builder: ModuleType) -> None:
    built = builder.build()
    assert set(built) == {SAMPLE.name, RECORDED.name, FIXTURES.name}
    assert builder.differing(built, SAMPLE.parent) == []
    assert builder.differing({**built, SAMPLE.name: built[SAMPLE.name] + "{}\n"}, SAMPLE.parent) == [SAMPLE.name]


def test_a_key_that_its_computation_does_not_confirm_is_refused(builder: ModuleType, tmp_path: Path) -> None:
    shutil.copytree(SOURCES / "questions", tmp_path / "questions")
    path = tmp_path / "questions" / "chemistry.py"
    source = path.read_text(encoding="utf-8")
    for old, new, complaint in (
        ('"right": "3.40 g"', '"right": "3.60 g"', "value comes to 3.4"),
        ('"3.70 g"]', '"3.4 g"]', "value comes to 3.4"),
        ('"wrong": ["5.10 g"', '"wrong": ["5.30 g"', "mistake_value comes to 5.1"),
        ('"3.70 g"]', '"1.70 g"]', "two options are the same"),
    ):
        assert old in source
        path.write_text(source.replace(old, new), encoding="utf-8")
        with pytest.raises(ValueError, match=complaint):
            builder.load_questions(tmp_path / "questions")


@pytest.mark.parametrize(
    ("value", "option", "fits"),
    [
        (3.449, "3.4 g", True),
        (3.451, "3.4 g", False),
        (8.0e-7, "8.0 × 10^-7 mol/L", True),
        (8.1e-7, "8.0 × 10^-7 mol/L", False),
        (-89.2, "-89 mV", True),
        (89.2, "+89 mV", True),
        (-89.2, "+89 mV", False),
        ("It falls", "It falls", True),
        ("It falls", "It rises", False),
    ],
)
def test_a_value_fits_an_option_as_far_as_it_is_rounded(
    value: float | str, option: str, fits: bool, builder: ModuleType
) -> None:
    assert builder.fits(value, option) is fits


def test_the_set_is_large_and_varied_enough() -> None:
    tasks = make_tasks(None, "sample")
    assert len(tasks) >= 44
    assert min(Counter(task.meta["subject"] for task in tasks).values()) >= 11
    assert {task.meta["subject"] for task in tasks} == set(Subject)
    assert sum(task.meta["options"] == "2" for task in tasks) >= 6
    difficulties = Counter(task.meta["difficulty"] for task in tasks)
    assert set(difficulties) == {"easy", "medium", "hard"}
    assert min(difficulties.values()) >= 10


def test_every_letter_is_right_equally_often() -> None:
    for options, letters in (("4", "ABCD"), ("2", "AB")):
        keys = Counter(task.payload["answer"] for task in make_tasks(None, "sample") if task.meta["options"] == options)
        assert set(keys) == set(letters)
        assert max(keys.values()) == min(keys.values())
    for subject in Subject:
        keys = Counter(task.payload["answer"] for task in make_tasks(None, "sample", subject=subject))
        assert set(keys) == set("ABCD")
        assert max(keys.values()) <= 5


def test_rows_have_the_references_fields() -> None:
    theirs = read_lines(shared("sciknoweval/biology/test.jsonl"))[0]
    for row in read_lines(SAMPLE):
        assert set(row) - set(theirs) == {"subject", "difficulty"}
        assert set(theirs) - set(row) == {"elo", "embedding"}


def test_the_sample_says_what_it_is_not() -> None:
    tasks = make_tasks(None, "sample")
    assert (tasks.name, tasks.revision, tasks.is_sample) == ("sciknoweval_sample", "sample", True)
    assert tasks.notice == SAMPLE_NOTICE
    assert "not SciKnowEval" in tasks.notice


@pytest.mark.parametrize("subject", Subject)
def test_a_subject_has_its_own_questions_only(subject: Subject) -> None:
    tasks = make_tasks(None, "sample", subject=subject)
    assert tasks.name == f"sciknoweval_{subject}_sample"
    assert {task.meta["subject"] for task in tasks} == {subject}
    assert set(tasks.ids) < set(make_tasks(None, "sample").ids)


def test_no_question_of_ours_is_one_of_theirs() -> None:
    ours = {" ".join(row["description"].split()).casefold() for row in read_lines(SAMPLE)}
    for folder in ("biology", "chemistry", "material", "physics"):
        for path in shared(f"sciknoweval/{folder}").glob("*.jsonl"):
            theirs = {" ".join(row["prompt"].split("\n\nA: ")[0].split()).casefold() for row in read_lines(path)}
            assert not ours & theirs


def test_recorded_completions_are_judged_as_their_sources_say() -> None:
    tasks, judge = make_tasks(None, "sample"), make_judge()
    lines = read_lines(RECORDED)
    assert [line["task_id"] for line in lines] == list(tasks.ids)
    outcomes: Counter[str] = Counter()
    for line in lines:
        assert len(line["completions"]) == 4
        assert len({completion["text"] for completion in line["completions"]}) == 4
        for recorded in line["completions"]:
            completion = Completion(recorded["text"], FinishReason(recorded["finish_reason"]))
            verdict = judge(tasks.by_id(line["task_id"]), completion)
            assert verdict.outcome == recorded["expect"], (line["task_id"], recorded)
            outcomes[verdict.outcome] += 1
    assert set(outcomes) == set(CARD.outcomes)
    assert 0.4 <= outcomes["accepted"] / outcomes.total() <= 0.6
    assert outcomes["wrong_option"] / outcomes.total() >= 0.2


def test_harder_questions_have_fewer_right_completions() -> None:
    tasks = make_tasks(None, "sample")
    right: dict[str, list[int]] = {}
    for line in read_lines(RECORDED):
        passed = [completion["expect"] == "accepted" for completion in line["completions"]]
        right.setdefault(str(tasks.by_id(line["task_id"]).meta["difficulty"]), []).append(sum(passed))
    easy, medium, hard = (sum(right[name]) / len(right[name]) for name in ("easy", "medium", "hard"))
    assert easy > medium > hard > 0


def test_fixtures_are_judged_as_they_say() -> None:
    tasks, judge = make_tasks(None, "sample"), make_judge()
    fixtures = read_fixtures(FIXTURES)
    assert len(fixtures) >= 12
    assert {fixture.expect for fixture in fixtures} == set(Expectation)
    assert {fixture.outcome for fixture in fixtures} == set(CARD.outcomes)
    assert {tasks.by_id(fixture.task_id).meta["options"] for fixture in fixtures} == {"2", "4"}
    for fixture in fixtures:
        verdict = judge(tasks.by_id(fixture.task_id), fixture.completion)
        assert verdict.outcome == fixture.outcome, fixture.where
        assert verdict.reward == (fixture.expect is Expectation.FULL_REWARD)
        assert (verdict.status is Status.BAD_FORMAT) == (fixture.expect is Expectation.MALFORMED)


def test_every_gold_passes() -> None:
    tasks, judge = make_tasks(None, "sample"), make_judge()
    for task in tasks:
        verdict = judge(task, Completion(tasks.gold(task) or ""))
        assert verdict.passed
        assert verdict.scores["well_formed"] == 1
