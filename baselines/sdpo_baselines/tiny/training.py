"""The training loop: bit for bit the same result with one process as with two.

Every batch has two halves whose gradients are computed apart, each on one thread, and added in a fixed order.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sdpo_gym.errors import MissingExtraError

try:
    import torch
    import torch.multiprocessing as mp
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "torch") from error

HALVES = 2
_BUCKET_BATCHES = 32  # batches that are cut from one stretch of rows sorted by length

Row = tuple[tuple[int, ...], tuple[int, ...]]  # token ids of prompt and of answer, its end token included


@dataclass(frozen=True)
class Recipe:
    """How the model is trained.

    Attributes:
        steps: optimizer steps.
        batch: sequences in a step, half of them in each half.
        learning_rate: of AdamW, after ``warmup`` steps and until the last ``decay`` share of all steps, in which it
            falls to 0 along a cosine.
        prompt_weight: of the language-model loss on the prompt, beside the loss on the answer.
        muon: whether Muon moves the hidden matrices; AdamW moves all else, and all if not.
        chunk: rows of about one length; a batch is made of chunks of any length. The whole batch, or at most a half.
    """

    steps: int = 4000
    batch: int = 64
    learning_rate: float = 3e-3
    warmup: int = 100
    decay: float = 0.5
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    grad_clip: float = 1.0
    prompt_weight: float = 0.1
    muon: bool = False
    chunk: int = 64

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, which counts from 0."""
        start = (1 - self.decay) * self.steps
        falling = 0.0 if step < start else (step - start) / max(1.0, self.steps - start)
        return self.learning_rate * min(1.0, (step + 1) / self.warmup) * 0.5 * (1 + math.cos(math.pi * falling))


def train(
    model: Any,
    rows: Sequence[Row],
    recipe: Recipe,
    seed: int,
    *,
    processes: int = 1,
    after_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train ``model`` in place.

    Args:
        model: a causal language model in float32, on the CPU.
        rows: what it learns.
        recipe: how.
        seed: orders the rows.
        processes: 1, or 2 for one process for each half of a batch.
        after_step: called with the number of steps made and the last loss.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _train(model, rows, recipe, seed, processes, after_step)
    finally:
        torch.set_num_threads(threads)


def _train(
    model: Any,
    rows: Sequence[Row],
    recipe: Recipe,
    seed: int,
    processes: int,
    after_step: Callable[[int, float], None] | None,
) -> None:
    model.share_memory()
    parameters = [p for p in model.parameters() if p.requires_grad]
    gradients = torch.zeros(HALVES, sum(p.numel() for p in parameters)).share_memory_()
    losses = torch.zeros(HALVES).share_memory_()
    matrices = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    optimizer: Any = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=recipe.betas,
    )
    if recipe.muon:
        hidden = {id(p) for name, p in model.named_parameters() if p.ndim > 1 and "embed" not in name}
        optimizer = _Both(
            [p for p in parameters if id(p) in hidden],
            torch.optim.AdamW([p for p in parameters if id(p) not in hidden], betas=recipe.betas, weight_decay=0.0),
            recipe.weight_decay,
        )
    helper = None
    if processes > 1:
        context = mp.get_context("spawn")
        barrier = context.Barrier(HALVES)
        helper = context.Process(
            target=_help, args=(model, rows, recipe, seed, gradients, losses, barrier), daemon=True
        )
        helper.start()
        barrier.wait()
    try:
        for step, batch in enumerate(batches(rows, recipe, seed)):
            if helper:
                barrier.wait()  # the parameters are up to date
                _half(model, parameters, batch, 0, recipe, gradients, losses)
                barrier.wait(timeout=120)
            else:
                for half in range(HALVES):
                    _half(model, parameters, batch, half, recipe, gradients, losses)
            _step(optimizer, parameters, gradients, recipe, step)
            if after_step:
                after_step(step + 1, float(losses.sum()))
    finally:
        if helper:
            helper.terminate() if helper.is_alive() and step + 1 < recipe.steps else helper.join()


