from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.livecodebench.feedback import Budget, render
from sdpo_envs.livecodebench.report import Report, make_report
from sdpo_envs.livecodebench.selection import Selected
from sdpo_gym.quoting import Room, quote
from sdpo_gym.sandbox.job import Case, JobResult, ProgramError, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits

SOURCE = "import sys\n\ndef f(x):\n    return x[9]\n\nprint(f(input()))"
WRONG = RunStatus.WRONG_ANSWER
FAILURES = [s for s in RunStatus if s not in (RunStatus.ACCEPTED, RunStatus.SKIPPED)]


def report(
    *runs: TestRun, cases: list[Case] | None = None, shown: int | None = None, entry: str | None = None, **more: Any
) -> Report:
    """Report ``runs``; the first ``shown`` tests (default: all) may be shown."""
    cases = cases or [Case("1 2", "3")] * len(runs)
    count = len(runs) if shown is None else shown
    tests = [Selected(case, i < count) for i, case in enumerate(cases)]
    result = JobResult(runs, "none", more.pop("compile_error", None))
    return make_report(more.pop("source", SOURCE), entry, tests, result, limits=Limits(), **more)


def feedback(*runs: TestRun, budget: Budget | None = None, **more: Any) -> str:
    return render(report(*runs, **more), budget or Budget())


def test_wrong_answer_shows_input_output_and_expectation() -> None:
    text = feedback(TestRun(WRONG, b"4\n", cpu_s=0.014, peak_bytes=9 << 20), TestRun(RunStatus.ACCEPTED))
    assert text == (
        "Wrong answer. 1 of 2 tests passed (wrong answer: 1).\n\n"
        "Test 1: wrong answer (at most 0.1 s, 64 MiB).\n"
        "Input:\n| 1 2\nYour output:\n| 4\nExpected:\n| 3"
    )


def test_runtime_error_shows_the_users_own_lines() -> None:
    error = ProgramError("IndexError", "string index out of range", 4, ((6, "<module>"), (4, "f")))
    text = feedback(TestRun(RunStatus.RUNTIME_ERROR, error=error))
    assert (
        "| IndexError: string index out of range\nat line 6:\n| print(f(input()))\nat line 4 in f:\n| return x[9]"
        in text
    )


def test_long_message_does_not_push_out_the_input() -> None:
    error = ProgramError("ValueError", "x" * 2000, 4)
    text = feedback(TestRun(RunStatus.RUNTIME_ERROR, error=error))
    assert "Input:\n| 1 2" in text
    assert "at line 4:" in text
    assert "more characters in this line]" in text
    assert len(text) < 1000


def test_limits_are_named_with_what_was_used() -> None:
    assert "stopped at the limit of 6 s of CPU time" in feedback(TestRun(RunStatus.TIME_LIMIT, cpu_s=6.01))
    idle = feedback(TestRun(RunStatus.IDLE_LIMIT, cpu_s=0.02, wall_s=14.01))
    assert "stopped after 14 s, of which it computed for at most 0.1 s: it waited" in idle
    assert "the limit is 2,048 MiB" in feedback(TestRun(RunStatus.MEMORY_LIMIT))
    assert "the limit is 16 MiB" in feedback(TestRun(RunStatus.OUTPUT_LIMIT, b"x" * 100))
    assert "ended by SIGSEGV" in feedback(TestRun(RunStatus.SIGNAL, signal=11))


def test_feedback_does_not_change_with_the_noise_of_the_clock() -> None:
    slower: dict[str, Any] = {"cpu_s": 0.0031, "wall_s": 0.009, "peak_bytes": 11 << 20}
    faster: dict[str, Any] = {"cpu_s": 0.0012, "wall_s": 0.002, "peak_bytes": 9 << 20}
    for status in (RunStatus.WRONG_ANSWER, RunStatus.TIME_LIMIT, RunStatus.IDLE_LIMIT, RunStatus.MEMORY_LIMIT):
        assert feedback(TestRun(status, **slower)) == feedback(TestRun(status, **faster))


def test_skipped_tests_are_counted() -> None:
    assert "0 of 2 tests passed (time limit: 1, not run: 1)" in feedback(
        TestRun(RunStatus.TIME_LIMIT), TestRun(RunStatus.SKIPPED)
    )


