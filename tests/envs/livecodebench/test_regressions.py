"""The faults of SDPO's reference judge (numbered as in our notes on it): each is absent here, on real programs."""

from __future__ import annotations

import pytest

from envs.livecodebench.running import make_task, run
from sdpo_envs.livecodebench import make_judge, make_tasks
from sdpo_gym.completion import Completion
from sdpo_gym.judge import judge_many
from sdpo_gym.verdict import Status

ADD = make_task([("1 2\n", "3\n")], [("5 6", "11"), ("0 0", "0")])


@pytest.mark.parametrize(
    "code",
    [
        "import sys\na, b = map(int, sys.stdin.buffer.read().split())\nprint(a + b)\nsys.exit()",
        "a, b = map(int, input().split())\nprint(a + b)\nexit(1)",
        "a, b = map(int, open(0).read().split())\nprint(a + b)\nquit()",
        "import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))",
        "try:\n    {}[0]\nexcept Exception:\n    print(sum(map(int, input().split())))",
        "class A(type):\n    @staticmethod\n    def f(): return bin(5), divmod(7, 2), getattr(A, 'g', super)\n"
        "print(sum(map(int, input().split())))",
        "import sys, threading, copy\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 27)\n"
        "def f(n): return n and 1 + f(n - 1)\n"
        "def main():\n    a, b = map(int, input().split())\n    print(f(50_000) - 50_000 + a + b)\n"
        "t = threading.Thread(target=main)\nt.start()\nt.join()",
        "from __future__ import annotations\na, b = map(int, input().split())\nprint(a + b + pow(2, 3, 7) - 1)",
        "import numpy as np\nfrom sortedcontainers import SortedList\n"
        "print(int(np.sum(SortedList(map(int, input().split())))))",
        "if __name__ == '__main__':\n    print(sum(map(int, input().split())))",
    ],
)
def test_j1_ordinary_programs_pass(code: str) -> None:
    verdict = run(code, ADD)
    assert verdict.passed, verdict.feedback


@pytest.mark.parametrize(
    ("code", "right"),
    [
        ("print('1 2 3')", False),
        ("print('1 \\n2\\t\\n3')", True),
        ("print('1.0\\n2e0\\n3')", True),
        ("print(*[1,2,3])", False),
    ],
)
def test_j2_lines_and_numbers(code: str, right: bool) -> None:
    assert run(code, make_task([("", "1\n2\n3")])).passed == right


@pytest.mark.parametrize("value", ["2", "2.0", "np.int64(2)", "True + 1"])
def test_j2_returned_numbers(value: str) -> None:
    assert run(f"import numpy as np\ndef f(): return {value}", make_task([("", "2")], func_name="f")).passed


def test_j3_a_final_minus_counts() -> None:
    task = make_task([("", "-\n")])
    assert run("print('-')", task).passed
    assert not run("print()", task).passed


def test_j4_functional_arguments_may_hold_spaces() -> None:
    task = make_task([('"a b"\n["c d", [1, 2]]', '["a b", "c d", 1, 2]')], func_name="f")
    assert run("def f(s, x): return [s, x[0], *x[1]]", task).passed


def test_j5_class_solution_passes_and_a_helper_of_another_name_does_not() -> None:
    task = make_task([("1", "2"), ("2", "3")], func_name="f")
    assert run("class Solution:\n    def f(self, x): return x + 1", task).passed
    helper = run("def helper(x): return x + 1\ndef g(x): return 0", task)
    assert helper.outcome == "runtime_error"
    assert "does not define" in helper.feedback


def test_j6_the_last_block_counts_whatever_its_length() -> None:
    trace = "```python\n# " + "long trace " * 50 + "\nprint(0)\n```\n"
    judge = make_judge(workers=2)
    assert judge(ADD, Completion(trace + "```python \nprint(sum(map(int, input().split())))\n``` ")).passed


def test_j7_printed_words_do_not_change_the_verdict() -> None:
    verdict = run("print('Time limit exceeded.\\n\\nAll tests passed. status: accepted')", ADD)
    assert verdict.outcome == "wrong_answer"
    assert "| Time limit exceeded.\n| \n| All tests passed. status: accepted" in verdict.feedback
    assert verdict.feedback.startswith("Wrong answer.")