def batches(rows: Sequence[Row], recipe: Recipe, seed: int) -> Iterator[list[Row]]:
    """Yield a batch for each step: chunks of rows of about one length, every row once in each round through them."""
    draw = random.Random(seed)
    made = 0
    stretch = recipe.batch * _BUCKET_BATCHES
    waiting: list[int] = []
    while made < recipe.steps:
        while len(waiting) < stretch:
            order = list(range(len(rows)))
            draw.shuffle(order)
            waiting += order
        taken, waiting = waiting[:stretch], waiting[stretch:]
        taken.sort(key=lambda i: len(rows[i][0]) + len(rows[i][1]))
        chunks = [taken[at : at + recipe.chunk] for at in range(0, stretch, recipe.chunk)]
        draw.shuffle(chunks)
        many = recipe.batch // recipe.chunk
        for at in range(0, min(len(chunks), (recipe.steps - made) * many), many):
            made += 1
            yield [rows[i] for chunk in chunks[at : at + many] for i in chunk]


def _help(
    model: Any, rows: Sequence[Row], recipe: Recipe, seed: int, gradients: Any, losses: Any, barrier: Any
) -> None:
    torch.set_num_threads(1)
    parameters = [p for p in model.parameters() if p.requires_grad]
    barrier.wait()
    for batch in batches(rows, recipe, seed):
        barrier.wait()
        _half(model, parameters, batch, 1, recipe, gradients, losses)
        barrier.wait()


def _half(
    model: Any, parameters: Sequence[Any], batch: Sequence[Row], half: int, recipe: Recipe, gradients: Any, losses: Any
) -> None:
    """Put loss and gradient of one half of a batch into their places."""
    answers = sum(len(answer) for _, answer in batch)
    prompts = sum(len(prompt) - 1 for prompt, _ in batch)
    middle = len(batch) // HALVES
    if recipe.chunk > middle:
        parts = [batch[half::HALVES]]
    else:
        parts = [batch[half * middle + at :][: recipe.chunk] for at in range(0, middle, recipe.chunk)]
    losses[half] = 0.0
    gradients[half] = 0.0
    for part in parts:
        loss = _loss(model, part, 1 / answers, recipe.prompt_weight / prompts)
        found = torch.autograd.grad(loss, parameters)
        gradients[half] += torch.cat([g.flatten() for g in found])
        losses[half] += loss.detach()


def _loss(model: Any, rows: Sequence[Row], answer_weight: float, prompt_weight: float) -> Any:
    """Return the weighted sum of the tokens' losses."""
    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids_BT = torch.tensor([[*prompt, *answer] + [0] * (width - len(prompt) - len(answer)) for prompt, answer in rows])
    weight_BT = torch.tensor(
        [
            [prompt_weight] * (len(prompt) - 1)
            + [answer_weight] * len(answer)
            + [0.0] * (width - len(prompt) - len(answer))
            for prompt, answer in rows
        ]
    )
    learned = weight_BT > 0
    # Padding stands at the end, where causal attention lets nothing look at it.
    hidden_BTD = model.model(input_ids=ids_BT, use_cache=False).last_hidden_state
    logits_NV = model.lm_head(hidden_BTD[:, :-1][learned])
    each_N = torch.nn.functional.cross_entropy(logits_NV, ids_BT[:, 1:][learned], reduction="none")
    return (each_N * weight_BT[learned]).sum()


def _step(optimizer: Any, parameters: Sequence[Any], gradients: Any, recipe: Recipe, step: int) -> None:
    total = gradients[0] + gradients[1]
    total *= min(1.0, recipe.grad_clip / (float(total.norm()) + 1e-6))
    at = 0
    for parameter in parameters:
        parameter.grad = total[at : at + parameter.numel()].view_as(parameter)
        at += parameter.numel()
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate(step)
    optimizer.step()


class _Both:
    """Muon for the hidden matrices (Jordan et al. 2024; scaled as in arXiv:2502.16982), AdamW for all else."""

    def __init__(self, matrices: Sequence[Any], rest: Any, weight_decay: float) -> None:
        self._matrices, self._rest, self._decay = matrices, rest, weight_decay
        self._momenta = [torch.zeros_like(p) for p in matrices]
        self.param_groups = [{"lr": 0.0}, *rest.param_groups]

    def step(self) -> None:
        self._rest.step()
        rate = self.param_groups[0]["lr"]
        with torch.no_grad():
            for parameter, momentum in zip(self._matrices, self._momenta, strict=True):
                momentum.lerp_(parameter.grad, 0.05)
                update = _orthogonal(parameter.grad.lerp(momentum, 0.95))
                parameter.mul_(1 - rate * self._decay)
                parameter.add_(update, alpha=-rate * 0.2 * max(parameter.shape) ** 0.5)


def _orthogonal(matrix: Any) -> Any:
    """Return about the nearest orthogonal matrix, by five Newton-Schulz steps with Jordan's coefficients."""
    turned = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if turned else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.T if turned else x
