"""What holds for every registered environment, ours or a stranger's, on its sample set."""

from __future__ import annotations

import json
from collections.abc import Iterator

import gymnasium
import pytest
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit, TransformReward

import toy_env  # registers the toy
from sdpo_gym import EnvSpec, FeedbackEnv, TaskSet, list_envs, resolve
from sdpo_gym.checking import Mark, check_env
from sdpo_gym.registry import EnvListing

LISTINGS = list_envs()


@pytest.fixture(scope="module", params=LISTINGS, ids=lambda listing: listing.name)
def spec(request: pytest.FixtureRequest) -> EnvSpec:
    listing: EnvListing = request.param
    assert listing.spec is not None, listing.error
    return listing.spec


@pytest.fixture(scope="module")
def tasks(spec: EnvSpec) -> TaskSet:
    return resolve(spec.name).tasks(None, "sample")


@pytest.fixture
def env(spec: EnvSpec) -> Iterator[FeedbackEnv]:
    env = gymnasium.make(f"sdpo/{spec.name}", max_turns=2, render_mode="ansi").unwrapped
    assert isinstance(env, FeedbackEnv)
    yield env
    env.close()


def with_gold(tasks: TaskSet) -> tuple[str, str]:
    """Return the id of a task and a completion that is right for it."""
    for task in tasks:
        if (gold := tasks.gold(task)) is not None:
            return task.id, gold
    raise AssertionError(f"task set {tasks.name!r} knows no right completion for any task")


def test_the_toy_and_all_that_is_installed_are_here() -> None:
    assert toy_env.SPEC in [listing.spec for listing in LISTINGS]


@pytest.mark.slow
def test_the_check_of_environments_has_no_complaint(spec: EnvSpec) -> None:
    report = check_env(spec.name)
    assert report.ok, [result for result in report.results if result.mark is not Mark.OK]


def test_wrappers_work(spec: EnvSpec, tasks: TaskSet) -> None:
    task_id, gold = with_gold(tasks)
    inner = gymnasium.make(f"sdpo/{spec.name}", max_turns=3)
    env = RecordEpisodeStatistics(TransformReward(TimeLimit(inner, 2), lambda reward: float(reward) + 10))
    env.reset(options={"task_id": task_id})
    _, first, terminated, truncated, _ = env.step("")
    assert not terminated
    assert not truncated
    _, second, terminated, _, info = env.step(gold)
    assert terminated
    assert info["episode"]["l"] == 2
    assert info["episode"]["r"] == pytest.approx(float(first) + float(second))
    assert float(first) >= spec.card.reward_range[0] + 10
    env.close()


def test_the_spec_makes_the_same_environment_again_from_json(spec: EnvSpec) -> None:
    env = gymnasium.make(f"sdpo/{spec.name}", max_turns=2)
    assert env.spec is not None
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.reset(seed=3) == env.reset(seed=3)
    assert again.get_wrapper_attr("max_turns") == 2
    env.close()
    again.close()


def test_the_seed_decides_the_tasks(env: FeedbackEnv) -> None:
    def draw(seed: int) -> list[str]:
        return [env.reset(seed=seed)[1]["task_id"], *(env.reset()[1]["task_id"] for _ in range(5))]

    assert draw(1) == draw(1)
    assert len({tuple(draw(seed)) for seed in range(5)}) > 1


def test_a_failure_is_told_and_the_next_turn_may_succeed(env: FeedbackEnv, tasks: TaskSet) -> None:
    task_id, gold = with_gold(tasks)
    _, info = env.reset(options={"task_id": task_id})
    assert info["task_id"] == task_id
    assert info["feedback"] == info["status"] == ""
    assert list(info["scores"]) == list(env.card.scores)
    observation, _, terminated, truncated, info = env.step("")
    assert (terminated, truncated) == (False, False)
    assert observation == info["feedback"] == env.messages[-1].content
    _, reward, terminated, truncated, info = env.step(gold)
    assert (terminated, truncated) == (True, False)
    assert reward == env.card.reward_range[1]
    assert info["status"] == "passed"
    assert gold in str(env.render())


def test_turns_run_out(env: FeedbackEnv) -> None:
    env.reset(seed=0)
    env.step("")
    assert env.step("")[2:4] == (False, True)


def test_the_vector_environment_judges_a_batch(spec: EnvSpec, tasks: TaskSet) -> None:
    task_id, gold = with_gold(tasks)
    vector = gymnasium.make_vec(f"sdpo/{spec.name}", num_envs=3, max_turns=1)
    vector.reset(options={"task_id": task_id})
    _, rewards, terminated, _, infos = vector.step([gold, "", gold])
    low, high = spec.card.reward_range
    assert rewards[0] == rewards[2] == high
    assert low <= rewards[1] < high
    assert terminated.all()
    assert infos["status"][0] == infos["status"][2] == "passed"
    assert not infos["errored"].any()
    vector.close()


def test_recorded_completions_are_of_the_sample(spec: EnvSpec, tasks: TaskSet) -> None:
    if spec.recorded is None:  # an environment need not have any
        return
    rows = [json.loads(line) for line in spec.recorded().read_text(encoding="utf-8").splitlines()]
    assert rows
    assert {row["task_id"] for row in rows} <= set(tasks.ids)
