from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, RecordEpisodeStatistics

import toy_env
from sdpo_gym import Completion, FeedbackVectorEnv, JudgeError, Task, Verdict
from sdpo_gym.env import make_env
from sdpo_gym.errors import UsageError
from sdpo_gym.vector import make_vec_env

IDS = ["sum-1", "sum-2", "sum-3"]  # answers 2, 6, 12


def make(max_turns: int = 1, **options: object) -> FeedbackVectorEnv:
    env = make_vec_env("Toy-v0", 3, max_turns=max_turns, **options)  # type: ignore[arg-type]
    env.reset(seed=0, options={"task_ids": IDS})
    return env


def test_make_vec_gives_it_and_it_never_resets_by_itself() -> None:
    env = gymnasium.make_vec("sdpo/Toy-v0", num_envs=4, count=2)
    assert isinstance(env, FeedbackVectorEnv)
    assert env.num_envs == 4
    assert env.metadata["autoreset_mode"] is AutoresetMode.DISABLED
    observations, infos = env.reset(seed=0)
    assert observations in env.observation_space
    assert set(infos["task_id"]) <= {"sum-0", "sum-1"}


def test_one_step_judges_one_answer_per_episode() -> None:
    env = make()
    observations, rewards, terminated, truncated, infos = env.step(["2", "7", "none"])
    assert observations == ("", "", "")
    assert rewards.tolist() == [1.0, 0.0, 0.0]
    assert rewards.dtype == np.float64
    assert terminated.tolist() == [True, True, True]
    assert truncated.tolist() == [False, False, False]
    assert infos["task_id"].tolist() == IDS
    assert infos["status"].tolist() == ["passed", "failed", "bad_format"]
    assert infos["feedback"].tolist() == ["", "7 is off by 1.", "Your answer contains no number."]
    assert infos["scores"]["closeness"].tolist() == [1.0, 0.5, 0.0]
    assert infos["errored"].tolist() == [False, False, False]
    assert [r.outcome for r in env.last_results if isinstance(r, Verdict)] == ["accepted", "wrong_answer", "no_number"]


def test_infos_have_the_same_types_always() -> None:
    env = make(max_turns=2)
    for infos in (env.reset(seed=1)[1], env.step(["x", "1", "OUTAGE"])[4]):
        scores = infos["scores"]
        assert {key: value.dtype for key, value in scores.items() if key[0] != "_"} == {
            "score": float,
            "closeness": float,
        }
        assert {key: getattr(value, "dtype", dict) for key, value in infos.items() if key[0] != "_"} == {
            "task_id": object,
            "feedback": object,
            "status": object,
            "scores": dict,
            "errored": np.bool_,
        }
        assert all(isinstance(text, str) for key in ("task_id", "feedback", "status") for text in infos[key])
        assert all(mask.all() for key, mask in [*infos.items(), *scores.items()] if key[0] == "_")


def test_it_does_what_single_environments_do() -> None:
    vector = make_vec_env("Toy-v0", 3, max_turns=2)
    singles = [make_env("Toy-v0", max_turns=2) for _ in range(3)]
    answers = [["1", "x", "3"], ["4", "5", "6"]]
    observations, infos = vector.reset(seed=7)
    firsts = [single.reset(seed=7 + i) for i, single in enumerate(singles)]
    assert observations == tuple(first[0] for first in firsts)
    assert infos["task_id"].tolist() == [first[1]["task_id"] for first in firsts]
    for texts in answers:
        steps = [single.step(text) for single, text in zip(singles, texts, strict=True)]
        observations, rewards, terminated, truncated, infos = vector.step(texts)
        assert observations == tuple(step[0] for step in steps)
        assert rewards.tolist() == [step[1] for step in steps]
        assert terminated.tolist() == [step[2] for step in steps]
        assert truncated.tolist() == [step[3] for step in steps]
        assert infos["feedback"].tolist() == [step[4]["feedback"] for step in steps]
    assert vector.messages == tuple(single.messages for single in singles)


