"""The model: a Llama of about half a million parameters, and its files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sdpo_gym.errors import MissingExtraError

try:
    import torch
    import transformers
except ImportError as error:
    raise MissingExtraError(error.name or "transformers", "torch") from error

WEIGHTS = "model.safetensors"
CONTEXT = 512


def new_model(tokenizer: Any, seed: int) -> Any:
    """Return a model in float32 for ``tokenizer`` with random weights drawn from ``seed``."""
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.02,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.LlamaForCausalLM(config).float()


def save(model: Any, tokenizer: Any, directory: Path) -> str:
    """Write model and tokenizer and return the digest of the weights."""
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return digest(directory)


def digest(directory: Path) -> str:
    """Return the sha256 (hex) of a directory's weights."""
    return hashlib.sha256((directory / WEIGHTS).read_bytes()).hexdigest()
