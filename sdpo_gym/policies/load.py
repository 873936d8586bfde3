"""Finding a policy by its name and building it from what the caller can offer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from sdpo_gym.errors import UsageError
from sdpo_gym.options import check_types, suggestion
from sdpo_gym.policies.base import Policy

GROUP = "sdpo_gym.policies"

# Offered to every policy; all else was set by the user, who must hear of it if it has no effect.
_ALWAYS_OFFERED = frozenset({"gold"})


def load_policy(name_and_argument: str, **offered: Any) -> Policy:
    """Build the policy that ``name_and_argument`` names, such as ``replay:answers.jsonl``.

    The part before the first ``:`` is an entry-point name in group ``sdpo_gym.policies``, whose value is a callable
    ``make(argument, *, ...options) -> Policy``; the rest is its argument (empty if there is none). It is passed those
    offered options that it takes; an option that is None counts as not set.

    Args:
        name_and_argument: ``NAME`` or ``NAME:ARGUMENT``.
        **offered: what the caller can give, such as ``model``, ``base_url``, ``concurrency``, and ``gold``, a
            ``Callable[[str], str | None]`` from a task id to a completion known to be right.

    Raises:
        UsageError: the name is unknown or declared twice, or an option is set that the policy does not take.
        MissingExtraError: the policy needs a library that is not installed.
    """
    name, _, argument = name_and_argument.partition(":")
    make = cast("Callable[..., Policy]", _entry_point(name).load())
    parameters = inspect.signature(make).parameters.values()
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    taken = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    options = {key: value for key, value in offered.items() if value is not None}
    for key in options.keys() - taken - _ALWAYS_OFFERED:
        if not takes_any:
            choices = ", ".join(sorted(taken - _ALWAYS_OFFERED)) or "none"
            raise UsageError(f"policy {name!r} takes no option {key!r} (its options: {choices}); leave it out")
    check_types(make, options)
    return make(argument, **{key: value for key, value in options.items() if takes_any or key in taken})


def _entry_point(name: str) -> EntryPoint:
    found = entry_points(group=GROUP)
    matches = {e.value: e for e in found if e.name == name}
    if len(matches) > 1:
        owners = " and ".join(sorted(f"{e.dist.name if e.dist else '?'} ({value})" for value, e in matches.items()))
        raise UsageError(f"policy {name!r} is declared twice, by {owners}; uninstall one of them")
    if matches:
        return next(iter(matches.values()))
    known = sorted({e.name for e in found})
    listed = ", ".join(known) or "none (is sdpo-gym installed?)"
    raise UsageError(f"there is no policy {name!r}{suggestion(name, known)}; known: {listed}")