def test_a_batch_is_judged_at_once() -> None:
    together = threading.Barrier(3)

    class Together(toy_env.ToyJudge):
        threads = ThreadPoolExecutor(3)

        def __call__(self, task: Task, completion: Completion) -> Verdict:
            together.wait(20)  # passes only if all three are being judged at the same time
            return super().__call__(task, completion)

        def submit(self, task: Task, completion: Completion) -> Future[Verdict]:
            return self.threads.submit(self, task, completion)

    env = FeedbackVectorEnv(toy_env.tasks(None, "sample"), Together(), toy_env.SPEC.card, num_envs=3)
    env.reset(options={"task_ids": IDS})
    assert env.step(["2", "6", "12"])[1].tolist() == [1.0, 1.0, 1.0]
    Together.threads.shutdown()


@pytest.mark.parametrize("text", ["OUTAGE", "BUG"])
def test_an_outage_is_marked_and_stays_with_its_own_episode(text: str) -> None:
    env = make(max_turns=2)
    _, rewards, terminated, truncated, infos = env.step(["2", text, "7"])
    assert infos["errored"].tolist() == [False, True, False]
    assert rewards.tolist() == [1.0, 0.0, 0.0]
    assert terminated.tolist() == [True, True, False]
    assert truncated.tolist() == [False, False, False]
    assert infos["status"].tolist() == ["passed", "", "failed"]
    assert isinstance(env.last_results[1], JudgeError)
    infos = env.reset(options={"reset_mask": terminated})[1]
    assert infos["errored"].tolist() == [False, False, False]


def test_a_verdict_off_the_card_is_an_outage() -> None:
    card = toy_env.load_card(toy_env.CARD_TOML.replace("reward_range = [0, 1]", "reward_range = [-1, 0]"))
    env = FeedbackVectorEnv(toy_env.tasks(None, "sample"), toy_env.ToyJudge(), card, num_envs=2)
    env.reset(options={"task_ids": ["sum-2", "sum-2"]})
    assert env.step(["6", "7"])[4]["errored"].tolist() == [True, False]


def test_a_finished_episode_must_be_reset_before_any_is_stepped() -> None:
    env = make(max_turns=2)
    _, _, terminated, _, _ = env.step(["2", "7", "7"])
    with pytest.raises(ResetNeeded, match=r"episodes \[0\] are over"):
        env.step(["2", "6", "12"])
    observations, infos = env.reset(options={"reset_mask": terminated, "task_ids": ["sum-4", None, None]})
    assert "What is 4 + 16?" in observations[0]
    assert observations[1:] == ("7 is off by 1.", "7 is off by 5.")
    assert infos["task_id"].tolist() == ["sum-4", "sum-2", "sum-3"]
    assert infos["feedback"].tolist() == ["", "7 is off by 1.", "7 is off by 5."]
    assert env.step(["20", "6", "12"])[1].tolist() == [1.0, 1.0, 1.0]


def test_a_step_before_the_first_reset_is_refused() -> None:
    with pytest.raises(ResetNeeded, match="never begun"):
        make_vec_env("Toy-v0", 2).step(["1", "2"])


