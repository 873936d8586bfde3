from __future__ import annotations

import dataclasses
import json
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from sdpo_gym import FeedbackEnv, JudgeError, ListTaskSet, Message, Status, register_spec, registry
from sdpo_gym.env import chat_text, make_env
from sdpo_gym.errors import UsageError
from sdpo_gym.vector import make_vec_env
from toy_env import CARD_TOML, SPEC, ToyJudge, load_card, tasks


def make(max_turns: int = 1, render_mode: str | None = None) -> FeedbackEnv:
    return make_env("Toy-v0", max_turns=max_turns, render_mode=render_mode)


def begin(env: FeedbackEnv) -> str:
    return env.reset(seed=0, options={"task_id": "sum-2"})[0]


@pytest.mark.parametrize("max_turns", [1, 3])
def test_the_checker_of_gymnasium_has_no_complaint(max_turns: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("sdpo/Toy-v0", max_turns=max_turns).unwrapped)


def test_the_first_observation_is_the_chat() -> None:
    assert begin(make()) == "system:\nAnswer with a number.\n\nuser:\nWhat is 2 + 4? ¿Größe?"
    assert chat_text([Message("user", "alone")]) == "alone"


def test_a_right_answer_ends_the_only_turn() -> None:
    env = make()
    begin(env)
    observation, reward, terminated, truncated, info = env.step("6")
    assert (observation, reward, terminated, truncated) == ("", 1.0, True, False)
    assert info == {
        "task_id": "sum-2",
        "feedback": "",
        "status": "passed",
        "scores": {"score": 1.0, "closeness": 1.0},
    }
    assert [m.role for m in env.messages] == ["system", "user", "assistant"]


def test_a_wrong_answer_ends_the_only_turn_and_is_never_truncated() -> None:
    env = make()
    begin(env)
    observation, reward, terminated, truncated, info = env.step("7")
    assert (observation, reward, terminated, truncated) == ("", 0.0, True, False)
    assert info["feedback"] == "7 is off by 1."
    assert info["status"] == "failed"


def test_with_turns_to_spare_the_feedback_is_what_comes_next() -> None:
    env = make(max_turns=3)
    begin(env)
    assert env.step("no idea")[:4] == ("Your answer contains no number.", 0.0, False, False)
    assert env.last_verdict is not None
    assert env.last_verdict.status is Status.BAD_FORMAT
    assert env.messages[2:] == (
        Message("assistant", "no idea"),
        Message("user", "Your answer contains no number."),
    )
    assert env.step("6")[:4] == ("", 1.0, True, False)
    assert env.messages[-1] == Message("assistant", "6")


def test_an_episode_is_truncated_when_its_turns_run_out() -> None:
    env = make(max_turns=2)
    begin(env)
    env.step("7")
    assert env.step("8")[:4] == ("8 is off by 2.", 0.0, False, True)
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step("6")


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(ResetNeeded, match="call reset"):
        make().step("6")


def test_info_has_the_same_types_always_and_is_never_shared() -> None:
    env = make(max_turns=3)
    infos = [env.reset(seed=0)[1], env.step("x")[4], env.step("5")[4], env.reset()[1]]
    for info in infos:
        assert [(key, type(value)) for key, value in info.items()] == [
            ("task_id", str),
            ("feedback", str),
            ("status", str),
            ("scores", dict),
        ]
        assert [(key, type(value)) for key, value in info["scores"].items()] == [("score", float), ("closeness", float)]
    assert infos[0]["feedback"] == infos[0]["status"] == ""
    assert set(infos[0]["scores"].values()) == {0.0}
    infos[3]["scores"]["score"] = 9.0
    assert env.reset()[1]["scores"]["score"] == 0.0


def test_a_reset_forgets_the_last_episode() -> None:
    env = make()
    begin(env)
    env.step("7")
    env.reset(options={"task_id": "sum-1"})
    assert env.last_verdict is None
    assert len(env.messages) == 2


def test_tasks_are_drawn_by_the_seed_alone() -> None:
    def draw(seed: int) -> list[str]:
        env = make()
        first = env.reset(seed=seed)[1]["task_id"]
        np.random.seed(0)
        return [first, *(env.reset()[1]["task_id"] for _ in range(20))]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert set(draw(1)) == {f"sum-{i}" for i in range(5)}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"task_id": "sum_2"}, "no task 'sum_2'; did you mean 'sum-2'"),
        ({"taskid": "sum-2"}, "option 'task_id' only, got 'taskid'"),
        ({"task_id": 2}, "must be a str, got 2"),
    ],
)
def test_wrong_reset_options_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make().reset(options=options)


