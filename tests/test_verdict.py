from __future__ import annotations

import math

import pytest

from sdpo_gym import Status, Verdict


@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf])
def test_a_reward_is_finite(reward: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Verdict(reward, "", Status.PASSED, "accepted")


def test_a_passed_verdict_carries_no_feedback() -> None:
    assert Verdict(1.0, "", Status.PASSED, "accepted").passed
    with pytest.raises(ValueError, match="no feedback"):
        Verdict(1.0, "well done", Status.PASSED, "accepted")


@pytest.mark.parametrize("status", [Status.FAILED, Status.BAD_FORMAT, Status.TRUNCATED])
def test_every_failure_says_why(status: Status) -> None:
    assert not Verdict(0.0, "wrong", status, "wrong_answer").passed
    for silent in ("", " \n"):
        with pytest.raises(ValueError, match="needs feedback"):
            Verdict(0.0, silent, status, "wrong_answer")


def test_status_values_are_what_records_hold() -> None:
    assert [status.value for status in Status] == ["passed", "failed", "bad_format", "truncated"]
