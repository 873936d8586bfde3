"""What every agent here does alike: cutting batches, running the student, stepping the optimizer, keeping figures.

A batch is cut into mini-batches (one optimizer step each) by tasks, and these into micro-batches (as much as goes
through the model at once) by tokens. How it is cut into micro-batches changes nothing but rounding: each token's share
of the loss is fixed by the whole mini-batch, see :func:`shares`.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdpo_baselines.forward import Row, check_model, evaluating, hidden_states, micro_batches, output_head
from sdpo_baselines.losses import Aggregation, denominator, token_logprobs, token_weights
from sdpo_baselines.samples import Sample
from sdpo_baselines.settings import Settings, check
from sdpo_gym.agent import Rehearsal, TrainablePolicy
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.trainable import make_precise

_STATE = "agent.pt"
_WEIGHTS = "weights"


def row(sample: Sample) -> Row:
    """Return what the student reads: the prompt that it was asked with, and what it sampled."""
    return sample.prompt, sample.tokens


def identity(sample: Sample, *, apart: bool) -> Any:
    """Return what attempts at one task have in common that teach the same; see :meth:`Learner.micro_batches`."""
    logprobs = sample.logprobs if apart else None
    return sample.group, sample.prompt, sample.tokens, sample.teacher_prompt, sample.reward, logprobs


def shares(samples: Sequence[Sample], how: str, total: float) -> Tensor:
    """Return [N], the share of each sampled token in the loss, samples one after another.

    Handed to a loss as its mask, with a total of 1, they make it this part's contribution to the whole mini-batch's.

    Args:
        samples: a part of a mini-batch.
        how: the aggregation.
        total: :func:`count` of the mini-batch.
    """
    mask_BT = _mask(samples)
    return token_weights(mask_BT, Aggregation(how), total)[mask_BT]


def count(samples: Sequence[Sample], how: str) -> float:
    """Return what a mini-batch's sum over tokens is divided by: tokens, or sequences, of the samples that count."""
    return denominator(_mask(samples), Aggregation(how)) if samples else 1.0


def _mask(samples: Sequence[Sample]) -> Tensor:
    lengths_B1 = torch.tensor([[len(sample.tokens)] for sample in samples])
    return torch.arange(int(lengths_B1.max()))[None, :] < lengths_B1


