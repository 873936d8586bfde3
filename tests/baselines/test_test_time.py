from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

import guess_env  # noqa: F401
from policies.tiny_llama import make_tiny_llama
from sdpo_baselines.test_time import TestTimeSDPO, make
from sdpo_gym.discover import DiscoverConfig, discover
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge
from sdpo_gym.policies.base import PolicyError
from sdpo_gym.policies.transformers import TransformersPolicy
from sdpo_gym.policies.transformers import make as make_policy
from sdpo_gym.records import iter_rows
from sdpo_gym.rollout import Attempt, Group
from search_tools import SAMPLING, TASK, FunctionPolicy, first_attempts, judge_number

torch.set_num_threads(1)
FAST = {"learning_rate": 1e-2, "warmup_steps": 0}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture
def policy(model: Path) -> TransformersPolicy:
    return make_policy(str(model), device="cpu")


def weights(policy: TransformersPolicy) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in policy.model.parameters()])


def texts(attempts: Sequence[Attempt]) -> list[str]:
    return [a.turns[0].completion.text for a in attempts if a.turns[0].completion]


def run(search: TestTimeSDPO, count: int, seed: int = 0) -> list[Attempt]:
    return list(islice(search.attempts(TASK, judge_number, replace(SAMPLING, max_tokens=4), seed), count))


def test_the_weights_change_behind_each_batch_and_only_there(policy):
    search = make(policy, seed=0, temperature=1.0, n=2, **FAST)
    attempts = search.attempts(TASK, judge_number, replace(SAMPLING, max_tokens=4), 0)
    states = []
    for _ in range(5):
        next(attempts)
        states.append(weights(policy))
    same = [torch.equal(a, b) for a, b in pairwise(states)]
    assert same == [True, False, True, False]
    search.close()


def test_every_search_starts_from_the_initial_weights_and_equal_seeds_search_alike(policy):
    initial = weights(policy)
    search = make(policy, seed=0, temperature=1.0, n=2, **FAST)
    first = texts(run(search, 6, seed=5))
    assert not torch.equal(weights(policy), initial)
    other = texts(run(search, 6, seed=6))
    again = texts(run(search, 6, seed=5))
    assert first == again != other
    search.close()
    assert torch.equal(weights(policy), initial)
    search.close()


def test_it_learns_from_one_attempt_at_a_time_with_feedback(policy):
    search = make(policy, seed=0, temperature=1.0, n=1, memory=4, updates=2, **FAST)
    initial = weights(policy)
    assert [a.index for a in run(search, 3)] == [0, 1, 2]
    assert not torch.equal(weights(policy), initial)
    assert search.describe()["agent"]
    search.close()


class Agent:
    """Writes down what it is taught."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.log: list[str] = []

    def update(self, groups: Sequence[Group]) -> dict[str, float]:
        (group,) = groups
        self.groups.append(group)
        self.log.append("update")
        return {}

    def describe(self) -> dict[str, object]:
        return {"level": "logit"}

    def examples(self) -> list[dict[str, object]]:
        return []

    def teaching(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def save(self, directory: Path) -> None:
        self.log.append("save")

    def load(self, directory: Path) -> None:
        self.log.append("load")


def taught(n: int, memory: int, updates: int, count: int, judge: Judge = judge_number, answers=str) -> Agent:
    agent = Agent()
    policy = FunctionPolicy(lambda request: answers(request.attempt + 10))
    first_attempts(TestTimeSDPO(policy, agent, n, memory, updates), count, judge=judge)  # type: ignore[arg-type]
    return agent


def test_updates_learn_from_the_last_batch():
    agent = taught(n=3, memory=0, updates=1, count=7)
    assert [[a.index for a in group.attempts] for group in agent.groups] == [[0, 1, 2], [3, 4, 5]]
    assert all(group.task is TASK for group in agent.groups)


def test_memory_brings_earlier_attempts_back():
    agent = taught(n=1, memory=3, updates=2, count=5)
    indices = [[a.index for a in group.attempts] for group in agent.groups]
    assert indices == [[0], [0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2], [1, 2, 3], [1, 2, 3]]


def test_an_attempt_that_an_outage_ended_teaches_nothing():
    failed = set()

    def answers(number: int) -> str | PolicyError:
        if number == 11 and number not in failed:
            failed.add(number)
            return PolicyError("down")
        return str(number)

    agent = taught(n=2, memory=0, updates=1, count=4, answers=answers)  # one of them is the outage
    assert [[a.verdict is not None for a in group.attempts] for group in agent.groups] == [[True, True]]


def test_nothing_is_learned_behind_the_success_that_ends_a_search():
    agent = Agent()
    policy = FunctionPolicy(lambda request: "7")
    search = TestTimeSDPO(policy, agent, 2, 0, 1)  # type: ignore[arg-type]
    attempts = search.attempts(TASK, judge_number, SAMPLING, 0)
    next(attempts)
    attempts.close()  # type: ignore[attr-defined]
    assert agent.log == ["save"]
    search.close()
    assert agent.log == ["save"]  # what was not changed is not loaded


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "option n must be at least 1, got 0"),
        ({"memory": -1}, "option memory must be at least 0, got -1"),
        ({"updates": 0}, "option updates must be at least 1, got 0"),
        ({"n": 8, "memory": 4}, "memory must be at least n = 8, or 0"),
        ({"learning_rat": 0.1}, "agent 'sdpo' takes no option 'learning_rat'; did you mean 'learning_rate'?"),
    ],
)
def test_what_makes_no_sense_is_refused(policy, options, words):
    with pytest.raises(UsageError) as caught:
        make(policy, seed=0, temperature=1.0, **options)
    assert words in str(caught.value)


def test_temperature_0_is_refused_for_batches_and_a_policy_that_cannot_learn_always(policy):
    with pytest.raises(UsageError, match="at temperature 0 all n = 16 attempts"):
        make(policy, seed=0, temperature=0.0)
    with pytest.raises(UsageError, match=r"FunctionPolicy\) lacks the capability 'train'"):
        make(FunctionPolicy(lambda request: ""), seed=0, temperature=1.0)


def test_a_run_of_searches_and_its_continuation_equal_an_uninterrupted_one(model, tmp_path):
    config = DiscoverConfig(
        "guess",
        tasks=("g1",),
        model=str(model),
        data="sample",
        k=4,
        max_tokens=4,
        method_options={"n": 2, **FAST},
        policy_options={"device": "cpu"},
        out=tmp_path / "one",
    )
    discover(replace(config, seeds=1))
    continued = discover(replace(config, seeds=2))
    fresh = discover(replace(config, seeds=2, out=tmp_path / "two"))
    assert replace(fresh, directory=continued.directory) == continued
    said = [
        [(row["seed"], row["attempt"], row["completion"]) for row in iter_rows(tmp_path / name)]
        for name in ("one", "two")
    ]
    assert said[0] == said[1]
    assert len(said[0]) == 8
