from __future__ import annotations

import math
from pathlib import Path

import pytest

import sdpo_gym.agent as agents
from sdpo_gym.agent import register_agent
from sdpo_gym.errors import UsageError
from sdpo_gym.train import TrainConfig, settings_of
from sdpo_gym.training import presets
from sdpo_gym.training.presets import list_presets, load_preset
from training.fakes import make_agent

PRESET = """\
agent = "fake"
[train]
steps = 7
n = 3
policy = "some"
options = { tolerance = 1, count = 4 }
[agent_options]
rate = 0.5
[policy_options]
dtype = "float32"
"""


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(agents, "_in_process", {})
    register_agent("fake", make_agent)


@pytest.fixture
def preset(tmp_path) -> str:
    (tmp_path / "mine.toml").write_text(PRESET)
    return str(tmp_path / "mine.toml")


def test_defaults():
    settings = settings_of(TrainConfig("Toy-v0", agent="fake", model="m"))
    assert (settings.policy, settings.data, settings.split, settings.eval_split) == (
        "transformers", "hub", "train", "test",
    )  # fmt: skip
    assert (settings.steps, settings.batch, settings.n, settings.temperature) == (100, 8, 8, 1.0)
    assert (settings.eval_every, settings.eval_n, settings.save_every, settings.watch) == (20, 4, 10, "stop")
    assert settings.label == "fake"


def test_what_is_asked_for_is_over_the_preset_which_is_over_the_defaults(preset):
    asked = TrainConfig("Toy-v0", preset=preset, n=5, options={"count": 2}, agent_options={"micro_batch_tokens": 9})
    settings = settings_of(asked)
    assert (settings.agent, settings.policy, settings.label) == ("fake", "some", "mine")
    assert (settings.steps, settings.n, settings.batch) == (7, 5, 8)
    assert settings.options == {"tolerance": 1, "count": 2}
    assert settings.agent_options == {"rate": 0.5, "micro_batch_tokens": 9}
    assert settings.policy_options == {"dtype": "float32"}
    assert settings_of(TrainConfig("Toy-v0", preset=preset, agent_options={"rate": 1.0})).agent_options == {"rate": 1.0}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "give a model"),
        ({"agent": None, "model": "m"}, "give an agent"),
        ({"agent": "fakee", "model": "m"}, "did you mean 'fake'"),
        ({"preset": "no-such-preset"}, "there is no preset 'no-such-preset'"),
        ({"preset": "no-such-file.toml"}, "cannot be read: No such file"),
        ({"model": "m", "steps": -1}, "steps must be at least 0, got -1"),
        ({"model": "m", "n": 0}, "n must be at least 1, got 0"),
        ({"model": "m", "batch": 2.5}, "option 'batch' must be of type int, got 2.5"),
        ({"model": "m", "watch": "loud"}, "watch must be one of stop, warn, off, got 'loud'"),
        ({"model": "m", "temperature": 0.0}, "temperature 0 makes all n = 8 attempts at a task the same"),
        ({"model": "m", "top_p": 0.0}, r"top_p must lie in \(0, 1\]"),
        ({"model": "m", "temperature": math.inf}, "option 'temperature' must be finite, got inf"),
        ({"model": "m", "agent_options": {"rate": math.inf}}, "option 'rate' must be finite, got inf"),
        ({"model": "m", "options": {"a": [{"b": math.nan}]}}, "option 'options' must be finite"),
        ({"model": "m", "eval_temperature": -1.0}, "eval_temperature must be >= 0"),
        ({"model": "m", "agent_options": {"rte": 1.0}}, "did you mean 'rate'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(more, said):
    with pytest.raises(UsageError, match=said) as error:
        settings_of(TrainConfig(**{"env": "Toy-v0", "agent": "fake", **more}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('agent = "fake"', "", "must name its agent"),
        ('agent = "fake"', "agent = 3", "must name its agent"),
        ("[agent_options]", "[agent_option]", "did you mean 'agent_options'"),
        ("steps = 7", "stepps = 7", "'stepps' in .train., which is no setting; did you mean 'steps'"),
        ("steps = 7", 'env = "Toy-v0"', "'env' in .train., which is no setting"),
        ("steps = 7", 'steps = "7"', "option 'steps' must be of type int, got '7'"),
        ("options = { tolerance = 1, count = 4 }", "options = 3", "options must be a table"),
        ("[train]", "[train", "is not TOML"),
        ('[policy_options]\ndtype = "float32"', "", ""),
    ],
)
def test_a_preset_that_is_none_is_refused(preset, old, new, said):
    Path(preset).write_text(PRESET.replace(old, new))
    config = TrainConfig("Toy-v0", preset=preset)
    if not said:
        assert settings_of(config).policy_options == {}
        return
    with pytest.raises(UsageError, match=said):
        settings_of(config)


def test_a_preset_is_for_its_agent_only(preset):
    with pytest.raises(UsageError, match="is one for agent 'fake', not 'grpo'"):
        settings_of(TrainConfig("Toy-v0", agent="grpo", preset=preset))


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_that_ships_is_one(name):
    settings = settings_of(TrainConfig("Toy-v0", preset=name, model="m"))
    assert settings.preset == name
    assert settings.agent in agents.known_agents()


class _EntryPoint:
    def __init__(self, name: str, loaded: object) -> None:
        self.name, self.value, self._loaded = name, f"{name}:DIRECTORY", loaded

    def load(self) -> object:
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded


def test_presets_are_found_by_entry_point(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.toml").write_text(PRESET)
    found = [_EntryPoint(name, tmp_path / name) for name in ("two", "one")]
    monkeypatch.setattr(presets, "entry_points", lambda group: found)
    assert list(list_presets()) == ["one", "two"]
    assert load_preset("two").train["steps"] == 7
    with pytest.raises(UsageError, match=r"there is no preset 'tow'; did you mean 'two'\?; known: one, two"):
        load_preset("tow")
    (tmp_path / "two" / "one.toml").write_text(PRESET)
    with pytest.raises(UsageError, match="preset 'one' is brought twice"):
        list_presets()
    found.append(_EntryPoint("broken", ImportError("no module")))
    with pytest.raises(UsageError, match=r"presets 'broken' .* cannot be loaded: ImportError: no module"):
        list_presets()
