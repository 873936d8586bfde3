from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request
from sdpo_gym.records import (
    RunDirectory,
    check_finished,
    config_digest,
    iter_attempts,
    iter_rows,
    load_attempts,
    load_results,
    load_run,
    row_of,
    to_json,
)
from sdpo_gym.rollout import Turn
from sdpo_gym.task import Message
from sdpo_gym.verdict import Status, Verdict

RUN = {
    "format": 1,
    "env": {"alias": "guess", "options": {"stop": "never"}, "card_digest": "c", "card": {"title": "T"}},
    "data": {"choice": "sample", "digest": "d", "count": 6},
    "policy": {"name": "guess"},
    "sampling": {"n": 4, "temperature": 0.6, "stop": ()},
    "seed": 0,
    "limit": 10,
    "sessions": [{"started": "today"}],
}


def changed(**changes):
    run = json.loads(json.dumps(RUN))
    for dotted, value in changes.items():
        *path, last = dotted.split("__")
        table = run
        for key in path:
            table = table[key]
        table[last] = value
    return run


def a_turn(task="g1", attempt=0, turn=0, *, text="42", passed=True, error=None, done=None, detail=None) -> Turn:
    verdict = Verdict(
        1.0 if passed else 0.0,
        "" if passed else "no",
        Status.PASSED if passed else Status.FAILED,
        "accepted" if passed else "too_low",
        {"score": float(passed)},
        detail or {"tests": [1]},
    )
    return Turn(
        task_digest=f"digest of {task}",
        request=Request((Message("user", "?"),), task, attempt, turn, 7),
        completion=Completion(text, FinishReason.LENGTH, usage=Usage(3, 5)),
        verdict=None if error else verdict,
        error=error,
        done=error is None if done is None else done,
        generate_s=0.25,
        judge_s=0.5,
    )


def a_row(*args, **options):
    return row_of(a_turn(*args, **options), ended=100.0)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "a" / "run"


def write(out: Path, *rows, run=RUN) -> None:
    with RunDirectory(out, run) as directory:
        for row in rows:
            directory.append(row)


def test_a_row_holds_exactly_what_the_format_says():
    assert a_row(passed=False) == {
        "task_id": "g1",
        "task_digest": "digest of g1",
        "attempt": 0,
        "turn": 0,
        "done": True,
        "completion": "42",
        "finish_reason": "length",
        "tokens": {"prompt": 3, "completion": 5},
        "reward": 0.0,
        "status": "failed",
        "outcome": "too_low",
        "scores": {"score": 0.0},
        "feedback": "no",
        "detail": {"tests": [1]},
        "times": {"generate_s": 0.25, "judge_s": 0.5, "ended": 100.0},
        "error": None,
    }


def test_an_outage_has_no_reward():
    row = a_row(error="JudgeError: down")
    assert (row["reward"], row["status"], row["outcome"], row["done"]) == (None, None, None, False)
    assert row["error"] == "JudgeError: down"
    assert row["completion"] == "42"


def test_rows_are_on_disk_as_soon_as_they_are_appended(out):
    with RunDirectory(out, RUN) as directory:
        directory.append(a_row())
        assert list(iter_rows(out)) == [a_row()]