class Learner:
    """A model, its optimizer, and the figures of the batch at hand.

    Args:
        policy: what is trained.
        settings: see there.
        seed: of the one generator from which all that is random here is drawn.
        temperature: of the rollouts, above 0; what is trained is the distribution under it.
        rehearsal: rows to rehearse, or None.

    Raises:
        UsageError: the model cannot be trained here, or ``temperature`` is not above 0.
    """

    def __init__(
        self,
        policy: TrainablePolicy,
        settings: Settings,
        *,
        seed: int,
        temperature: float,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        check("temperature", temperature, temperature > 0, "above 0 for training: greedy attempts are all alike")
        self.policy, self.settings, self.temperature = policy, settings, temperature
        self.rng = random.Random(seed)
        self.steps = 0
        self._rehearsal = rehearsal if settings.rehearsal_weight and settings.rehearsal_batch else None
        self._compute_dtype = make_precise(policy.model)
        if self._compute_dtype is not None:
            policy.compute_dtype = self._compute_dtype  # type: ignore[attr-defined]  # it samples as it trains
        check_model(policy.model)
        self.parameters = [p for p in policy.model.parameters() if p.requires_grad]
        if not self.parameters:
            raise UsageError("the model has no trainable parameter")
        self.device = self.parameters[0].device
        self._optimizer = torch.optim.AdamW(
            self.parameters,
            lr=settings.learning_rate,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
        )
        # Recomputed activations need training mode; else it would only switch dropout on.
        self._train_mode = any(getattr(m, "gradient_checkpointing", False) for m in policy.model.modules())
        self._flops = _flops_per_token(policy.model, recomputes=self._train_mode)
        self._sums: dict[str, float] = defaultdict(float)
        self._means: dict[str, list[tuple[Tensor, Tensor]]] = defaultdict(list)

    # Cutting a batch.

    def mini_batches(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """Return the samples of each optimizer step: all of them, or those of ``mini_batch`` tasks drawn at random."""
        size = self.settings.mini_batch
        tasks = sorted({sample.group for sample in samples})
        if not size or size >= len(tasks):
            return [list(samples)]
        self.rng.shuffle(tasks)
        chosen = [set(tasks[start : start + size]) for start in range(0, len(tasks), size)]
        return [[sample for sample in samples if sample.group in of_step] for of_step in chosen]

    def micro_batches(self, samples: Sequence[Sample], *, apart: bool) -> Iterator[tuple[list[Sample], Tensor]]:
        """Yield the samples in parts that go through the model at once, and for each token [N] how often it counts.

        Attempts at one task that are the same in all that matters are computed once and count as often as there are.

        Args:
            samples: of a mini-batch.
            apart: whether the log-probabilities that the rollout kept matter.
        """
        alike: dict[Any, list[Sample]] = {}
        for sample in samples:
            alike.setdefault(identity(sample, apart=apart), []).append(sample)
        twins = list(alike.values())
        lengths = [len(some[0].prompt) + len(some[0].tokens) - 1 for some in twins]
        for part in micro_batches(lengths, self.settings.micro_batch_tokens):
            chosen = [twins[i][0] for i in part]
            yield chosen, self.per_token([len(twins[i]) for i in part], chosen)

    def tokens(self, samples: Sequence[Sample]) -> Tensor:
        """Return [N], the sampled tokens of all samples one after another."""
        return torch.tensor([token for sample in samples for token in sample.tokens], device=self.device)

    def per_token(self, values: Sequence[float], samples: Sequence[Sample]) -> Tensor:
        """Return [N], each sample's value once for each of its tokens."""
        repeats = torch.tensor([len(sample.tokens) for sample in samples])
        return torch.tensor(values, dtype=torch.float32).repeat_interleave(repeats).to(self.device)

    def count(self, samples: Sequence[Sample]) -> float:
        """See :func:`count`."""
        return count(samples, self.settings.aggregation)

    def shares(self, samples: Sequence[Sample], total: float) -> Tensor:
        """Return [N], see :func:`shares`."""
        return shares(samples, self.settings.aggregation, total).to(self.device)

    # Running the student.

    @contextmanager
    def student(self, rows: Sequence[Row]) -> Iterator[tuple[Tensor, Tensor]]:
        """Run the student on rows; yields its hidden states [N, H] and its head [V, H], and counts what is done inside.

        What is computed inside is under the model's autocast; go backward by :meth:`backward`, outside.
        """
        length = _length(rows)
        self.add(tokens_student=length, flops_student=length * self._flops["student"])
        with self._clock("seconds_student"), self._autocast(), self._training():
            yield hidden_states(self.policy.model, rows), output_head(self.policy.model)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a part of the mini-batch's loss."""
        with self._clock("seconds_student"):
            loss.backward()

    @contextmanager
    def teacher(self, rows: Sequence[Row], networks: int = 1) -> Iterator[None]:
        """Count what a teacher (of so many networks) does inside with these rows, without gradients."""
        length = _length(rows) * networks
        self.add(tokens_teacher=length, flops_teacher=length * self._flops["forward"])
        with self._clock("seconds_teacher"), self._autocast(), torch.no_grad():
            yield

    def old_logprobs(self, samples: Sequence[Sample], *, afresh: bool) -> dict[tuple[int, int], Tensor]:
        """Return by (group, attempt) the log-probabilities [T] of what was sampled, before the batch's first step.

        Args:
            samples: of the whole batch.
            afresh: compute them even where the rollout kept its own.
        """
        known, unknown = {}, []
        for sample in samples:
            if sample.logprobs is None or afresh:
                unknown.append(sample)
            else:
                known[sample.group, sample.attempt] = torch.tensor(sample.logprobs, device=self.device)
        lengths = [len(sample.prompt) + len(sample.tokens) - 1 for sample in unknown]
        for chosen in micro_batches(lengths, self.settings.micro_batch_tokens):
            part = [unknown[i] for i in chosen]
            rows = [row(sample) for sample in part]
            length = _length(rows)
            self.add(tokens_student=length, flops_student=length * self._flops["forward"])
            model = self.policy.model
            with self._clock("seconds_student"), self._autocast(), evaluating(model), torch.no_grad():
                states, head = hidden_states(model, rows), output_head(model)
                logs, _ = token_logprobs(states, head, self.tokens(part), temperature=self.temperature)
            for sample, own in zip(part, logs.split([len(s.tokens) for s in part]), strict=True):
                known[sample.group, sample.attempt] = own
        return known

    # Stepping.

    def scale_gradients(self, factor: float) -> None:
        """Multiply the gradients that have been added up so far."""
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.grad *= factor

    def step(self) -> bool:
        """Rehearse, clip the gradient and step; return whether there was a step.

        A gradient that is not finite is thrown away and counted.
        """
        self._rehearse()
        with self._clock("seconds_optimizer"):
            limit = self.settings.grad_clip or math.inf
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
            if finite := bool(norm.isfinite()):
                rate = self._rate()
                for group in self._optimizer.param_groups:
                    group["lr"] = rate
                self._optimizer.step()
                self.steps += 1
                self.mean("grad_norm", norm.detach())
                self._sums["lr"] = rate
            self.add(steps=int(finite), skipped_steps=int(not finite))
            self._optimizer.zero_grad()
        return finite

    def _rate(self) -> float:
        warmup = self.settings.warmup_steps
        return self.settings.learning_rate * (min(1.0, (self.steps + 1) / warmup) if warmup else 1.0)

    def _rehearse(self) -> None:
        """Add the gradient of the cross-entropy, per token, of rows drawn at random."""
        if self._rehearsal is None:
            return
        rows = self._rehearsal.draw(self.rng, self.settings.rehearsal_batch)
        tokens = sum(len(answer) for _, answer in rows)
        losses = []
        lengths = [len(prompt) + len(answer) - 1 for prompt, answer in rows]
        for part in micro_batches(lengths, self.settings.micro_batch_tokens):
            chosen = [rows[i] for i in part]
            answers = torch.tensor([token for _, answer in chosen for token in answer], device=self.device)
            with self.student(chosen) as (states, head):
                loss = -token_logprobs(states, head, answers)[0].sum() / max(tokens, 1)
            self.backward(loss * self.settings.rehearsal_weight)
            losses.append(loss.detach())
        if losses:
            self.mean("rehearsal_loss", torch.stack(losses).sum())

    # Figures.

    def add(self, **amounts: float) -> None:
        """Add to figures that are sums over the batch."""
        for name, amount in amounts.items():
            self._sums[name] += amount

    def mean(self, name: str, values: Tensor, often: Tensor | None = None) -> None:
        """Take values, each as often as it counts, into a figure that is a mean over the batch."""
        weights = torch.ones_like(values) if often is None else often
        self._means[name].append(((values.detach() * weights).double().sum(), weights.double().sum()))

    def figures(self) -> dict[str, float]:
        """Return the figures of the batch, and begin anew."""
        always = dict.fromkeys(("steps", "skipped_steps", "tokens_student", "flops_student", "seconds_student"), 0.0)
        figures = always | {"seconds_optimizer": 0.0, "lr": self._rate()} | dict(self._sums)
        for name, parts in self._means.items():
            if count := sum(float(part) for _, part in parts):
                figures[name] = sum(float(part) for part, _ in parts) / count
        self._sums.clear()
        self._means.clear()
        return figures

    # Keeping.

    def describe(self) -> dict[str, Any]:
        """Return the settings and what follows from policy and rollout: JSON-able."""
        return {
            **asdict(self.settings),
            "betas": list(self.settings.betas),
            "temperature": self.temperature,
            "rehearsal": self._rehearsal is not None,
            "trained_parameters": sum(p.numel() for p in self.parameters),
            "gradient_checkpointing": self._train_mode,
            "compute_dtype": str(self._compute_dtype or self.parameters[0].dtype).removeprefix("torch."),
        }

    def save(self, directory: Path, **more: Any) -> None:
        """Write weights, optimizer, random state and counters, and what else an agent has, into an empty directory.

        Raises:
            OSError: if they cannot be written (disk full).
        """
        (directory / _WEIGHTS).mkdir()
        self.policy.save_weights(directory / _WEIGHTS)
        own = {"optimizer": self._optimizer.state_dict(), "steps": self.steps, "rng": self.rng.getstate()}
        try:
            torch.save(own | more, directory / _STATE)
        except RuntimeError as error:  # how torch says that a file cannot be written
            raise OSError(" ".join(str(error).split())[:200]) from error

    def load(self, directory: Path) -> dict[str, Any]:
        """Go on from what :meth:`save` wrote; return what else was in it.

        Raises:
            UsageError: it is of another model, or cannot be read.
        """
        try:
            state = torch.load(directory / _STATE, map_location="cpu", weights_only=True)
        except Exception as error:  # a torn file fails in many ways
            raise UsageError(f"{directory / _STATE} cannot be read: {' '.join(str(error).split())[:200]}") from error
        self.policy.load_weights(directory / _WEIGHTS)
        self._optimizer.load_state_dict(state.pop("optimizer"))
        self.steps = int(state.pop("steps"))
        self.rng.setstate(state.pop("rng"))
        return dict(state)

    # Surroundings.

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._compute_dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._compute_dtype)  # type: ignore[no-any-return]

    @contextmanager
    def _training(self) -> Iterator[None]:
        if not self._train_mode:
            with evaluating(self.policy.model):
                yield
            return
        self.policy.model.train()
        try:
            yield
        finally:
            self.policy.model.eval()

    @contextmanager
    def _clock(self, name: str) -> Iterator[None]:
        self._settle()
        started = time.perf_counter()
        try:
            yield
            self._settle()
        except torch.cuda.OutOfMemoryError as error:
            raise UsageError(
                f"out of GPU memory: lower micro_batch_tokens (now {self.settings.micro_batch_tokens}), set "
                "gradient_checkpointing, or train an adapter (lora_rank)"
            ) from error
        finally:
            self._sums[name] += time.perf_counter() - started

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def _length(rows: Sequence[Row]) -> int:
    """Return how many tokens go through the model, without padding."""
    return sum(len(prompt) + max(len(answer), 1) - 1 for prompt, answer in rows)


def _flops_per_token(model: Any, *, recomputes: bool) -> dict[str, float]:
    """Return floating-point operations per token: per parameter 2 forward, 2 for the inputs' gradient, 2 for its own.

    Parameters are those of matrices, without input embeddings (unless they are the output's too); attention's own
    products are left out. So it is 6 P for a model that is trained whole.
    """
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    matrices = [p for p in model.parameters() if p.dim() >= 2 and (p is not inputs or inputs is outputs)]
    every, trained = (sum(p.numel() for p in some) for some in (matrices, [p for p in matrices if p.requires_grad]))
    return {"forward": 2.0 * every, "student": (6.0 if recomputes else 4.0) * every + 2.0 * trained}
