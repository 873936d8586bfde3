from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.training.watch import Alarm, Signal, Watch

HEALTHY = {
    "reward_mean": 0.3,
    "reprompt_fraction": 0.9,
    "advantage_abs": 0.2,
    "teacher_gap": -0.05,
    "length_mean": 50.0,
    "entropy": 0.8,
    "bad_format_fraction": 0.05,
    "truncated_fraction": 0.02,
    "steps": 1.0,
    "skipped_steps": 0.0,
    "loss": 0.2,
}


def alarms(rows, reward_range=(0.0, 1.0)) -> list[Alarm]:
    watch = Watch(reward_range)
    return [alarm for step, row in enumerate(rows, 1) if (alarm := watch.feed(step, row))]


def run(steps: int = 60, noise: float = 0.05, seed: int = 0, **curves):
    """Rows of a run whose figures follow ``curves``: functions from the time in [0, 1] to a value."""
    rng = random.Random(seed)
    rows = []
    for step in range(steps):
        t = step / (steps - 1)
        row = HEALTHY | {name: curve(t) for name, curve in curves.items()}
        row["reward_mean"] = min(1.0, max(0.0, row["reward_mean"] + rng.gauss(0, noise)))
        rows.append(row)
    return rows


def rising(start, end):
    return lambda t: start + (end - start) * (1 - math.exp(-4 * t))


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_run_that_improves_and_gets_shorter_and_surer_makes_no_alarm(seed):
    rows = run(
        100,
        seed=seed,
        reward_mean=rising(0.09, 0.9),
        length_mean=rising(50, 40),
        entropy=rising(0.8, 0.05),
        teacher_gap=rising(-0.5, -0.002),
        bad_format_fraction=rising(0.1, 0.0),
    )
    assert alarms(rows) == []


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("level", [0.05, 0.4, 0.97])
def test_noise_alone_makes_no_alarm(seed, level):
    """Batches of one task: the reward of a step may be anything."""
    rng = random.Random(seed)
    rows = [
        HEALTHY
        | {
            "reward_mean": float(rng.random() < level),
            "length_mean": rng.uniform(30, 70),
            "entropy": rng.uniform(0.4, 1.2),
        }
        for _ in range(150)
    ]
    assert alarms(rows) == []


def test_three_times_shorter_and_better_is_success():
    rows = run(reward_mean=rising(0.2, 0.5), length_mean=rising(800, 100))
    assert alarms(rows) == []


def test_a_solved_environment_teaches_nothing_and_that_is_no_alarm():
    rows = run(noise=0, reward_mean=lambda t: 1.0, advantage_abs=lambda t: 0.0, reprompt_fraction=lambda t: 0.0)
    assert alarms(rows) == []
    assert alarms(run(noise=0, reward_mean=lambda t: 0.98, teacher_gap=lambda t: 1e-6)) == []


def test_a_run_without_teachers_is_caught():
    rows = [{**row, "reprompt_fraction": 0.0} for row in run(12, reward_mean=lambda t: 0.0)]
    for row in rows:
        del row["advantage_abs"]
    first = alarms(rows)[0]
    assert (first.signal, first.step) == (Signal.NOTHING, 10)
    assert "feedback=always" in first.advice
    assert alarms(rows[:9]) == []


def test_a_run_without_advantages_is_caught():
    rows = run(12, reward_mean=lambda t: 0.0, noise=0, advantage_abs=lambda t: 0.0, reprompt_fraction=lambda t: 0.0)
    first = alarms(rows)[0]
    assert first.signal == Signal.NOTHING
    assert "all advantages were 0" in first.message
    assert "raise n" in first.advice
    rows[5]["advantage_abs"] = 0.1
    assert alarms(rows) == []


def test_a_teacher_that_says_what_the_student_says_is_caught():
    first = alarms(run(12, teacher_gap=lambda t: -3e-6))[0]
    assert (first.signal, first.step) == (Signal.SAME, 10)
    assert first.numbers == {"teacher_gap": 3e-6}
    assert alarms(run(12, teacher_gap=lambda t: -3e-3)) == []