def test_one_task_for_all_and_seeds_one_each() -> None:
    env = make_vec_env("Toy-v0", 3)
    assert env.reset(options={"task_id": "sum-4"})[1]["task_id"].tolist() == ["sum-4"] * 3
    counted, listed = env.reset(seed=5)[1], env.reset(seed=[5, 6, 7])[1]
    assert counted["task_id"].tolist() == listed["task_id"].tolist()
    same = env.reset(seed=[9, 9, 9])[1]["task_id"]
    assert len(set(same)) == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"task_ids": ["sum-1"]}, "task_ids must have one entry for each of the 3 episodes, got 1"),
        ({"task_ids": "sum"}, "got one text"),
        ({"task_ids": ["sum-1", "sum-2", "sum_3"]}, "did you mean 'sum-3'"),
        ({"task_id": "sum-1", "task_ids": IDS}, "not both"),
        ({"reset_mask": np.zeros(3, dtype=np.bool_)}, "at least one is true"),
        ({"reset_mask": np.ones(2, dtype=np.bool_)}, "3 booleans"),
        ({"reset_mask": [0, 1, 2]}, "3 booleans"),
        ({"mask": None}, "got 'mask'"),
    ],
)
def test_wrong_reset_options_are_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        make().reset(options=options)


@pytest.mark.parametrize("actions", [["2", "6"], "abc"])
def test_there_is_one_action_per_episode(actions: list[str]) -> None:
    with pytest.raises(UsageError, match="actions must have one entry"):
        make().step(actions)


def test_closing_closes_the_shared_judge_once() -> None:
    judge = toy_env.ToyJudge()
    env = FeedbackVectorEnv(toy_env.tasks(None, "sample"), judge, toy_env.SPEC.card, num_envs=3)
    env.close()
    env.close()
    assert judge.times_closed == 1


def test_transcripts_are_rendered_on_request() -> None:
    assert make().render() is None
    env = make(render_mode="ansi")
    env.step(["2", "6", "13"])
    rendered = env.render()
    assert rendered is not None
    assert [text.splitlines()[-1] for text in rendered] == [
        "[verdict] passed, accepted, reward 1",
        "[verdict] passed, accepted, reward 1",
        "13 is off by 1.",
    ]


def test_episode_statistics_are_recorded() -> None:
    env = RecordEpisodeStatistics(gymnasium.make_vec("sdpo/Toy-v0", num_envs=3, max_turns=1))
    env.reset(options={"task_ids": IDS})
    infos = env.step(["2", "7", "12"])[4]
    assert infos["episode"]["r"].tolist() == [1.0, 0.0, 1.0]
    assert infos["episode"]["l"].tolist() == [1, 1, 1]


def test_infos_turn_into_one_dict_per_episode() -> None:
    env = DictInfoToList(gymnasium.make_vec("sdpo/Toy-v0", num_envs=3))
    env.reset(options={"task_ids": IDS})
    infos = env.step(["2", "7", "12"])[4]
    assert infos[1] == {
        "task_id": "sum-2",
        "feedback": "7 is off by 1.",
        "status": "failed",
        "scores": {"score": 0.0, "closeness": 0.5},
        "errored": False,
    }


@pytest.mark.parametrize(("mode", "more"), [("sync", {}), ("async", {"shared_memory": False})], ids=["sync", "async"])
def test_the_vector_environments_of_gymnasium_carry_any_text(mode: str, more: dict[str, object]) -> None:
    env = gymnasium.make_vec(
        "sdpo/Toy-v0",
        num_envs=2,
        vectorization_mode=mode,
        vector_kwargs={"autoreset_mode": AutoresetMode.DISABLED, **more},
        max_turns=2,
    )
    try:
        observations, _ = env.reset(seed=0, options={"task_id": "sum-3"})
        assert observations == ("system:\nAnswer with a number.\n\nuser:\nWhat is 3 + 9? ¿Größe?",) * 2
        observations, rewards, _, _, infos = env.step(("12", "größer"))
        assert observations == ("", "Your answer contains no number.")
        assert rewards.tolist() == [1.0, 0.0]
        assert infos["scores"]["score"].tolist() == [1.0, 0.0]
        assert infos["feedback"].tolist() == ["", "Your answer contains no number."]
    finally:
        env.close()


def test_shared_memory_is_refused_loudly() -> None:
    with pytest.raises(ValueError, match="shared_memory=False"):
        gymnasium.make_vec("sdpo/Toy-v0", num_envs=2, vectorization_mode="async")
