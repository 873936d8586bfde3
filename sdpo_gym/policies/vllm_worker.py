"""What is added to vLLM's worker processes; they import this module, and nothing of ours besides."""

from __future__ import annotations

from typing import Any


class WorkerExtension:
    """Methods that vLLM mixes into its worker (engine argument ``worker_extension_cls``)."""

    model_runner: Any

    def report_logprobs_before_top_p(self) -> bool:
        """Make the sampler report log-probabilities under the temperature, but before top-p; return whether it could.

        vLLM has two kinds, and neither is this one: ``raw_logprobs`` leave the temperature out, ``processed_logprobs``
        are those of what top-p left. Written for model runner V1 of vLLM 0.32 (``v1/sample/sampler.py``), whose sampler
        hands logits that are tempered already to ``topk_topp_sampler``, and in mode ``processed_logprobs`` reports the
        second thing that this one returns.
        """
        inner = getattr(getattr(self.model_runner, "sampler", None), "topk_topp_sampler", None)
        if inner is None or getattr(inner, "logprobs_mode", None) != "processed_logprobs":
            return False
        inner.logprobs_mode = "raw_logprobs"  # so that it computes none itself
        draw = inner.forward

        def forward(logits: Any, generators: Any, k: Any, p: Any) -> tuple[Any, Any]:
            logprobs = logits.log_softmax(-1)  # before drawing, which may change the logits in place
            return draw(logits, generators, k, p)[0], logprobs

        inner.forward = forward
        return True

    def load_checkpoint(self, directory: str) -> list[str]:
        """Load all weights anew from a checkpoint; return the model's parameters that it has nothing for."""
        model = self.model_runner.get_model()
        missing = {name for name, _ in model.named_parameters()}
        load = model.load_weights

        def load_weights(weights: Any) -> Any:
            loaded = load(weights)
            missing.difference_update(loaded)
            return loaded

        model.load_weights = load_weights
        try:
            self.model_runner.reload_weights(weights_path=directory)
        finally:
            del model.load_weights
        self._pack_tied_weights(model)
        return sorted(missing)

    def _pack_tied_weights(self, model: Any) -> None:
        """Pack again, for a CPU's kernels, what reloading leaves as it was: an output layer tied to the embeddings."""
        from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

        for layer in model.modules():
            if "cpu_linear" in vars(layer) and layer.weight.numel():
                dispatch_cpu_unquantized_gemm(layer, remove_weight=False)
