"""Last hidden states of a model at given tokens, from which losses make logits a chunk at a time.

No logits are made here. Everywhere a *row* is a pair of token ids: a prompt, and the completion that was sampled
after it. It goes through the model without its last token, whose own successor nobody asks for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from sdpo_gym.errors import UsageError

Row = tuple[Sequence[int], Sequence[int]]

# What configurations call that which comes between head and logits, and the value at which it does nothing.
_ON_LOGITS: dict[str, float | None] = {
    "final_logit_softcapping": None,  # Gemma
    "logit_scale": 1.0,  # Cohere
    "logits_scaling": 1.0,  # Granite
    "lm_head_multiplier": 1.0,  # Falcon-H1
    "output_multiplier": 1.0,
}
_PROBE = 8  # tokens
_TOLERANCE = 0.02  # of the largest logit, which bfloat16 keeps to; a scale or an offset that matters does not


def hidden_states(model: Any, rows: Sequence[Row], *, budget: int | None = None) -> Tensor:
    """Return [N, H] last hidden states, those whose logits predict the completions' tokens, rows one after another.

    Padding is on the right, where causal attention sees nothing of it, and stays inside. Gradients flow unless the
    caller forbids it. Gradient checkpointing is the model's own, which works in training mode only; autocast is the
    caller's.

    Args:
        model: a causal language model of transformers, on its device; see :func:`check_model`.
        rows: prompts, not empty, and completions.
        budget: most tokens, padding included, that go through the model at once; None for all. This bounds memory
            only where no gradient flows: with one, cut the rows by :func:`micro_batches` and go backward in between.

    Raises:
        ValueError: if a prompt is empty or ``budget`` is below 1.
    """
    if any(not prompt for prompt, _ in rows):
        raise ValueError("a prompt must have at least one token: the first token's logits come from the prompt")
    if not rows:
        head = output_head(model)
        return head.new_empty(0, head.shape[1])
    lengths = [len(prompt) + max(len(tokens), 1) - 1 for prompt, tokens in rows]
    batches = [list(range(len(rows)))] if budget is None else micro_batches(lengths, budget)
    states: dict[int, Tensor] = {}
    for batch in batches:
        parts = _batch_states(model, [rows[i] for i in batch])
        states.update(zip(batch, parts, strict=True))
    return torch.cat([states[i] for i in range(len(rows))])


def output_head(model: Any) -> Tensor:
    """Return [V, H], the output embeddings: logits are hidden states times their transpose.

    Raises:
        UsageError: the model's logits are more than that, or its head is no plain matrix.
    """
    head = model.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear) or not head.weight.is_floating_point():
        raise UsageError(
            f"the output embeddings of {_name(model)} are a {type(head).__name__}, not a plain linear layer; training "
            "needs their matrix (leave the head out of adapters and quantisation)"
        )
    if head.bias is not None:
        raise UsageError(_refusal(model, "a bias on the output embeddings"))
    config = model.config.get_text_config()
    for name, neutral in _ON_LOGITS.items():
        value = getattr(config, name, None)
        if value is not None and value != neutral:
            raise UsageError(_refusal(model, f"{name} = {value}"))
    return head.weight


def check_model(model: Any) -> None:
    """Check once, on a few tokens, that the model's logits are its hidden states times its output embeddings.

    :func:`output_head` knows the usual names of what else there may be; this finds the rest.

    Raises:
        UsageError: they are not.
    """
    head = output_head(model)
    ids = [i % head.shape[0] for i in range(1, _PROBE + 1)]
    with evaluating(model), torch.no_grad():
        ours = (hidden_states(model, [(ids[:1], ids[1:] + ids[:1])]).to(head.dtype) @ head.t()).float()
        theirs = model(input_ids=torch.tensor([ids], device=head.device), use_cache=False).logits[0].float()
    if ours.shape != theirs.shape or (ours - theirs).abs().max() > _TOLERANCE * theirs.abs().max():
        raise UsageError(_refusal(model, "something between its last hidden states and its logits"))


def micro_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cut rows into batches of at most ``budget`` tokens, padding included; return their positions.

    Longest rows first, so that little is padded and a lack of memory shows at once; a row that exceeds the budget goes
    alone. Of equal lengths the order is kept.

    Args:
        lengths: tokens of every row.
        budget: tokens.

    Raises:
        ValueError: if ``budget`` is below 1.
    """
    if budget < 1:
        raise ValueError(f"budget must be at least 1 token, got {budget}")
    batches: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Switch dropout off for a while; every module is then as it was."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _batch_states(model: Any, rows: Sequence[Row]) -> tuple[Tensor, ...]:
    """Return one [completion, H] per row."""
    decoder = _decoder(model)
    device = next(model.parameters()).device
    sequences = [[*prompt, *tokens[:-1]] for prompt, tokens in rows]
    width = max(map(len, sequences))
    ids_BW = torch.tensor([ids + [0] * (width - len(ids)) for ids in sequences], device=device)
    position_W = torch.arange(width, device=device)
    starts_B1 = torch.tensor([[len(prompt) - 1] for prompt, _ in rows], device=device)
    counts = [len(tokens) for _, tokens in rows]
    ends_B1 = starts_B1 + torch.tensor(counts, device=device)[:, None]
    # No mask: padding stands at the end, where causal attention lets no other token see it, and kernels are faster so.
    states_BWH = decoder(input_ids=ids_BW, use_cache=False).last_hidden_state
    wanted_BW = (position_W >= starts_B1) & (position_W < ends_B1)
    return states_BWH[wanted_BW].split(counts)  # type: ignore[no-any-return]


def _decoder(model: Any) -> Any:
    find = getattr(model, "get_decoder", None)
    decoder = model.base_model if find is None else find()
    if decoder is None or decoder is model:
        raise UsageError(f"{_name(model)} has no part that gives hidden states without logits; training needs one")
    return decoder


def _refusal(model: Any, what: str) -> str:
    return (
        f"{_name(model)} cannot be trained here: it has {what}, and losses make logits from last hidden states and "
        "output embeddings alone"
    )


def _name(model: Any) -> str:
    return f"{type(model).__name__} {getattr(model.config, '_name_or_path', '') or ''}".strip()
