from __future__ import annotations

from typing import Any

import pytest

import sdpo_gym.agent as agents
from sdpo_gym.agent import load_agent, register_agent
from sdpo_gym.errors import UsageError
from training.fakes import FakeAgent, FakePolicy, make_agent


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(agents, "_in_process", {})
    register_agent("fake", make_agent)


def load(name: str, options: dict[str, object] | None = None, **more: Any) -> Any:
    return load_agent(name, FakePolicy(), options or {}, **{"seed": 3, "temperature": 0.7, **more})


def test_an_agent_gets_its_options_and_what_the_trainer_gives():
    agent = load("fake", {"rate": 0.5}, group_size=6, rehearsal="some")
    assert isinstance(agent, FakeAgent)
    assert (agent.rate, agent.group_size, agent.rehearsal) == (0.5, 6, "some")


def test_an_agent_that_does_not_ask_for_the_group_size_gets_none():
    register_agent("plain", lambda policy, *, seed, temperature, rehearsal=None: (policy.skill, seed, temperature))
    assert load("plain", group_size=6) == (0.1, 3, 0.7)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("fakee", {}, "there is no agent 'fakee'; did you mean 'fake'?; known: .*fake.*grpo.*sdpo"),
        (
            "fake",
            {"ratee": 1.0},
            "agent 'fake' takes no option 'ratee'; did you mean 'rate'?; its options: micro.*rate",
        ),
        ("fake", {"rate": "high"}, "option 'rate' must be of type float, got 'high'"),
        ("fake", {"seed": 1}, "takes no option 'seed'"),
        ("grpo", {"learning_rat": 1.0}, "did you mean 'learning_rate'"),
    ],
)
def test_a_wrong_name_or_option_is_one_line_with_a_suggestion(name, options, said):
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        load(name, options)


def test_an_installed_name_cannot_be_taken():
    with pytest.raises(UsageError, match="installed by a distribution"):
        register_agent("grpo", make_agent)


def test_an_agent_may_take_any_option():
    register_agent("open", lambda policy, *, seed, temperature, rehearsal=None, **options: options)
    assert load("open", {"x": 1}) == {"x": 1}


def test_a_list_reaches_the_agent_which_knows_what_must_be_in_it():
    def make(
        policy, *, seed: int, temperature: float, rehearsal: Any = None, betas: list[float] | tuple[float] = (1.0,)
    ):
        return betas

    register_agent("betas", make)
    assert load("betas", {"betas": [0.9, 0.99]}) == [0.9, 0.99]
