"""Judging on the nodes of a Ray cluster: a judge like any other, whose work :mod:`sdpo_gym.ray_nodes` spreads."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from functools import partial
from importlib.util import find_spec

from sdpo_gym.completion import Completion
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.forking import renew_in_children
from sdpo_gym.judge import JudgeError
from sdpo_gym.ray_node import JudgeSpec
from sdpo_gym.ray_nodes import Item, Nodes, Report, acquire, release
from sdpo_gym.registry import ResolvedEnv
from sdpo_gym.task import Task
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)


class RayJudge:
    """Judges completions on every node of a Ray cluster that has cores; it starts when it is first needed.

    If this process is connected to no cluster, it connects to the one at ``RAY_ADDRESS``, or to one that runs on this
    machine, or else starts one of its own that ends with the last judge. All such judges of a process share one actor
    per node. Verdicts are those that the environment's own judge gives on the node, whose environment is found by
    entry point there and must be of the same version as here.

    Args:
        env: the environment.
        options: options of its judge; ``workers`` is how many completions a node judges at a time, by default as many
            as it has cores, and cores that Ray then counts as taken.

    Attributes:
        backend: ``ray``.

    Raises:
        MissingExtraError: if Ray is not installed.
        UsageError: if the workers are less than 1, or differ from those of the other judges on Ray of this process.
    """

    backend = "ray"

    def __init__(self, env: ResolvedEnv, options: Mapping[str, object]) -> None:
        if find_spec("ray") is None:
            raise MissingExtraError("ray", "ray")
        merged = {**env.options, **options}
        workers = merged.pop("workers", None)
        if workers is not None and (type(workers) is not int or workers < 1):
            raise UsageError(f"workers must be an integer of at least 1, got {workers!r}")
        self._workers = workers
        self._spec = JudgeSpec.of(env.spec, merged)
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._nodes: Nodes | None = None
        self._key = ""
        self._report: Report | None = None
        self._failure: Exception | None = None
        self._closed = False
        renew_in_children(self)

    def renew(self) -> None:
        """Be of no use in a forked child, where Ray does not work."""
        self._starting = threading.Lock()
        self._nodes, self._closed = None, True

    def __call__(self, task: Task, completion: Completion) -> Verdict:
        """Return the verdict on ``completion``.

        Raises:
            JudgeError: on an outage.
        """
        return self.submit(task, completion).result()

    def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
        """Start judging; the future can be cancelled at any time, and its exception is a JudgeError on an outage.

        A completion whose node dies is judged once more, on another node.

        Raises:
            UsageError: if a node lacks the environment, or has another version of it.
            JudgeError: if this judge is closed or made in another process, the task cannot be read, or there is no
                cluster or no node that could judge.
        """
        try:
            task.digest  # noqa: B018  (here, not in the one thread for all)
        except UsageError as error:
            raise JudgeError(f"cannot judge task {task.id}: {error}") from error
        with self._starting:
            nodes = self._start()
            item = Item(self._key, task, completion)
            item.future.add_done_callback(partial(nodes.told, item))
            nodes.tell(partial(nodes.take, item))
        return item.future

    @property
    def isolation(self) -> str | None:
        """The isolation level on the nodes, all of them if they differ; None if the judge runs no programs."""
        return self._started().isolation

    @property
    def runtime_versions(self) -> Mapping[str, str]:
        """What judged programs run on, the same on all nodes."""
        return self._started().runtime_versions

    @property
    def lower_bounds(self) -> frozenset[str]:
        """The scores that are only lower bounds."""
        return self._started().lower_bounds

    @property
    def score_keys(self) -> tuple[str, ...]:
        """The keys of its verdicts' scores; AttributeError if the environment's judge does not say."""
        keys = self._started().score_keys
        if keys is None:
            raise AttributeError("the judge on the nodes has no attribute 'score_keys'")
        return keys

    @property
    def execution(self) -> Mapping[str, object]:
        """Where it judges, for records."""
        return {"judge_backend": self.backend, "nodes": self._started().nodes}

    def close(self) -> None:
        """End it at once: what has no verdict yet fails with a JudgeError. May be called twice.

        The last judge ends the actors and the connection, if it was made here, or the cluster, if it was started here.
        """
        if os.getpid() != self._pid:
            return
        with self._starting:
            nodes, self._nodes, self._closed = self._nodes, None, True
        if nodes is not None:
            release(nodes, self._key)

    def _start(self) -> Nodes:
        if self._closed:
            where = "closed" if os.getpid() == self._pid else "of another process, and Ray does not work in forked ones"
            raise JudgeError(f"this judge is {where}")
        if self._failure is not None:  # every answer of a run would wait for that again
            raise self._failure
        if self._nodes is None:
            try:
                self._open()
            except (JudgeError, UsageError) as error:
                self._failure = error
                raise
        assert self._nodes is not None
        return self._nodes

    def _open(self) -> None:
        nodes = acquire(self._workers)
        key = nodes.new_key()
        try:
            self._report = nodes.open(key, self._spec)
        except BaseException:
            release(nodes, key)
            raise
        self._nodes, self._key = nodes, key

    def _started(self) -> Report:
        if self._report is None:
            with self._starting:
                self._start()
        assert self._report is not None
        return self._report
