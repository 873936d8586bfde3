from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sdpo_baselines.reproduce.arms import Job
from sdpo_baselines.reproduce.runner import Command, progress, run_jobs
from sdpo_gym.errors import UsageError

# Stands for the worker: does what its job says, and writes down that it was there.
PROGRAM = """
import json, os, sys, time
from pathlib import Path
directory = Path(sys.argv[1])
job = json.loads((directory / "job.json").read_text())
with (directory.parent / "begun.txt").open("a") as file:
    file.write(directory.name + "\\n")
time.sleep(job.get("sleep", 0))
print(job.get("prints", ""))
if "die" in job:
    os.kill(os.getpid(), 9)
if "fail" in job:
    sys.exit(job["fail"])
(directory / "done.json").write_text(json.dumps({"said": os.environ["OMP_NUM_THREADS"] + " thread"}))
"""


@pytest.fixture
def command(tmp_path: Path) -> Command:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def start(directory: Path) -> Sequence[str]:
        return [sys.executable, "-S", str(program), str(directory)]

    return start


def make_job(name: str, after: tuple[str, ...] = (), **arguments: object) -> Job:
    return Job(name, "train", "tool", name, 0, arguments, 4, after)


def begun(out: Path) -> list[str]:
    return (out / "begun.txt").read_text().split()


def test_every_job_runs_once_with_one_thread(tmp_path: Path, command: Command) -> None:
    said: list[str] = []
    jobs = [make_job("a"), make_job("b"), make_job("c")]
    assert run_jobs(jobs, tmp_path / "out", workers=2, say=said.append, command=command) == []
    assert sorted(begun(tmp_path / "out")) == ["a", "b", "c"]
    assert sum("1 thread" in line for line in said) == 3
    assert said[-1].startswith("[3/3] ")
    assert "about 00:00 left" in said[-1]
    assert run_jobs([*jobs, make_job("d")], tmp_path / "out", workers=2, say=said.append, command=command) == []
    assert sorted(begun(tmp_path / "out")) == ["a", "b", "c", "d"]
    assert "3 of 4 jobs were done before" in said


def test_a_failed_job_is_named_and_the_rest_goes_on(tmp_path: Path, command: Command) -> None:
    jobs = [
        make_job("bad", fail=3, prints="ValueError: no luck"),
        make_job("dead", die=True),
        make_job("needs", after=("bad",)),
        make_job("good"),
    ]
    said: list[str] = []
    failures = run_jobs(jobs, tmp_path / "out", workers=1, say=said.append, command=command)
    errors = {failure.job: failure.error for failure in failures}
    assert set(errors) == {"bad", "dead", "needs"}
    assert errors["bad"].startswith("exit code 3: ValueError: no luck (see ")
    assert errors["dead"].startswith("killed by signal 9")
    assert errors["needs"] == "needs bad, which did not end well"
    assert "good" in begun(tmp_path / "out")
    assert "needs" not in begun(tmp_path / "out")
    again = run_jobs(jobs, tmp_path / "out", workers=1, say=said.append, command=command)
    assert {failure.job for failure in again} == {"bad", "dead", "needs"}
    assert begun(tmp_path / "out").count("good") == 1


def test_a_job_waits_for_what_it_needs(tmp_path: Path, command: Command) -> None:
    jobs = [make_job("second", after=("first",)), make_job("first", sleep=0.3)]
    assert run_jobs(jobs, tmp_path / "out", workers=2, say=lambda line: None, command=command) == []
    assert begun(tmp_path / "out") == ["first", "second"]


def test_no_more_at_a_time_than_asked(tmp_path: Path, command: Command) -> None:
    began = time.monotonic()
    run_jobs(
        [make_job(n, sleep=0.3) for n in "abc"], tmp_path / "out", workers=1, say=lambda line: None, command=command
    )
    assert time.monotonic() - began > 0.9


def test_a_run_with_other_settings_is_not_taken_for_this_one(tmp_path: Path, command: Command) -> None:
    run_jobs([make_job("a", config={"lr": 1})], tmp_path / "out", workers=1, say=lambda line: None, command=command)
    (failure,) = run_jobs(
        [make_job("a", config={"lr": 2})], tmp_path / "out", workers=1, say=lambda line: None, command=command
    )
    assert "holds a run with other settings (config.lr: 1 there, 2 now)" in failure.error
    assert begun(tmp_path / "out") == ["a"]


def test_two_do_not_run_in_one_directory(tmp_path: Path, command: Command) -> None:
    refused: list[str] = []

    def say(line: str) -> None:
        try:
            run_jobs([], tmp_path / "out", workers=1, say=refused.append, command=command)
        except UsageError as error:
            refused.append(str(error))

    run_jobs([make_job("a")], tmp_path / "out", workers=1, say=say, command=command)
    assert refused
    assert "another process runs jobs in" in refused[0]
    with pytest.raises(UsageError, match="at least 1, got 0"):
        run_jobs([], tmp_path / "out", workers=0, say=say, command=command)


def test_an_interrupt_ends_what_runs(tmp_path: Path, command: Command) -> None:
    def say(line: str) -> None:
        raise KeyboardInterrupt

    jobs = [make_job("quick", prints="x"), make_job("slow", sleep=60)]
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs, tmp_path / "out", workers=2, say=say, command=command)
    assert time.monotonic() - began < 20
    assert not (tmp_path / "out" / "slow" / "done.json").exists()


def test_progress_is_the_last_whole_line_of_the_metrics(tmp_path: Path) -> None:
    assert progress(tmp_path) == 0
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "metrics.jsonl").write_text('{"step": 3}\n{"step": 17, "eval": {}}\n{"st')
    assert progress(tmp_path) == 17


def wait_for(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def test_a_worker_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """Of three generations the middle one is killed; the youngest notices by its standard input."""
    marker = tmp_path / "pid"
    youngest = (
        "import os, sys, time; from pathlib import Path; from sdpo_baselines.reproduce.worker import _end_with_parent;"
        f"_end_with_parent(); Path({str(marker)!r}).write_text(str(os.getpid())); time.sleep(60)"
    )
    middle = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-c', {youngest!r}], stdin=subprocess.PIPE); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", middle])
    try:
        assert wait_for(lambda: marker.exists() and bool(marker.read_text()))
        pid = int(marker.read_text())
    finally:
        process.kill()
        process.wait()
    assert wait_for(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_worker_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    config = {"env": "tiny_toll", "agent": "grpo", "policy": "tiny"}
    (tmp_path / "job.json").write_text(json.dumps({"kind": "train", "config": config}))
    command = [sys.executable, "-m", "sdpo_baselines.reproduce.worker", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()  # its standard input stays open, as the runner keeps it
        assert process.wait() == 2
    assert said.startswith("UsageError: ")
    assert "tiny_tool" in said
    assert said.count("\n") == 1