@settings(max_examples=50)
@given(text=st.text(st.characters(codec=None, categories=None)))
def test_any_text_survives_lone_surrogates_included(text, tmp_path_factory):
    directory = tmp_path_factory.mktemp("run")
    write(directory, a_row(text=text), a_row(attempt=1))
    assert [row["completion"] for row in iter_rows(directory)] == [text, "42"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", object()])
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(out, value):
    with RunDirectory(out, RUN) as directory:
        with pytest.raises(ValueError):
            directory.append({**a_row(), "detail": {"x": value}})
        directory.append(a_row())
    assert len(list(iter_rows(out))) == 1


def test_a_torn_last_line_is_left_out_and_cut_off_before_appending(out):
    write(out, a_row(), a_row(attempt=1))
    attempts = out / "attempts.jsonl"
    whole = attempts.read_bytes()
    for cut in (1, 5, len(whole.splitlines()[1])):
        attempts.write_bytes(whole[:-cut])
        assert list(load_results(out)) == [("digest of g1", 0)]
        write(out, a_row(attempt=2))
        assert [row["attempt"] for row in iter_rows(out)] == [0, 2]


def test_a_torn_line_longer_than_a_block_is_cut_off(out):
    write(out, a_row())
    with (out / "attempts.jsonl").open("ab") as file:
        file.write(b'{"completion": "' + b"x" * 300_000)
    write(out, a_row(attempt=1))
    assert [row["attempt"] for row in iter_rows(out)] == [0, 1]


@pytest.mark.parametrize("garbage", ["not json", "[1]", "{}", '{"done": 1}', "\x00\x00"])
def test_a_line_that_is_no_row_is_named(out, garbage):
    write(out, a_row(), a_row(attempt=1))
    attempts = out / "attempts.jsonl"
    first, second = attempts.read_text().splitlines()
    attempts.write_text(f"{first}\n{garbage}\n{second}\n")
    with pytest.raises(UsageError, match=r"attempts\.jsonl, line 2: not a row"):
        load_results(out)


def test_of_an_attempt_made_again_the_later_one_counts(out):
    write(out, a_row(error="PolicyError: down"), a_row(attempt=1), a_row(passed=False))
    results = load_results(out)
    assert results["digest of g1", 0].error is None
    assert results["digest of g1", 0].outcome == "too_low"
    assert results["digest of g1", 1].passed


def test_an_attempt_without_its_last_turn_is_no_result(out):
    write(out, a_row(passed=False, done=False), a_row(attempt=1))
    assert list(load_results(out)) == [("digest of g1", 1)]
    assert load_results(out)["digest of g1", 1].turns == 1


def test_attempts_are_read_turn_by_turn_without_what_was_given_up(out):
    write(
        out,
        a_row(text="given up", passed=False, done=False),  # killed here
        a_row(text="first", passed=False, done=False),
        a_row(attempt=1, text="other"),
        a_row(turn=1, text="second"),
    )
    texts = [[row["completion"] for row in rows] for rows in iter_attempts(out)]
    assert texts == [["other"], ["first", "second"]]


def test_a_run_is_continued_with_more_attempts_and_tasks(out):
    write(out, a_row())
    with RunDirectory(out, changed(sampling__n=8, limit=None)) as directory:
        assert list(directory.results) == [("digest of g1", 0)]
        assert directory.results["digest of g1", 0].reward == 1.0
    run = load_run(out)
    assert run["sampling"]["n"] == 8
    assert [s["started"] for s in run["sessions"]] == ["today", "today"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "seed was 0, is 1"),
        ({"sampling__temperature": 0.7}, r"sampling\.temperature was 0\.6, is 0\.7"),
        ({"env__options__stop": "decided"}, r'env\.options\.stop was "never", is "decided"'),
        ({"data__digest": "e"}, r'data\.digest was "d", is "e"'),
        ({"policy__model": "m"}, r'policy\.model was null, is "m"'),
        ({"seed": 1, "env__alias": "x"}, r'env\.alias was "guess", is "x"; seed was 0, is 1'),
        ({"sampling__n": 3}, r"sampling\.n = 4, which may grow but not shrink to 3"),
        ({"limit": 9}, "limit = 10, which may grow but not shrink to 9"),
    ],
)
def test_another_configuration_is_refused_and_says_what_differs(out, changes, words):
    write(out, a_row())
    before = (out / "run.json").read_bytes()
    with pytest.raises(UsageError, match=words):
        RunDirectory(out, changed(**changes))
    assert (out / "run.json").read_bytes() == before
    write(out, a_row(attempt=1))  # the lock was given up


def test_everything_limited_to_nothing_is_shrinking(out):
    write(out, run=changed(limit=None))
    with pytest.raises(UsageError, match="limit = all, which may grow but not shrink to 10"):
        RunDirectory(out, RUN)


def test_the_config_digest_leaves_out_only_what_may_change():
    same = [{"sampling__n": 9}, {"limit": None}, {"sessions": []}, {"env__card": {}}, {"data__choice": "x"}]
    other = [{"seed": 1}, {"data__digest": "x"}, {"env__card_digest": "x"}, {"policy__name": "x"}, {"turns": 2}]
    assert {config_digest(changed(**c)) for c in same} == {config_digest(RUN)}
    assert len({config_digest(changed(**c)) for c in other} | {config_digest(RUN)}) == len(other) + 1


def test_two_processes_do_not_write_to_one_run(out):
    with RunDirectory(out, RUN):
        code = "import sys, json; from pathlib import Path; from sdpo_gym.records import RunDirectory\n"
        code += f"RunDirectory(Path({str(out)!r}), json.loads({json.dumps(RUN)!r}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"UsageError: process {os.getpid()} is writing to {out}" in other.stderr
    write(out, a_row())


