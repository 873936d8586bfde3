"""The part of judging on Ray that runs on a node: judges from the registry there, and the tasks that they were sent.

Nothing here imports Ray; :mod:`sdpo_gym.ray_nodes` makes an actor of :class:`NodeJudges`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pickle
from collections import OrderedDict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, JudgeError, judge_async
from sdpo_gym.registry import GROUP, EnvSpec, resolve
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

TASK_BYTES = 512 << 20  # of tasks, as they are sent, that a node keeps


@dataclass(frozen=True)
class JudgeSpec:
    """Which judge every node is to make.

    Attributes:
        env: name of the environment, not an alias: what an alias stands for is in the options.
        options: all options of its judge, the workers aside.
        packages: versions, by distribution, of what judges: the core and the environment's package.
        card_digest: of the environment's card.
    """

    env: str
    options: Mapping[str, object]
    packages: Mapping[str, str]
    card_digest: str

    @classmethod
    def of(cls, spec: EnvSpec, options: Mapping[str, object]) -> JudgeSpec:
        """Describe a judge of the environment as it is installed here."""
        return cls(spec.name, dict(options), _packages(spec.name), spec.card.digest)


def _packages(env: str) -> dict[str, str]:
    owners = {entry_point.dist for entry_point in entry_points(group=GROUP, name=env) if entry_point.dist}
    return {"sdpo-gym": version("sdpo-gym"), **{owner.name: owner.version for owner in owners}}


class NodeJudges:
    """The judges of one node, made when they are asked for and kept.

    Args:
        workers: cores that this node gives; judges with an option ``workers`` get it.
        task_bytes: how much of the tasks that were sent is kept, measured as they were sent.
        as_actor: whether this process is a worker of Ray's.
    """

    def __init__(self, workers: int, task_bytes: int = TASK_BYTES, *, as_actor: bool = False) -> None:
        if as_actor:
            _take_parents_priority()
        self._workers = workers
        self._judges: dict[str, Judge] = {}
        self._tasks = _Tasks(task_bytes)

    async def prepare(self, key: str, wanted: JudgeSpec) -> dict[str, Any]:
        """Make a judge, to be called ``key``, and start what it needs.

        Returns:
            What it says of itself (``isolation``, ``runtime_versions``, ``lower_bounds``, ``score_keys``); or a line in
            ``error`` that says why there is none, with ``is_usage`` for bad input and wrong installations.
        """
        try:
            self._judges[key], report = await asyncio.get_running_loop().run_in_executor(None, self._make, wanted)
        except Exception as error:  # an environment may raise anything
            text = str(error) if isinstance(error, UsageError | JudgeError) else f"{type(error).__name__}: {error}"
            return {"error": text, "is_usage": isinstance(error, UsageError)}
        return report

    async def judge(
        self, key: str, digest: str, sent: Sequence[Awaitable[bytes]], completion: Completion
    ) -> dict[str, Any]:
        """Judge one completion; cancelling this cancels the judging.

        Args:
            key: of a judge that is prepared.
            digest: of the task.
            sent: one awaitable that gives the task, see :func:`pack`; in a list, since Ray would fetch it otherwise.
            completion: the answer.

        Returns:
            The fields of a verdict, or ``error``: the judge's failure.
        """
        try:
            task = await self._tasks.get(digest, sent[0])
            verdict = await judge_async(self._judges[key], task, completion)
        except JudgeError as error:
            return {"error": str(error)}
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return to_plain(verdict)

    def _make(self, wanted: JudgeSpec) -> tuple[Judge, dict[str, Any]]:
        env = resolve(wanted.env)
        here = JudgeSpec.of(env.spec, wanted.options)
        for name, wanted_version in wanted.packages.items():
            if (found := here.packages.get(name)) != wanted_version:
                raise UsageError(
                    f"{wanted.env} needs {name} {wanted_version} as here, and there it is {found or 'not installed'}"
                )
        if here.card_digest != wanted.card_digest:
            raise UsageError(
                f"the card of {wanted.env} has digest {here.card_digest[:12]} there and {wanted.card_digest[:12]} "
                "here; install the same version"
            )
        options = dict(wanted.options)
        if "workers" in inspect.signature(env.spec.judge).parameters:
            options["workers"] = self._workers
        judge = env.judge(**options)
        level = getattr(judge, "isolation", None)  # starts the sandbox, or says why it cannot
        keys = getattr(judge, "score_keys", None)
        return judge, {
            "error": None,
            "isolation": str(level) if level else None,
            "runtime_versions": dict(getattr(judge, "runtime_versions", None) or {}),
            "lower_bounds": sorted(getattr(judge, "lower_bounds", ())),
            "score_keys": None if keys is None else list(keys),
        }


def _take_parents_priority() -> None:
    """Undo Ray's lowering of its workers' priority (by 15), where we may.

    With so little of a core beside whatever else runs on the node, right programs could seem to be waiting.
    """
    wanted = os.getpriority(os.PRIO_PROCESS, os.getppid())
    with contextlib.suppress(OSError):  # only root may; docs/ray.md says what others can do
        for thread in Path("/proc/self/task").iterdir():  # to Linux a priority is a thread's
            os.setpriority(os.PRIO_PROCESS, int(thread.name), wanted)


class _Tasks:
    """Tasks by digest: each is fetched once while it is kept, however many want it at a time."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._kept: OrderedDict[str, tuple[Task, int]] = OrderedDict()
        self._coming: dict[str, asyncio.Task[Task]] = {}

    async def get(self, digest: str, sent: Awaitable[bytes]) -> Task:
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest][0]
        if digest not in self._coming:
            self._coming[digest] = asyncio.create_task(self._fetch(digest, sent))
        return await asyncio.shield(self._coming[digest])  # others may want it if this one is cancelled

    async def _fetch(self, digest: str, sent: Awaitable[bytes]) -> Task:
        try:
            data = await sent
            task = await asyncio.get_running_loop().run_in_executor(None, unpack, data)
            self._kept[digest] = task, len(data)
            self._bytes += len(data)
            while self._bytes > self._most_bytes and len(self._kept) > 1:
                self._bytes -= self._kept.popitem(last=False)[1][1]
            return task
        finally:
            del self._coming[digest]


def pack(task: Task) -> bytes:
    """Return all of a task as bytes, its digest included; what it loads from a file is loaded for that.

    Raises:
        UsageError: if its file cannot be read.
    """
    task.digest  # noqa: B018  (known from now on, so that no node has to hash the payload again)
    return pickle.dumps({**vars(task), "payload": dict(task.payload), "meta": dict(task.meta)}, protocol=5)


def unpack(data: bytes) -> Task:
    """Return the task that ``pack`` made ``data`` of; only for data from one's own driver."""
    task = object.__new__(Task)
    vars(task).update(pickle.loads(data))
    return task


def to_plain(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict's fields as plain values."""
    return {
        "reward": verdict.reward,
        "feedback": verdict.feedback,
        "status": verdict.status.value,
        "outcome": verdict.outcome,
        "scores": dict(verdict.scores),
        "detail": dict(verdict.detail),
    }


def from_plain(fields: Mapping[str, Any]) -> Verdict:
    """Return the verdict with these fields."""
    return Verdict(**{**fields, "status": Status(fields["status"])})
