"""A vLLM engine in processes of its own: started, fed, given other weights, ended."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.policies.base import PolicyError
from sdpo_gym.policies.vllm_worker import WorkerExtension

# Read by vLLM when it is imported, here and in its processes.
for _key, _value in {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # this process has threads and, on a GPU, a context
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # see WorkerExtension
}.items():
    os.environ.setdefault(_key, _value)

try:
    import psutil
    import vllm
    from safetensors.torch import save_file
    from vllm.exceptions import VLLMClientError
    from vllm.inputs import tokens_input
    from vllm.v1.engine.exceptions import EngineDeadError
    from vllm.v1.engine.llm_engine import LLMEngine
except ImportError as error:
    raise MissingExtraError(error.name or "vllm", "vllm") from error

_SHARD_BYTES = 2 << 30
_MEMORY = Path("/dev/shm")
_END_S = 10.0
_WATCH_S = 0.5
_ENDED = "vLLM's engine has ended (killed, or out of memory); what it wrote to stderr says why"


class Engine:
    """A running engine.

    Its processes do not hear Ctrl-C, which reaches a whole process group: this process decides what then happens.

    Args:
        arguments: vLLM's own engine arguments.

    Attributes:
        context: most tokens of a prompt and its answer together.

    Raises:
        UsageError: this vLLM has a sampler whose log-probabilities are not those that are wanted here.
        Exception: whatever vLLM raises where it cannot run the model.
    """

    def __init__(self, arguments: dict[str, Any]) -> None:
        extension = f"{WorkerExtension.__module__}.{WorkerExtension.__qualname__}"
        wanted = vllm.EngineArgs(
            **arguments,
            logprobs_mode="processed_logprobs",
            worker_extension_cls=extension,
            enable_prefix_caching=True,
            disable_log_stats=True,
            use_tqdm_on_load=False,
        )
        resource_tracker.ensure_running()  # a child that ends with this process
        before = set(psutil.Process().children())
        started: Future[Any] = Future()
        # In a thread of its own, so that Ctrl-C ends the wait.
        threading.Thread(target=_start, args=(wanted, started), name="vllm-start", daemon=True).start()
        self._engine: Any = started.result()
        self._processes = [child for child in psutil.Process().children() if child not in before]
        self._closed = threading.Event()
        client = self._engine.engine_core
        threading.Thread(target=_watch, args=(client, self._closed), name="vllm-watch", daemon=True).start()
        self.context = int(self._engine.model_config.max_model_len)
        if not all(self._engine.collective_rpc(WorkerExtension.report_logprobs_before_top_p.__name__)):
            self.close()
            raise UsageError(
                f"vLLM {vllm.__version__} with these settings reports log-probabilities of another kind; "
                "use the version in constraints.txt, and VLLM_USE_V2_MODEL_RUNNER=0"
            )

    def add(self, name: str, prompt: Sequence[int], parameters: Any) -> None:
        """Ask for a completion, which :meth:`step` will return under this name.

        Raises:
            PolicyError: vLLM refuses the request, or the engine has ended.
        """
        try:
            self._running().add_request(name, tokens_input(list(prompt)), parameters)
        except EngineDeadError as error:
            raise PolicyError(_ENDED) from error
        except (VLLMClientError, ValueError) as error:
            message = f"vLLM refuses the request: {' '.join(str(error).split())[:300]}"
            raise PolicyError(message, permanent=True) from error

    def step(self) -> list[Any]:
        """Wait for the engine's next step and return the requests that it finished.

        Raises:
            PolicyError: the engine has ended.
        """
        try:
            return [output for output in self._running().step() if output.finished]
        except EngineDeadError as error:
            raise PolicyError(_ENDED) from error

    def abort(self, names: Sequence[str]) -> None:
        """Forget requests that are under way."""
        if names and self._engine is not None:
            try:
                self._engine.abort_request(list(names))
            except EngineDeadError:
                return  # and they with it

    def load(self, weights: Iterable[tuple[str, Any]]) -> None:
        """Put weights into the engine, and forget the keys and values that the old ones made.

        They go through files in memory (``/dev/shm``), so that it does not matter on which and how many devices the
        model is.

        Args:
            weights: every tensor of the model under the name that it has in its checkpoint; of tensors that share
                their memory the first is enough. They are converted to the engine's own dtype.

        Raises:
            UsageError: they are of another model; the engine has been ended, since some may have been loaded.
            PolicyError: the engine has ended.
        """
        engine = self._running()
        with tempfile.TemporaryDirectory(prefix="sdpo-gym-", dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
            _write(weights, Path(directory))
            try:
                missing = engine.collective_rpc(WorkerExtension.load_checkpoint.__name__, args=(directory,))[0]
                engine.reset_prefix_cache()
            except EngineDeadError as error:
                raise PolicyError(_ENDED) from error
            except Exception as error:  # what a worker raised comes as a bare Exception
                self.close()
                reason = " ".join(str(error).split())[:300]
                raise UsageError(f"vLLM does not take these weights; are they of another model? {reason}") from error
        if missing:
            self.close()
            raise UsageError(f"the weights lack {len(missing)} of the model's parameters, the first is {missing[0]!r}")

    def close(self) -> None:
        """End the engine and all its processes."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        self._closed.set()
        processes = [one for child in self._processes for one in _family(child)]
        engine.engine_core.shutdown()
        _, left = psutil.wait_procs(processes, timeout=_END_S)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=_END_S)

    def _running(self) -> Any:
        if self._engine is None:
            raise PolicyError("vLLM's engine is closed")
        return self._engine


def _start(arguments: Any, started: Future[Any]) -> None:
    # A mask is handed down to processes and, unlike a handler, is not set anew by them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        started.set_result(LLMEngine.from_engine_args(arguments, enable_multiprocessing=True))
    except BaseException as error:
        started.set_exception(error)


def _watch(client: Any, closed: threading.Event) -> None:
    """Wake up whoever waits for an engine that was killed; vLLM 0.32 notes its death, and lets them wait for ever."""
    while not closed.wait(_WATCH_S):
        if client.resources.engine_dead:
            client.outputs_queue.put(EngineDeadError())
            for future in list(client.utility_results.values()):
                with suppress(InvalidStateError):
                    future.set_exception(EngineDeadError())
            return


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _write(weights: Iterable[tuple[str, Any]], directory: Path) -> None:
    """Write tensors as a checkpoint of several files."""
    shard: dict[str, Any] = {}
    size = files = 0
    for name, tensor in weights:
        here = tensor.detach().cpu().contiguous()
        # A file may hold nothing twice; what tied weights share is loaded once anyway.
        if any(here.data_ptr() == other.data_ptr() and here.shape == other.shape for other in shard.values()):
            continue
        if shard and size + here.nbytes > _SHARD_BYTES:
            save_file(shard, directory / f"model-{files:05}.safetensors")
            shard, size, files = {}, 0, files + 1
        shard[name] = here
        size += here.nbytes
    save_file(shard, directory / f"model-{files:05}.safetensors")
