"""The sample set: rows in the official schema, recorded completions of every kind, both as their sources say."""

from __future__ import annotations

import ast
import base64
import importlib.util
import json
import pickle
import re
import sys
import zlib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SAMPLE = REPOSITORY / "envs/sdpo_envs/livecodebench"
SOURCES = REPOSITORY / "envs/authoring/livecodebench"
FIELDS = {
    "question_title",
    "question_content",
    "platform",
    "question_id",
    "contest_id",
    "contest_date",
    "starter_code",
    "difficulty",
    "public_test_cases",
    "private_test_cases",
    "metadata",
}


def read_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLE / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return read_lines("sample.jsonl")


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    return read_lines("sample_completions.jsonl")


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    if not SOURCES.exists():
        pytest.skip("the sample's sources are not part of this distribution")
    spec = importlib.util.spec_from_file_location("sample_builder", SOURCES / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def hidden_tests(row: dict[str, Any]) -> list[dict[str, str]]:
    text = pickle.loads(zlib.decompress(base64.b64decode(row["private_test_cases"], validate=True)))
    assert type(text) is str
    tests: list[dict[str, str]] = json.loads(text)
    return tests


def test_rows_have_the_official_fields_as_strings(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        assert set(row) == FIELDS
        assert all(type(value) is str for value in row.values())
        assert re.fullmatch(r"sample_\d{3}_[a-z_]+", row["question_id"])
        assert re.fullmatch(r"2025-0[1-6]-\d\dT\d\d:00:00", row["contest_date"])
        assert row["platform"] == "sample"
        assert "{{" not in row["question_content"]


def test_the_set_is_large_and_varied_enough(rows: list[dict[str, Any]]) -> None:
    assert len({row["question_id"] for row in rows}) == len(rows) >= 24
    functional = sum("func_name" in json.loads(row["metadata"]) for row in rows)
    assert functional >= 8
    assert len(rows) - functional >= 12
    difficulties = Counter(row["difficulty"] for row in rows)
    assert set(difficulties) == {"easy", "medium", "hard"}
    assert min(difficulties.values()) >= 6
    assert len({row["contest_date"][:7] for row in rows}) == 6
    assert (SAMPLE / "sample.jsonl").stat().st_size < 1_500_000


def test_tests_decode_and_fit_their_kind(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        public, hidden = json.loads(row["public_test_cases"]), hidden_tests(row)
        assert 2 <= len(public) <= 3
        assert 8 <= len(hidden) <= 20
        inputs = [test["input"] for test in public + hidden]
        assert len(set(inputs)) == len(inputs), f"{row['question_id']} holds one test twice"
        name = json.loads(row["metadata"]).get("func_name")
        for test in public + hidden:
            assert set(test) == {"input", "output", "testtype"}
            assert test["testtype"] == ("functional" if name else "stdin")
            assert test["output"]
            if name:
                json.loads(test["output"])
                for line in test["input"].split("\n"):
                    json.loads(line)


def test_starter_code_declares_the_tested_function(
    rows: list[dict[str, Any]],
) -> None:
    for row in rows:
        name = json.loads(row["metadata"]).get("func_name")
        if not name:
            assert row["starter_code"] == ""
            continue
        (solution,) = ast.parse(row["starter_code"] + "pass").body
        assert isinstance(solution, ast.ClassDef)
        assert solution.name == "Solution"
        (method,) = solution.body
        assert isinstance(method, ast.FunctionDef)
        assert method.name == name
        for test in json.loads(row["public_test_cases"]) + hidden_tests(row):
            assert len(test["input"].split("\n")) == len(method.args.args) - 1


def test_statements_show_the_public_tests(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        for test in json.loads(row["public_test_cases"]):
            assert test["output"] in row["question_content"]
            if test["testtype"] == "stdin":
                assert test["input"] in row["question_content"]


def test_every_task_has_four_completions_and_a_gold_one(
    rows: list[dict[str, Any]], recorded: list[dict[str, Any]], builder: ModuleType
) -> None:
    assert [line["task_id"] for line in recorded] == [row["question_id"] for row in rows]
    for line in recorded:
        assert set(line) == {"task_id", "completions", "gold"}
        assert len(line["completions"]) == 4
        assert len({completion["text"] for completion in line["completions"]}) == 4
        for completion in line["completions"]:
            assert set(completion) == {"text", "finish_reason", "expect"}
            assert completion["finish_reason"] in {"stop", "length"}
            assert completion["expect"] in set(builder.Expect)


def test_every_kind_of_end_is_recorded(recorded: list[dict[str, Any]], builder: ModuleType) -> None:
    completions = [completion for line in recorded for completion in line["completions"]]
    ends = Counter(completion["expect"] for completion in completions)
    assert set(ends) == set(builder.Expect)
    assert 0.4 <= ends["accepted"] / len(completions) <= 0.5
    # each of these costs a judge seconds
    assert ends["time_limit"] <= 8
    assert ends["idle_limit"] == 1
    assert ends["output_limit"] <= 2
    positions = Counter(
        [completion["expect"] for completion in line["completions"]].index("accepted")
        for line in recorded
        if any(completion["expect"] == "accepted" for completion in line["completions"])
    )
    assert len(positions) >= 3, "right completions must not stand in one place"


def test_code_is_fenced_exactly_where_something_can_be_judged(recorded: list[dict[str, Any]]) -> None:
    for line in recorded:
        assert "```" in line["gold"]
        for completion in line["completions"]:
            judged = completion["expect"] not in {"bad_format", "truncated"}
            assert ("```" in completion["text"]) == judged
            if completion["expect"] == "truncated":
                assert completion["finish_reason"] == "length"
            if completion["expect"] in {"accepted", "compile_error"}:
                code = completion["text"].split("```")[1].split("\n", 1)[1]
                if completion["expect"] == "accepted":
                    compile(code, line["task_id"], "exec")
                else:
                    with pytest.raises(SyntaxError):
                        compile(code, line["task_id"], "exec")


@pytest.mark.slow
def test_products_equal_a_fresh_build(builder: ModuleType) -> None:
    assert builder.differing(builder.build()) == []


def test_a_changed_product_is_noticed(builder: ModuleType, tmp_path: Path) -> None:
    built = {name: (SAMPLE / name).read_text(encoding="utf-8") for name in (builder.ROWS, builder.COMPLETIONS)}
    for name, text in built.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert builder.differing(built, tmp_path) == []
    row, *others = built[builder.ROWS].splitlines(keepends=True)
    fields = json.loads(row)
    tests = hidden_tests(fields)
    tests[-1]["output"] += "0"
    (tmp_path / builder.ROWS).write_text(
        json.dumps(fields | {"private_test_cases": builder.encode_private(tests)}) + "\n" + "".join(others)
    )
    assert builder.differing(built, tmp_path) == [builder.ROWS]
    (tmp_path / builder.COMPLETIONS).unlink()
    assert builder.differing(built, tmp_path) == [builder.ROWS, builder.COMPLETIONS]


def test_a_solution_that_its_brute_force_contradicts_is_not_built(builder: ModuleType) -> None:
    problem = builder.load_problem(SOURCES / "problems/sample_003_two_bells")
    wrong = builder.Problem(**{**vars(problem), "solution": problem.solution.replace("2 *", "1 *")})
    with pytest.raises(ValueError, match="sample_003_two_bells, input 1: solution says"):
        builder.build_row(wrong)
