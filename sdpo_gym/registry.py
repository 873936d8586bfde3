"""Which environments there are: found by entry point, loaded on use, and made known to Gymnasium."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import gymnasium

from sdpo_gym.card import EnvCard
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.options import check_types, suggestion
from sdpo_gym.task import TaskSet

logger = logging.getLogger(__name__)

GROUP = "sdpo_gym.envs"
NAMESPACE = "sdpo/"

_in_process: dict[str, EnvSpec] = {}


@dataclass(frozen=True)
class EnvSpec:
    """One environment: the object that an entry point of group ``sdpo_gym.envs`` names.

    Attributes:
        name: the Gymnasium name, which is the card's name and version, such as ``LiveCodeBench-v0``.
        card: what the environment says of itself.
        tasks: ``tasks(split, data, **options)`` gives the task set; split None is the environment's default.
        judge: ``judge(**options)`` gives a judge.
        aliases: short names with the options that they stand for.
        recorded: gives the file of recorded completions of the sample set, or None if there is none.
        fixtures: gives the file of cases that the environment's judge must decide as they say, which ``sdpo-gym check``
            runs; see :mod:`sdpo_gym.fixtures`.

    Raises:
        UsageError: if the name and the card disagree.
    """

    name: str
    card: EnvCard
    tasks: Callable[..., TaskSet]
    judge: Callable[..., Judge]
    aliases: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    recorded: Callable[[], Path] | None = None
    fixtures: Callable[[], Path] | None = None

    def __post_init__(self) -> None:
        if self.name != f"{self.card.name}-v{self.card.version}":
            raise UsageError(
                f"environment {self.name!r} has a card of name {self.card.name!r} and version {self.card.version}; "
                f"call it '{self.card.name}-v{self.card.version}' or correct the card"
            )


@dataclass(frozen=True)
class ResolvedEnv:
    """An environment with the options that its alias stands for.

    Attributes:
        spec: the environment.
        alias: the name that it was asked for by, without namespace; records and tables use it.
        options: the alias's options, for tasks and judge alike.
    """

    spec: EnvSpec
    alias: str
    options: Mapping[str, object]

    def tasks(self, split: str | None = None, data: str = "sample", **more: object) -> TaskSet:
        """Load the task set; of the alias's options and ``more``, those that ``spec.tasks`` knows are passed on.

        Raises:
            UsageError: if an option is one that neither ``spec.tasks`` nor ``spec.judge`` knows.
        """
        return self.spec.tasks(split, data, **self._part(more, _Keywords.of(self.spec.tasks, skip=2)))

    def judge(self, **more: object) -> Judge:
        """Make a judge; of the alias's options and ``more``, those that ``spec.judge`` knows are passed on.

        ``split`` and ``data`` may be among ``more``: what is graded can depend on the split.

        Raises:
            UsageError: if an option is one that neither ``spec.tasks`` nor ``spec.judge`` knows.
        """
        return self.spec.judge(**self._part(more, _Keywords.of(self.spec.judge)))

    def _part(self, more: Mapping[str, object], wanted: _Keywords) -> dict[str, object]:
        options = {**self.options, **more}
        for function in (self.spec.tasks, self.spec.judge):
            check_types(function, options)
        known = _Keywords.of(self.spec.tasks) | _Keywords.of(self.spec.judge)
        for option in options:
            if option not in known:
                raise UsageError(
                    f"environment {self.alias!r} has no option {option!r}{suggestion(option, known.names)}; "
                    f"its options: {', '.join(sorted(known.names))}"
                )
        return {option: value for option, value in options.items() if option in wanted}


@dataclass(frozen=True)
class EnvListing:
    """One environment as ``list_envs`` shows it: loaded, or with the one line that says why it cannot be."""

    name: str
    spec: EnvSpec | None
    error: str

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its aliases; none if it could not be loaded."""
        return tuple(self.spec.aliases) if self.spec else ()


