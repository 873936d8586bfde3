from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("vllm")

import torch

import toy_env  # noqa: F401  registers Toy-v0
from policies.vllm_models import ENGINE, ENVIRONMENT, make_model
from sdpo_gym.errors import UsageError
from sdpo_gym.policies import transformers as in_process
from sdpo_gym.policies.base import Capability, Request, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.task import Message
from sdpo_gym.train import TrainConfig, train
from sdpo_gym.training import loop

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, max_tokens=30)
REQUESTS = [Request((Message("user", f"What is {i} + {i}? " * 8),), str(i), seed=i) for i in range(6)]


def answers(policy) -> list[tuple[int, ...]]:
    return [c.token_ids for _, c in sorted(policy.generate(REQUESTS, GREEDY), key=lambda r: r[0])]


def test_vllm_samples_from_the_weights_that_the_trained_model_has_at_that_moment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for key, value in ENVIRONMENT.items():
        monkeypatch.setenv(key, value)
    directory = str(make_model(tmp_path / "llama"))
    options = {"model": directory, "device": "cpu", "lora_rank": 4, "lora_targets": "all-linear"}
    policy = load_policy("transformers", rollouts="vllm", rollout_options={"engine": ENGINE}, **options)
    plain = in_process.make("", **options)
    assert Capability.TRAIN in policy.capabilities
    first = answers(policy)
    assert first == answers(plain)

    # As an optimizer would, in place.
    with torch.no_grad():
        torch.manual_seed(0)
        for one, two in zip(policy.model.parameters(), plain.model.parameters(), strict=True):
            if one.requires_grad:
                two.add_(0.05 * torch.randn_like(two))
                one.copy_(two)
    changed = answers(policy)
    assert changed == answers(plain)
    assert changed != first
    # As the teacher that is the model before training does.
    with policy.model.disable_adapter():
        assert answers(policy) == first
    assert answers(policy) == changed

    # And in the training loop, where an adapter is learned from what vLLM sampled, its log-probabilities included.
    sent = []
    update = policy._engine.update_weights
    monkeypatch.setattr(policy._engine, "update_weights", lambda weights: sent.append(1) or update(weights))
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: policy)
    config = TrainConfig(
        "Toy-v0", agent="grpo", model=directory, data="sample", steps=2, batch=2, n=4, max_tokens=8, eval_every=2,
        eval_n=1, agent_options={"learning_rate": 1e-2, "reward": "closeness", "tis_clip": 2.0}, out=Path("run"),
    )  # fmt: skip
    train(config)
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "eval" not in row]
    assert len(steps) == 2
    assert all(row["grad_norm"] > 0 for row in steps)
    assert len(sent) == 2  # once for each step, whoever asks next
    assert json.loads(Path("run/run.json").read_text())["policy"]["rollouts"]["policy"] == "vllm"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rollouts": "sglang"}, "unknown rollouts 'sglang'"),
        ({"rollout_options": {"engine": {}}}, "which is not set"),
        ({"rollouts": "vllm", "rollout_options": {"engin": {}}}, "rollout_options has no 'engin'.*engine"),
    ],
)
def test_bad_options_are_refused(options, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        in_process.make(str(make_model(tmp_path)), device="cpu", **options)
