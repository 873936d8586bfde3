from __future__ import annotations

import json
import shutil
import sys

import pytest
import torch
from transformers import AutoModelForCausalLM

from policies.tiny_llama import make_tiny_llama
from sdpo_baselines.forward import check_model
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.policies.base import Capability, Request, Sampling
from sdpo_gym.policies.trainable import adapter_is_off, make_precise, whole_weights
from sdpo_gym.policies.transformers import make
from sdpo_gym.task import Message

ASK = [Request((Message("user", "sum?"),), "t", seed=3)]
WARM = Sampling(max_tokens=12)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return make_tiny_llama(tmp_path_factory.mktemp("llama"))


def policy_of(directory, **options):
    return make(str(directory), device="cpu", **options)


def train(policy, seed: int = 0) -> None:
    """Something that changes all that is trained."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator).to(parameter.dtype)


def state(policy) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}


def same(left, right) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def answer(policy) -> tuple[int, ...]:
    ((_, completion),) = policy.generate(ASK, WARM)
    return completion.token_ids


def test_weights_come_back_bit_for_bit(directory, tmp_path):
    policy, other = policy_of(directory), policy_of(directory)
    assert Capability.TRAIN in policy.capabilities
    train(policy)
    policy.save_weights(tmp_path)
    assert not same(state(policy), state(other))
    pointers = [p.data_ptr() for p in other.model.parameters()]
    other.load_weights(tmp_path)
    assert same(state(policy), state(other))
    assert [p.data_ptr() for p in other.model.parameters()] == pointers  # in place: an optimizer holds them
    assert answer(other) == answer(policy) == answer(policy_of(tmp_path))  # and it is a model directory like any other


def test_weights_of_another_model_are_refused(directory, tmp_path):
    policy = policy_of(directory)
    before = state(policy)
    policy.save_weights(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    with pytest.raises(UsageError, match="another model"):
        policy.load_weights(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        policy.load_weights(tmp_path / "nowhere")
    assert same(state(policy), before)


def test_an_adapter_is_trained_alone_and_comes_back_bit_for_bit(directory, tmp_path):
    plain, policy = policy_of(directory), policy_of(directory, lora_rank=4)
    check_model(policy.model)
    assert answer(policy) == answer(plain)  # it starts as no change
    trained = {name for name, p in policy.model.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    train(policy)
    assert answer(policy) != answer(plain)
    policy.save_weights(tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
    other = policy_of(directory, lora_rank=4)
    other.load_weights(tmp_path)
    assert same(state(policy), state(other))
    assert answer(other) == answer(policy)
    assert answer(policy_of(tmp_path)) == answer(policy)  # loadable as it is
    with policy.model.disable_adapter():
        assert answer(policy) == answer(plain)


def test_adapters_start_alike_and_leave_the_global_generator_alone(directory):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = policy_of(directory, lora_rank=2, lora_alpha=8, lora_targets=["q_proj", "v_proj"])
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    second = policy_of(directory, lora_rank=2, lora_alpha=8, lora_targets=["q_proj", "v_proj"])
    assert same(state(first), state(second))
    names = {name.split(".")[-4] for name, p in first.model.named_parameters() if p.requires_grad}
    assert names == {"q_proj", "v_proj"}
    assert first.model.get_base_model().get_decoder().layers[0].self_attn.q_proj.scaling["default"] == 4.0


def test_an_adapter_over_bfloat16_is_in_float32(directory):
    policy = policy_of(directory, dtype="bfloat16", lora_rank=2)
    assert make_precise(policy.model) is None
    dtypes = {p.requires_grad: p.dtype for p in policy.model.parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}
    assert len(answer(policy)) > 0


def test_weights_and_adapters_are_not_mixed_up(directory, tmp_path):
    whole, adapted = policy_of(directory), policy_of(directory, lora_rank=2)
    (tmp_path / "whole").mkdir()
    (tmp_path / "adapter").mkdir()
    whole.save_weights(tmp_path / "whole")
    adapted.save_weights(tmp_path / "adapter")
    with pytest.raises(UsageError, match="set lora_rank"):
        whole.load_weights(tmp_path / "adapter")
    with pytest.raises(UsageError, match="leave lora_rank out"):
        adapted.load_weights(tmp_path / "whole")
    with pytest.raises(UsageError, match="another model"):
        policy_of(directory, lora_rank=4).load_weights(tmp_path / "adapter")
    with pytest.raises(UsageError, match="adapter already"):
        policy_of(tmp_path / "adapter", lora_rank=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lora_rank": 0}, "lora_rank must be at least 1, got 0"),
        ({"lora_rank": 2, "lora_alpha": 0}, "lora_alpha must be above 0"),
        ({"lora_alpha": 2}, "lora_rank, which makes one, is not set"),
        ({"lora_rank": 2, "lora_targets": ["nothing"]}, "fit no layer"),
    ],
)
def test_adapter_options_are_checked(directory, options, message):
    with pytest.raises(UsageError, match=message):
        policy_of(directory, **options)


def test_without_peft_the_extra_is_named(directory, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"sdpo-gym\[lora\]"):
        policy_of(directory, lora_rank=2)


def test_bfloat16_becomes_float32_that_computes_in_bfloat16(directory):
    policy = policy_of(directory, dtype="bfloat16")
    before = answer(policy)
    policy.compute_dtype = make_precise(policy.model)
    assert policy.compute_dtype is torch.bfloat16
    assert policy.model.dtype is torch.float32
    assert policy.describe()["dtype"] == "bfloat16"
    assert answer(policy)[:3] == before[:3]  # up to rounding it samples as before
    with policy.autocast():
        assert policy.model(torch.tensor([[5, 6]])).logits.dtype is torch.bfloat16
    assert make_precise(policy_of(directory).model) is None


def test_float16_is_refused(directory):
    with pytest.raises(UsageError, match="dtype bfloat16"):
        make_precise(policy_of(directory, dtype="float16").model)


def test_gradient_checkpointing_gives_the_same_step(directory):
    from baselines.batches import batch, weights
    from sdpo_baselines import sdpo

    results = []
    for on in (False, True):
        policy = policy_of(directory, gradient_checkpointing=on)
        calls = []
        layer = policy.model.get_decoder().layers[0].mlp
        layer.register_forward_pre_hook(lambda *_, calls=calls: calls.append(torch.is_grad_enabled()))
        agent = sdpo.make(policy, seed=0, temperature=1.0, warmup_steps=0, learning_rate=1e-3)
        agent.learner._optimizer = torch.optim.SGD(agent.learner.parameters, lr=1e-3)
        figures = agent.update(batch(policy))
        results.append((weights(policy), figures, sum(calls)))
        assert agent.describe()["gradient_checkpointing"] is on
        assert not policy.model.training
    (plain, figures, once), (saved, others, twice) = results
    for name in plain:
        torch.testing.assert_close(plain[name], saved[name], atol=1e-7, rtol=1e-6)
    assert twice == 2 * once  # computed again on the way back
    assert others["flops_student"] == pytest.approx(figures["flops_student"] * 8 / 6)


def test_dropout_and_gradient_checkpointing_do_not_go_together(directory, tmp_path):
    copied = tmp_path / "model"
    shutil.copytree(directory, copied)
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"attention_dropout": 0.1}))
    with pytest.raises(UsageError, match=r"attention_dropout = 0\.1"):
        policy_of(copied, gradient_checkpointing=True)
    assert policy_of(copied)


@pytest.mark.parametrize("teacher", ["ema", "trust_region", "frozen", "live"])
def test_an_adapter_learns_by_sdpo_and_resumes(directory, tmp_path, teacher):
    from baselines.batches import batch
    from sdpo_baselines import sdpo

    def agent():
        policy = policy_of(directory, lora_rank=2, gradient_checkpointing=teacher == "ema")
        return sdpo.make(policy, seed=0, temperature=1.0, warmup_steps=0, learning_rate=1e-2, teacher=teacher)

    base = state(policy_of(directory))
    through = agent()
    batches = [batch(through.policy, seed) for seed in range(3)]
    first = agent()
    for groups in batches:
        assert through.update(groups)["steps"] == 1
    for groups in batches[:2]:
        first.update(groups)
    first.save(tmp_path)
    resumed = agent()
    resumed.load(tmp_path)
    resumed.update(batches[2])
    assert same(state(resumed.policy), state(through.policy))
    with through.policy.model.disable_adapter():
        own = through.policy.model.get_base_model().state_dict()
        frozen = {name.replace(".base_layer", ""): tensor for name, tensor in own.items() if "lora_" not in name}
        assert same(frozen, base)
    whole = AutoModelForCausalLM.from_pretrained(directory)
    held = sum(t.numel() for t in through.teacher.state_dict()["weights"].values())
    assert held < sum(p.numel() for p in whole.parameters()) / 4


def test_whole_weights_have_the_adapter_merged_in_unless_it_is_off(directory):
    plain = policy_of(directory)
    policy = policy_of(directory, lora_rank=4)
    train(policy)
    base, merged = (dict(AutoModelForCausalLM.from_pretrained(directory).state_dict()) for _ in range(2))
    for name, layer in policy.model.get_base_model().named_modules():
        if hasattr(layer, "lora_A"):
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            merged[f"{name}.weight"] = base[f"{name}.weight"] + 2 * b @ a  # alpha is twice the rank
    whole = dict(whole_weights(policy.model))
    assert whole.keys() == base.keys()
    assert all(torch.allclose(whole[name], merged[name], atol=1e-6) for name in whole)
    assert not same(whole, base)
    assert not adapter_is_off(policy.model)
    with policy.model.disable_adapter():
        assert adapter_is_off(policy.model)
        assert same(dict(whole_weights(policy.model)), base)
    assert not adapter_is_off(plain.model)
    assert same(dict(whole_weights(plain.model)), base)