def resolve(name_or_alias: str) -> ResolvedEnv:
    """Find an environment by alias or by Gymnasium name, with or without ``sdpo/``.

    Raises:
        UsageError: if there is none of that name (with the nearest one), if two distributions claim it, or if it cannot
            be loaded.
    """
    wanted = name_or_alias.removeprefix(NAMESPACE)
    declared = _declared()
    if wanted in _in_process or wanted in declared:
        return ResolvedEnv(_load(wanted, declared), wanted, {})
    listings = list_envs()
    owners = [listing.spec for listing in listings if listing.spec and wanted in listing.spec.aliases]
    if len(owners) > 1:
        raise UsageError(
            f"alias {wanted!r} belongs to {' and '.join(spec.name for spec in owners)}; use one of those names instead"
        )
    if owners:
        return ResolvedEnv(owners[0], wanted, owners[0].aliases[wanted])
    known = [alias for listing in listings for alias in (*listing.aliases, listing.name)]
    broken = "".join(f"; {listing.error}" for listing in listings if listing.error)
    raise UsageError(
        f"there is no environment {name_or_alias!r}{suggestion(wanted, known)}; "
        f"known: {', '.join(known) or 'none (is the package installed?)'}{broken}"
    )


def list_envs() -> tuple[EnvListing, ...]:
    """Load and list all environments by name; one that cannot be loaded is listed with the reason."""
    declared = _declared()
    listings = []
    for name in sorted({*_in_process, *declared}):
        try:
            listings.append(EnvListing(name, _load(name, declared), ""))
        except UsageError as error:
            listings.append(EnvListing(name, None, str(error)))
    return tuple(listings)


def register_spec(spec: EnvSpec) -> None:
    """Make an environment known in this process only (tests, notebooks); the same name again replaces it.

    A worker process that is spawned, not forked, does not know it: declare an entry point for that.

    Raises:
        UsageError: if an installed distribution declares that name.
    """
    if spec.name in _declared():
        raise UsageError(f"environment {spec.name!r} is installed by a distribution; give yours another name")
    _in_process[spec.name] = spec
    _register_with_gymnasium(spec.name)


def register_declared() -> None:
    """Register every declared environment with Gymnasium as ``sdpo/<name>``, from metadata alone."""
    for name in _declared():
        try:
            _register_with_gymnasium(name)
        except gymnasium.error.Error as error:
            # One plugin's bad name must not break the import for everyone; `resolve` still finds it.
            logger.warning("environment plugin %r is not registered with Gymnasium: %s", name, error)


def _declared() -> dict[str, list[EntryPoint]]:
    declared: dict[str, list[EntryPoint]] = {}
    for entry_point in entry_points(group=GROUP):
        declared.setdefault(entry_point.name, []).append(entry_point)
    return declared


def _load(name: str, declared: Mapping[str, list[EntryPoint]]) -> EnvSpec:
    if name in _in_process:
        return _in_process[name]
    if len(declared[name]) > 1:
        owners = " and ".join(_distribution(entry_point) for entry_point in declared[name])
        raise UsageError(f"environment {name!r} is declared by {owners}; uninstall one of them")
    (entry_point,) = declared[name]
    where = f"environment plugin {name!r} ({entry_point.value} of {_distribution(entry_point)})"
    try:
        spec = entry_point.load()
    except Exception as error:  # a stranger's module may raise anything
        first_line = str(error).partition("\n")[0]
        raise UsageError(f"{where} cannot be loaded: {type(error).__name__}: {first_line}") from error
    if not isinstance(spec, EnvSpec):
        raise UsageError(f"{where} is not an EnvSpec but {type(spec).__name__}")
    if spec.name != name:
        raise UsageError(f"{where} holds an environment named {spec.name!r}; entry point and spec must agree")
    return spec


def _distribution(entry_point: EntryPoint) -> str:
    return f"{entry_point.dist.name} {entry_point.dist.version}" if entry_point.dist else "an unknown distribution"


def _register_with_gymnasium(name: str) -> None:
    gym_id = f"{NAMESPACE}{name}"
    if gym_id in gymnasium.registry:
        return
    gymnasium.register(
        id=gym_id,
        entry_point="sdpo_gym.env:make_env",
        vector_entry_point="sdpo_gym.vector:make_vec_env",
        kwargs={"name": name},
    )


@dataclass(frozen=True)
class _Keywords:
    """The options that a function takes by keyword."""

    names: frozenset[str]
    open: bool

    @classmethod
    def of(cls, function: Callable[..., object], skip: int = 0) -> _Keywords:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
        by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return cls(
            frozenset(p.name for p in parameters if p.kind in by_keyword),
            any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters),
        )

    def __contains__(self, name: object) -> bool:
        return self.open or name in self.names

    def __or__(self, other: _Keywords) -> _Keywords:
        return _Keywords(self.names | other.names, self.open or other.open)
