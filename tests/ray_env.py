"""An environment whose judge does what the answer says, for tests with Ray: the nodes find it by its entry point."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdpo_gym import Completion, EnvSpec, JudgeError, ListTaskSet, Message, Status, Task, Verdict
from toy_env import load_card

NAME = "RayToy-v0"
TASKS = 4


def write(folder: str, name: str, text: str) -> None:
    """Append a line to a file of this process."""
    with (Path(folder) / f"{name}-{os.getpid()}").open("a") as file:
        file.write(f"{text}\n")


def written(folder: Path, name: str) -> Iterator[list[str]]:
    """Yield the lines that each process wrote."""
    for path in folder.glob(f"{name}-*"):
        yield path.read_text().splitlines()


class Told(str):
    """A text that tells where it arrives."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return arrived, (str(self),)


def arrived(text: str) -> Told:
    folder, _, name = text.rpartition(":")
    write(folder, "arrived", name)
    return Told(text)


def tasks(split: str | None, data: str, *, folder: str = "/nonexistent") -> ListTaskSet:
    made = [
        Task(f"task-{i}", (Message("user", "Do it."),), {"told": Told(f"{folder}:task-{i}"), "number": i}, {"index": i})
        for i in range(TASKS)
    ]
    return ListTaskSet(
        made, name="ray_toy", split=split or "test", is_sample=True, gold={task.id: "right" for task in made}
    )


class ObedientJudge:
    """Does what the answer says: ``right``, ``wrong``, ``sleep S``, ``outage``, ``bug``, ``die``, ``die once PATH``."""

    isolation = "none"
    score_keys = ("score", "closeness")

    def __init__(self, folder: str, workers: int) -> None:
        self.runtime_versions = {"toy": "1"}
        self._folder = folder
        self._threads = ThreadPoolExecutor(8)
        self._lock = threading.Lock()
        self._under_way = 0
        write(folder, "workers", str(workers))

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        with self._lock:
            self._under_way += 1
            write(self._folder, "under_way", str(self._under_way))
        future: Future[Verdict] = Future()
        future.add_done_callback(lambda done: self._end(done, completion.text))
        self._threads.submit(self._obey, task, completion.text, future)
        return future

    def _end(self, done: Future[Verdict], text: str) -> None:
        with self._lock:
            self._under_way -= 1
        if done.cancelled():
            write(self._folder, "cancelled", text)

    def _obey(self, task: Task, text: str, future: Future[Verdict]) -> None:
        verb, _, rest = text.partition(" ")
        if verb == "sleep":
            until = time.monotonic() + float(rest)
            while time.monotonic() < until and not future.cancelled():
                time.sleep(0.01)
        if verb == "die" and not (rest and Path(rest.removeprefix("once ")).exists()):
            if rest:
                Path(rest.removeprefix("once ")).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if future.cancelled():
            return
        number = float(task.payload["number"])
        if verb == "outage":
            future.set_exception(JudgeError("the sandbox is down"))
        elif verb == "bug":
            future.set_exception(ZeroDivisionError("broken"))
        elif verb == "wrong":
            scores = {"score": 0.0, "closeness": number}
            future.set_result(
                Verdict(0.0, f"Wrong: {rest}", Status.FAILED, "wrong_answer", scores, {"said": (1, text)})
            )
        else:
            scores = {"score": 1.0, "closeness": number}
            future.set_result(Verdict(1.0, "", Status.PASSED, "accepted", scores, {"said": (1, text)}))


def judge(*, folder: str = "/nonexistent", workers: int | None = None) -> ObedientJudge:
    return ObedientJudge(folder, workers or 1)


SPEC = EnvSpec(NAME, replace(load_card(), name="RayToy"), tasks, judge, aliases={"ray_toy": {}})


def install(folder: Path) -> None:
    """Make a folder that declares the environment where it is on the path, as an installed distribution would."""
    metadata = folder / "ray_env-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: ray-env\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[sdpo_gym.envs]\n{NAME} = ray_env:SPEC\n")
