"""Level docker: what its containers are made of, and what becomes of them when something dies."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.levels import require, run
from sdpo_gym.cli import main
from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox import docker, doctor
from sdpo_gym.sandbox import engine as engine_module
from sdpo_gym.sandbox.isolation import Isolation, Level
from sdpo_gym.sandbox.job import RunStatus
from sdpo_gym.sandbox.levels import choose
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
from sdpo_gym.sandbox.runtime import runtime
from sdpo_gym.sandbox.worker import Worker

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKER = Level(Isolation.DOCKER)


@pytest.fixture
def engine() -> Iterator[Any]:
    require(Isolation.DOCKER)
    with engine_module.connected() as found:
        yield found


@pytest.fixture
def pool() -> Iterator[JudgePool]:
    require(Isolation.DOCKER)
    found = JudgePool(workers=1, isolation="docker")
    yield found
    found.close()


def containers_of(engine: Any, pid: int) -> list[str]:
    """Ids of all containers of a judge, whatever their state."""
    found = engine.containers(all=True, filters={"label": docker.OWNER})
    return [one["Id"] for one in found if one["Labels"][docker.OWNER].startswith(f"{pid}-")]


def socket_directories(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{docker._PREFIX}{pid}-*"))


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within a while."""
    for _ in range(100):
        if condition():
            return True
        time.sleep(0.1)
    return False


def printed(pool: JudgePool, source: str) -> str:
    result = run(pool, source, check=lambda case, run: True)
    assert result.runs[0].status is RunStatus.ACCEPTED, result
    return result.runs[0].stdout.decode()


def test_the_container_is_closed_on_all_sides(engine: Any) -> None:
    with Worker(DOCKER, slot=0) as worker:
        (container,) = containers_of(engine, os.getpid())
        found = engine.inspect_container(container)
        inside = {field: text.split() for field, _, text in map(_field, status_of(worker.pid))}
        assert socket_directories(os.getpid()) == [], "somebody else could connect"
    host = found["HostConfig"]
    assert (host["NetworkMode"], host["IpcMode"], host["ReadonlyRootfs"]) == ("none", "none", True)
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]  # and nothing about seccomp: the engine's profile holds
    assert host["Memory"] == host["MemorySwap"] > Limits().memory_bytes
    assert 512 < host["PidsLimit"] < 1024
    assert host["NanoCpus"] == 1_000_000_000
    assert host["OomScoreAdj"] == 1000
    assert host["AutoRemove"]
    assert not host.get("Tmpfs")
    (mount,) = found["Mounts"]
    assert (mount["Destination"], mount["RW"]) == ("/judge", False)
    uid, group = found["Config"]["User"].split(":")
    assert uid == group
    assert int(uid) > 1000
    assert inside["CapEff"] == inside["CapPrm"] == inside["CapBnd"] == ["0" * 16]
    assert inside["NoNewPrivs"] == ["1"]
    assert inside["Seccomp"] == ["2"]
    assert inside["Uid"] == [uid] * 4
    assert inside["NSpid"][-1] == "1"


