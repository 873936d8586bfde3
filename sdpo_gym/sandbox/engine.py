"""The container engine: how it is reached, why it cannot be, and the image that containers are made from."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib.util
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sdpo_gym.judge import JudgeError
from sdpo_gym.sandbox.isolation import IMAGE_ROOT
from sdpo_gym.sandbox.runtime import Runtime, runtime

logger = logging.getLogger(__name__)

REPOSITORY = "sdpo-gym-sandbox"
DOCKERFILE = Path(__file__).with_name("Dockerfile")
SOCKETS = "/judge"  # where a container sees the directory of its socket
_LAYOUT = "1"  # of the container's root, part of the image's name; raise it when _pack or the Dockerfile changes
_ENGINE_S = 60.0  # for one request to the engine, which may be busy starting other containers


@contextlib.contextmanager
def connected() -> Iterator[Any]:
    """A connection to the engine. One for each use: they serve one thread, and must not be shared by forked processes.

    Raises:
        JudgeError: if nothing answers.
    """
    import docker
    from docker.utils import kwargs_from_env

    try:
        engine = docker.APIClient(timeout=_ENGINE_S, **kwargs_from_env())
    except engine_errors() as error:
        raise JudgeError(f"the container engine does not answer; is it running? ({reason_of(error)})") from error
    with contextlib.closing(engine):
        yield engine


@functools.cache
def engine_errors() -> tuple[type[Exception], ...]:
    """Return what requests to the engine may raise."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    return (DockerException, RequestException)


def is_missing(error: BaseException) -> bool:
    """Whether the engine says that there is no such container or image."""
    from docker.errors import NotFound

    return isinstance(error, NotFound)


def reason_of(error: BaseException) -> str:
    """The engine's own words, as one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())[:500]


def obstacle(container_runtime: str | None) -> str | None:
    """Return why this level cannot work here, as far as can be told without starting a container; None if nothing."""
    if importlib.util.find_spec("docker") is None:
        return (
            "the library `docker` is not installed; run: pip install 'sdpo-gym[docker]' "
            "(in this repository: make setup EXTRAS=docker)"
        )
    place = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not place.startswith("unix://"):
        return f"the engine must run on this machine, to share a socket with us, and DOCKER_HOST is {place}"
    path = Path(place.removeprefix("unix://"))
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return f"{path} is no socket"
    except PermissionError:
        return f"we (uid {os.geteuid()}) may not reach {path}"
    except OSError:
        return f"there is no engine at {path}; install Docker and start it, or set DOCKER_HOST=unix://PATH"
    if not os.access(path, os.W_OK):
        group = _group_of(path)
        return f"we (uid {os.geteuid()}) may not use {path}; join its group ({group}), or use a rootless engine"
    try:
        with connected() as engine:
            known = sorted(engine.info()["Runtimes"]) if container_runtime else []
    except JudgeError as error:
        return str(error)
    except engine_errors() as error:
        return f"the engine at {path} failed: {reason_of(error)}"
    if container_runtime and container_runtime not in known:
        return f"the engine knows no runtime {container_runtime!r}, only {', '.join(known)}; see its daemon.json"
    return None


def describe_engine() -> str:
    """Say, for people, which engine this is, what runtimes it knows and whether it has the image.

    Raises:
        JudgeError: if there is none that can be used; the message says why.
    """
    reason = obstacle(None)
    if reason is not None:
        raise JudgeError(reason)
    image = runtime()
    try:
        with connected() as engine:
            info = engine.info()
            here = (
                "is there" if has_image(engine, image) else "is not there yet: `make sandbox-image`, or the first use"
            )
    except engine_errors() as error:
        raise JudgeError(f"the container engine failed: {reason_of(error)}") from error
    return (
        f"{info['ServerVersion']}, cgroup v{info.get('CgroupVersion', 1)}, "
        f"runtimes {', '.join(sorted(info['Runtimes']))}; image {image_name(image)} {here}"
    )


def _group_of(path: Path) -> str:
    try:
        return path.group()
    except KeyError:
        return str(path.stat().st_gid)


def image_name(image: Runtime) -> str:
    """Return what the engine calls a runtime image."""
    return f"{REPOSITORY}:{image.root.name}.{_LAYOUT}"


def has_image(engine: Any, image: Runtime) -> bool:
    """Whether the engine has a runtime image."""
    try:
        engine.inspect_image(image_name(image))
    except engine_errors() as error:
        if is_missing(error):
            return False
        raise
    return True


def ensure_image(engine: Any, image: Runtime) -> str:
    """Bring a runtime image into the engine if it is not there (a few seconds, once), and return its name.

    Raises:
        JudgeError: if the engine does not take it.
    """
    name = image_name(image)
    if has_image(engine, image):
        return name
    with (image.root.parent.parent / "docker-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not has_image(engine, image):
            logger.info("importing %s into the container engine (once)", name)
            changes = [x for x in DOCKERFILE.read_text().splitlines() if x.startswith(("USER", "LABEL"))]
            with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
                _pack(image, archive)
                archive.flush()
                answer: str = engine.import_image_from_file(archive.name, *name.split(":"), changes)
            if not has_image(engine, image):
                raise JudgeError(f"the container engine did not take the image {name}: {answer.strip()[-500:]}")
    return name


def build_image() -> str:
    """Bring the runtime image into the engine and return its name.

    Raises:
        JudgeError: if there is no engine, or it does not take the image.
    """
    reason = obstacle(None)
    if reason is not None:
        raise JudgeError(reason)
    try:
        with connected() as engine:
            return ensure_image(engine, runtime())
    except engine_errors() as error:
        raise JudgeError(f"the container engine failed: {reason_of(error)}") from error


def write_context(directory: Path) -> str:
    """Write what `docker build` needs for the runtime image into ``directory``; return the name to build it under.

    Raises:
        JudgeError: if it cannot be written.
    """
    image = runtime()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DOCKERFILE, directory / "Dockerfile")
        with (directory / "root.tar").open("wb") as archive:
            _pack(image, archive)
    except OSError as error:
        raise JudgeError(f"the image's files could not be written to {directory}: {error}") from error
    return image_name(image)


def _pack(image: Runtime, archive: IO[bytes]) -> None:
    """Write the container's root as a tar: the image in one directory, and the place for the socket."""
    import tarfile

    def as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(image.root, IMAGE_ROOT.lstrip("/"), filter=as_root)
        place = tarfile.TarInfo(SOCKETS.lstrip("/"))
        place.type, place.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(place)