def test_the_lock_of_a_killed_process_does_not_remain(out):
    code = f"""
        import json, os, signal
        from pathlib import Path
        from sdpo_gym.records import RunDirectory
        RunDirectory(Path({str(out)!r}), json.loads({json.dumps(RUN)!r}))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False).returncode == -9
    write(out, a_row())
    assert len(load_results(out)) == 1


def test_a_full_disk_is_one_line_and_loses_nothing(out):
    """The disk is full when RLIMIT_FSIZE is reached: the same path through the operating system as ENOSPC."""
    code = f"""
        import json, resource
        from pathlib import Path
        from sdpo_gym.errors import UsageError
        from sdpo_gym.records import RunDirectory
        row = json.loads({to_json(a_row(text="x" * 1000))!r})
        with RunDirectory(Path({str(out)!r}), json.loads({json.dumps(RUN)!r})) as directory:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
            try:
                for attempt in range(100):
                    directory.append({{**row, "attempt": attempt}})
            except UsageError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert f"cannot write {out / 'attempts.jsonl'}: File too large; what was written before is kept" in done.stdout
    assert (out / "attempts.jsonl").read_bytes().endswith(b"}\n")
    assert [row["attempt"] for row in iter_rows(out)] == [0, 1, 2]


def test_a_full_device_is_a_usage_error_too(out):
    write(out, a_row())
    (out / ".summary.json.part").symlink_to("/dev/full")
    with (
        RunDirectory(out, RUN) as directory,
        pytest.raises(UsageError, match=r"cannot write .*No space left on device"),
    ):
        directory.write_json("summary.json", {"scores": {}})


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"no run directory and not empty \(it holds 'thesis\.tex'\)"):
        RunDirectory(tmp_path, RUN)
    with pytest.raises(UsageError, match="cannot write"):
        RunDirectory(tmp_path / "thesis.tex", RUN)


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(UsageError, match="is not a run directory"):
        load_run(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UsageError, match=r"run\.json is not JSON"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(UsageError, match="has format 99"):
        load_run(tmp_path)


def test_rows_as_a_pandas_table_hold_the_last_row_of_each_key(out):
    pytest.importorskip("pandas")
    write(out, a_row(error="JudgeError: x"), a_row(attempt=1, passed=False), a_row())
    table = load_attempts(out)
    assert list(table["attempt"]) == [0, 1]
    assert list(table["reward"]) == [1.0, 0.0]
    assert table["error"].isna().all()


def test_a_table_of_some_columns_reaches_into_fields(out):
    pytest.importorskip("pandas")
    write(out, a_row(), a_row(attempt=1, error="JudgeError: x"))
    table = load_attempts(out, ["attempt", "times.judge_s", "tokens.completion", "outcome"])
    assert list(table.columns) == ["attempt", "times.judge_s", "tokens.completion", "outcome"]
    assert list(table["times.judge_s"]) == [0.5, 0.5]
    assert list(table["outcome"].isna()) == [False, True]
    for column in ("times.judges", "time.judge_s", "rewards", "reward.mean"):
        with pytest.raises(UsageError, match=rf"attempts\.jsonl has no field '{column}'.*its fields are .*reward"):
            load_attempts(out, ["attempt", column])
    with pytest.raises(UsageError, match="did you mean 'reward'"):
        load_attempts(out, ["rewards"])


def test_an_empty_run_gives_an_empty_table(out):
    pytest.importorskip("pandas")
    write(out)
    assert list(load_attempts(out, ["reward"]).columns) == ["reward"]
    assert load_attempts(out).empty


def test_searches_at_one_task_are_told_apart_by_their_seed(out):
    pytest.importorskip("pandas")
    write(out, {**a_row(), "seed": 0}, {**a_row(), "seed": 1})
    assert list(load_attempts(out, ["seed"])["seed"]) == [0, 1]


def test_the_answer_of_an_attempt_is_a_text_or_nothing(out):
    details = [{"answer": "B"}, {"answer": None}, {"answer": ["B"]}, {"choice": "B"}]
    write(out, *(a_row(attempt=i, detail=detail) for i, detail in enumerate(details)))
    assert [result.answer for result in load_results(out).values()] == ["B", None, None, None]


def test_a_finished_run_is_told_from_one_that_is_written_or_was_interrupted(out):
    with RunDirectory(out, RUN) as directory:
        directory.append(a_row())
        with pytest.raises(UsageError, match=rf"process {os.getpid()} is still writing to {out}"):
            check_finished(out)
    with pytest.raises(UsageError, match=r"has no summary\.json, so the run was interrupted"):
        check_finished(out)
    (out / "summary.json").write_text("{}")
    check_finished(out)
    with (out / "attempts.jsonl").open("a") as file:
        file.write('{"task_id"')
    with pytest.raises(UsageError, match=r"attempts\.jsonl: its last line is torn"):
        check_finished(out)