def status_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def _field(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def test_closing_a_worker_removes_its_container(engine: Any) -> None:
    worker = Worker(DOCKER, slot=0)
    assert len(containers_of(engine, os.getpid())) == 1
    worker.close()
    assert containers_of(engine, os.getpid()) == []
    worker.close()
    assert not worker.is_open


def test_programs_see_what_they_see_at_other_levels(pool: JudgePool) -> None:
    source = "import os, sys, resource\nprint(sorted(os.environ), os.getcwd(), sys.path[1:] == [], os.cpu_count(), {})"
    limits = "[resource.getrlimit(x) for x in range(16) if x not in (6, 12)]"  # all but processes and message queues
    here = printed(pool, source.format(limits))
    with contextlib.closing(JudgePool(1, "landlock")) as other:
        assert here == printed(other, source.format(limits))


def test_nothing_of_the_engine_can_be_read_or_reached(pool: JudgePool) -> None:
    source = """
import os
for path in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/proc/1/environ", "/proc/self/mountinfo",
             "/sys/kernel/notes", "/dev/tty", "/judge", "/", "/dev/mqueue", "/dev/shm"):
    try:
        print(path, os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(10))
    except OSError:
        pass
for path in ("/judge/x", "/dev/mqueue/x", "/dev/x", "/tmp/x", "/sandbox/x", "/x"):
    try:
        open(path, "w")
        print(path)
    except OSError:
        pass
"""
    assert printed(pool, source) == ""


def test_a_killed_container_is_replaced_between_jobs(engine: Any, pool: JudgePool) -> None:
    assert printed(pool, "print(1)") == "1\n"
    (first,) = containers_of(engine, os.getpid())
    engine.kill(first)
    assert printed(pool, "print(2)") == "2\n"
    (second,) = containers_of(engine, os.getpid())
    assert second != first


@pytest.mark.slow
def test_a_killed_container_costs_a_running_job_nothing_but_time(engine: Any, pool: JudgePool) -> None:
    assert printed(pool, "print(1)") == "1\n"
    (first,) = containers_of(engine, os.getpid())
    kill = f"import time; time.sleep(0.5); import docker; docker.from_env().api.kill({first!r})"
    killer = subprocess.Popen([sys.executable, "-c", kill])
    lasting = "import time\nstart = time.monotonic()\nwhile time.monotonic() < start + 2: time.sleep(0.1)\nprint(3)"
    assert printed(pool, lasting) == "3\n"
    assert killer.wait(20) == 0
    assert soon(lambda: first not in containers_of(engine, os.getpid()))


def test_a_job_that_may_use_more_memory_widens_the_container(engine: Any, pool: JudgePool) -> None:
    def limit() -> int:
        (container,) = containers_of(engine, os.getpid())
        found = engine.inspect_container(container)["HostConfig"]
        assert found["Memory"] == found["MemorySwap"]
        return int(found["Memory"])

    run(pool, "print(1)", limits=Limits(cpu_s=1, memory_bytes=256 << 20))
    before = limit()
    run(pool, "print(1)", limits=Limits(cpu_s=1, memory_bytes=5 << 30))
    assert before < 5 << 30 < limit()


def test_a_zygote_that_fails_says_why() -> None:
    require(Isolation.DOCKER)
    with pytest.raises(JudgeError, match=r"did not start at isolation level docker: ModuleNotFoundError: .*'no_such'"):
        Worker(DOCKER, slot=0, preload=("no_such",))


def test_a_container_that_ends_before_it_connects_says_why(
    monkeypatch: pytest.MonkeyPatch, engine: Any, tmp_path: Path
) -> None:
    @contextlib.contextmanager
    def listening() -> Iterator[tuple[socket.socket, Path]]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("")  # not where the zygote looks for it
            listener.listen(1)
            yield listener, tmp_path

    monkeypatch.setattr(docker, "_listening", listening)
    with pytest.raises(JudgeError, match=r"the container did not start: .*(No such file|Permission denied)"):
        Worker(DOCKER, slot=0)
    assert soon(lambda: containers_of(engine, os.getpid()) == [])


JUDGE = """
import sys
from sdpo_gym.sandbox.job import Case, Job, Program
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool
pool = JudgePool(2, "docker")
def job(source):
    return Job(Program(source), lambda: [Case("", "")] * 3, lambda case, run: True, Limits(cpu_s=600))
if sys.argv[1] == "judging":
    pool.submit(job("pass")).result()
futures = [pool.submit(job(s)) for s in ("while True: pass", "import time\\ntime.sleep(500)", "pass")]
print("here", flush=True)
futures[0].result()
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["starting", "judging"])
def test_nothing_runs_on_after_the_judge_was_killed(engine: Any, moment: str) -> None:
    before = set(psutil.pids())
    judge = subprocess.Popen(
        [sys.executable, "-c", JUDGE, moment],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert judge.stdout is not None
    assert judge.stdout.readline() == "here\n"
    if moment == "judging":
        assert soon(lambda: len(containers_of(engine, judge.pid)) == 2)
    else:
        assert soon(lambda: containers_of(engine, judge.pid) != [])
    judge.kill()
    judge.wait()
    judge.stdout.close()
    assert soon(lambda: not [x for x in containers_of(engine, judge.pid) if is_running(engine, x)])
    assert soon(lambda: not [p for p in set(psutil.pids()) - before if b"/sandbox/lib/" in command(p)])
    docker._swept.discard(os.getpid())
    docker._remove_stale(engine)  # what never ran, as the next judge does it
    assert soon(lambda: containers_of(engine, judge.pid) == [])
    assert socket_directories(judge.pid) == []


def is_running(engine: Any, container: str) -> bool:
    return docker._is_running(engine, container)


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_only_what_dead_judges_left_is_cleared_away(engine: Any) -> None:
    image = engine_module.ensure_image(engine, runtime())
    gone = subprocess.Popen(["true"])
    owners = {"dead": f"{gone.pid}-1", "reborn": f"{os.getpid()}-1", "alive": docker._owner(os.getpid())}
    gone.wait()
    made: dict[str, str] = {}
    for scope in (docker._scope(), "another machine"):
        for name, owner in owners.items():
            labels = {docker.OWNER: owner, docker.SCOPE: scope}
            made[f"{name} {scope}"] = engine.create_container(image, ["x"], labels=labels)["Id"]
    stale = Path(tempfile.gettempdir(), f"{docker._PREFIX}{owners['dead']}-abc")
    stale.mkdir()
    try:
        docker._swept.discard(os.getpid())
        docker._remove_stale(engine)
        left = {one["Id"] for one in engine.containers(all=True)}
        kept = {name for name, container in made.items() if container in left}
        assert kept == {f"alive {docker._scope()}"} | {f"{name} another machine" for name in owners}
        assert not stale.exists()
    finally:
        for container in made.values():
            with contextlib.suppress(*engine_module.engine_errors()):
                engine.remove_container(container, force=True)


def test_another_container_runtime_is_passed_on(engine: Any) -> None:
    other = "io.containerd.runc.v2"
    assert engine.info()["DefaultRuntime"] != other
    with contextlib.closing(JudgePool(1, f"docker:{other}")) as pool:
        result = run(pool, "print(1)", [("", "1")])
        (container,) = containers_of(engine, os.getpid())
        assert engine.inspect_container(container)["HostConfig"]["Runtime"] == other
    assert result.runs[0].status is RunStatus.ACCEPTED
    assert result.isolation == pool.isolation == f"docker:{other}"


def test_an_unknown_container_runtime_is_one_clear_sentence() -> None:
    require(Isolation.DOCKER)
    with pytest.raises(
        JudgeError, match=r"docker:no-such does not work here: .* knows no runtime 'no-such', only .*runc"
    ):
        choose("docker:no-such")


@pytest.mark.slow
def test_the_files_for_a_build_hold_the_image_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox-image", "--context", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"docker build -t {engine_module.image_name(runtime())} {tmp_path}\n"
    assert "FROM scratch" in (tmp_path / "Dockerfile").read_text()
    with tarfile.open(tmp_path / "root.tar") as tar:
        entries = tar.getmembers()
    assert {entry.name.split("/")[0] for entry in entries} == {"sandbox", "judge"}
    assert {(entry.uid, entry.gid) for entry in entries} == {(0, 0)}
    assert not [entry.name for entry in entries if entry.mode & 0o022 and not entry.issym()]
    assert {"sandbox/py/bin/python3", "sandbox/zygote/inside/zygote.py"} <= {entry.name for entry in entries}


def test_the_image_is_there_after_one_command(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox-image"]) == 0
    assert capsys.readouterr().out.startswith(f"{engine_module.image_name(runtime())} (ready after ")
    assert engine_module.has_image(engine, runtime())


def test_what_is_in_the_way_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def reason(host: str) -> str | None:
        monkeypatch.setenv("DOCKER_HOST", host)
        return engine_module.obstacle(None)

    assert "must run on this machine" in str(reason("tcp://10.0.0.1:2375"))
    assert str(reason(f"unix://{tmp_path}/none")).startswith(f"there is no engine at {tmp_path}/none; install Docker")
    (tmp_path / "file").touch()
    assert reason(f"unix://{tmp_path}/file") == f"{tmp_path}/file is no socket"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "dead"))
        assert str(reason(f"unix://{tmp_path}/dead")).startswith("the container engine does not answer; is it running?")
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        assert f"may not use {tmp_path}/dead; join its group" in str(reason(f"unix://{tmp_path}/dead"))
        assert main(["sandbox-image"]) == 3
        (said,) = capsys.readouterr().err.splitlines()
        assert f"may not use {tmp_path}/dead" in said
    with pytest.raises(JudgeError, match=r"isolation level docker does not work here: we .* may not use"):
        JudgePool(1, "docker")
    monkeypatch.setattr(engine_module.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'sdpo-gym[docker]'" in str(engine_module.obstacle(None))


def test_doctor_names_the_engine_and_the_image(engine: Any) -> None:
    found = dict(doctor.findings())
    assert engine.info()["ServerVersion"] in found["docker engine"]
    assert engine_module.image_name(runtime()) in found["docker engine"]
    assert found["level docker"].startswith("works (B: ")
