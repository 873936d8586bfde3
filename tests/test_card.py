from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym import EnvCard, JudgeError, Status, Verdict
from sdpo_gym.card import SourceFile, Window
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Sampling
from toy_env import CARD_TOML, load_card

GOOD = Verdict(1.0, "", Status.PASSED, "accepted", {"score": 1.0, "closeness": 1.0})


def test_a_card_is_read_as_written() -> None:
    card = load_card()
    assert (card.name, card.version, card.max_turns, card.headline) == ("Toy", 0, 1, "score")
    assert card.outcomes == ("accepted", "wrong_answer", "no_number")
    assert card.reward_range == (0.0, 1.0)
    assert card.sampling == Sampling(n=4, temperature=0.6, top_p=0.95, max_tokens=64)
    assert card.source.files == (SourceFile("toy.jsonl", "", 0, False),)
    assert card.windows == {"toy_small": Window("2025-02-01", "2025-05-01", 2)}
    assert card.judge["limits"] == {"seconds": 1.5, "since": "2025-01-01"}
    assert card.known_issues == {"sum-4": "too hard"}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('title = "Adding two numbers"', "", "'title' is missing"),
        ("[sampling]\nn = 4", "[sampling]", "'sampling.n' is missing"),
        ('url = "https://example.org/toy"', "", "'source.url' is missing"),
        ("version = 0", 'version = "0"', "'version' must be an integer"),
        ("version = 0", "version = true", "'version' must be an integer"),
        ("version = 0", "version = 0\nverison = 1", "'verison' is unknown"),
        ("top_p = 0.95", "top_p = 0.95\ntop_k = 5", "'sampling.top_k' is unknown"),
        ("top_p = 0.95", "top_p = 1.5", "'sampling' is out of range: top_p"),
        ("temperature = 0.6", "temperature = nan", "'sampling.temperature' must be a finite number"),
        ("bytes = 0", "bytes = -1", "'source.files.0.bytes' must be"),
        ("verified = false", "verified = true", "'source.files.0.sha256' must be 64"),
        ('sha256 = ""', 'sha256 = "abc"', "'source.files.0.sha256' must be 64"),
        ("2025-05-01, 2]", "2025-05-01]", "'windows.toy_small' must be [from, until, count]"),
        ("2025-05-01, 2]", "2025-05-01, -2]", "'windows.toy_small' must be an integer of at least 0"),
        ('sum-4 = "too hard"', "sum-4 = 4", "'known_issues.sum-4' must be a text"),
        ("reward_range = [0, 1]", "reward_range = [1, 0]", "'reward_range' must be [low, high]"),
        ('"score", "closeness"', '"score", "score"', "'scores' must be a list without repetition"),
        ("max_turns = 1", "max_turns = 0", "'max_turns' must be an integer of at least 1"),
        ("seconds = 1.5", "seconds = inf", "'judge.limits.seconds' must be a finite number"),
        ("[judge]\n", "[[judge]]\n", "'judge' must be a table"),
        ('name = "Toy"', "name =", "cannot read the environment card"),
    ],
)
def test_a_wrong_card_names_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in CARD_TOML
    path = tmp_path / "card.toml"
    path.write_text(CARD_TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        EnvCard.load(path)
    assert str(path) in str(caught.value)
    assert key in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_card_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.toml"):
        EnvCard.load(tmp_path / "nothing.toml")


@pytest.mark.parametrize("key", ["citation", "differences"])
def test_the_optional_keys_may_be_left_out(key: str) -> None:
    lines = [line for line in CARD_TOML.splitlines() if not line.startswith(key)]
    assert not getattr(load_card("\n".join(lines)), key)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        load_card(text)


def test_the_digest_is_that_of_the_content_and_not_of_the_spelling() -> None:
    card = load_card()
    assert load_card("# a comment\n" + CARD_TOML.replace("[0, 1]", "[0.0, 1.0]")).digest == card.digest
    json.dumps(card.to_dict(), allow_nan=False)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(EnvCard)])
def test_the_digest_changes_with_every_field(field: str) -> None:
    card = load_card()
    other: dict[str, Any] = {
        "version": 1,
        "max_turns": 2,
        "reward_range": (0.0, 2.0),
        "sampling": Sampling(n=5),
        "source": dataclasses.replace(card.source, revision="r2"),
        "windows": {},
    }
    kind = type(getattr(card, field))
    value = other.get(field, {"x": "y"} if kind is dict else ("x",) if kind is tuple else "x")
    assert dataclasses.replace(card, **{field: value}).digest != card.digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"reward": 1.5}, "reward 1.5"),
        ({"outcome": "splendid"}, "outcome 'splendid'"),
        ({"scores": {"score": 1.0}}, "the scores"),
        ({"scores": {"score": 1.0, "closeness": 1.0, "more": 1.0}}, "the scores"),
        ({"scores": {"score": 1.0, "closeness": math.nan}}, "'closeness' = nan"),
    ],
)
def test_a_verdict_off_the_card_is_a_broken_judge(change: dict[str, Any], complaint: str) -> None:
    card = load_card()
    card.check(GOOD)
    with pytest.raises(JudgeError, match=complaint):
        card.check(dataclasses.replace(GOOD, **change))
