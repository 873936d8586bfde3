"""A new environment's files: a package of its own, or a folder in a checkout of sdpo_gym."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sdpo_gym.errors import UsageError
from sdpo_gym.registry import list_envs

TEMPLATES = Path(__file__).parent / "templates"
_SUFFIX = ".tmpl"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 40
_IN_TREE_ROOT = Path("envs", "sdpo_envs")


@dataclass(frozen=True)
class Scaffold:
    """What was made.

    Attributes:
        name: the environment's name, which is its alias.
        entry_point: the line that declares it, for a ``pyproject.toml``.
        folders: the new folders; the first one holds ``README.md``, which says how to go on.
        install_from: the folder to install with pip.
    """

    name: str
    entry_point: str
    folders: tuple[Path, ...]
    install_from: Path


def new_package(name: str, folder: Path) -> Scaffold:
    """Write a stand-alone plugin package for the environment ``name`` into the new folder ``folder``.

    Raises:
        UsageError: if the name cannot be used, or ``folder`` exists or cannot be made; nothing is left behind.
    """
    _check_name(name)
    # A prefix of its own, because a module named like the benchmark (gsm8k, math) collides with others of that name.
    package = f"sdpo_env_{name}"
    values = _values(name, package, f"src/{package}", "tests")
    package_folder = Path("src", package)
    files = {Path("pyproject.toml"): "package/pyproject.toml", Path("README.md"): "README.md"}
    files |= {package_folder / file: f"env/{file}" for file in _templates_in("env")}
    files |= {Path("tests", file): f"tests/{file}" for file in _templates_in("tests")}
    _write({folder: _rendered(files, values)})
    return Scaffold(name, values["entry_point"], (folder,), folder)


def new_in_tree(name: str, inside: Path) -> Scaffold:
    """Write the environment ``name`` into the checkout of sdpo_gym that the folder ``inside`` lies in.

    Raises:
        UsageError: if the name cannot be used, ``inside`` lies in no checkout, or the folders exist; nothing is left
            behind.
    """
    _check_name(name)
    root = _checkout(inside)
    folders = (root / _IN_TREE_ROOT / name, root / "tests" / "envs" / name)
    in_root = [folder.relative_to(root).as_posix() for folder in folders]
    values = _values(name, f"sdpo_envs.{name}", *in_root)
    env_files = {Path(file): f"env/{file}" for file in _templates_in("env")} | {Path("README.md"): "README.md"}
    test_files = {Path(file): f"tests/{file}" for file in _templates_in("tests")}
    _write({folders[0]: _rendered(env_files, values), folders[1]: _rendered(test_files, values)})
    return Scaffold(name, values["entry_point"], folders, root)


def camel(name: str) -> str:
    """Return ``my_env`` as ``MyEnv``."""
    return "".join(word.capitalize() for word in name.split("_"))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"an environment's name is up to {_LONGEST_NAME} lower-case letters, digits and single underscores and "
            f"begins with a letter, such as my_env; got {name!r:.80}"
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        what = "a keyword of Python" if keyword.iskeyword(name) else "a module of Python's standard library"
        raise UsageError(f"{name!r} is {what}; choose another name, such as {name}_env")
    for listing in list_envs():
        taken = {known.casefold() for known in (listing.name, *listing.aliases)}
        if taken & {name, f"{camel(name)}-v0".casefold()}:
            raise UsageError(f"{name!r} is taken by the installed environment {listing.name}; choose another name")


def _checkout(inside: Path) -> Path:
    for folder in (inside.resolve(), *inside.resolve().parents):
        try:
            table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        match table:
            case {"project": {"name": "sdpo-gym"}} if (folder / _IN_TREE_ROOT).is_dir():
                return folder
    raise UsageError(
        f"{inside.resolve()} lies in no checkout of sdpo_gym, which --in-tree writes to; change to one, or leave "
        "--in-tree out for a package of its own"
    )


def _values(name: str, package: str, folder: str, tests: str) -> dict[str, str]:
    return {
        "name": name,
        "camel": camel(name),
        "distribution": f"sdpo-env-{name.replace('_', '-')}",
        "entry_point": f'{camel(name)}-v0 = "{package}.env:SPEC"',
        "folder": folder,
        "tests": tests,
    }


def _templates_in(folder: str) -> list[str]:
    return sorted(path.name.removesuffix(_SUFFIX) for path in (TEMPLATES / folder).iterdir())


def _rendered(files: Mapping[Path, str], values: Mapping[str, str]) -> dict[Path, str]:
    return {
        path: Template((TEMPLATES / f"{template}{_SUFFIX}").read_text(encoding="utf-8")).substitute(values)
        for path, template in files.items()
    }


def _write(folders: Mapping[Path, Mapping[Path, str]]) -> None:
    """Make all folders with their files, or none: each is written beside its place and then moved there."""
    workshops: list[Path] = []
    made: list[Path] = []
    try:
        for folder in folders:
            if folder.exists() or folder.is_symlink():
                raise UsageError(f"{folder} exists, and nothing is overwritten; remove it or choose another name")
            if not folder.parent.is_dir():
                raise UsageError(f"{folder} cannot be made: there is no folder {folder.parent}")
        for folder in folders:
            workshops.append(Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent)))
        for workshop, (folder, files) in zip(workshops, folders.items(), strict=True):
            for path, text in files.items():
                target = workshop / folder.name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        for workshop, folder in zip(workshops, folders, strict=True):
            (workshop / folder.name).rename(folder)  # fails if something has come there meanwhile
            made.append(folder)
    except BaseException as error:
        for folder in made:
            shutil.rmtree(folder)
        if isinstance(error, OSError):
            names = " and ".join(map(str, folders))
            raise UsageError(f"{names} cannot be written: {error.strerror or error}") from error
        raise
    finally:
        for workshop in workshops:
            shutil.rmtree(workshop, ignore_errors=True)
