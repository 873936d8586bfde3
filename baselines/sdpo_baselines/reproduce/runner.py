"""Runs jobs side by side, each in a process of its own with one thread; what is done is not done again.

A job has a directory ``OUT/<id>`` with ``job.json`` (what it was asked), ``log.txt`` (what it printed), what it makes
(a training run lies in ``train/``), and ``done.json`` once it has ended well. Started again, a finished job is passed
over and an interrupted one goes on from its last checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sdpo_baselines.reproduce.arms import Job
from sdpo_gym.errors import UsageError

JOB_FILE, DONE_FILE, LOG_FILE = "job.json", "done.json", "log.txt"
POLL_SECONDS = 0.2
SECONDS_BETWEEN_LINES = 10.0

# Two processes that each use all cores are 5 to 10 times slower than two with one thread each.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "0",
}

# Starts a job: given its directory, returns the command line.
Command = Callable[[Path], Sequence[str]]


@dataclass(frozen=True)
class Failure:
    """A job that did not end well, and what it said last."""

    job: str
    error: str


@dataclass
class _Running:
    job: Job
    directory: Path
    process: subprocess.Popen[bytes]
    began: float
    first_step: int


def worker_command(directory: Path) -> Sequence[str]:
    """Return the command line of this package's own worker."""
    return [sys.executable, "-m", "sdpo_baselines.reproduce.worker", str(directory)]


def run_jobs(
    jobs: Sequence[Job],
    out: Path,
    *,
    workers: int,
    say: Callable[[str], None],
    command: Command = worker_command,
) -> list[Failure]:
    """Run all jobs and return those that failed; the others go on after a failure.

    Args:
        jobs: in the order in which they are begun; a job begins once those it needs are done.
        out: directory of the jobs' directories.
        workers: processes at a time.
        say: hears a line now and then.
        command: starts a job.

    Raises:
        UsageError: ``workers`` is below 1, or another process runs jobs in ``out``.
    """
    if workers < 1:
        raise UsageError(f"the number of jobs at a time must be at least 1, got {workers}")
    out.mkdir(parents=True, exist_ok=True)
    with _lock(out):
        return _Pool(jobs, out, workers, say, command).run()


