"""Whatever happens to the process that judges, it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sandbox.levels import LEVELS, require
from sdpo_gym.sandbox.isolation import Isolation

ROOT = Path(__file__).resolve().parent.parent.parent

JUDGE_FOREVER = """
import sys
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import shared_pool
pool = shared_pool(sys.argv[1], workers=2)
def job(source):
    return Job(Program(source), lambda: [Case("", "")] * 3, lambda case, run: True, Limits(cpu_s=600))
pool.submit(job("pass")).result()
futures = [pool.submit(job(s)) for s in ("while True: pass", "import time\\ntime.sleep(500)", "pass")]
print("judging", flush=True)
futures[0].result()
"""


def everything_below(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_no_process_outlives_the_judge(level: Isolation, number: signal.Signals) -> None:
    require(level)
    judge = subprocess.Popen(
        [sys.executable, "-c", JUDGE_FOREVER, level.value],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert judge.stdout is not None
    try:
        assert judge.stdout.readline() == "judging\n"
        time.sleep(0.5)
        below = everything_below(psutil.Process(judge.pid))
        assert len(below) >= 4
        judge.send_signal(number)
        judge.wait(20)
        _, alive = psutil.wait_procs(below, timeout=10)
        assert not alive
    finally:
        judge.kill()
        judge.wait()
        judge.stdout.close()


AS_USER = """
import sys
sys.path[:0] = sys.argv[1:3]
from sdpo_gym.sandbox.isolation import Isolation
from sdpo_gym.sandbox.levels import AUTOMATIC, why_not
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
for level in (*AUTOMATIC, Isolation.NONE):
    assert why_not(level) is None, (level, why_not(level))
    pool = JudgePool(1, level.value)
    def judge(source):
        job = Job(Program(source), lambda: [Case("1 2", "3")], lambda c, r: r.stdout.strip() == b"3", Limits(cpu_s=1))
        return pool.submit(job).result().runs[0].status.value
    print(level.value, judge("print(sum(map(int, input().split())))"), judge("print(4)"), judge("while 1: pass"))
    pool.close()
"""


@pytest.mark.slow
def test_works_as_an_ordinary_user(tmp_path: Path) -> None:
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0:
        pytest.skip("needs root, to become an ordinary user")
    version = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True)
    if version.stdout.split() != [str(v) for v in sys.version_info[:2]]:
        pytest.skip("needs a system python of our version, which an ordinary user can reach")
    home = Path("/tmp") / f"sdpo-gym-user-{os.getpid()}"
    home.mkdir()
    try:
        os.chown(home, 65534, 65534)
        packages = next(p for p in sys.path if p.endswith("site-packages"))
        done = subprocess.run(
            [python, "-c", AS_USER, str(ROOT), packages],
            user=65534, group=65534, extra_groups=[], capture_output=True, text=True, cwd="/",
            env={"HOME": str(home), "PATH": os.defpath},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert [line.split()[1:] for line in done.stdout.splitlines()] == [
            ["accepted", "wrong_answer", "time_limit"]
        ] * 3
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


CLOSED = """
import os, sys
for fd in (0, 1, 2):
    os.close(fd)
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.pool import JudgePool
pool = JudgePool(1, sys.argv[1])
job = Job(Program("print(3)"), lambda: [Case("", "3")], lambda c, r: r.stdout.strip() == b"3")
status = pool.submit(job).result().runs[0].status.value
pool.close()
os._exit(0 if status == "accepted" else 1)
"""


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.value)
def test_works_without_standard_descriptors(level: Isolation) -> None:
    require(level)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", CLOSED, level.value], env=environment, timeout=60).returncode == 0
