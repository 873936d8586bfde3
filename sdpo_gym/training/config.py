"""What to train: as it is asked for, where nothing said means preset or default, and as it is then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from sdpo_gym.agent import check_agent_options
from sdpo_gym.backend import JudgeBackend
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import HUB
from sdpo_gym.options import check_types, choice, suggestion
from sdpo_gym.training.presets import Preset, load_preset


class WatchMode(StrEnum):
    """What the collapse watch does when it sounds."""

    STOP = "stop"  # save, and end the run
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True)
class TrainConfig:
    """What to train, as it is asked for; None means the preset's value or, where it has none, the default of Settings.

    Attributes:
        env: alias or name of the environment.
        agent: name of the agent; a preset brings its own.
        preset: name of a preset, or the path of a TOML file.
        policy: ``name`` or ``name:argument``; without it ``transformers`` if there is a model.
        model: model directory or hub id.
        out: run directory; without it ``runs/<env>/<agent or preset>-<first 8 of the config digest>``.
        agent_options: options of the agent, over the preset's.
        policy_options: options of the policy, over the preset's.

    For the others see :class:`Settings`.
    """

    env: str
    agent: str | None = None
    preset: str | None = None
    policy: str | None = None
    model: str | None = None
    data: str | None = None
    split: str | None = None
    steps: int | None = None
    batch: int | None = None
    n: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    turns: int | None = None
    eval_split: str | None = None
    eval_every: int | None = None
    eval_n: int | None = None
    eval_limit: int | None = None
    eval_temperature: float | None = None
    eval_top_p: float | None = None
    eval_teacher: bool | None = None
    save_every: int | None = None
    seed: int | None = None
    out: Path | None = None
    rehearsal: str | None = None
    watch: str | None = None
    examples: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    eval_options: Mapping[str, object] = field(default_factory=dict)
    agent_options: Mapping[str, object] = field(default_factory=dict)
    policy_options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: str | None = None


@dataclass(frozen=True)
class Settings:
    """What is done.

    Attributes:
        env: alias or name of the environment.
        agent: name of the agent.
        policy: ``name`` or ``name:argument``.
        preset: where values came from, None if there was no preset.
        model: model directory or hub id.
        data: ``hub``, ``sample`` or a path.
        split: part of the data to train on.
        steps: batches; may grow when a run is continued.
        batch: tasks per step.
        n: attempts per task.
        temperature: sampling temperature of training; student and teacher are tempered by it too.
        top_p: nucleus mass of training.
        max_tokens: most tokens of a completion; None is the card's.
        turns: most turns of an attempt.
        eval_split: part of the data that accuracy is measured on.
        eval_every: steps between evaluations; 0 evaluates before the first and after the last step only.
        eval_n: attempts per task in an evaluation.
        eval_limit: only the first so many tasks of the evaluation.
        eval_temperature: sampling temperature of evaluations.
        eval_top_p: nucleus mass of evaluations.
        eval_teacher: whether evaluations measure the teacher too.
        save_every: steps between checkpoints.
        seed: of all that is random.
        rehearsal: file with answers to rehearse (``.jsonl``, ``.jsonl.gz``, or ``PACKAGE:FILE``); None for none.
        watch: what the collapse watch does.
        examples: attempts per step that are written to ``updates.jsonl``.
        options: options of the environment.
        eval_options: options of the environment in evaluations, over ``options``.
        agent_options: options of the agent.
        policy_options: options of the policy.
        judge_backend: where judging happens; a run may be continued with another one.

    Raises:
        UsageError: if a value is out of range.
    """

    env: str
    agent: str
    policy: str
    preset: str | None = None
    model: str | None = None
    data: str = HUB
    split: str = "train"
    steps: int = 100
    batch: int = 8
    n: int = 8
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int | None = None
    turns: int = 1
    eval_split: str = "test"
    eval_every: int = 20
    eval_n: int = 4
    eval_limit: int | None = None
    eval_temperature: float = 1.0
    eval_top_p: float = 1.0
    eval_teacher: bool = False
    save_every: int = 10
    seed: int = 0
    rehearsal: str | None = None
    watch: WatchMode = WatchMode.STOP
    examples: int = 4
    options: Mapping[str, object] = field(default_factory=dict)
    eval_options: Mapping[str, object] = field(default_factory=dict)
    agent_options: Mapping[str, object] = field(default_factory=dict)
    policy_options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: JudgeBackend = JudgeBackend.LOCAL

    def __post_init__(self) -> None:
        least = {
            "steps": 0, "batch": 1, "n": 1, "max_tokens": 1, "turns": 1, "eval_every": 0, "eval_n": 1, "eval_limit": 1,
            "save_every": 1, "examples": 0,
        }  # fmt: skip
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise UsageError(f"{name} must be at least {bound}, got {value}")
        if not self.temperature > 0:
            raise UsageError(
                f"training at temperature {self.temperature:g} makes all n = {self.n} attempts at a task the same, so "
                "there is nothing to compare; give a temperature above 0, such as 1"
            )
        if not self.eval_temperature >= 0:
            raise UsageError(f"eval_temperature must be >= 0 (0 is greedy), got {self.eval_temperature}")
        for name in ("top_p", "eval_top_p"):
            if not 0 < getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie in (0, 1], got {getattr(self, name)}")

    @property
    def label(self) -> str:
        """What a run is called where nobody says: its preset or, without one, its agent."""
        return Path(self.preset).stem if self.preset else self.agent

    def to_dict(self) -> dict[str, Any]:
        """Return what ``run.json`` records."""
        return {key: dict(value) if isinstance(value, Mapping) else value for key, value in asdict(self).items()}


_FIXED = frozenset({"env", "agent", "preset", "agent_options", "policy_options"})
_TRAIN_KEYS = frozenset(f.name for f in fields(Settings)) - _FIXED


def settings_of(config: TrainConfig) -> Settings:
    """Return what is to be done: what is asked for, over the preset, over the defaults.

    Raises:
        UsageError: agent or preset is unknown, none is given, or a value is wrong.
    """
    preset = load_preset(config.preset) if config.preset else Preset("", "")
    values = _preset_values(preset)
    asked = {f.name: getattr(config, f.name) for f in fields(config) if f.name not in ("out", "agent_options")}
    for name in ("options", "eval_options", "policy_options"):
        asked[name] = {**values.get(name, {}), **asked[name]}
    values |= {name: value for name, value in asked.items() if value is not None}
    values["agent"] = _agent(config, preset)
    values["agent_options"] = {**preset.agent_options, **config.agent_options}
    check_agent_options(values["agent"], values["agent_options"])
    if "policy" not in values:
        if "model" not in values:
            raise UsageError("training needs a policy: give a model (directory or hub id) or a policy (name:argument)")
        values["policy"] = "transformers"
    check_types(Settings, values)
    values["watch"] = choice(WatchMode, "watch", values.get("watch", WatchMode.STOP))
    values["judge_backend"] = choice(JudgeBackend, "judge_backend", values.get("judge_backend", JudgeBackend.LOCAL))
    return Settings(**values)


def _agent(config: TrainConfig, preset: Preset) -> str:
    if config.agent and preset.agent and config.agent != preset.agent:
        raise UsageError(f"preset {preset.name!r} is one for agent {preset.agent!r}, not {config.agent!r}; keep one")
    if not (agent := config.agent or preset.agent):
        raise UsageError("training needs an agent: give an agent (such as sdpo) or a preset")
    return agent


def _preset_values(preset: Preset) -> dict[str, Any]:
    for key in preset.train:
        if key not in _TRAIN_KEYS:
            raise UsageError(
                f"preset {preset.name!r} sets {key!r} in [train], which is no setting{suggestion(key, _TRAIN_KEYS)}"
            )
    values: dict[str, Any] = {**preset.train, "policy_options": preset.policy_options}
    for key in ("options", "eval_options"):
        if not isinstance(values.get(key, {}), dict):
            raise UsageError(f"preset {preset.name!r}: [train] {key} must be a table, got {values[key]!r}")
    return values