def test_a_reward_that_falls_far_is_caught():
    """The collapse of an unguarded run: from 0.63 to nothing within some tens of steps."""
    rows = run(
        80,
        reward_mean=lambda t: 0.1 + 1.2 * t if t < 0.45 else max(0.02, 0.63 - 4 * (t - 0.45)),
        bad_format_fraction=lambda t: 0.05 if t < 0.5 else min(1.0, 4 * (t - 0.5)),
    )
    found = alarms(rows)
    signals = {found[0].signal, *found[0].others}
    assert signals & {Signal.REWARD, Signal.FORMAT}
    assert any(alarm.signal == Signal.REWARD for alarm in found)
    reward = next(alarm for alarm in found if alarm.signal == Signal.REWARD)
    assert reward.numbers["best"] == pytest.approx(0.55, abs=0.1)
    assert reward.numbers["now"] < reward.numbers["best"] / 2
    assert "learning_rate" in reward.advice


@pytest.mark.parametrize(
    ("signal", "key", "curve", "number"),
    [
        (Signal.FORMAT, "bad_format_fraction", rising(0.05, 0.9), "%"),
        (Signal.TRUNCATED, "truncated_fraction", rising(0.0, 0.8), "max_tokens"),
        (Signal.LENGTH, "length_mean", rising(60, 5), "tokens"),
        (Signal.LENGTH, "length_mean", lambda t: 60 * math.exp(3 * t), "tokens"),
        (Signal.ENTROPY, "entropy", lambda t: math.exp(-6 * t), "nats"),
    ],
)
def test_a_drift_is_caught_while_nothing_is_won(signal, key, curve, number):
    losing = run(noise=0.01, reward_mean=rising(0.3, 0.15), **{key: curve})
    first = alarms(losing)[0]
    assert first.signal == signal
    assert number in first.message + first.advice
    winning = run(noise=0.01, reward_mean=rising(0.3, 0.6), **{key: curve})
    assert alarms(winning) == []


def test_a_policy_that_never_got_anything_right_may_not_drift_either():
    first = alarms(run(noise=0, reward_mean=lambda t: 0.0, length_mean=rising(300, 3)))[0]
    assert first.signal == Signal.LENGTH


def test_gradients_that_are_no_numbers_are_caught():
    rows = [row | {"steps": 0.0, "skipped_steps": 2.0} for row in run(8)]
    first = alarms(rows)[0]
    assert (first.signal, first.step) == (Signal.NON_FINITE, 5)
    assert "10 of 10" in first.message
    assert alarms(run(30, skipped_steps=lambda t: 0.2)) == []


def test_an_alarm_reads_as_one_line_with_its_step_and_advice():
    text = str(Alarm(7, "length_drift", "it is long", "cut it", {}, ("entropy_collapse",)))
    assert text == "step 7: length_drift: it is long (also: entropy_collapse); cut it"


def test_a_reward_of_another_range_is_read_in_that_range():
    rows = run(80, noise=0.02, reward_mean=lambda t: 0.6 if t < 0.5 else 0.05)
    shifted = [{**row, "reward_mean": 4 * row["reward_mean"] - 2} for row in rows]
    found, same = alarms(rows), alarms(shifted, (-2.0, 2.0))
    assert [alarm.step for alarm in same] == [alarm.step for alarm in found] != []
    assert same[0].numbers["best"] == pytest.approx(4 * found[0].numbers["best"] - 2)


def test_what_is_absent_is_not_looked_at():
    assert alarms([{"reward_mean": 0.5}] * 40) == []
    assert alarms([{"loss": None, "scores": {"a": 1.0}}] * 40) == []
    assert alarms([{}] * 40) == []


figure = st.one_of(st.none(), st.floats(), st.integers(-5, 5))


@given(st.lists(st.dictionaries(st.sampled_from(sorted(HEALTHY)), figure), max_size=25))
def test_it_takes_any_figures_and_depends_on_nothing_else(rows):
    assert alarms(rows) == alarms(rows)
