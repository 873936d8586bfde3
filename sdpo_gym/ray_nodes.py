"""The nodes of a Ray cluster, as the process that wants verdicts sees them: one actor each, with judges and workers.

:mod:`sdpo_gym.ray_node` is what runs on a node. One thread owns all state and does one thing after the other (a
completion comes in, a verdict comes back, a node is gone ...), so there is nothing to lock.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import os
import queue
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from functools import partial
from typing import Any

from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError
from sdpo_gym.ray_cluster import connect, one_line
from sdpo_gym.ray_node import JudgeSpec, NodeJudges, from_plain, pack
from sdpo_gym.task import Task
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)

IN_FLIGHT_PER_WORKER = 2  # so that a worker has the next completion at hand when it is done with one
DEADLINE_S = 1800.0  # for one completion on a node: more than any judge takes, since nodes have limits of their own
START_S = 60.0  # for nodes to give their cores and make their judges
SHIPPED_BYTES = 1 << 30  # of tasks kept in Ray's object store
MOST_FAILURES = 3  # of a node in a row, then it is left alone
_LOOK_S = 1.0  # between looks at the nodes and the deadlines
_END_S = 10.0  # for actors to end by themselves


@dataclass(frozen=True)
class Report:
    """What the judges of all nodes say of themselves."""

    nodes: int
    isolation: str | None
    runtime_versions: Mapping[str, str]
    lower_bounds: frozenset[str]
    score_keys: tuple[str, ...] | None

    @classmethod
    def of(cls, said: Mapping[str, Mapping[str, Any]]) -> Report:
        """Sum up what each node said.

        Raises:
            UsageError: if programs would run on different versions.
        """
        (first, one), *others = said.items()
        for other, another in others:
            if one["runtime_versions"] != another["runtime_versions"]:
                raise UsageError(
                    f"judged programs would run on {_listed(one)} on node {first}, and on {_listed(another)} on node "
                    f"{other}; install the same versions on all nodes"
                )
        levels = sorted({report["isolation"] for report in said.values() if report["isolation"]})
        keys = one["score_keys"]
        return cls(
            len(said),
            ", ".join(levels) or None,
            one["runtime_versions"],
            frozenset(one["lower_bounds"]),
            None if keys is None else tuple(keys),
        )


def _listed(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in report["runtime_versions"].items())


class Item:
    """One completion on its way."""

    def __init__(self, key: str, task: Task, completion: Completion) -> None:
        self.key, self.task, self.completion = key, task, completion
        self.future: Future[Verdict] = Future()
        self.deadline = float("inf")
        self.ref: Any = None  # Ray's, while it is with a node
        self.shunned: str | None = None  # the node that died with it


class _Node:
    """A node with its actor."""

    def __init__(self, node_id: str, name: str, workers: int, actor: Any) -> None:
        self.id, self.name, self.workers, self.actor = node_id, name, workers, actor
        self.in_flight: set[Item] = set()
        self.ready: set[str] = set()  # keys of judges

    @property
    def has_room(self) -> bool:
        return len(self.in_flight) < IN_FLIGHT_PER_WORKER * self.workers

    @property
    def load(self) -> float:
        return len(self.in_flight) / self.workers


class _Opening:
    """A judge that is being made on the nodes."""

    def __init__(self, spec: JudgeSpec) -> None:
        self.spec = spec
        self.said: dict[str, dict[str, Any]] = {}  # by name of the node
        self.done: Future[Report] = Future()
        self.since = time.monotonic()


class Nodes:
    """The nodes of the cluster that this process is connected to, and what is judged on them.

    ``tell`` may be called from any thread; all other methods without a word on it are for the thread of this.

    Args:
        workers: completions that a node judges at a time; None for as many as it has cores.
    """

    def __init__(self, workers: int | None) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.workers = workers
        self.users = 0  # guarded by _shared_lock
        self.pid = os.getpid()
        self._ray, self._affinity = ray, NodeAffinitySchedulingStrategy
        self._is_ours = connect(ray)
        self._actor_class = ray.remote(NodeJudges)
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._nodes: dict[str, _Node] = {}
        self._failures: Counter[str] = Counter()  # by node, since its last verdict
        self._queue: OrderedDict[Item, None] = OrderedDict()
        self._openings: dict[str, _Opening] = {}
        self._keys = itertools.count()
        self._shipped: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._shipped_bytes = 0
        self._idle_since = self._next_look = time.monotonic()
        self._why = "it has none with a core"
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="ray-judge", daemon=True)
        self._thread.start()

    # For any thread.

    def tell(self, event: Callable[[], None]) -> None:
        """Have ``event`` called by the thread of this; safe in callbacks and in finalizers."""
        self._events.put(event)

    def told(self, item: Item, _: Future[Verdict]) -> None:
        """Hear that an item's future is done."""
        self.tell(partial(self._over, item))

    def new_key(self) -> str:
        """Return a key for a judge."""
        return f"judge-{next(self._keys)}"

    def open(self, key: str, spec: JudgeSpec) -> Report:
        """Make a judge on every node; wait for that and return what it says of itself.

        Raises:
            UsageError: if a node cannot make it, or nodes differ in what they judge with.
            JudgeError: if the judge does not work on a node, or no node is ready in time.
        """
        opening = _Opening(spec)
        self.tell(partial(self._open, key, opening))
        return opening.done.result()

    def close(self) -> None:
        """End actors, and the connection or cluster if it was made here."""
        if threading.current_thread() is self._thread:  # closed in a callback
            self._end()
        else:
            self.tell(self._end)
            self._thread.join(timeout=2 * _END_S)
        if self._is_ours:
            self._ray.shutdown()

    # For the thread of this.

    def _work(self) -> None:
        while not self._ended:
            try:
                with contextlib.suppress(queue.Empty):
                    self._events.get(timeout=max(0.0, self._next_look - time.monotonic()))()
                if time.monotonic() >= self._next_look:
                    self._next_look = time.monotonic() + _LOOK_S
                    self._look()
                self._fill()
            except Exception:  # of Ray's: whoever waits is better served by a next try than by a dead thread
                logger.exception("cannot look after the nodes of the Ray cluster")

    def take(self, item: Item) -> None:
        """Queue an item."""
        if self._ended:
            _fail(item, JudgeError("this judge is closed"))
        elif not item.future.done():
            self._queue[item] = None

    def _open(self, key: str, opening: _Opening) -> None:
        self._openings[key] = opening
        for node in self._nodes.values():
            self._prepare(node, key)
        self._next_look = 0.0

    def forget(self, key: str) -> None:
        """Fail what a judge that is closed has not judged."""
        self._openings.pop(key, None)
        waiting = [item for item in self._queue if item.key == key]
        waiting += [item for node in self._nodes.values() for item in node.in_flight if item.key == key]
        for item in waiting:
            _fail(item, JudgeError("this judge was closed"))
            self._drop(item)

    def _over(self, item: Item) -> None:
        if item.future.cancelled():
            item.future.set_running_or_notify_cancel()  # wakes concurrent.futures.wait
            self._drop(item)
        del item.task, item.completion  # who keeps the verdict must not keep its tests

    def _drop(self, item: Item) -> None:
        """Stop judging an item whose future is done."""
        self._queue.pop(item, None)
        if item.ref is not None:
            self._ray.cancel(item.ref)

    def _look(self) -> None:
        """See which nodes there are, and what has taken too long."""
        now = time.monotonic()
        why = "it is gone"
        try:
            alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        except Exception as error:
            alive, why = {}, f"the cluster's head does not answer ({one_line(error)})"
        for node in [node for node in self._nodes.values() if node.id not in alive]:
            self._lose(node, why)
        for node_id, found in alive.items():
            cores = int(found["Resources"].get("CPU", 0))
            if node_id not in self._nodes and cores and self._failures[node_id] < MOST_FAILURES:
                self._add(node_id, f"{found['NodeName']} ({node_id[:8]})", cores)
        for node in self._nodes.values():
            for item in [item for item in node.in_flight if now > item.deadline]:
                _fail(item, JudgeError(f"no verdict from node {node.name} within {DEADLINE_S:.0f} s"))
                self._drop(item)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """Finish the openings that can be, and fail what no node will ever judge."""
        if any(node.ready for node in self._nodes.values()):
            self._idle_since = now
        idle_s = now - self._idle_since
        for key, opening in self._openings.items():
            if opening.done.done():
                continue
            waited = now - opening.since
            if self._nodes and all(key in node.ready for node in self._nodes.values()):
                self._opened(opening)
            elif opening.said and waited > START_S:
                logger.warning("not all nodes of the Ray cluster were ready within %.0f s; judging begins", START_S)
                self._opened(opening)
            elif not self._nodes or waited > START_S:
                opening.done.set_exception(JudgeError(self._no_node()))
        if self._queue and (not self._nodes or idle_s > START_S):
            for item in tuple(self._queue):
                _fail(item, JudgeError(self._no_node()))
            self._queue.clear()

    def _no_node(self) -> str:
        if self._nodes:
            asked = f"{self.workers} free cores" if self.workers else "all its cores"
            return (
                f"no node of the Ray cluster gave {asked} to its judge within {START_S:.0f} s; give fewer workers, or "
                "wait until what else runs there is done"
            )
        return f"the Ray cluster has no node left to judge on: {self._why}"

    def _opened(self, opening: _Opening) -> None:
        try:
            opening.done.set_result(Report.of(opening.said))
        except UsageError as error:
            opening.done.set_exception(error)

    def _add(self, node_id: str, name: str, cores: int) -> None:
        workers = self.workers or cores
        actor = self._actor_class.options(
            num_cpus=min(workers, cores),
            max_concurrency=(IN_FLIGHT_PER_WORKER + 1) * workers + 8,
            scheduling_strategy=self._affinity(node_id, soft=False),
        ).remote(workers, as_actor=True)
        node = self._nodes[node_id] = _Node(node_id, name, workers, actor)
        for key in self._openings:
            self._prepare(node, key)

    def _prepare(self, node: _Node, key: str) -> None:
        ref = node.actor.prepare.remote(key, self._openings[key].spec)
        self._then(ref, partial(self._prepared, node, key))

    def _then(self, ref: Any, handle: Callable[[Future[Any]], None]) -> None:
        ref.future().add_done_callback(lambda done: self.tell(partial(handle, done)))

    def _prepared(self, node: _Node, key: str, done: Future[Any]) -> None:
        if self._nodes.get(node.id) is not node or (opening := self._openings.get(key)) is None:
            return
        if (error := done.exception()) is not None:
            if "No module named" in str(error):
                said = {"error": f"it lacks a package ({one_line(error)})", "is_usage": True}
            else:
                self._lose(node, one_line(error))
                return
        else:
            said = done.result()
        self._next_look = 0.0
        is_open = opening.done.done() and opening.done.exception() is None
        refusal: Exception | None = None
        if said["error"] is not None:
            text = f"node {node.name} of the Ray cluster cannot judge: {said['error']}"
            refusal = UsageError(text) if said["is_usage"] else JudgeError(text)
        elif is_open:
            try:
                Report.of({**opening.said, node.name: said})
            except UsageError as differs:
                refusal = differs
        if refusal is None:
            opening.said[node.name] = said
            node.ready.add(key)
        elif is_open:  # a node that came later, and cannot be used
            self._failures[node.id] = MOST_FAILURES
            self._lose(node, str(refusal))
        elif not opening.done.done():
            opening.done.set_exception(refusal)

    def _lose(self, node: _Node, why: str) -> None:
        """Give a node's actor up; what it had in flight comes back as failed calls."""
        if self._nodes.get(node.id) is not node:
            return
        del self._nodes[node.id]
        self._failures[node.id] += 1
        self._why = f"node {node.name}: {why}"
        logger.warning("lost node %s of the Ray cluster: %s", node.name, why)
        self._kill(node)
        self._next_look = 0.0 if not self._nodes else self._next_look

    def _kill(self, node: _Node) -> None:
        with contextlib.suppress(Exception):  # it may be gone
            self._ray.kill(node.actor)

    def _fill(self) -> None:
        """Hand the nodes what they have room for."""
        while self._queue:
            item = next(iter(self._queue))
            free = [node for node in self._nodes.values() if item.key in node.ready and node.has_room]
            if len(self._nodes) > 1:
                free = [node for node in free if node.id != item.shunned]
            if not free:
                return
            del self._queue[item]
            self._send(min(free, key=lambda node: node.load), item)

    def _send(self, node: _Node, item: Item) -> None:
        if item.future.done():
            return
        try:
            sent = [self._ship(item.task)]
            item.ref = node.actor.judge.remote(item.key, item.task.digest, sent, item.completion)
        except Exception as error:  # the task's file, or Ray's object store
            _fail(item, JudgeError(f"cannot send task {item.task.id} to a node: {error}"))
            return
        item.deadline = time.monotonic() + DEADLINE_S
        node.in_flight.add(item)
        self._then(item.ref, partial(self._judged, node, item))

    def _ship(self, task: Task) -> Any:
        """Return Ray's reference to a task, which every node fetches once."""
        if task.digest not in self._shipped:
            data = pack(task)
            self._shipped[task.digest] = self._ray.put(data), len(data)
            self._shipped_bytes += len(data)
            while self._shipped_bytes > SHIPPED_BYTES and len(self._shipped) > 1:
                self._shipped_bytes -= self._shipped.popitem(last=False)[1][1]
        self._shipped.move_to_end(task.digest)
        return self._shipped[task.digest][0]

    def _judged(self, node: _Node, item: Item, done: Future[Any]) -> None:
        node.in_flight.discard(item)
        item.ref = None
        error = done.exception()
        if error is None:
            self._failures.pop(node.id, None)
            self._finish(node, item, done.result())
        elif isinstance(error, self._ray.exceptions.RayActorError):
            self._lose(node, one_line(error))
            self._again(node, item)
        else:
            _fail(item, JudgeError(f"node {node.name} gave no verdict: {one_line(error)}"))

    @staticmethod
    def _finish(node: _Node, item: Item, fields: Mapping[str, Any]) -> None:
        if "error" in fields:
            _fail(item, JudgeError(f"{fields['error']} (on node {node.name} of the Ray cluster)"))
            return
        try:
            verdict = from_plain(fields)
        except Exception as error:
            _fail(item, JudgeError(f"node {node.name} sent what is no verdict: {error}"))
            return
        with contextlib.suppress(InvalidStateError):  # cancelled
            item.future.set_result(verdict)

    def _again(self, node: _Node, item: Item) -> None:
        if item.future.done():
            return
        if item.key not in self._openings:
            _fail(item, JudgeError("this judge was closed"))
            return
        if item.shunned is not None:
            _fail(item, JudgeError(f"two nodes died while they judged an answer to {item.task.id}; {self._why}"))
            return
        item.shunned = node.id
        self._queue[item] = None
        self._queue.move_to_end(item, last=False)

    def _end(self) -> None:
        self._ended = True
        for key in tuple(self._openings):
            self.forget(key)
        with contextlib.suppress(Exception):  # the cluster may be gone
            ending = [node.actor.__ray_terminate__.remote() for node in self._nodes.values()]
            self._ray.wait(ending, num_returns=len(ending), timeout=_END_S)
        for node in self._nodes.values():
            self._kill(node)
        self._nodes.clear()
        self._shipped.clear()