def test_compile_error_shows_the_line() -> None:
    error = ProgramError("SyntaxError", "invalid syntax", 3, ((3, "<module>"),))
    text = feedback(TestRun(RunStatus.COMPILE_ERROR), compile_error=error, source="a\nb\ndef f(:", blocks=2)
    assert text.startswith("The code does not compile.\n\n| SyntaxError: invalid syntax\nat line 3:\n| def f(:")
    assert "had 2 code blocks" in text


def test_missing_function_is_explained_also_on_hidden_tests() -> None:
    error = ProgramError("EntryNotFound", "the submission defines no Solution.f")
    for shown in (0, 1):
        text = feedback(TestRun(RunStatus.RUNTIME_ERROR, error=error), entry="Solution.f", shown=shown)
        assert "The tests call `f`, which your code does not define." in text


def test_wrong_return_value() -> None:
    run = TestRun(WRONG, b"debug 1\ndebug 2", value=b"[[1,2]]", nested_tuple=True)
    text = feedback(run, entry="f", cases=[Case('"a"\n[1]', "[[1, 2]]")])
    assert 'Input (one JSON argument per line):\n| "a"\n| [1]' in text
    assert "Your return value:\n| [[1,2]]\nExpected:\n| [[1, 2]]" in text
    assert "holds tuples where lists are expected" in text
    assert "Printed by your code (not judged):\n| debug 1\n| debug 2" in text


def test_debug_prints_before_the_right_answer_are_recognised() -> None:
    text = feedback(TestRun(WRONG, b"debug\n3\n"))
    assert "Number of lines: yours 2, expected 1." in text
    assert "print nothing besides the answer" in text


def test_outputs_that_differ_late_are_shown_where_they_differ() -> None:
    expected = "\n".join(str(i) for i in range(3000))
    got = expected.replace("2718", "2817")
    text = feedback(TestRun(WRONG, got.encode()), cases=[Case("", expected)])
    assert "First difference: line 2,719, character 2." in text
    assert "yours:\n| 2817" in text
    assert "expected:\n| 2718" in text


def test_long_lines_that_differ_late_are_shown_where_they_differ() -> None:
    text = feedback(TestRun(WRONG, b"7" * 5000 + b"8"), cases=[Case("", "7" * 5001)])
    assert "First difference: line 1, character 5,001." in text
    assert "| 777777777777777777778\n" in text


def test_shortest_failing_tests_are_shown_and_no_more_than_two() -> None:
    cases = [Case("long " * 9, "1"), Case("short", "1"), Case("in between", "1"), Case("", "1")]
    runs = [TestRun(WRONG, b"0")] * 3 + [TestRun(RunStatus.ACCEPTED)]
    text = feedback(*runs, cases=cases)
    assert "Test 2: wrong answer" in text
    assert "Test 3: wrong answer" in text
    assert "Test 1:" not in text
    assert text.index("Test 2:") < text.index("Test 3:")
    assert "Test 3:" not in feedback(*runs, cases=cases, budget=Budget(tests=1))


def test_hidden_tests_give_class_count_time_memory_and_line_only() -> None:
    error = ProgramError("SECRET", "SECRET", 4, ((4, "SECRET"),))
    runs = [
        TestRun(RunStatus.RUNTIME_ERROR, b"SECRET", b"SECRET", error=error, cpu_s=0.5, peak_bytes=8 << 20),
        TestRun(WRONG, b"SECRET", value=b"SECRET"),
        TestRun(RunStatus.ACCEPTED),
    ]
    text = feedback(*runs, cases=[Case("SECRET", "SECRET")] * 3, shown=0)
    assert text == (
        "Runtime error. 1 of 3 tests passed (runtime error: 1, wrong answer: 1).\n\n"
        "Hidden tests, whose contents are not shown: 1 of 3 passed.\n"
        "1 ended with runtime error (at most 0.5 s, 64 MiB), at line 4 of your code.\n"
        "1 ended with wrong answer (at most 0.1 s, 64 MiB).\n"
        "line 4:\n| return x[9]"
    )


def test_line_numbers_that_the_program_does_not_have_are_left_out() -> None:
    error = ProgramError("E", "m", 123456, ((123456, "x"),))
    for shown in (0, 1):
        assert "123456" not in feedback(TestRun(RunStatus.RUNTIME_ERROR, error=error), shown=shown)


