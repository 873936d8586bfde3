from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sandbox.levels import LEVELS, require, run, same_text
from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.job import Case, Job, Program, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.sandbox.pool import JudgePool, shared_pool

ADD = "a, b = map(int, input().split())\nprint(a + b)"
SPIN = "while True: pass"


@pytest.fixture(scope="module", params=LEVELS, ids=lambda level: level.value)
def pool(request: pytest.FixtureRequest) -> Iterator[JudgePool]:
    require(request.param)
    pool = JudgePool(workers=2, isolation=request.param.value)
    yield pool
    pool.close()


def statuses(result) -> list[str]:
    return [r.status.value for r in result.runs]


def test_right_and_wrong_outputs_are_told_apart(pool: JudgePool) -> None:
    result = run(pool, ADD, [("1 2\n", "3"), ("1 2\n", "4"), ("5 6", "11")])
    assert statuses(result) == ["accepted", "wrong_answer", "accepted"]
    assert result.isolation == pool.isolation
    assert all(0 < r.cpu_s < 1 and r.wall_s > 0 and r.peak_bytes > 1 << 20 for r in result.runs)


@pytest.mark.parametrize(
    ("source", "status", "error"),
    [
        ("x = (", "compile_error", "SyntaxError"),
        ("return 1", "compile_error", "SyntaxError"),
        ("1 / 0", "runtime_error", "ZeroDivisionError"),
        ("x = [0] * 10**9", "memory_limit", "MemoryError"),
        ("x = [bytearray(1 << 20) for _ in range(10000)]", "memory_limit", "MemoryError"),
        ("print('x' * (64 << 20))", "output_limit", None),
        ("import sys\nwhile True: sys.stderr.write('x' * 100000)", "output_limit", None),
        (SPIN, "time_limit", None),
        ("import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()", "time_limit", None),
        ("import signal\nsignal.raise_signal(signal.SIGSEGV)", "signal", None),
        ("import ctypes\nctypes.string_at(0)", "signal", None),
        ("x = 1\n" * 100_000, "compile_error", "SourceTooLong"),
    ],
)
def test_every_failure_has_its_class(pool: JudgePool, source: str, status: str, error: str | None) -> None:
    cpu_s = 0.6 if status == "time_limit" else 5  # filling memory and output takes long on a busy machine
    result = run(pool, source, limits=Limits(cpu_s=cpu_s, memory_bytes=512 << 20))
    assert statuses(result) == [status]
    assert (result.runs[0].error.type if result.runs[0].error else None) == error


@pytest.mark.parametrize("source", ["x = 1\0", "x = '\udc80'", "(" * 5000, "x = " + "-" * 100_000 + "1"])
def test_sources_that_no_compiler_takes(pool: JudgePool, source: str) -> None:
    assert statuses(run(pool, source, [("", "")] * 2)) == ["compile_error"] * 2
    assert statuses(run(pool, ADD, [("1 2", "3")])) == ["accepted"]


@pytest.mark.slow
def test_compiling_has_a_cpu_limit_of_its_own(pool: JudgePool) -> None:
    nested = "".join(f"{' ' * i}try:\n{' ' * i} pass\n{' ' * i}finally:\n" for i in range(1, 18)) + " " * 19 + "pass\n"
    source = "".join(f"def f{i}():\n{nested}" for i in range(60))  # about a minute's work
    start = time.monotonic()
    result = run(pool, source, limits=Limits(cpu_s=1))
    assert result.compile_error is not None
    assert result.compile_error.type == "CompileTimeLimit"
    assert time.monotonic() - start < 30
    assert statuses(run(pool, ADD, [("1 2", "3")])) == ["accepted"]


