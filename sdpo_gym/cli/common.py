"""What several commands share: options of environments, and showing text that a model wrote."""

from __future__ import annotations

import argparse
import sys
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING

from sdpo_gym.backend import JudgeBackend
from sdpo_gym.cli import INTERRUPTED
from sdpo_gym.errors import UsageError
from sdpo_gym.quoting import UNSEEN, escaped

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_env_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that end up as options of an environment."""
    parser.add_argument("--isolation", help="how judged programs are isolated (default: the best there is)")
    parser.add_argument(
        "--container-runtime", metavar="NAME", help="with --isolation docker: the engine's runtime, such as runsc"
    )
    parser.add_argument("--workers", type=int, help="judge processes (default: one per core)")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the environment; VALUE is typed as in TOML, or else a text; may be repeated",
    )


def add_judge_backend(parser: argparse.ArgumentParser, default: str | None = JudgeBackend.LOCAL) -> None:
    """Add the option that says where judging happens."""
    parser.add_argument(
        "--judge-backend",
        choices=[backend.value for backend in JudgeBackend],
        default=default,
        help="judge on this machine (local, the default) or on every node of a Ray cluster (ray)",
    )


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say who answers, how, and at which tasks."""
    parser.add_argument("--policy", metavar="NAME[:ARG]", help="transformers, openai, scripted:gold ...")
    parser.add_argument("--model", help="model directory, hub id, or the server's name for it")
    parser.add_argument("--base-url", metavar="URL", help="of an OpenAI-compatible server")
    parser.add_argument("--temperature", type=float, help="0 is greedy")
    parser.add_argument("--top-p", type=float, help="nucleus mass in (0, 1]")
    parser.add_argument("--max-tokens", type=int, help="most tokens of a completion")
    parser.add_argument("--data", help="hub (default), sample or a path")
    parser.add_argument("--split", help="part of the data")
    parser.add_argument("--seed", type=int, default=0, help="of the run (default: 0)")
    parser.add_argument("--from", dest="date_from", metavar="DATE", help="first date of the window")
    parser.add_argument("--until", dest="date_until", metavar="DATE", help="first date behind the window")
    parser.add_argument(
        "--policy-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the policy, such as concurrency=4 or template_options={enable_thinking=false}",
    )


# Options of environments that commands have flags of their own for.
_FLAGS = {
    "data": "data", "split": "split", "isolation": "isolation", "workers": "workers",
    "date_from": "from", "date_until": "until",
}  # fmt: skip


def env_options(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options of the environment that were given.

    Raises:
        UsageError: if one is not ``KEY=VALUE`` or is given twice, or a container runtime is given without containers.
    """
    named = {
        "isolation": _isolation(arguments.isolation, arguments.container_runtime),
        "workers": arguments.workers,
        "date_from": getattr(arguments, "date_from", None),
        "date_until": getattr(arguments, "date_until", None),
    }
    options: dict[str, object] = {key: value for key, value in named.items() if value is not None}
    return options | _parsed("--option", arguments.option, _FLAGS)


def _isolation(level: str | None, container_runtime: str | None) -> str | None:
    if container_runtime is None:
        return level
    if level != "docker":
        given = f"not {level}" if level else "and no level is given"
        raise UsageError(f"--container-runtime {container_runtime} needs --isolation docker, {given}")
    return f"{level}:{container_runtime}"


def policy_options(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the options of the policy that were given.

    Raises:
        UsageError: if one is not ``KEY=VALUE`` or is given twice.
    """
    return _parsed(
        "--policy-option",
        arguments.policy_option,
        {"model": "model", "base_url": "base-url", "gold": "policy scripted:gold"},
    )


def key_values(name: str, texts: Sequence[str]) -> dict[str, object]:
    """Return what was given to a flag ``name`` as ``KEY=VALUE``, once or several times.

    Raises:
        UsageError: if one is not ``KEY=VALUE`` or is given twice.
    """
    return _parsed(name, texts, {})


def _parsed(name: str, texts: Sequence[str], flags: Mapping[str, str]) -> dict[str, object]:
    options: dict[str, object] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"{name} {text!r} must have the form KEY=VALUE")
        if key in flags:
            raise UsageError(f"{name} {text!r}: use --{flags[key]}")
        if key in options:
            raise UsageError(f"option {key!r} is given twice")
        options[key] = typed(value)
    return options


def typed(text: str) -> object:
    """Return the value that ``text`` has in TOML, or ``text`` itself where it has none; dates stay text."""
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = table.get("value")
    return text if len(table) != 1 or isinstance(value, date | time) else value


def interrupted(directory: Path | None) -> int:
    """Say where an interrupted run goes on, None if nothing was begun; return the exit code."""
    where = f"the same command continues the run in {directory}" if directory else "nothing done"
    print(f"\nsdpo-gym: interrupted; {where}", file=sys.stderr)
    return INTERRUPTED


def visible(text: str) -> str:
    """Return ``text`` with every character that a terminal might act on, or not show, as an escape; line ends stay."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in UNSEEN else escaped(c) for c in text)