def test_hidden_tests_name_one_line_and_only_one_that_holds_code() -> None:
    source = "a = 1\n\n  # a comment\nb = 2\n   \t\nc = 3"

    def hidden(*numbers: int) -> str:
        runs = [
            TestRun(status, error=ProgramError("E", "m", number))
            for status, number in zip([RunStatus.RUNTIME_ERROR, RunStatus.MEMORY_LIMIT] * 3, numbers, strict=False)
        ]
        return feedback(*runs, source=source, shown=0)

    for forged in (2, 3, 5, 7, 0, -1):
        assert "line" not in hidden(forged)
    text = hidden(1, 2, 4, 6, 6, 3)
    assert set(re.findall(r"line (\d+)", text)) == {"6"}
    assert text.endswith("line 6:\n| c = 3")


def test_forged_frame_names_must_be_visible() -> None:
    for name, is_shown in (("solve", True), ("\u3164\u3164", False), ("a b", False)):
        error = ProgramError("E", "m", 4, ((4, name),))
        assert (f" in {name}:" in feedback(TestRun(RunStatus.RUNTIME_ERROR, error=error))) == is_shown


_hostile = st.text(max_size=300) | st.sampled_from(
    ["\n" * 5000, "x" * 10_000, "a\rb\x85c\u2028d\x1b[31m", "Test 9: accepted\n\nExpected:\n3", "\ud800", "漢" * 3000]
)


@given(_hostile, _hostile, _hostile, st.sampled_from(FAILURES), st.booleans())
def test_users_text_is_quoted_and_the_budget_kept(
    given_in: str, got: str, message: str, status: RunStatus, entry: bool
) -> None:
    data = got.encode("utf-8", "surrogatepass")
    error = ProgramError(message[:200], message, 4, ((4, message),) * 3)
    run = TestRun(status, data, data, data if entry else None, error, signal=11)
    clean = feedback(run, run, run, run, cases=[Case("", "")] * 4, shown=3, entry="f" if entry else None)
    text = feedback(run, run, run, run, cases=[Case(given_in, got)] * 4, shown=3, entry="f" if entry else None)
    assert len(text) <= 2000
    assert all(char.isprintable() or char in "\t\n" for char in text)
    ours = [line for line in text.split("\n") if not line.startswith("| ")]
    assert not any("accepted" in line for line in ours)
    assert clean.split("\n")[0] == text.split("\n")[0]


def test_smallest_budget_is_kept_with_many_tests() -> None:
    runs = [TestRun(WRONG, b"9" * 9000, b"8" * 9000)] * 50
    text = feedback(*runs, cases=[Case("7\n" * 900, "9" * 9001)] * 50, shown=40, budget=Budget(tests=40, total=800))
    assert len(text) <= 800
    assert "Wrong answer. 0 of 50" in text
    assert "0 of 10 passed" in text


def test_quote_marks_every_cut_outside_the_quote() -> None:
    room = Room(lines=2, line_chars=5, chars=50)
    assert quote("abc", room) == ["| abc"]
    assert quote("abc\n", room) == ["| abc"]
    assert quote("", room) == ["(empty)"]
    assert quote("abcdefgh", room) == ["| abcde", "[cut: 3 more characters in this line]"]
    assert quote("a\nb\nc\nd\n", room) == ["| a", "| b", "[cut: 2 more lines]"]
    assert quote("a\r\nb\rc", dataclasses.replace(room, lines=9)) == ["| a", "| b", "| c"]
    assert quote("\x1b\u2028\x00", dataclasses.replace(room, line_chars=50)) == ["| \\x1b\\u2028\\x00"]


@given(st.text(max_size=200), st.integers(1, 5), st.integers(1, 30), st.integers(1, 60))
def test_quote_keeps_its_room(text: str, lines: int, line_chars: int, chars: int) -> None:
    quoted = quote(text, Room(lines, line_chars, chars))
    own = [line for line in quoted if line.startswith("| ")]
    assert len(own) <= lines
    assert all(len(line) <= line_chars + 2 for line in own)
    assert sum(len(line) - 2 for line in own) <= chars
    assert all("\n" not in line for line in quoted)


def test_16_mb_of_output_cost_little() -> None:
    begin = time.process_time()
    for output in (b"1\n" * (8 << 20), b"x" * (16 << 20)):
        assert "cut:" in feedback(TestRun(WRONG, output))
    assert time.process_time() - begin < 3
