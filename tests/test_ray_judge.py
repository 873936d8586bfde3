"""Judging on a real Ray cluster of this machine: a head without cores, and two nodes of one core each."""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import subprocess
import sys
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

import ray_env
import toy_env
from envs.livecodebench.casting import cast_verdicts
from envs.livecodebench.test_published import CPU_S, disagreements, in_full, judged
from ray_env import written
from sdpo_gym.backend import judge_for
from sdpo_gym.cli import main
from sdpo_gym.completion import Completion
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.fixtures import read_fixtures
from sdpo_gym.judge import Judge, JudgeError, judge_many, judge_stream
from sdpo_gym.ray_cluster import connect
from sdpo_gym.registry import ResolvedEnv, register_spec, resolve
from sdpo_gym.verdict import Verdict

TESTS = Path(__file__).resolve().parent
WRONG = "```python\nprint('no')\n```"
AT_LIMITS = (
    "while True: pass",
    "import time; time.sleep(60)",
    "b'x' * (8 << 30)",
    "print('x' * (64 << 20))",
    "import os; os.abort()",
)
slow = pytest.mark.slow
pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (extra 'ray')")


class Nodes:
    """The cluster, with two nodes that can judge."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        timing = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 3,
        }
        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20, "_system_config": timing},
        )
        self.alive = [self.add(), self.add()]

    def add(self) -> Any:
        return self.cluster.add_node(num_cpus=1, object_store_memory=100 << 20)

    def kill(self) -> None:
        self.cluster.remove_node(self.alive.pop(), allow_graceful=False)

    def refill(self) -> None:
        while len(self.alive) < 2:
            self.alive.append(self.add())


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Declare the environment of ``ray_env`` here and in every process that is started from here."""
    folder = tmp_path_factory.mktemp("site")
    ray_env.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(TESTS)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ADDRESS", "")
        yield