@pytest.mark.parametrize("text", ["OUTAGE", "BUG"])
def test_an_outage_is_raised_and_uses_up_no_turn(text: str) -> None:
    env = make()
    begin(env)
    before = env.messages
    with pytest.raises(JudgeError):
        env.step(text)
    assert env.messages == before
    assert env.last_verdict is None
    assert env.step("6")[1] == 1.0


def test_a_verdict_off_the_card_is_an_outage() -> None:
    card = load_card(CARD_TOML.replace("reward_range = [0, 1]", "reward_range = [-1, 0]"))
    env = FeedbackEnv(tasks(None, "sample"), ToyJudge(), card)
    begin(env)
    with pytest.raises(JudgeError, match=r"reward 1\.0"):
        env.step("6")
    assert env.step("7")[1] == 0.0


def test_an_action_is_a_text() -> None:
    env = make()
    begin(env)
    with pytest.raises(UsageError, match="got int: 6"):
        env.step(6)  # type: ignore[arg-type]


def test_the_transcript_shows_chat_verdict_and_feedback() -> None:
    env = make(render_mode="ansi")
    begin(env)
    assert env.render() == "[system]\nAnswer with a number.\n\n[user]\nWhat is 2 + 4? ¿Größe?"
    env.step("7")
    assert str(env.render()).endswith("[assistant]\n7\n\n[verdict] failed, wrong_answer, reward 0\n7 is off by 1.")
    assert make().render() is None


def test_the_transcript_says_the_feedback_of_a_turn_once() -> None:
    env = make(max_turns=2, render_mode="ansi")
    begin(env)
    env.step("7")
    assert str(env.render()).count("7 is off by 1.") == 1


def test_closing_closes_the_judge_once() -> None:
    judge = ToyJudge()
    env = FeedbackEnv(tasks(None, "sample"), judge, SPEC.card)
    env.close()
    env.close()
    assert judge.times_closed == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_turns": 0}, "max_turns must be at least 1, got 0"),
        ({"render_mode": "human"}, "render_mode must be 'ansi' or None, got 'human'"),
        ({"count": 0}, "'toy_sample' is empty"),
        ({"data": "nowhere"}, "got 'nowhere'"),
    ],
)
def test_an_impossible_environment_is_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_env("Toy-v0", **options)  # type: ignore[arg-type]


def test_aliases_and_options_reach_the_environment() -> None:
    assert len(make_env("toy_small").tasks) == 2
    env = gymnasium.make("sdpo/Toy-v0", tolerance=1).unwrapped
    env.reset(options={"task_id": "sum-2"})
    assert env.step("7")[1] == 1.0


def test_turns_default_to_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_in_process", {})
    patient = CARD_TOML.replace("max_turns = 1", "max_turns = 4").replace('name = "Toy"', 'name = "Patient"')
    register_spec(dataclasses.replace(SPEC, name="Patient-v0", card=load_card(patient), aliases={}))
    assert make_env("Patient-v0").max_turns == 4
    assert make_env("Patient-v0", max_turns=2).max_turns == 2
    assert make_vec_env("Patient-v0").envs[0].max_turns == 4


def test_the_spec_goes_through_json() -> None:
    env = gymnasium.make("sdpo/Toy-v0", max_turns=2, count=3)
    assert env.spec is not None
    text = env.spec.to_json()
    json.loads(text)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(text)).unwrapped
    assert isinstance(again, FeedbackEnv)
    assert (again.max_turns, len(again.tasks)) == (2, 3)


def test_render_collection_knows_the_mode() -> None:
    env = gymnasium.make("sdpo/Toy-v0", render_mode="ansi_list")
    env.reset(seed=0)
    env.step("1")
    assert [str(frame).count("[verdict]") for frame in env.render() or ()] == [0, 1]


def test_a_set_without_chat_headers_is_shown_as_it_is() -> None:
    (task,) = tasks(None, "sample", count=1)
    lone = type(task)("lone", task.messages[1:], task.payload, task.meta)
    env = FeedbackEnv(ListTaskSet([lone], name="lone"), ToyJudge(), SPEC.card)
    assert env.reset(seed=0)[0] == "What is 0 + 0? ¿Größe?"