def is_done(job: Job, out: Path) -> bool:
    """Return whether a job has ended well.

    Raises:
        UsageError: if its directory holds a job of other settings.
    """
    directory = out / job.id
    try:
        asked = json.loads((directory / JOB_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise UsageError(f"{directory / JOB_FILE} cannot be read ({error}); remove {directory}") from None
    if asked != _asked(job):
        raise UsageError(
            f"{directory} holds a run with other settings ({_difference(asked, _asked(job))}); "
            "remove it, or choose another directory (--out)"
        )
    return (directory / DONE_FILE).exists()


class _Pool:
    def __init__(
        self, jobs: Sequence[Job], out: Path, workers: int, say: Callable[[str], None], command: Command
    ) -> None:
        self._jobs, self._out, self._workers, self._say, self._command = jobs, out, workers, say, command
        self._waiting = list(jobs)
        self._done: set[str] = set()
        self._failures: dict[str, Failure] = {}
        self._running: list[_Running] = []
        self._rates: dict[str, list[float]] = {}  # seconds per step by arm, of this session
        self._began = self._last_line = time.monotonic()

    def run(self) -> list[Failure]:
        self._pass_over()
        try:
            while self._waiting or self._running:
                self._begin()
                time.sleep(POLL_SECONDS)
                for running in list(self._running):
                    if (code := running.process.poll()) is not None:
                        self._running.remove(running)
                        self._end(running, code)
                if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
                    self._last_line = time.monotonic()
                    self._say(self._line())
        finally:
            for running in self._running:
                running.process.terminate()
            for running in self._running:
                running.process.wait()
        return list(self._failures.values())

    def _pass_over(self) -> None:
        for job in list(self._waiting):
            try:
                if is_done(job, self._out):
                    self._done.add(job.id)
                    self._waiting.remove(job)
            except UsageError as error:
                self._fail(job, str(error))
                self._waiting.remove(job)
        if self._done:
            self._say(f"{len(self._done)} of {len(self._jobs)} jobs were done before")

    def _begin(self) -> None:
        known = {job.id for job in self._jobs}
        for job in list(self._waiting):
            if lost := [name for name in job.after if name in self._failures or name not in known]:
                self._waiting.remove(job)
                self._fail(job, f"needs {', '.join(lost)}, which did not end well")
        for job in list(self._waiting):
            if len(self._running) >= self._workers:
                return
            if all(name in self._done for name in job.after):
                self._waiting.remove(job)
                self._running.append(self._start(job))

    def _start(self, job: Job) -> _Running:
        directory = self._out / job.id
        directory.mkdir(parents=True, exist_ok=True)
        (directory / JOB_FILE).write_text(json.dumps(_asked(job), indent=1) + "\n", encoding="utf-8")
        with (directory / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                list(self._command(directory)),
                env={**os.environ, **ONE_THREAD},
                stdin=subprocess.PIPE,  # which the worker watches: it ends if we do
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return _Running(job, directory, process, time.monotonic(), progress(directory))

    def _end(self, running: _Running, code: int) -> None:
        job, seconds = running.job, time.monotonic() - running.began
        if running.process.stdin is not None:
            running.process.stdin.close()
        if code == 0 and (running.directory / DONE_FILE).exists():
            self._done.add(job.id)
            self._rates.setdefault(job.arm, []).append(seconds / max(1, job.steps - running.first_step))
            said = json.loads((running.directory / DONE_FILE).read_text(encoding="utf-8")).get("said", "done")
            ended = len(self._done) + len(self._failures)
            self._say(f"[{ended}/{len(self._jobs)}] {job.id}: {said}, {seconds:.0f} s; {self._left()}")
        else:
            self._fail(job, _last_words(running.directory / LOG_FILE, code))

    def _fail(self, job: Job, error: str) -> None:
        self._failures[job.id] = Failure(job.id, error)
        self._say(f"{job.id} FAILED: {error}")

    def _line(self) -> str:
        now = ", ".join(_where(r) for r in self._running)
        return f"{len(self._done)} of {len(self._jobs)} jobs done; {now}; {self._left()}"

    def _left(self) -> str:
        """Say how long the rest may take: steps left times the seconds per step of their arms so far."""
        rates = {arm: sum(found) / len(found) for arm, found in self._rates.items()}
        for running in self._running:
            made = progress(running.directory) - running.first_step
            if made > 0 and running.job.arm not in rates:
                rates[running.job.arm] = (time.monotonic() - running.began) / made
        if not rates:
            return "time left unknown yet"
        usual = sum(rates.values()) / len(rates)
        left = [rates.get(job.arm, usual) * job.steps for job in self._waiting]
        left += [rates.get(r.job.arm, usual) * max(0, r.job.steps - progress(r.directory)) for r in self._running]
        seconds = max(sum(left) / self._workers, *left) if left else 0.0
        return f"about {tqdm.format_interval(seconds)} left"


def progress(directory: Path) -> int:
    """Return how many steps a job's directory shows, 0 where it shows none."""
    path = directory / "train" / "metrics.jsonl"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        try:
            return int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError):  # torn, or cut by the seek
            continue
    return 0


def _where(running: _Running) -> str:
    steps = running.job.steps
    return f"{running.job.id} {progress(running.directory)}/{steps}" if steps > 1 else running.job.id


def _asked(job: Job) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(json.dumps({"kind": job.kind, **job.arguments}))
    return asked


def _difference(asked: Any, wanted: Any, name: str = "") -> str:
    if isinstance(asked, dict) and isinstance(wanted, dict):
        for key in sorted({*asked, *wanted}):
            if asked.get(key) != wanted.get(key):
                return _difference(asked.get(key), wanted.get(key), f"{name}.{key}" if name else str(key))
    return f"{name}: {asked!r:.60} there, {wanted!r:.60} now"


def _last_words(log: Path, code: int) -> str:
    ended = f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"{ended}: {lines[-1].strip():.300} (see {log})" if lines else f"{ended}, nothing said (see {log})"


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    with (out / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another process runs jobs in {out}; wait for it, or choose another (--out)") from None
        yield
