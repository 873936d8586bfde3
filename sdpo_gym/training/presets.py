"""Presets: settings with names, as TOML files that packages bring along by entry point."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sdpo_gym.agent import PRESETS
from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion

_TABLES = ("train", "agent_options", "policy_options")


@dataclass(frozen=True)
class Preset:
    """What a preset's file holds.

    Attributes:
        name: what it was asked for by.
        agent: name of the agent.
        train: settings of the training.
        agent_options: options of the agent.
        policy_options: options of the policy.
    """

    name: str
    agent: str
    train: Mapping[str, Any] = field(default_factory=dict)
    agent_options: Mapping[str, Any] = field(default_factory=dict)
    policy_options: Mapping[str, Any] = field(default_factory=dict)


def list_presets() -> dict[str, Path]:
    """Return the files of all presets that installed packages bring, by name.

    Each entry point of group ``sdpo_gym.presets`` names the directory of a package's presets.

    Raises:
        UsageError: if two packages bring one name.
    """
    found: dict[str, Path] = {}
    for entry_point in sorted(entry_points(group=PRESETS), key=lambda e: e.name):
        try:
            directory = Path(entry_point.load())
        except Exception as error:  # a stranger's module may raise anything
            raise UsageError(
                f"presets {entry_point.name!r} ({entry_point.value}) cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        for path in sorted(directory.glob("*.toml")):
            if found.setdefault(path.stem, path) != path:
                raise UsageError(f"preset {path.stem!r} is brought twice, by {found[path.stem]} and {path}; remove one")
    return found


def load_preset(name: str) -> Preset:
    """Read the preset ``name``, or the file that it is the path of.

    The file is TOML: ``agent = "NAME"``, and the tables ``[train]`` (settings), ``[agent_options]`` and
    ``[policy_options]``.

    Raises:
        UsageError: if there is none of that name, or the file is no preset.
    """
    if name.endswith(".toml"):
        path = Path(name)
    else:
        known = list_presets()
        if name not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"there is no preset {name!r}{suggestion(name, known)}; known: {listed}; or a .toml file")
        path = known[name]
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"preset {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"preset {path} is not TOML: {error}") from error
    return _preset(name, table)


def _preset(name: str, table: Mapping[str, Any]) -> Preset:
    known = ("agent", *_TABLES)
    for key in table:
        if key not in known:
            raise UsageError(
                f"preset {name!r} holds {key!r}{suggestion(key, known)}; a preset has agent = NAME and the tables "
                f"{', '.join(f'[{t}]' for t in _TABLES)}"
            )
    agent = table.get("agent")
    if not isinstance(agent, str) or not agent:
        raise UsageError(f'preset {name!r} must name its agent, such as agent = "sdpo", got {agent!r}')
    for key in _TABLES:
        if not isinstance(table.get(key, {}), dict):
            raise UsageError(f"preset {name!r}: {key} must be a table, got {table[key]!r}")
    return Preset(name, agent, *(table.get(key, {}) for key in _TABLES))
