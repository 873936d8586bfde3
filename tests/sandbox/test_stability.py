"""A verdict depends on the program, not on what else the machine does."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import psutil
import pytest

from sandbox.levels import LEVELS, require, run, same_text
from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox import machine
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits, StopRule
from sdpo_gym.sandbox.pool import JudgePool

SPIN = "while True: pass"
MIX = {
    "half": ("import time\nwhile time.process_time() < 0.3: pass\nprint(1)", "accepted"),
    "over": (SPIN, "time_limit"),
    "threads over": (
        "import threading\ndef f():\n    while True: pass\n[threading.Thread(target=f).start() for _ in range(3)]",
        "time_limit",
    ),
    "asleep": ("import time\ntime.sleep(100)", "idle_limit"),
    "dozing": (
        "import time\nfor _ in range(4):\n    time.sleep(0.2)\nwhile time.process_time() < 0.2: pass\nprint(1)",
        "accepted",
    ),
    "memory": ("x = [bytearray(1 << 20) for _ in range(10000)]", "memory_limit"),
    "output": ("while True: print('x' * 100000)", "output_limit"),
    "crash": ("print(1)\nraise ValueError", "runtime_error"),
    "wrong": ("print(2)", "wrong_answer"),
    "right": ("print(1)", "accepted"),
}
LIMITS = Limits(cpu_s=0.6, memory_bytes=256 << 20, output_bytes=1 << 20)


@contextlib.contextmanager
def hogs(number: int) -> Iterator[None]:
    running = [psutil.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(number)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


@pytest.fixture(params=LEVELS, ids=lambda level: level.value)
def level(request: pytest.FixtureRequest) -> Isolation:
    require(request.param)
    level: Isolation = request.param
    return level


def job(source: str, cases: list[tuple[str, str]] | None = None, limits: Limits = LIMITS, **more: object) -> Job:
    def decode() -> list[Case]:
        soon = str(time.time() + 1.9)  # after a first run has begun, and before a second one may
        return [Case(input_.replace(SOON, soon), expected) for input_, expected in cases or [("", "1")]]

    return Job(Program(source), decode, same_text, limits, **more)  # type: ignore[arg-type]


def statuses(result: JobResult) -> list[str]:
    return [run_.status.value for run_ in result.runs]


@pytest.mark.slow
@pytest.mark.parametrize(("concurrent", "others"), [(1, 0), (16, 4)])
def test_verdicts_are_the_same_however_many_run(level: Isolation, concurrent: int, others: int) -> None:
    sources = list(MIX.items()) * (1 if concurrent == 1 else 2)
    with hogs(others), JudgePool(workers=concurrent, isolation=level.value) as pool:
        futures = [(name, expected, pool.submit(job(source))) for name, (source, expected) in sources]
        found = [(name, statuses(future.result(200))) for name, _, future in futures]
    assert found == [(name, [expected]) for name, expected, _ in futures]


@pytest.mark.slow
def test_cpu_time_decides_however_busy_the_machine_is(level: Isolation) -> None:
    with hogs(4), JudgePool(workers=2, isolation=level.value) as pool:
        source = "import time\nwhile time.process_time() < 0.4: pass\nprint(1)"
        assert statuses(run(pool, source, [("", "1")] * 3, limits=Limits(cpu_s=0.8))) == ["accepted"] * 3


@pytest.mark.slow
def test_a_starved_program_is_not_idle(level: Isolation) -> None:
    with hogs(10), JudgePool(workers=2, isolation=level.value) as pool:
        # needs about 0.3 s of CPU; the wall cap is 2.2 s, and a fifth of a core or less is left for it
        source = "import time\ntime.sleep(1.9)\nwhile time.process_time() < 0.3: pass\nprint(1)"
        run_ = run(pool, source, [("", "1")], limits=Limits(cpu_s=1)).runs[0]
        assert run_.status is RunStatus.ACCEPTED
        endless = run(pool, SPIN, limits=Limits(cpu_s=0.5)).runs[0]
        assert endless.status is RunStatus.TIME_LIMIT


# Second runs. A program's wall cap is 2.4 s here, and whether the machine was crowded is not left to chance.
SHORT = Limits(cpu_s=0.2)
IDLE_UNTIL = "import time\nif time.time() < float(input()): time.sleep(100)\nprint(1)"
LIVED = "import time\na = time.time()\ntime.sleep(0.4)\nprint(a, time.time())"
AGAIN = "again, alone"
SOON, NEVER = "soon", "1e12"


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sdpo_gym.sandbox.pool")
    monkeypatch.setattr("sdpo_gym.sandbox.pool.waited_since", lambda before: float("inf"))


@pytest.mark.slow
def test_what_only_the_wall_cap_ended_is_run_again(
    level: Isolation, crowded: None, caplog: pytest.LogCaptureFixture
) -> None:
    with JudgePool(workers=2, isolation=level.value) as pool:
        cases = [("0", "2"), ("0", "1"), (SOON, "1"), ("0", "1"), (NEVER, "1"), ("0", "1")]
        result = pool.submit(job(IDLE_UNTIL, cases, SHORT)).result(60)
    # the third was idle at first; the fifth is, whatever happens
    assert statuses(result) == ["wrong_answer", "accepted", "accepted", "accepted", "idle_limit", "skipped"]
    assert caplog.text.count(AGAIN) == 1  # a second idle limit counts


@pytest.mark.parametrize(("stop", "end"), [(StopRule.DECIDED, "skipped"), (StopRule.NEVER, "accepted")])
def test_second_runs_keep_to_the_stop_rule(crowded: None, stop: StopRule, end: str) -> None:
    with JudgePool(workers=2, isolation=LEVELS[-1].value) as pool:
        cases = [("0", "1"), (SOON, "2"), ("0", "1")]
        result = pool.submit(job(IDLE_UNTIL, cases, SHORT, stop=stop)).result(60)
    assert statuses(result) == ["accepted", "wrong_answer", end]


@pytest.mark.slow
def test_second_runs_are_alone_and_everybody_gets_through(crowded: None, caplog: pytest.LogCaptureFixture) -> None:
    lived: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []

    def note(case: Case, run_: TestRun) -> bool:
        begin, end = map(float, run_.stdout.split())
        (lived if case.input == "0" else alone).append((begin, end))
        return True

    source = "import time\na = time.time()\nif a < float(input()): time.sleep(100)\n" + LIVED
    with JudgePool(workers=3, isolation=LEVELS[-1].value) as pool:
        idle = [Job(Program(source), lambda: [Case(str(time.time() + 1.9), "")], note, SHORT) for _ in range(2)]
        short = [Job(Program(source), lambda: [Case("0", "")], note, SHORT) for _ in range(12)]
        futures = [pool.submit(j) for j in [*idle, *short]]
        assert not wait(futures, 90).not_done
        assert all(future.result().runs[0].status is RunStatus.ACCEPTED for future in futures)
    assert caplog.text.count(AGAIN) == len(alone) == 2
    assert len(lived) == 12
    assert max(lived) > min(alone), "the second run had to wait until there was nothing else to do"
    spans = sorted([*lived, *alone])
    for begin_alone, end_alone in alone:
        assert [s for s in spans if s[0] < end_alone and begin_alone < s[1]] == [(begin_alone, end_alone)]


@pytest.mark.parametrize("waited", [0.0, 1.0])
def test_what_slept_on_a_machine_with_room_is_not_run_again(
    waited: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sdpo_gym.sandbox.pool")
    monkeypatch.setattr("sdpo_gym.sandbox.pool.waited_since", lambda before: waited)  # of the 2.4 s of its run
    with JudgePool(workers=1, isolation=LEVELS[-1].value) as pool:
        assert statuses(run(pool, IDLE_UNTIL, [(NEVER, "1")], limits=SHORT)) == ["idle_limit"]
    assert AGAIN not in caplog.text


@pytest.mark.slow
def test_time_for_second_runs_is_bounded(
    crowded: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sdpo_gym.sandbox.pool._ALONE_CREDIT_S", 0.1)
    monkeypatch.setattr("sdpo_gym.sandbox.pool._ALONE_SHARE", 0.0)
    with JudgePool(workers=2, isolation=LEVELS[-1].value) as pool:
        futures = [pool.submit(job("import time\ntime.sleep(100)", limits=SHORT)) for _ in range(3)]
        assert [statuses(future.result(60)) for future in futures] == [["idle_limit"]] * 3
    assert caplog.text.count(AGAIN) == 1


def test_cancelling_reaches_what_waits_to_run_alone(crowded: None) -> None:
    with JudgePool(workers=2, isolation=LEVELS[-1].value) as pool:
        spinning = pool.submit(job(SPIN, limits=Limits(cpu_s=600)))
        waiting = pool.submit(job(IDLE_UNTIL, [(SOON, "1")], SHORT))
        deadline = time.monotonic() + 60
        while not pool._want_alone and time.monotonic() < deadline:
            time.sleep(0.05)
        queued = pool.submit(job("print(1)"))
        assert waiting.cancel()
        assert spinning.cancel()
        assert statuses(queued.result(60)) == ["accepted"]


def test_cancelling_the_pool_ends_what_waits_to_run_alone(crowded: None) -> None:
    pool = JudgePool(workers=2, isolation=LEVELS[-1].value)
    pool.submit(job(SPIN, limits=Limits(cpu_s=600)))
    waiting = pool.submit(job(IDLE_UNTIL, [(SOON, "1")], SHORT))
    deadline = time.monotonic() + 60
    while not pool._want_alone and time.monotonic() < deadline:
        time.sleep(0.05)
    canceller = threading.Thread(target=pool.cancel, daemon=True)
    canceller.start()
    canceller.join(20)
    assert not canceller.is_alive()
    assert isinstance(waiting.exception(1), JudgeError)


# The machine


def test_the_machine_factor_is_measured_once() -> None:
    factor = machine.machine_factor()
    assert 0.05 < factor < 100
    assert machine.machine_factor() == factor


def test_waiting_is_read_from_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = (tmp_path / "machine", tmp_path / "group")
    monkeypatch.setattr(machine, "_pressure_files", lambda: files)

    def write(path: Path, total: int) -> None:
        path.write_text(
            f"some avg10=1.00 avg60=2.00 avg300=3.00 total={total}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
        )

    write(files[0], 5_000_000)
    write(files[1], 1_000_000)
    before = machine.pressure()
    assert before == (5.0, 1.0)
    write(files[0], 5_250_000)
    write(files[1], 2_500_000)
    assert machine.waited_since(before) == 1.5  # our control group may be short of cores where the machine is not


@pytest.mark.parametrize(("load", "waited"), [(0.0, 0.0), (1e6, float("inf"))])
def test_without_the_kernels_word_the_load_decides(load: float, waited: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_pressure_files", lambda: ())
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    assert machine.waited_since(machine.pressure()) == waited


def test_waiting_for_a_core_is_seen() -> None:
    before = machine.pressure()
    with hogs(8):
        time.sleep(1.5)
        if before:  # else the load average would need a minute
            assert machine.waited_since(before) > 0.5
