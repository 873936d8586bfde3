from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from sdpo_baselines.tiny import WEIGHTS, make
from sdpo_baselines.tiny.corpus import FAMILIES, Kind, Mixture, make_tokenizer
from sdpo_baselines.tiny.model import digest, new_model
from sdpo_baselines.tiny.probe import TUNING, measure
from sdpo_baselines.tiny.training import Recipe, Row, batches, train
from sdpo_baselines.tiny.warmstart import RECIPE, REHEARSAL, Stage, WarmStart, warm_start
from sdpo_gym.completion import Completion
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.task import Message

torch.set_num_threads(1)
TOKENIZER = make_tokenizer()
ROWS: list[Row] = [(tuple(range(5, 8 + n % 7)), (300 + n % 9, 301, 1)) for n in range(300)]
FAST = Recipe(steps=3, batch=8, chunk=8, warmup=1)


def _trained(recipe: Recipe, processes: int = 1, rows: list[Row] = ROWS) -> list[bytes]:
    model = new_model(TOKENIZER, 0)
    train(model, rows, recipe, 0, processes=processes)
    return [p.detach().numpy().tobytes() for p in model.parameters()]


@pytest.mark.parametrize("recipe", [FAST, Recipe(steps=3, batch=8, warmup=1, muon=True, chunk=2, prompt_weight=0.0)])
def test_training_again_gives_the_same_bits(recipe: Recipe) -> None:
    assert _trained(recipe) == _trained(recipe)


@pytest.mark.slow
def test_two_processes_give_the_same_bits_as_one() -> None:
    assert _trained(FAST, 1) == _trained(FAST, 2)


def test_a_warm_start_gives_the_same_files_twice(tmp_path: Path) -> None:
    plan = WarmStart(
        Mixture({"tool": 40, "sci": 20}), (Stage(FAST), Stage(FAST, {f: dict.fromkeys(Kind, 1.5) for f in FAMILIES}))
    )
    one, other = (warm_start(plan, tmp_path / name, each=0) for name in ("one", "other"))
    assert one["weights_sha256"] == other["weights_sha256"]
    assert one["corpus_sha256"] == other["corpus_sha256"]
    assert (tmp_path / "one" / REHEARSAL).read_bytes() == (tmp_path / "other" / REHEARSAL).read_bytes()


def test_every_row_comes_once_in_a_round() -> None:
    rows: list[Row] = [((i,) * (1 + i % 5), (1,)) for i in range(8 * 32)]
    seen = [row for batch in batches(rows, Recipe(steps=32, batch=8, chunk=4), 3) for row in batch]
    assert Counter(seen) == Counter(rows)


def test_the_loss_falls() -> None:
    losses: list[float] = []
    model = new_model(TOKENIZER, 0)
    train(
        model,
        ROWS,
        Recipe(steps=20, batch=16, chunk=16, warmup=2),
        0,
        after_step=lambda step, loss: losses.append(loss),
    )
    assert losses[-1] < 0.6 * losses[0]


def test_the_shipped_digests_are_those_of_the_files() -> None:
    recipe = json.loads((WEIGHTS / "recipe.json").read_text())
    weights = hashlib.sha256((WEIGHTS / "model.safetensors").read_bytes()).hexdigest()
    assert recipe["weights_sha256"] == weights == digest(WEIGHTS)
    assert (WEIGHTS / "SHA256").read_text() == f"{weights}  model.safetensors\n"


def test_the_shipped_tokenizer_is_the_one_that_is_made() -> None:
    assert make("").tokenizer.get_vocab() == TOKENIZER.get_vocab()  # type: ignore[attr-defined]


def test_rehearsal_holds_chats_of_all_families() -> None:
    rows = [json.loads(line) for line in gzip.decompress((WEIGHTS / REHEARSAL).read_bytes()).splitlines()]
    assert 1900 < len(rows) <= 2000
    for frame in ("Action: ", "```python", "<reasoning>"):
        assert sum(row["completion"].startswith(frame) for row in rows) > 600
    assert all(row["messages"][-1]["role"] == "user" for row in rows)
    with (WEIGHTS / REHEARSAL).open("rb") as file:
        assert file.read(8)[4:8] == b"\0\0\0\0"  # no time in it


def test_the_policy_is_found_by_name_and_answers_in_form() -> None:
    policy = load_policy("tiny")
    messages = (Message("user", "Call get weather: paris, monday"),)
    ((_, answer),) = policy.generate([Request(messages, "t", seed=1)], Sampling(temperature=0, max_tokens=64))
    assert isinstance(answer, Completion)
    assert answer.text.startswith("Action: get_weather\nAction Input: {")


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not load"):
        make(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "gap"), [("tool", 0.5), ("sci", 0.5), ("code", 0.15)])
def test_the_shipped_weights_use_feedback_as_their_recipe_says(family: str, gap: float) -> None:
    recorded = json.loads((WEIGHTS / RECIPE).read_text())["accuracy"][f"{family} train"]
    found = {kind: each.rate for kind, each in measure(make(""), family, "train", TUNING, each=16).items()}
    assert found[Kind.FEEDBACK] > found[Kind.NONE] + gap
    assert found[Kind.SOLUTION] > found[Kind.NONE] + 0.5
    # four worlds of 16 tasks: three standard errors of a share are at most 0.19
    assert {kind.value: found[kind] for kind in (Kind.NONE, Kind.FEEDBACK, Kind.SOLUTION)} == pytest.approx(
        {kind: recorded[kind] for kind in ("none", "feedback", "solution")}, abs=0.19
    )
