"""What the tests of vLLM share: a model that its kernels can run on a CPU, and settings under which it starts fast."""

from __future__ import annotations

from pathlib import Path

from policies.tiny_llama import make_tiny_llama

# No compilation, little memory; blocks short enough for the tests' prompts to share some, and batches too small for all
# of them at once.
ENGINE = {
    "enforce_eager": True, "kv_cache_memory_bytes": 64 << 20, "block_size": 32, "max_num_batched_tokens": 512,
}  # fmt: skip
# vLLM compiles one helper of its sampler whatever it is told.
ENVIRONMENT = {"TORCHDYNAMO_DISABLE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}


def make_model(directory: Path, seed: int = 0) -> Path:
    """Save a tiny Llama whose heads have 32 dimensions, the fewest that vLLM's attention on a CPU knows."""
    return make_tiny_llama(directory, seed, heads=2)
