"""The runtime image: the one directory tree that a judged program can see.

It holds the interpreter, the standard library, an allowlist of packages, the shared libraries that these load, and the
zygote's own files; nothing of the virtual environment, the repository, the data or the cache. Built once per
interpreter and package versions, by copying what this process itself runs on, under ``$SDPO_GYM_CACHE``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sdpo_gym.data.hub import cache_home
from sdpo_gym.judge import JudgeError

logger = logging.getLogger(__name__)

ALLOWED_PACKAGES = ("numpy", "sortedcontainers")
_LEFT_OUT = (
    "site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip",
    "config-*", "sitecustomize.py", "_sysconfigdata*", "*.a",
)  # fmt: skip
_FAR_FUTURE = 4_000_000_000
_INSIDE = Path(__file__).parent / "inside"

_START = (
    "import sys; sys.path.insert(0, {directory!r}); from inside import zygote; del sys.path[0]; sys.exit(zygote.main())"
)

# Loads every extension module and allowed package, then prints the files mapped by then: exactly the libraries needed.
_FIND_LIBRARIES = """
import importlib, importlib.util, os, sys
directory, packages, search = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(os.pathsep)
sys.path += search
names = [f.split(".")[0] for f in os.listdir(directory) if ".so" in f] if os.path.isdir(directory) else []
for name in [n for n in names if n not in ("_tkinter",) and "test" not in n] + packages:
    try:
        importlib.import_module(name)
    except Exception:
        pass
with open("/proc/self/maps") as maps:
    print("\\n".join(sorted({line.split(maxsplit=5)[5].strip() for line in maps if "/" in line and ".so" in line})))
