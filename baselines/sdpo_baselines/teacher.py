"""Who teaches: the student itself, as it was, as it is, or in between, on a prompt that says more.

A teacher runs through the student's own modules; what differs are the weights in them, which are put in for the time of
its forward pass. Only weights that training changes are kept a second time, so that with an adapter (peft) the
teacher's cost is that of the adapter. The student's graph is not disturbed: its weights are back before it goes
backward.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from sdpo_baselines.forward import Row, evaluating, hidden_states, output_head
from sdpo_gym.errors import UsageError


class TeacherKind(StrEnum):
    """Which weights teach (SDPO paper, section 2.3 and table 4)."""

    EMA = "ema"  # an exponential moving average of the student, from the student as it was at the start
    TRUST_REGION = "trust_region"  # between the initial student and the present one, by their logits
    FROZEN = "frozen"  # the initial student
    LIVE = "live"  # the present student; the paper's diverges


class Every(StrEnum):
    """When an EMA moves."""

    STEP = "step"  # after every optimizer step, as in TRL
    BATCH = "batch"  # once after all steps on a batch, if there was one, as in the reference (dp_actor.py:132)


class Teacher:
    """A teacher of one of four kinds.

    *EMA*: teacher <- (1 - rate) teacher + rate student, over every trainable parameter and every buffer that is saved,
    by name, from the student's values on; kept in float32 at least, so that small steps are not rounded away, whatever
    the model computes in. With an adapter the factors are averaged one by one, not their product: (mean A)(mean B)
    differs from mean(AB) by the covariance of the two over the averaging window, which is of second order because both
    averages start at the student's own factors (from zero, as in TRL, the product would be wrong in first order). The
    averaged product itself would need a dense matrix for every adapted layer, which is a second model.

    *Trust region*: logits = lerp(initial, present, rate), both on the teacher's prompt (equations 10 and 16; the
    reference's dp_actor.py:51), which is the geometric mean of their distributions up to a constant.

    *Frozen* and the trust region's initial student: with full weights a copy; with a peft adapter the model with its
    adapter switched off, so no copy, but training that goes on from an adapter has the base model there.

    Args:
        model: the student, on its device and with ``requires_grad`` set for good; never changed by this class.
        kind: see :class:`TeacherKind`.
        rate: of the EMA, or the present student's share in the trust region. The paper has 0.05, and 0.01 with rich
            feedback and for every trust region (tables 4 and 12).
        every: see :class:`Every`; of no effect on other kinds.

    Raises:
        UsageError: kind, rate or ``every`` is not one of the above, or the model has nothing to train.
    """

    def __init__(self, model: Any, kind: str, *, rate: float = 0.05, every: str = Every.BATCH) -> None:
        self.kind, self.every = _member(TeacherKind, kind, "teacher"), _member(Every, every, "teacher update")
        if not 0 <= rate <= 1:
            raise UsageError(f"the teacher's rate must lie in [0, 1], got {rate}")
        self.rate = rate
        self._model = model
        self._adapter_off = getattr(model, "disable_adapter", None)
        self._moved = False  # whether the student made a step since the last batch
        trained = _trained(model)
        if all(map(_is_buffer, trained.values())):
            raise UsageError("the model has no trainable parameter, so there is nothing to teach")
        keeps = self.kind is TeacherKind.EMA or (self.kind is not TeacherKind.LIVE and self._adapter_off is None)
        # what goes into the model, in its own dtypes
        self._weights = {name: tensor.detach().clone() for name, tensor in trained.items()} if keeps else {}
        self._masters = dict(self._weights)
        if self.kind is TeacherKind.EMA:
            self._masters = {name: _precise(tensor) for name, tensor in self._weights.items()}

    def states(self, rows: Sequence[Row], *, budget: int | None = None) -> tuple[Tensor, Tensor]:
        """Return hidden states [N, H'] and a head [V, H'], whose product is the teacher's logits; without gradient.

        H' is H, or 2 H for a trust region whose two heads differ: both networks' states, scaled, side by side. Dropout
        is off. Use the head before the next update of student or teacher.

        Args:
            rows: teachers' prompts and the same completions as the student's.
            budget: see :func:`~sdpo_baselines.forward.hidden_states`.
        """
        with torch.no_grad(), evaluating(self._model), _without_cached_casts():
            states, head = self._of(self._put_in(), rows, budget)
            if self.kind is not TeacherKind.TRUST_REGION:
                return states, head
            live_states, live_head = self._of(nullcontext(), rows, budget)
            if live_head.data_ptr() == head.data_ptr():
                return torch.lerp(states, live_states, self.rate), head
            states = torch.cat([states * (1 - self.rate), live_states * self.rate], -1)
            return states, torch.cat([head, live_head], -1)

    def after_step(self) -> None:
        """Take note of an optimizer step (not of one that was left out because its gradient was not finite)."""
        self._moved = True
        if self.every is Every.STEP:
            self._follow()

    def after_batch(self) -> None:
        """Take note that all steps on a batch are done."""
        if self.every is Every.BATCH and self._moved:
            self._follow()
        self._moved = False

    def state_dict(self) -> dict[str, Any]:
        """Return all that an exact resume needs; tensors are the teacher's own, not copies."""
        return {"kind": self.kind.value, "moved": self._moved, "weights": dict(self._masters)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another teacher's :meth:`state_dict` was taken.

        Raises:
            UsageError: it is of another kind of teacher or of another model.
        """
        if state["kind"] != self.kind.value:
            raise UsageError(
                f"the checkpoint has a teacher of kind {state['kind']!r}, this run one of {self.kind.value!r}"
            )
        weights = state["weights"]
        if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in self._masters.items()}:
            raise UsageError("the checkpoint's teacher belongs to another model: names or shapes of its weights differ")
        for name, master in self._masters.items():
            master.copy_(weights[name])
        self._moved = bool(state["moved"])
        self._put_down()

    def _of(
        self, weights: AbstractContextManager[None], rows: Sequence[Row], budget: int | None
    ) -> tuple[Tensor, Tensor]:
        with weights:
            # detached: the parameter itself gets its own values back
            return hidden_states(self._model, rows, budget=budget), output_head(self._model).detach()

    def put_in(self) -> AbstractContextManager[None] | None:
        """Return a context in which the model is the teacher; None for a trust region, which no one network is."""
        return None if self.kind is TeacherKind.TRUST_REGION else self._put_in()

    def _put_in(self) -> AbstractContextManager[None]:
        """Return a context in which the model is the teacher, for a trust region the initial student."""
        if self.kind is TeacherKind.EMA or (self.kind is not TeacherKind.LIVE and self._adapter_off is None):
            return self._exchange()
        return nullcontext() if self._adapter_off is None or self.kind is TeacherKind.LIVE else self._adapter_off()

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Exchange the student's weights for the teacher's for a while."""
        exchanged: list[tuple[Tensor, Tensor]] = []
        try:
            tensors = _tensors(self._model)
            for name, other in self._weights.items():
                own = tensors[name]
                own.data, other.data = other.data, own.data
                exchanged.append((own, other))
            yield
        finally:
            for own, other in exchanged:
                own.data, other.data = other.data, own.data

    def _follow(self) -> None:
        if self.kind is not TeacherKind.EMA:
            return
        student = _tensors(self._model)
        for name, master in self._masters.items():
            own = student[name].detach()
            if master.is_floating_point():
                master.lerp_(own.to(master.dtype), self.rate)
            else:
                master.copy_(own)  # a counter
        self._put_down()

    def _put_down(self) -> None:
        """Round the masters to what goes into the model."""
        for name, master in self._masters.items():
            if self._weights[name] is not master:
                self._weights[name].copy_(master)


def _trained(model: Any) -> dict[str, Tensor]:
    """Return what training changes, each tensor once even where weights are tied."""
    saved = model.state_dict().keys()  # no rotary tables and the like, which each model makes for itself
    return {name: t for name, t in _tensors(model).items() if t.requires_grad or (name in saved and _is_buffer(t))}


def _is_buffer(tensor: Tensor) -> bool:
    return not isinstance(tensor, torch.nn.Parameter)


def _tensors(model: Any) -> dict[str, Tensor]:
    return dict(model.named_parameters()) | dict(model.named_buffers())


def _precise(tensor: Tensor) -> Tensor:
    """Return the tensor itself if it is float32 or better, or no float; else a copy in float32."""
    return tensor.float() if tensor.is_floating_point() else tensor


@contextmanager
def _without_cached_casts() -> Iterator[None]:
    """Keep autocast from handing on copies of one network's weights to the other, or copies without gradient."""
    torch.clear_autocast_cache()
    try:
        yield
    finally:
        torch.clear_autocast_cache()


def _member(kind: type[StrEnum], value: str, what: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise UsageError(f"unknown {what} {value!r}: use one of {', '.join(kind)}") from None