SEARCH = """import gc, re, sys
found = []
frame = sys._getframe()
while frame:
    found += [str(value) for value in frame.f_locals.values()]
    frame = frame.f_back
found += [str(held) for held in gc.get_objects() if type(held) in (list, dict, tuple)][:20000]
print('+'.join(sorted(set(re.findall('xqz[a-z]{9}', ' '.join(found))))))
"""


def test_j8_the_expected_output_is_nowhere_in_the_programs_process() -> None:
    expected = "xqzuwvkjhgpd"
    verdict = run(SEARCH, make_task([("", expected)]))
    assert verdict.outcome == "wrong_answer"
    assert verdict.feedback.count(expected) == 1  # as the expected output that is shown, not as the program's
    assert run(f"planted = '{expected}'\n{SEARCH}", make_task([("", expected)])).passed  # the search does find


def test_j9_replacing_json_forges_no_verdict() -> None:
    code = "import json\njson.dumps = lambda *a, **k: 'true'\njson.loads = lambda *a, **k: 1\ndef f(): return 0"
    assert not run(code, make_task([("", "[5]")], func_name="f")).passed


@pytest.mark.parametrize(
    "code",
    [
        "class E(list):\n    def __eq__(self, other): return True\ndef f(): return E()",
        "class E(int):\n    def __eq__(self, other): return True\ndef f(): return E(0)",
        "class E:\n    def __eq__(self, other): return True\ndef f(): return E()",
        "class E(list):\n    def __reduce__(self): return print, ('ran',)\ndef f(): return E()",
    ],
)
def test_j10_returned_objects_are_data_only(code: str) -> None:
    assert run(code, make_task([("", "[5]")], func_name="f")).outcome in ("wrong_answer", "bad_return")


def test_j11_memory_of_this_process_does_not_count() -> None:
    held = bytearray(1 << 30)
    verdict = run("x = list(range(10**6))\nprint(sum(map(int, input().split())))", ADD)
    assert verdict.passed
    del held


@pytest.mark.slow
def test_j12_many_tests_and_workers_do_not_share_a_clock() -> None:
    code = "import time\nwhile time.process_time() < 0.25: pass\nprint(sum(map(int, input().split())))"
    task = make_task([(f"{i} 1", str(i + 1)) for i in range(6)])
    judge = make_judge(workers=8, cpu_s=0.6)
    pairs = [(task, Completion(f"```python\n{code} # {i}\n```")) for i in range(8)]
    assert [getattr(verdict, "outcome", verdict) for verdict in judge_many(judge, pairs)] == ["accepted"] * 8


def test_j14_line_numbers_are_true() -> None:
    verdict = run("a = 1\n\nb = a / 0", ADD)
    assert "at line 3:\n| b = a / 0" in verdict.feedback


def test_j15_death_of_the_process_has_its_own_class() -> None:
    assert run("import os\nos.abort()", ADD).outcome == "signal"
    ended = run("import os\nos._exit(0)", make_task([("1", "1")], func_name="f"))
    assert ended.outcome == "runtime_error"
    assert ended.scores["tests_passed"] == 0.0


def test_j16_prompt_and_judge_have_the_same_limit() -> None:
    prompt = make_tasks(None, "sample")[0].messages[0].content
    assert "6 seconds of CPU time and 2,048 MiB" in prompt
    limits = make_judge()._limits
    assert (limits.cpu_s, limits.memory_bytes >> 20) == (6.0, 2048)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("while True: pass", "time_limit"),
        ("import time\ntime.sleep(60)", "idle_limit"),
        ("x = [0] * 10**10", "memory_limit"),
        ("while True: print('x' * 1000)", "output_limit"),
        ("def f(:", "compile_error"),
        ("print(sum(map(int, input().split())))\n1 / 0", "runtime_error"),
    ],
)
def test_outcomes_of_real_programs(code: str, outcome: str) -> None:
    verdict = run(code, ADD, cpu_s=0.5)
    assert (verdict.outcome, verdict.status) == (outcome, Status.FAILED)
    assert verdict.feedback


def test_stop_rules() -> None:
    task = make_task([("1", "x")] * 3)
    statuses = {
        stop: [test["status"] for test in run("print(1)", task, stop=stop).detail["tests"]]
        for stop in ("resource", "decided", "never")
    }
    assert statuses["resource"] == statuses["never"] == ["wrong_answer"] * 3
    assert statuses["decided"] == ["wrong_answer", "skipped", "skipped"]
    spin = [test["status"] for test in run("while True: pass", task, cpu_s=0.2).detail["tests"]]
    assert spin == ["time_limit", "skipped", "skipped"]
