from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from sdpo_baselines.presets import DIRECTORY
from sdpo_gym.options import check_types
from sdpo_gym.training.config import TrainConfig, settings_of
from sdpo_gym.training.presets import load_preset

NAMES = [
    "grpo",
    "grpo-kl",
    "grpo-on-policy",
    "paper-generalisation",
    "paper-lcb",
    "paper-test-time",
    "tiny-grpo",
    "tiny-grpo-dense",
    "tiny-sdpo",
    "tiny-sdpo-sequence",
    "tiny-sdpo-token",
]


def preset(name: str):
    return load_preset(str(DIRECTORY / f"{name}.toml"))


def test_all_presets_are_there():
    assert sorted(path.stem for path in DIRECTORY.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_one_of_agent_and_trainer(name, pristine):
    read = preset(name)
    module = importlib.import_module(f"sdpo_baselines.{read.agent}")
    check_types(module.make, {k: v for k, v in read.agent_options.items() if not isinstance(v, list)})
    size = read.train["n"]
    agent = module.make(pristine, seed=0, temperature=read.train["temperature"], group_size=size, **read.agent_options)
    described = agent.describe()
    assert {key: described[key] for key in read.agent_options if key in described}.items() <= read.agent_options.items()
    from sdpo_gym.policies.transformers import make

    if not name.startswith("tiny"):
        assert set(read.policy_options) <= set(inspect.signature(make).parameters)
    policy = {} if name.startswith("tiny") else {"model": "somewhere"}
    settings = settings_of(TrainConfig("env", preset=str(DIRECTORY / f"{name}.toml"), **policy))
    assert settings.agent == read.agent
    assert settings.batch == read.train["batch"]


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_source(name):
    lines = Path(DIRECTORY / f"{name}.toml").read_text().splitlines()
    bare = [line for line in lines if re.match(r"\w+ *=", line) and "#" not in line]
    assert [line for line in bare if not line.startswith(("agent =", "level ="))] == []
    assert lines[0].startswith("# ")


def test_the_papers_numbers():
    lcb, general, test_time = (preset(f"paper-{name}") for name in ("lcb", "generalisation", "test-time"))
    table = {
        "alpha": (1.0, 0.5, 1.0),
        "top_k": (20, 100, 20),
        "teacher_rate": (0.01, 0.05, 0.01),
        "learning_rate": (1e-6, 1e-5, 1e-6),
        "warmup_steps": (0, 10, 0),
        "mini_batch": (1, 0, 0),
        "feedback": ("without_solution", "never", "without_solution"),
        "advantage_clip": (None, None, 5.0),
    }
    for option, values in table.items():
        assert tuple(p.agent_options.get(option) for p in (lcb, general, test_time)) == values, option
    assert [(p.train["batch"], p.train["n"]) for p in (lcb, general, test_time)] == [(32, 8), (32, 8), (1, 16)]
    off, on = preset("grpo").agent_options, preset("grpo-on-policy").agent_options
    assert (off["mini_batch"], off["learning_rate"]) == (8, 1e-6)
    assert (on["mini_batch"], on["learning_rate"]) == (0, 1e-5)
    assert {name for name in off if off[name] != on[name]} == {"mini_batch", "learning_rate"}
    assert preset("grpo-kl").agent_options == {**off, "kl": 0.04}


def test_tiny_presets_differ_in_the_method_only():
    read = {name: preset(name) for name in NAMES if name.startswith("tiny")}
    assert len({str(p.train) for p in read.values()}) == 1
    common = ("warmup_steps", "weight_decay", "betas", "grad_clip", "mini_batch", "rehearsal_weight", "rehearsal_batch")
    assert len({str([p.agent_options[name] for name in common]) for p in read.values()}) == 1