def processes_of_ray() -> set[int]:
    names = ("raylet", "gcs_server", "ray::", "dashboard")
    return {
        process.pid
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(name in part for part in (process.info["name"], *(process.info["cmdline"] or [])[:3]) for name in names)
    }


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@slow
def test_a_cluster_of_its_own_ends_with_the_command(installed: None, tmp_path: Path) -> None:
    before = processes_of_ray()
    command = ("eval", "ray_toy", "--policy", "scripted:gold", "--data", "sample", "--n", "1", "--out", "run")
    done = subprocess.run(
        [sys.executable, "-m", "sdpo_gym.cli", *command, "--judge-backend", "ray", "--option", f"folder={tmp_path}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200,
        env={**os.environ, "RAY_ADDRESS": "local"},  # whatever else runs on this machine
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    session = json.loads((tmp_path / "run" / "run.json").read_text())["sessions"][0]
    assert session["execution"]["judge_backend"] == "ray"
    assert session["execution"]["nodes"] == 1
    assert session["isolation"] == "none"
    assert session["judged_with"] == {"toy": "1"}
    assert eventually(lambda: not processes_of_ray() - before)


@pytest.fixture(scope="module")
def nodes(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    folder = tmp_path_factory.mktemp("keeper")
    before = processes_of_ray()
    made = Nodes()
    os.environ["RAY_ADDRESS"] = made.cluster.address  # `installed` takes it back
    keeper: Any = judge_for(resolve(ray_env.NAME), {"folder": str(folder)}, "ray")
    try:
        keeper.isolation  # noqa: B018  (as long as it is there, the actors stay)
        yield made
    finally:
        keeper.close()
        assert eventually(lambda: not actors())
        made.cluster.shutdown()
    assert eventually(lambda: not processes_of_ray() - before)


@pytest.fixture
def made(nodes: Nodes) -> Iterator[Callable[..., Judge]]:
    """Give a function that makes judges on the cluster, and close them."""
    nodes.refill()
    judges: list[Any] = []

    def make(env: ResolvedEnv, **options: object) -> Judge:
        judges.append(judge_for(env, options, "ray"))
        return judges[-1]

    yield make
    for judge in judges:
        judge.close()


@pytest.fixture
def obedient(made: Callable[..., Judge], tmp_path: Path) -> Any:
    return made(resolve(ray_env.NAME), folder=str(tmp_path))


def asked(folder: Path, *texts: str) -> list[tuple[Any, Completion]]:
    tasks = resolve(ray_env.NAME).tasks(folder=str(folder))
    return [(tasks[i % len(tasks)], Completion(text)) for i, text in enumerate(texts)]


def outcomes(results: list[Verdict | JudgeError]) -> list[str]:
    return [result.outcome if isinstance(result, Verdict) else "error" for result in results]


@slow
def test_verdicts_and_failures_arrive_whole(obedient: Any, tmp_path: Path) -> None:
    pairs = asked(tmp_path, "right", "wrong \ud800 ü", "outage", "bug")
    kept = obedient.submit(*pairs[0])
    right, wrong, outage, bug = judge_many(obedient, pairs)
    task = weakref.ref(pairs[0][0])
    assert [right, wrong] == judge_many(ray_env.judge(folder=str(tmp_path)), pairs[:2])
    assert isinstance(outage, JudgeError)
    assert str(outage).startswith("the sandbox is down (on node ")
    assert isinstance(bug, JudgeError)
    assert "ZeroDivisionError: broken" in str(bug)
    del pairs
    gc.collect()
    assert eventually(lambda: task() is None)  # verdicts that are kept keep no tests
    assert kept.result() == right


@slow
def test_what_the_judges_say_of_themselves_arrives(obedient: Any, tmp_path: Path) -> None:
    assert obedient.isolation == "none"
    assert obedient.runtime_versions == {"toy": "1"}
    assert obedient.lower_bounds == frozenset()
    assert obedient.score_keys == ("score", "closeness")
    assert obedient.execution == {"judge_backend": "ray", "nodes": 2}
    assert list(written(tmp_path, "workers")) == [["1"], ["1"]]


@slow
def test_a_task_is_sent_once_to_a_node_and_at_most_two_answers_wait_there(obedient: Any, tmp_path: Path) -> None:
    results = judge_many(obedient, asked(tmp_path, *["sleep 0.02"] * 40))
    assert outcomes(results) == ["accepted"] * 40
    arrived = list(written(tmp_path, "arrived"))
    assert len(arrived) == 2
    assert all(len(set(tasks)) == len(tasks) for tasks in arrived)
    assert {task for tasks in arrived for task in tasks} == {f"task-{i}" for i in range(ray_env.TASKS)}
    under_way = [max(map(int, counts)) for counts in written(tmp_path, "under_way")]
    assert under_way == [2, 2]


@slow
def test_cancelled_answers_are_cancelled_on_their_node(obedient: Any, tmp_path: Path) -> None:
    futures: list[Future[Verdict]] = [obedient.submit(*pair) for pair in asked(tmp_path, *["sleep 60"] * 6)]
    assert eventually(lambda: sum(map(len, written(tmp_path, "under_way"))) == 4)
    assert all(future.cancel() for future in futures)
    assert outcomes(judge_many(obedient, asked(tmp_path, *["right"] * 8))) == ["accepted"] * 8
    assert [line for lines in written(tmp_path, "cancelled") for line in lines] == ["sleep 60"] * 4


@slow
def test_an_answer_whose_actor_dies_is_judged_elsewhere_once(obedient: Any, tmp_path: Path) -> None:
    pairs = asked(tmp_path, "right", f"die once {tmp_path / 'dead'}", "right", "right")
    assert outcomes(judge_many(obedient, pairs)) == ["accepted"] * 4
    (result,) = judge_many(obedient, asked(tmp_path, "die"))
    assert isinstance(result, JudgeError)
    assert "two nodes died while they judged an answer to task-0" in str(result)
    assert outcomes(judge_many(obedient, asked(tmp_path, "right"))) == ["accepted"]


@slow
def test_an_environment_that_the_nodes_lack_is_named(made: Callable[..., Any]) -> None:
    register_spec(replace(toy_env.SPEC, name="Lost-v0", card=replace(toy_env.SPEC.card, name="Lost"), aliases={}))
    with pytest.raises(
        UsageError, match=r"node \S+ \(\w+\) of the Ray cluster cannot judge: there is no environment 'Lost-v0'"
    ):
        made(resolve("Lost-v0")).isolation  # noqa: B018


@slow
def test_another_version_on_a_node_is_refused(made: Callable[..., Any]) -> None:
    env = resolve(ray_env.NAME)
    other = replace(env, spec=replace(env.spec, card=replace(env.spec.card, title="Another")))
    with pytest.raises(UsageError, match=r"the card of RayToy-v0 has digest \w+ there and \w+ here"):
        made(other).submit(*asked(Path("/nonexistent"), "right")[0])


@slow
def test_options_that_the_judge_lacks_are_named(made: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="has no option 'fodler'; did you mean 'folder'"):
        made(resolve(ray_env.NAME), fodler="x").isolation  # noqa: B018


@slow
def test_judges_share_the_nodes_and_their_workers(obedient: Any, made: Callable[..., Any], tmp_path: Path) -> None:
    assert outcomes(judge_many(obedient, asked(tmp_path, "right"))) == ["accepted"]
    other = made(resolve(ray_env.NAME), folder=str(tmp_path))
    assert outcomes(judge_many(other, asked(tmp_path, "right"))) == ["accepted"]
    with pytest.raises(UsageError, match="one per core before, 3 now"):
        made(resolve(ray_env.NAME), workers=3).isolation  # noqa: B018
    pending = other.submit(*asked(tmp_path, "sleep 60")[0])
    other.close()
    assert isinstance(pending.exception(timeout=10), JudgeError)
    with pytest.raises(JudgeError, match="this judge is closed"):
        other(*asked(tmp_path, "right")[0])
    assert outcomes(judge_many(obedient, asked(tmp_path, "right"))) == ["accepted"]


def fixture_pairs() -> list[tuple[Any, Completion]]:
    """Return answers to the sample problems that come to every outcome."""
    env = resolve("LiveCodeBench-v0")
    assert env.spec.fixtures is not None
    tasks = env.tasks()
    pairs = [(tasks.by_id(case.task_id), case.completion) for case in read_fixtures(env.spec.fixtures())]
    return pairs + [(tasks[0], Completion(f"```python\n{program}\n```")) for program in AT_LIMITS]


def timeless(verdict: Verdict | JudgeError) -> tuple[Any, ...]:
    assert isinstance(verdict, Verdict)
    feedback = re.sub(r"\d[\d.,]* (s|ms|KB|MB|GB|KiB|MiB|GiB)\b", "N", verdict.feedback)
    return verdict.reward, verdict.status, verdict.outcome, verdict.scores, feedback


@slow
def test_programs_get_the_verdicts_that_they_get_here(made: Callable[..., Any]) -> None:
    env, pairs = resolve("LiveCodeBench-v0"), fixture_pairs()
    there, here = (judge_many(judge, pairs) for judge in (made(env, cpu_s=1.0), env.judge(cpu_s=1.0)))
    assert list(map(timeless, there)) == list(map(timeless, here))
    assert set(outcomes(here)) == set(env.spec.card.outcomes)


@slow
def test_published_verdicts_are_reproduced(made: Callable[..., Any], tmp_path: Path) -> None:
    env, cast = resolve("LiveCodeBench-v0"), cast_verdicts(tmp_path)
    options: dict[str, Any] = {"stop": "decided", "cpu_s": CPU_S}
    there, here = (judged(cast, judge) for judge in (made(env, **options), env.judge(**options)))
    assert disagreements(cast, there) == []
    assert in_full(there) == in_full(here)


def actors() -> dict[psutil.Process, list[psutil.Process]]:
    """Return the actors on the nodes, each with all that it has started."""
    found = [p for p in psutil.process_iter(["cmdline"]) if "ray::NodeJudges" in " ".join(p.info["cmdline"] or [])]
    return {actor: actor.children(recursive=True) for actor in found}


@slow
def test_programs_have_the_priority_that_they_have_here(obedient: Any) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to undo that Ray lowers the priority of its workers")
    assert obedient.isolation == "none"
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    threads = [int(path.name) for actor in actors() for path in Path(f"/proc/{actor.pid}/task").iterdir()]
    assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {ours}


@slow
def test_a_node_that_dies_takes_no_verdict_with_it(nodes: Nodes, made: Callable[..., Any]) -> None:
    env = resolve("LiveCodeBench-v0")
    tasks = env.tasks()
    pairs = [(task, Completion(str(tasks.gold(task)) if i % 2 else WRONG)) for i, task in enumerate([*tasks] * 2)]
    found: dict[int, Any] = {}
    before: dict[psutil.Process, list[psutil.Process]] = {}
    for index, result in judge_stream(made(env), pairs):
        found[index] = result
        if len(found) == 10:
            before = actors()
            nodes.kill()
    assert [found[i].passed for i in range(len(pairs))] == [i % 2 == 1 for i in range(len(pairs))]
    dead = [actor for actor in before if not actor.is_running() or actor.status() == psutil.STATUS_ZOMBIE]
    assert len(dead) == 1
    assert before[dead[0]]
    assert eventually(lambda: not any(process.is_running() for process in before[dead[0]]))


@slow
def test_without_nodes_answers_are_errors_until_a_node_joins(nodes: Nodes, obedient: Any, tmp_path: Path) -> None:
    found: Counter[str] = Counter()
    said = ""
    for _, result in judge_stream(obedient, asked(tmp_path, *["sleep 0.1"] * 60)):
        found[outcomes([result])[0]] += 1
        if sum(found.values()) == 5:
            nodes.kill()
            nodes.kill()
        if isinstance(result, JudgeError):
            said = str(result)
    assert found.keys() == {"accepted", "error"}
    assert sum(found.values()) == 60
    assert "the Ray cluster has no node left to judge on" in said
    nodes.refill()
    assert eventually(lambda: outcomes(judge_many(obedient, asked(tmp_path, "right"))) == ["accepted"])


@slow
def test_searches_and_probes_judge_there_too(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes.refill()
    monkeypatch.chdir(tmp_path)
    where = ("ray_toy", "--data", "sample", "--policy", "scripted:gold", "--option", f"folder={tmp_path}")
    there = (*where, "--quiet", "--judge-backend", "ray", "--out")
    assert main(["probe", *there, "probed", "--n", "1"]) == 0
    assert main(["discover", *there, "found", "--method", "best_of_k", "--task", "task-0", "--seeds", "1"]) == 0
    for run in ("probed", "found"):
        (session,) = json.loads(Path(run, "run.json").read_text())["sessions"]
        assert session["execution"]["judge_backend"] == "ray"
    assert {task for tasks in written(tmp_path, "arrived") for task in tasks} >= {"task-0", "task-1"}


@slow
def test_an_evaluation_comes_to_the_same_summary_and_goes_on_elsewhere(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.refill()
    monkeypatch.chdir(tmp_path)
    command = ("eval", "lcb_v6", "--quiet", "--limit")
    assert main([*command, "3", "--judge-backend", "ray", "--out", "there"]) == 0
    assert main([*command, "3", "--out", "here"]) == 0
    there, here = (json.loads(Path(name, "summary.json").read_text()) for name in ("there", "here"))
    assert there == here
    assert main([*command, "4", "--judge-backend", "local", "--out", "there"]) == 0
    sessions = json.loads(Path("there", "run.json").read_text())["sessions"]
    assert [session["execution"].get("judge_backend", "local") for session in sessions] == ["ray", "local"]
    assert sessions[0]["execution"]["nodes"] == 2
    again = ("rejudge", "here", "--judge-backend", "ray")
    assert main(again) == 0
    assert json.loads(Path("here.rejudged", "summary.json").read_text())["scores"] == here["scores"]


class FakeRay:
    """Remembers what it was asked to connect to."""

    address = ""

    def is_initialized(self) -> bool:
        return bool(self.address)

    def init(self, *, address: str, **_: object) -> None:
        self.address = address


@pytest.mark.parametrize(("runs", "given"), [(True, ""), (False, ""), (True, "auto"), (False, "auto"), (True, "it")])
def test_it_connects_to_a_cluster_that_answers_or_starts_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: bool, given: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if not runs:
            server.close()
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray" / "ray_current_cluster").write_text(address)
        monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
        monkeypatch.setenv("RAY_ADDRESS", address if given == "it" else given)
        ray = FakeRay()
        assert connect(ray)
        assert not connect(ray)
    assert ray.address == (address if runs else "local")


def test_a_cluster_that_is_named_and_does_not_answer_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(JudgeError, match=r"the Ray cluster at RAY_ADDRESS=127\.0\.0\.1:1 does not answer"):
        connect(FakeRay())


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sdpo-gym\[ray\]'"):
        judge_for(resolve("Toy-v0"), {}, "ray")


@pytest.mark.parametrize("workers", [0, "2", True])
def test_workers_must_be_a_count(workers: object) -> None:
    with pytest.raises(UsageError, match="workers must be an integer of at least 1"):
        judge_for(resolve("Toy-v0"), {"workers": workers}, "ray")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="judge_backend must be one of local, ray, got 'spark'"):
        judge_for(resolve("Toy-v0"), {}, "spark")


def test_a_forked_child_is_told_that_ray_does_not_work_there() -> None:
    judge = judge_for(resolve("Toy-v0"), {}, "ray")
    if (child := os.fork()) == 0:
        try:
            judge(toy_env.tasks(None, "sample")[0], Completion("1"))
        except JudgeError as error:
            os._exit(0 if "Ray does not work in forked ones" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
