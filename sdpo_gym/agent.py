"""What learns: the interfaces of agents and of the policies that they train, and finding an agent by its name."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from sdpo_gym.errors import UsageError
from sdpo_gym.options import check_types, suggestion
from sdpo_gym.policies.base import Policy
from sdpo_gym.rollout import Group
from sdpo_gym.task import Message

GROUP = "sdpo_gym.agents"
PRESETS = "sdpo_gym.presets"

Row = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a prompt, and of what is to follow it, end token included."""


class TrainablePolicy(Policy, Protocol):
    """A policy with the capability ``train``: its weights can be reached and changed.

    Attributes:
        model: a causal language model in the manner of transformers.
        tokenizer: its tokenizer.
    """

    model: Any
    tokenizer: Any

    def render(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the token ids of a chat, up to where the assistant's next turn begins."""
        ...

    def save_weights(self, directory: Path) -> None:
        """Write what training changed (the whole model, or an adapter) into a directory that exists."""
        ...

    def load_weights(self, directory: Path) -> None:
        """Put what ``save_weights`` wrote into the model, in place and exactly."""
        ...


class Rehearsal(Protocol):
    """Answers that the policy should not unlearn."""

    def draw(self, rng: random.Random, count: int) -> list[Row]:
        """Draw ``count`` rows."""
        ...


class Agent(Protocol):
    """A policy that learns from groups of attempts.

    Attributes:
        policy: what it trains.
    """

    policy: TrainablePolicy

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        """Learn from one batch and return its figures: ``loss``, ``grad_norm``, ``steps`` (of the optimizer) ..."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the resolved options for ``run.json``: JSON-able."""
        ...

    def examples(self) -> list[dict[str, Any]]:
        """Return what the last update made of each attempt: JSON-able.

        Each with ``task_id``, ``attempt``, ``teacher_used`` and ``teacher_prompt`` (text, or None), ``advantage`` ...
        """
        ...

    def teaching(self) -> AbstractContextManager[Policy] | None:
        """Return the policy with the teacher's weights in it for a while; None if no one network teaches."""
        ...

    def save(self, directory: Path) -> None:
        """Write weights, teacher, optimizer, random state and counters into an empty directory."""
        ...

    def load(self, directory: Path) -> None:
        """Go on from what ``save`` wrote; exactly so on a CPU."""
        ...


@runtime_checkable
class Teaching(Protocol):
    """An agent that can say what its teacher is asked; the teacher's accuracy cannot be measured without."""

    def teacher_messages(self, groups: Sequence[Group]) -> list[tuple[Message, ...] | None]:
        """Return the teacher's chat for every attempt of every group, in order; None where it would see nothing new.

        No state of the agent may change by it, its random numbers included.
        """
        ...


Make = Callable[..., Agent]

# What the trainer gives; all else was set by the user.
_GIVEN = frozenset({"seed", "temperature", "rehearsal", "group_size"})

_in_process: dict[str, Make] = {}


def register_agent(name: str, make: Make) -> None:
    """Make an agent known in this process only (tests, notebooks); the same name again replaces it.

    Raises:
        UsageError: if an installed distribution declares that name.
    """
    if any(entry_point.name == name for entry_point in entry_points(group=GROUP)):
        raise UsageError(f"agent {name!r} is installed by a distribution; give yours another name")
    _in_process[name] = make


def load_agent(
    name: str,
    policy: TrainablePolicy,
    options: Mapping[str, object],
    *,
    seed: int,
    temperature: float,
    rehearsal: Rehearsal | None = None,
    group_size: int | None = None,
) -> Agent:
    """Build the agent ``name``: an entry point of group ``sdpo_gym.agents``, or one that was registered here.

    It is a callable ``make(policy, *, seed, temperature, rehearsal=None, **options) -> Agent`` with its options as
    explicit keywords. It may also take ``group_size``, to refuse sizes that it cannot learn from.

    Args:
        name: of the agent.
        policy: what it is to train.
        options: of the agent.
        seed: of its random numbers.
        temperature: of the rollout, by which student and teacher are tempered.
        rehearsal: rows of which each optimizer step rehearses some.
        group_size: attempts per task.

    Raises:
        UsageError: the name is unknown or declared twice, an option is unknown or of the wrong type, or the agent
            refuses one.
        MissingExtraError: the agent needs a library that is not installed.
    """
    make = check_agent_options(name, options)
    parameters = inspect.signature(make).parameters
    size = {"group_size": group_size} if group_size is not None and "group_size" in parameters else {}
    return make(policy, seed=seed, temperature=temperature, rehearsal=rehearsal, **size, **options)


def check_agent_options(name: str, options: Mapping[str, object]) -> Make:
    """Return the callable that makes the agent ``name``, once the options are known to be ones that it takes.

    Raises:
        UsageError: the name is unknown or declared twice, or an option is unknown or of the wrong type.
        MissingExtraError: the agent needs a library that is not installed.
    """
    make = _in_process.get(name) or cast("Make", _entry_point(name).load())
    parameters = inspect.signature(make).parameters.values()
    known = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - _GIVEN
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for option in options:
        if option in _GIVEN or not (takes_any or option in known):
            raise UsageError(
                f"agent {name!r} takes no option {option!r}{suggestion(option, known)}; "
                f"its options: {', '.join(sorted(known)) or 'none'}"
            )
    # A list's elements are checked by the agent, which knows how many there must be.
    check_types(make, {key: value for key, value in options.items() if not isinstance(value, list | dict)})
    return make


def known_agents() -> tuple[str, ...]:
    """Return the names of all agents, sorted."""
    return tuple(sorted({*_in_process, *(entry_point.name for entry_point in entry_points(group=GROUP))}))


def _entry_point(name: str) -> EntryPoint:
    matches = {e.value: e for e in entry_points(group=GROUP) if e.name == name}
    if len(matches) > 1:
        owners = " and ".join(sorted(f"{e.dist.name if e.dist else '?'} ({value})" for value, e in matches.items()))
        raise UsageError(f"agent {name!r} is declared twice, by {owners}; uninstall one of them")
    if matches:
        return next(iter(matches.values()))
    known = known_agents()
    listed = ", ".join(known) or "none (is sdpo-gym installed?)"
    raise UsageError(f"there is no agent {name!r}{suggestion(name, known)}; known: {listed}")
