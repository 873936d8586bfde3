from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
)

from policies.tiny_llama import make_tiny_llama
from sdpo_baselines.forward import check_model, evaluating, hidden_states, micro_batches, output_head
from sdpo_baselines.losses import token_logprobs
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.transformers import make
from sdpo_gym.task import Message

TINY = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}
ROWS = [((5, 6, 7), (8, 9)), ((11,), (12, 13, 14, 15, 16)), ((20, 21, 22, 23, 24, 25), (26,)), ((30, 31), ())]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("model"))


@pytest.fixture
def model(directory: Path):
    return AutoModelForCausalLM.from_pretrained(directory).eval()


def alone(model, rows) -> torch.Tensor:
    """The logits that predict the completions' tokens, each row by itself and by the model's own forward."""
    parts = []
    for prompt, tokens in rows:
        logits = model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0]
        parts.append(logits[len(prompt) - 1 : len(prompt) + len(tokens) - 1])
    return torch.cat(parts)


def gradients(model, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("budget", [None, 1, 12, 1000])
def test_states_are_those_whose_logits_predict_the_tokens(model, budget) -> None:
    states = hidden_states(model, ROWS, budget=budget)
    assert states.shape == (2 + 5 + 1 + 0, 64)
    torch.testing.assert_close(states @ output_head(model).t(), alone(model, ROWS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("budget", [None, 12])
def test_gradients_are_those_of_the_plain_model(model, checkpointing, budget) -> None:
    torch.manual_seed(0)
    weights = torch.randn(8, len(output_head(model)))
    wanted = gradients(model, (alone(model, ROWS) * weights).sum())
    calls = 0
    if checkpointing:
        model.gradient_checkpointing_enable()
        model.train()

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        model.get_decoder().layers[0].mlp.register_forward_pre_hook(count)
    loss = ((hidden_states(model, ROWS, budget=budget) @ output_head(model).t()) * weights).sum()
    forward_calls = calls
    got = gradients(model, loss)
    assert (calls == 2 * forward_calls > 0) == checkpointing  # the layer ran again on the way back
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient, atol=2e-4, rtol=1e-4, msg=name)


def test_no_logits_are_made(model) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("logits were made")

    model.get_output_embeddings().register_forward_hook(refuse)
    hidden_states(model, ROWS)
    with pytest.raises(AssertionError, match="logits were made"):
        model(input_ids=torch.tensor([[1]]))


def test_logprobs_of_a_rollout_are_found_again(directory) -> None:
    policy = make(str(directory), device="cpu", dtype="float32")
    chats = [(Message("user", text),) for text in ("Say it.", "What is 6 x 7? Print only the number.", "x")]
    requests = [Request(chat, "t", i, seed=i) for i, chat in enumerate(chats)]
    results = dict(policy.generate(requests, Sampling(temperature=0.7, top_p=0.9, max_tokens=24)))
    rows = [(results[i].prompt_token_ids, results[i].token_ids) for i in range(3)]
    sampled = torch.tensor([logprob for i in range(3) for logprob in results[i].logprobs])
    tokens = torch.tensor([token for _, tokens in rows for token in tokens])
    for budget in (None, 50):
        states = hidden_states(policy.model, rows, budget=budget)
        logprobs, _ = token_logprobs(states, output_head(policy.model), tokens, temperature=0.7)
        torch.testing.assert_close(logprobs.double(), sampled.double(), atol=1e-5, rtol=0)
        assert logprobs.requires_grad


def test_autocast_is_the_callers(model) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        loss = token_logprobs(hidden_states(model, ROWS), output_head(model), torch.arange(8))[0].sum()
    loss.backward()
    exact = token_logprobs(hidden_states(model, ROWS), output_head(model), torch.arange(8))[0].sum()
    assert loss != exact  # bfloat16 was at work
    assert abs(loss - exact) < 0.02 * abs(exact)
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in model.parameters())


def test_a_model_with_absolute_positions() -> None:
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2)).eval()
    check_model(model)
    states = hidden_states(model, ROWS)
    torch.testing.assert_close(states @ output_head(model).t(), alone(model, ROWS), atol=1e-5, rtol=1e-5)


def test_no_rows_and_no_prompt(model) -> None:
    assert hidden_states(model, []).shape == (0, 64)
    with pytest.raises(ValueError, match="at least one token"):
        hidden_states(model, [((), (1, 2))])


def test_bad_heads_are_refused_by_name(model) -> None:
    torch.manual_seed(0)
    cases = [
        (Gemma2ForCausalLM(Gemma2Config(**TINY)), "final_logit_softcapping = 30"),
        (CohereForCausalLM(CohereConfig(**TINY)), "logit_scale = 0.0625"),
        (GraniteForCausalLM(GraniteConfig(**TINY, logits_scaling=8.0)), "logits_scaling = 8.0"),
    ]
    for refused, reason in cases:
        with pytest.raises(UsageError, match=reason):
            output_head(refused)
    output_head(GraniteForCausalLM(GraniteConfig(**TINY, logits_scaling=1.0)))
    output_head(Gemma2ForCausalLM(Gemma2Config(**TINY, final_logit_softcapping=None)))
    model.lm_head.bias = torch.nn.Parameter(torch.zeros(len(output_head(model))))
    with pytest.raises(UsageError, match="a bias"):
        output_head(model)
    model.set_output_embeddings(torch.nn.Sequential(torch.nn.Linear(64, 10)))
    with pytest.raises(UsageError, match="Sequential, not a plain linear layer"):
        output_head(model)


def test_what_no_name_tells_is_found_by_trying(model) -> None:
    check_model(model)
    check_model(model.to(torch.bfloat16))
    model.register_forward_hook(lambda *call: call[-1].__setitem__("logits", call[-1].logits * 1.1))
    with pytest.raises(UsageError, match="something between"):
        check_model(model)


def test_evaluating_leaves_every_module_as_it_was(model) -> None:
    model.train()
    model.get_decoder().layers[1].eval()
    before = [module.training for module in model.modules()]
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before


@given(st.lists(st.integers(1, 60)), st.integers(1, 100))
def test_micro_batches_keep_to_their_budget(lengths: list[int], budget: int) -> None:
    batches = micro_batches(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget
    for batch, after in pairwise(batches):  # none could have been fuller
        assert (len(batch) + 1) * max(lengths[i] for i in batch) > budget
        assert min(lengths[i] for i in batch) >= lengths[after[0]]


def test_micro_batches_of_equal_lengths_keep_their_order() -> None:
    assert micro_batches([3, 5, 3, 3], 6) == [[1], [0, 2], [3]]
    assert micro_batches([], 1) == []
    with pytest.raises(ValueError, match="at least 1"):
        micro_batches([1], 0)


def test_a_budget_changes_no_order(model) -> None:
    rng = random.Random(0)
    rows = [([rng.randrange(50) for _ in range(rng.randint(1, 9))], [1] * rng.randint(0, 9)) for _ in range(12)]
    torch.testing.assert_close(hidden_states(model, rows, budget=20), hidden_states(model, rows), atol=1e-5, rtol=1e-5)
