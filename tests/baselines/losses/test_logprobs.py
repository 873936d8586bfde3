from __future__ import annotations

import pytest
import torch

from sdpo_baselines.losses import token_logprobs


@pytest.mark.parametrize("chunk", [None, 1, 3])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_values_and_gradients_are_those_of_the_whole_softmax(chunk: int | None, temperature: float) -> None:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 4, generator=random, dtype=torch.float64).requires_grad_()
    head = torch.randn(9, 4, generator=random, dtype=torch.float64).requires_grad_()
    tokens = torch.randint(9, (7,), generator=random)
    weights = torch.randn(7, generator=random, dtype=torch.float64)
    whole = (hidden @ head.t() / temperature).log_softmax(-1)
    wanted = whole.gather(-1, tokens[:, None]).squeeze(-1)
    found, entropies = token_logprobs(hidden, head, tokens, temperature=temperature, chunk=chunk)
    assert torch.allclose(found, wanted)
    assert torch.allclose(entropies, -(whole.exp() * whole).sum(-1))
    assert not entropies.requires_grad
    pairs = zip(
        torch.autograd.grad((found * weights).sum(), (hidden, head)),
        torch.autograd.grad((wanted * weights).sum(), (hidden, head)),
        strict=True,
    )
    assert all(torch.allclose(a, b) for a, b in pairs)


def test_bfloat16_is_summed_in_float32() -> None:
    hidden, head = torch.randn(5, 8).bfloat16().requires_grad_(), torch.randn(1000, 8).bfloat16()
    logprobs, _ = token_logprobs(hidden, head, torch.arange(5))
    assert logprobs.dtype == torch.float32
    whole = (hidden @ head.t()).float().log_softmax(-1)[torch.arange(5), torch.arange(5)]
    assert torch.allclose(logprobs, whole, atol=1e-5)
    logprobs.sum().backward()
    assert hidden.grad.dtype == torch.bfloat16