@pytest.mark.parametrize(
    ("report", "status"),
    [
        ("""b'E["x", "y", [[1e999, "f"]]]'""", "runtime_error"),
        ("""b'E["x", 1, []]'""", "runtime_error"),
        ("b'Mgarbage'", "runtime_error"),
        ("""b'M["MemoryError", "", []]'""", "memory_limit"),
        ("b'E' + b'[' * 10_000_000", "runtime_error"),
    ],
)
@pytest.mark.parametrize("end", ["os._exit(1)", "__import__('signal').raise_signal(6)"])
def test_a_forged_report_harms_its_program_only(pool: JudgePool, report: str, status: str, end: str) -> None:
    source = f"import os\nos.pwrite(3, {report}, 0)\n{end}"
    start = time.monotonic()
    result = run(pool, source, [("", "")] * 3, limits=Limits(cpu_s=0.5))
    assert result.runs[0].status.value == (status if "_exit" in end else "signal")
    assert "accepted" not in statuses(result)
    assert time.monotonic() - start < 10


def test_waiting_is_an_idle_limit_not_a_time_limit(pool: JudgePool) -> None:
    result = run(pool, "import time\ntime.sleep(60)", limits=Limits(cpu_s=0.1))
    assert statuses(result) == ["idle_limit"]
    assert 2.1 < result.runs[0].wall_s < 6


def test_an_error_names_the_line_and_frames_of_the_submission(pool: JudgePool) -> None:
    source = "def f(x):\n    return 1 // x\n\n\nf(int(input()))"
    error = run(pool, source, [("0", "")]).runs[0].error
    assert error is not None
    assert (error.type, error.line, error.frames) == ("ZeroDivisionError", 2, ((5, "<module>"), (2, "f")))


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (StopRule.RESOURCE, ["wrong_answer", "time_limit", "skipped", "skipped"]),
        (StopRule.DECIDED, ["wrong_answer", "skipped", "skipped", "skipped"]),
        (StopRule.NEVER, ["wrong_answer", "time_limit", "accepted", "accepted"]),
    ],
)
def test_stop_rules(pool: JudgePool, stop: StopRule, expected: list[str]) -> None:
    source = "n = int(input())\nwhile n == 1: pass\nprint(n)"
    cases = [("0", "x"), ("1", "1"), ("2", "2"), ("3", "3")]
    assert statuses(run(pool, source, cases, stop=stop, limits=Limits(cpu_s=0.3))) == expected


def test_functions_methods_and_what_they_return(pool: JudgePool) -> None:
    method = "class Solution:\n    def f(self, a, b):\n        return [a, *b]"
    assert statuses(run(pool, method, [('"x y"\n[1, 2]', '["x y",1,2]')], entry="Solution.f")) == ["accepted"]
    function = "def f(a):\n    return a, a"
    result = run(pool, function, [("1", "[1,1]")], entry="f")
    assert (result.runs[0].value, result.runs[0].nested_tuple) == (b"[1,1]", False)
    nested = run(pool, "def f(a):\n    return [(a,)]", [("1", "[[1]]")], entry="f")
    assert nested.runs[0].nested_tuple
    bad = run(pool, "def f(a):\n    return {a}", [("1", "[1]")], entry="f").runs[0]
    assert bad.status is RunStatus.BAD_RETURN
    assert bad.error is not None
    assert bad.error.type == "set"
    missing = run(pool, "def g(a):\n    return 1", [("1", "1")], entry="f").runs[0]
    assert missing.error is not None
    assert missing.error.type == "EntryNotFound"
    ended = run(pool, "import os\ndef f(a):\n    os._exit(0)", [("1", "1")], entry="f").runs[0]
    assert ended.status is RunStatus.RUNTIME_ERROR


def test_cases_do_not_see_each_other(pool: JudgePool) -> None:
    source = "import builtins\nn = getattr(builtins, 'n', 0) + 1\nbuiltins.n = n\nprint(n)"
    assert statuses(run(pool, source, [("", "1")] * 3)) == ["accepted"] * 3