"""


@dataclass(frozen=True)
class Runtime:
    """A built image.

    Attributes:
        root: its directory.
        loader: the dynamic loader, relative to the root.
        python: the interpreter, relative to the root.
        home: the interpreter's prefix, relative to the root.
        packages: versions of the allowed packages it holds.
        python_version: version of the interpreter.
    """

    root: Path
    loader: str
    python: str
    home: str
    packages: dict[str, str]
    python_version: str

    def command(self, root: str, arguments: list[str]) -> list[str]:
        """Return the command that starts the zygote where the image is seen at ``root``."""
        return [
            f"{root}/{self.loader}", "--library-path", f"{root}/lib", "--argv0", "python3", f"{root}/{self.python}",
            "-S", "-s", "-P", "-B", "-c", _START.format(directory=f"{root}/zygote"), *arguments,
        ]  # fmt: skip

    def environment(self, root: str) -> dict[str, str]:
        """Return the whole environment of the zygote (and of judged programs)."""
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
        return {"PYTHONHOME": f"{root}/{self.home}", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C", **threads}


def cache_root(reachable_by_others: bool) -> Path:
    """Return where images lie: the project's cache, see :func:`sdpo_gym.data.hub.cache_home`.

    Args:
        reachable_by_others: as root, programs run under another uid, which cannot look below ``/root``; then a
            directory under ``/var/cache`` is taken.
    """
    place = cache_home()
    if reachable_by_others and not _others_can_enter(place):
        return Path("/var/cache/sdpo_gym")
    return place


def _others_can_enter(place: Path) -> bool:
    return all(
        bool(p.stat().st_mode & stat.S_IXOTH) for p in (place.absolute(), *place.absolute().parents) if p.exists()
    )


def runtime() -> Runtime:
    """Return the image for this interpreter, building it if it is not there yet (a second or two, once).

    Raises:
        JudgeError: if it cannot be built; the message says why.
    """
    identity = _identity()
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    root = cache_root(reachable_by_others=os.geteuid() == 0) / "runtime" / key
    manifest = root / "manifest.json"
    if not manifest.exists():
        try:
            _build(root, identity)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise JudgeError(
                f"the sandbox's runtime image could not be built at {root}: {error}; "
                "set SDPO_GYM_CACHE to a directory with 200 MB free that the sandbox user may enter"
            ) from error
    found = json.loads(manifest.read_text())
    return Runtime(
        root, found["loader"], found["python"], found["home"], found["packages"], found["python_version"]
    )  # fmt: skip


def _identity() -> dict[str, object]:
    binary = _interpreter()
    packages = {}
    for name in ALLOWED_PACKAGES:
        try:
            packages[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            logger.warning("package %s is not installed, so judged programs cannot import it", name)
    sources = [Path(__file__), *sorted(_INSIDE.glob("*.py"))]
    recipe = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()
    info = binary.stat()
    return {
        "recipe": recipe,
        "binary": [str(binary), info.st_size, int(info.st_mtime)],
        "python": sys.version,
        "machine": platform.machine(),
        "packages": packages,
    }


def _interpreter() -> Path:
    # a virtual environment's python is a link to, or a copy that needs, the base one
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Path(base).resolve()


def _build(root: Path, identity: dict[str, object]) -> None:
    logger.info("building the sandbox's runtime image at %s (once)", root)
    for directory in (*reversed(root.parent.parents), root.parent):
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)  # whatever the umask: programs come from another uid
    work = Path(tempfile.mkdtemp(prefix=f"{root.name}.", dir=root.parent))
    try:
        work.chmod(0o755)
        prefix = Path(sys.base_prefix)
        stdlib = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(prefix), "base": str(prefix)}))
        home = work / "py"
        target = home / stdlib.relative_to(prefix)
        ignore = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(stdlib, target, ignore=ignore, ignore_dangling_symlinks=True)
        dynload = Path(
            sysconfig.get_path("platstdlib", vars={"installed_platbase": str(prefix), "platbase": str(prefix)})
        )
        if dynload != stdlib and (dynload / "lib-dynload").is_dir():
            shutil.copytree(dynload / "lib-dynload", home / dynload.relative_to(prefix) / "lib-dynload")
        (home / "bin").mkdir()
        binary = _interpreter()
        shutil.copy2(binary, home / "bin" / "python3")
        packages = identity["packages"]
        assert isinstance(packages, dict)
        search = _copy_packages(work / "packages", list(packages))
        loader = _copy_libraries(work / "lib", binary, dynload / "lib-dynload", list(packages), search, prefix)
        shutil.copytree(_INSIDE, work / "zygote" / "inside", ignore=shutil.ignore_patterns("__pycache__"))
        (work / "dev").mkdir()
        (work / "dev" / "null").touch()
        compiled = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([*compiled, "-s", str(work), "-p", "/", str(work / "zygote")], check=True, capture_output=True)
        manifest = {
            "loader": f"lib/{loader}",
            "python": "py/bin/python3",
            "home": "py",
            "packages": packages,
            "python_version": platform.python_version(),
        }
        (work / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))
        for path in work.rglob("*"):
            if not path.is_symlink():
                found = path.stat()
                path.chmod(0o755 if path.is_dir() or found.st_mode & 0o100 else 0o644)
                os.utime(path, (_FAR_FUTURE, found.st_mtime))  # reading will not change it: programs could signal by it
        try:
            work.rename(root)
        except OSError:
            if not (root / "manifest.json").exists():  # otherwise another process was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_packages(target: Path, names: list[str]) -> list[str]:
    """Copy packages with the libraries that their wheels bundle; return where they came from."""
    target.mkdir()
    sources: list[str] = []
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ValueError(f"package {name} has no files to copy")
        source = Path(spec.origin).parent
        ignore = shutil.ignore_patterns("tests", "*.a", "*.pyi", "include", "f2py")
        shutil.copytree(source, target / name, ignore=ignore)
        bundled = source.parent / f"{name}.libs"
        if bundled.is_dir():
            shutil.copytree(bundled, target / bundled.name)
        sources.append(str(source.parent))
    return sources


def _copy_libraries(
    target: Path, binary: Path, dynload: Path, packages: list[str], search: list[str], prefix: Path
) -> str:
    """Copy every library that the interpreter, its extensions and the packages load; return the loader's name."""
    target.mkdir()
    command = [
        str(binary),
        "-S",
        "-s",
        "-c",
        _FIND_LIBRARIES,
        str(dynload),
        ",".join(packages),
        os.pathsep.join(search),
    ]
    environment = {"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1", "PYTHONHOME": str(prefix)}
    listing = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=120).stdout
    loader = None
    bundled = tuple(search)
    for path in (Path(line) for line in listing.splitlines()):
        if dynload in path.parents or str(path).startswith(bundled):
            continue
        shutil.copyfile(path, target / path.name)
        stem, _, version = path.name.partition(".so.")
        for end in range(1, len(version.split("."))):  # the names that others load it by: libffi.so.8 for libffi.so.8.1
            (target / f"{stem}.so.{'.'.join(version.split('.')[:end])}").symlink_to(path.name)
        if path.name.startswith(("ld-", "ld.")):
            (target / path.name).chmod(0o755)
            loader = path.name
    if loader is None:
        raise ValueError(f"{binary} loads no dynamic loader; a statically linked interpreter cannot be used")
    return loader
