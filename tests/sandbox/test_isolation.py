from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.levels import LEVELS
from sdpo_gym.errors import UsageError
from sdpo_gym.sandbox import doctor
from sdpo_gym.sandbox.isolation import Isolation, Level, parse_isolation
from sdpo_gym.sandbox.levels import AUTOMATIC, choose, why_not
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.runtime import runtime
from sdpo_gym.sandbox.worker import Worker

ROOT = Path(__file__).resolve().parent.parent.parent


def test_names() -> None:
    assert parse_isolation("auto") is None
    assert parse_isolation("landlock") == Level(Isolation.LANDLOCK)
    assert parse_isolation("docker") == Level(Isolation.DOCKER)
    assert parse_isolation("docker:runsc") == Level(Isolation.DOCKER, "runsc")
    known = "auto, userns, docker, landlock, none"
    with pytest.raises(UsageError, match=f"unknown isolation level 'jail'; choose one of: {known}"):
        parse_isolation("jail")
    for name in ("docker:", "landlock:runsc", "jail:runsc"):
        with pytest.raises(UsageError, match=f"{name!r}: only docker takes a container runtime, as in docker:runsc"):
            parse_isolation(name)


@pytest.mark.parametrize("name", ["userns", "docker", "docker:runsc"])
def test_a_level_is_called_by_the_name_that_asks_for_it(name: str) -> None:
    level = parse_isolation(name)
    assert level is not None
    assert level.value == name


def test_auto_takes_the_best_and_never_none() -> None:
    working = [level for level in AUTOMATIC if why_not(level) is None]
    assert choose("auto") == Level(working[0])
    assert not {Isolation.NONE, Isolation.DOCKER} & set(AUTOMATIC)


WITHOUT_BUBBLEWRAP = """
import logging, os, sys
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
os.environ["PATH"] = sys.argv[1]
from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.levels import choose
print(choose("auto").value)
try:
    choose("userns")
except JudgeError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_weaker_level_is_never_taken_in_silence(tmp_path: Path) -> None:
    for tool in ("sh", "ldd"):
        found = shutil.which(tool)
        if found:
            (tmp_path / tool).symlink_to(found)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BUBBLEWRAP, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    warning, level, error = done.stdout.splitlines()
    assert warning == "isolation level is landlock, because userns: bubblewrap (bwrap) is not installed"
    assert level == "landlock"
    assert error.startswith("isolation level userns does not work here: bubblewrap (bwrap) is not installed")


def test_the_image_holds_nothing_of_ours_or_of_the_environment() -> None:
    root = runtime().root
    names = {p.name for p in root.rglob("*")}
    assert {"numpy", "sortedcontainers", "zygote"} <= names
    assert not names & {"sdpo_gym", "sdpo_envs", "gymnasium", "httpx", "pip", "site-packages", "sample.jsonl", "pytest"}
    assert not [p for p in root.rglob("*.so*") if "torch" in p.name]
    assert runtime() == runtime()


@pytest.mark.slow
def test_the_image_is_built_where_asked_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as root, programs run under another uid, to which pytest's own folders are closed
    place = Path(f"/tmp/sdpo-gym-cache-{os.getpid()}") if os.geteuid() == 0 else tmp_path
    monkeypatch.setenv("SDPO_GYM_CACHE", str(place))
    earlier = os.umask(0o077)  # as careful users have it
    try:
        image = runtime()
        with Worker(Level(LEVELS[0]), slot=0):
            pass
        assert image.root.parent == place / "runtime"
        before = image.root.stat().st_mtime_ns
        assert runtime() == image
        assert image.root.stat().st_mtime_ns == before, "it was built again"
        assert [p.name for p in image.root.parent.iterdir()] == [image.root.name]
    finally:
        os.umask(earlier)
        shutil.rmtree(place, ignore_errors=True)


def test_doctor_says_what_works_and_under_which_uid(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    found = dict(doctor.findings())
    best = doctor.best_level()
    assert best is not None
    assert found["auto takes"] == best.value
    uid = found[f"level {best.value}"].rsplit(" ", 1)[1]
    assert uid != "0"
    assert (int(uid) == os.geteuid()) == (os.geteuid() != 0)
    assert str(runtime().root) in found["judged python"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu_s": 0}, "cpu_s must lie in"),
        ({"cpu_s": float("nan")}, "cpu_s must lie in"),
        ({"memory_bytes": 1 << 20}, "at least 256 MiB, got 1048576"),
        ({"output_bytes": 0}, "output_bytes must lie in"),
    ],
)
def test_limits_that_make_no_sense_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Limits(**changes)