def _fail(item: Item, error: JudgeError) -> None:
    with contextlib.suppress(InvalidStateError):  # it is done or cancelled
        item.future.set_exception(error)


_shared: Nodes | None = None
_shared_lock = threading.Lock()


def acquire(workers: int | None) -> Nodes:
    """Return what all judges on Ray of this process share, made for the first one."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Nodes(workers)
            atexit.unregister(_at_exit)
            atexit.register(_at_exit)  # behind Ray's own handler, and so called before it
        elif _shared.pid != os.getpid():
            raise JudgeError("Ray does not work in a process forked from one that uses it; spawn the process instead")
        elif _shared.workers != workers:
            raise UsageError(
                f"judges on Ray of one process share their workers: {_shared.workers or 'one per core'} before, "
                f"{workers or 'one per core'} now; give all the same"
            )
        _shared.users += 1
        return _shared


def release(nodes: Nodes, key: str) -> None:
    """Close the judge of that key; after the last one, all."""
    global _shared
    with _shared_lock:
        nodes.tell(partial(nodes.forget, key))
        nodes.users -= 1
        if not nodes.users:
            if _shared is nodes:
                _shared = None
            nodes.close()


def _at_exit() -> None:
    if _shared is not None and _shared.pid == os.getpid():
        _shared.close()