def test_large_inputs_and_outputs_pass_through_whole(pool: JudgePool) -> None:
    text = "x" * (20 << 20)
    result = run(pool, "import sys\nprint(len(sys.stdin.read()))", [(text, str(len(text)))] * 3)
    assert statuses(result) == ["accepted"] * 3
    big = "7" * (5 << 20)
    assert statuses(run(pool, "print(input())", [(big, big)] * 4)) == ["accepted"] * 4


def test_an_earlier_input_cannot_be_found_in_memory(pool: JudgePool) -> None:
    source = (
        "import ctypes, gc\n"
        "word = input()\n"
        "print(any(isinstance(o, (bytes, str, bytearray)) and len(o) > 30 and 'SECRET-' + 'INPUT' in str(o)\n"
        "          for o in gc.get_objects()))\n"
    )
    secret = "SECRET-" + "INPUT" + "s" * 100
    result = run(pool, source, [(secret, "x"), ("second", "False")])
    assert statuses(result)[1] == "accepted"


# The second test looks for what the first one printed in the memory around its own objects. The pattern, and the
# pieces that the text is made of, do not match it themselves.
STEAL = """
import ctypes, os, re, sys
if sys.stdin.readline().startswith("print"):
    print("-".join(["STOLEN", "TEXT" * 20]))
    print("x" * SIZE)
else:
    pattern, found, page = re.compile(rb"[S]TOLEN[-]([T]EXT){20}"), False, 4096
    read, write = os.pipe()
    libc = ctypes.CDLL(None)
    around = {id(o) & ~(page - 1) for o in (sys, os, ctypes, pattern, [], {}, object())}
    for base in around:
        for address in range(base - 512 * page, base + 512 * page, page):
            n = libc.write(write, ctypes.c_void_p(address), page)  # the kernel refuses what is not mapped
            if n > 0 and pattern.search(os.read(read, n)):
                found = True
    print(found)
"""


@pytest.mark.parametrize("size", [100, 4000, 60_000])
def test_an_earlier_output_cannot_be_found_in_memory(pool: JudgePool, size: int) -> None:
    result = run(pool, STEAL.replace("SIZE", str(size)), [("print", "x"), ("look", "False")], limits=Limits(cpu_s=5))
    assert statuses(result)[1] == "accepted", result.runs[1]


def test_packages_of_the_allowlist_and_nothing_else(pool: JudgePool) -> None:
    good = (
        "import numpy as np\nfrom sortedcontainers import SortedList\nprint(np.arange(3).sum(), SortedList([2, 1])[0])"
    )
    assert statuses(run(pool, good, [("", "3 1")])) == ["accepted"]
    for name in ("sdpo_gym", "sdpo_envs", "gymnasium", "httpx", "pytest"):
        error = run(pool, f"import {name}").runs[0].error
        assert error is not None
        assert error.type == "ModuleNotFoundError"


def test_a_failure_of_the_sandbox_is_an_error_never_a_verdict(pool: JudgePool) -> None:
    def broken() -> list[Case]:
        raise JudgeError("these tests do not decode")

    future = pool.submit(Job(Program(ADD), broken, same_text))
    assert isinstance(future.exception(timeout=30), JudgeError)
    assert statuses(run(pool, ADD, [("1 2", "3")])) == ["accepted"]


def test_a_comparison_that_fails_is_an_error_and_the_pool_goes_on(pool: JudgePool) -> None:
    def broken(case: Case, run_: TestRun) -> bool:
        raise ValueError("cannot compare")

    future = pool.submit(Job(Program(ADD), lambda: [Case("1 2", "3")] * 3, broken))
    error = future.exception(timeout=30)
    assert isinstance(error, JudgeError)
    assert "cannot compare" in str(error)
    assert statuses(run(pool, ADD, [("1 2", "3")])) == ["accepted"]


def test_shared_pool_is_one_per_setting() -> None:
    assert shared_pool("landlock") is shared_pool("landlock")
    assert shared_pool("landlock") is not shared_pool("landlock", workers=1)


def test_workers_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1 worker, got 0"):
        JudgePool(workers=0)
