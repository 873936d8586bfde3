"""What makes a causal language model trainable: adapters, precise weights, and weights on disk, all in place."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from sdpo_gym.errors import MissingExtraError, UsageError

_log = logging.getLogger(__name__)

ALL_LINEAR = "all-linear"  # peft's name for every linear layer but the output embeddings
_ADAPTER_FILE = "adapter_config.json"


def add_lora(model: Any, rank: int, alpha: float | None = None, targets: str | Sequence[str] = ALL_LINEAR) -> Any:
    """Return the model with a low-rank adapter (arXiv 2106.09685), which alone is trained from then on.

    The adapter is in float32, whatever the model is in, so that small steps are not rounded away; it is without dropout
    and starts as no change. Its first factor is random, the same for every run.

    Args:
        model: a causal language model.
        rank: of the adapter.
        alpha: the adapter's product is multiplied by ``alpha / rank``; None for twice the rank.
        targets: names of the linear layers that get one; or :data:`ALL_LINEAR`.

    Raises:
        MissingExtraError: peft is not installed.
        UsageError: an option is wrong, or the model has an adapter already.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError(error.name or "peft", "lora") from error
    if rank < 1:
        raise UsageError(f"lora_rank must be at least 1, got {rank}")
    if alpha is not None and not alpha > 0:
        raise UsageError(f"lora_alpha must be above 0, got {alpha}")
    if getattr(model, "_hf_peft_config_loaded", False):
        raise UsageError(
            "the model's directory is an adapter already; merge it into its base model before adding another"
        )
    chosen = targets if isinstance(targets, str) else list(targets)
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        target_modules=chosen,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    try:
        with torch.random.fork_rng(devices=[] if model.device.type == "cpu" else [model.device]):
            torch.manual_seed(0)
            return peft.get_peft_model(model, config)
    except ValueError as error:
        raise UsageError(f"lora_targets {chosen!r} fit no layer of the model: {str(error).splitlines()[0]}") from error


def has_adapter(model: Any) -> bool:
    """Return whether :func:`add_lora` made this model (not one that was loaded from an adapter's directory)."""
    return hasattr(model, "get_base_model")


def adapter_is_off(model: Any) -> bool:
    """Return whether the model has an adapter that is switched off for a while."""
    # A flag of adapted layers; models of transformers have a method by that name.
    return has_adapter(model) and any(getattr(m, "disable_adapters", None) is True for m in model.modules())


def whole_weights(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield every tensor of the model, its adapter (unless that is off) merged in, under the base model's names."""
    if not has_adapter(model):
        yield from model.state_dict().items()
        return
    base = model.get_base_model()
    adapted = dict(base.named_modules())
    for name, tensor in base.state_dict().items():
        owner, inside, leaf = name.partition(".base_layer.")
        if inside:
            layer = adapted[owner]
            if leaf == "weight" and not layer.disable_adapters:
                for adapter in layer.active_adapters:
                    tensor = tensor + layer.get_delta_weight(adapter).detach().to(tensor.dtype)
            yield f"{owner}.{leaf}", tensor
        elif ".lora_" not in name:
            yield name, tensor


def checkpoint_gradients(model: Any) -> None:
    """Keep no activations within layers in training mode: they are computed again on the way back.

    Raises:
        UsageError: the model cannot, or it has dropout, which training mode would switch on.
    """
    if found := _dropout(model):
        raise UsageError(
            f"gradient checkpointing works in training mode only, which would switch on the model's dropout ({found}): "
            "set it to 0 in the model's config.json, or leave gradient_checkpointing out"
        )
    try:
        # a second name in transformers 5, where the first one warns
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    except ValueError as error:
        raise UsageError(f"this model cannot do gradient checkpointing: {error}") from error


def make_precise(model: Any) -> Any:
    """Keep what is trained in float32; return the dtype to compute in under autocast, or None for the model's own.

    bfloat16 has 8 bits of precision: a step of less than about 1/256 of a weight is rounded away, which at learning
    rate 1e-6 is nearly every one. So a bfloat16 model whose own weights are trained becomes a float32 model that
    computes in bfloat16 under autocast (4 bytes per parameter more, and 12 for gradient and AdamW). Under a float32
    adapter the frozen weights stay as they are.

    Raises:
        UsageError: weights that are trained are in float16, which needs loss scaling that is not done here.
    """
    trained = {p.dtype for p in model.parameters() if p.requires_grad}
    if torch.float16 in trained:
        raise UsageError("a float16 model cannot be trained here (gradients underflow); load it with dtype bfloat16")
    if torch.bfloat16 not in trained:
        return None
    _log.warning(
        "the model is in bfloat16 and its own weights are trained: they are kept in float32 from here on, since steps "
        "would be rounded away, and computed with in bfloat16 (lora_rank trains an adapter and saves that memory)"
    )
    model.float()
    return torch.bfloat16


def save_weights(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write weights and tokenizer, of a model with an adapter the adapter alone, as ``from_pretrained`` reads them.

    Raises:
        OSError: if they cannot be written (disk full).
    """
    from safetensors import SafetensorError

    try:
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
    except SafetensorError as error:  # an OSError in name only
        raise OSError(str(error)) from error


def load_weights(model: Any, directory: Path) -> None:
    """Put weights that :func:`save_weights` wrote into the model, in place and bit for bit.

    Raises:
        UsageError: they are of another model, or cannot be read.
    """
    try:
        new = _adapter(directory) if has_adapter(model) else _whole(model, directory)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"the weights in {directory} cannot be read: {reason}") from error
    own = _adapter_state(model) if has_adapter(model) else model.state_dict()
    if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in new.items()}:
        raise UsageError(f"the weights in {directory} belong to another model: names or shapes differ")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(new[name])


def _whole(model: Any, directory: Path) -> dict[str, Any]:
    if (directory / _ADAPTER_FILE).exists():
        raise UsageError(f"{directory} holds an adapter, and the model has none: set lora_rank as in that run")
    loaded = type(model).from_pretrained(directory, dtype=model.dtype, local_files_only=True)
    return dict(loaded.state_dict())


def _adapter(directory: Path) -> dict[str, Any]:
    from peft.utils.save_and_load import load_peft_weights

    if not (directory / _ADAPTER_FILE).exists():
        raise UsageError(f"{directory} holds no adapter, and the model has one: leave lora_rank out as in that run")
    return dict(load_peft_weights(str(directory), device="cpu"))


def _adapter_state(model: Any) -> dict[str, Any]:
    """Return the adapter's own tensors under the names that they are saved by."""
    from peft import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(model))


def _dropout(model: Any) -> str:
    """Return the first place in a model that drops anything, with its rate, or nothing."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.modules.dropout._DropoutNd) and module.p > 0:
            return f"{name} = {module.p}"
        rate = getattr(module, "attention_dropout", 0.0)
        if isinstance(rate, float) and rate > 0:
            return f"{name}.attention_dropout = {rate}"
    return ""
