"""What a run does when it is interrupted, and when a GPU's memory runs out."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sdpo_gym.errors import UsageError

logger = logging.getLogger(__name__)


@contextmanager
def memory_advice(what: str) -> Iterator[None]:
    """Say in one line which knob helps where a GPU's memory runs out (torch is not imported here, so by name)."""
    try:
        yield
    except RuntimeError as error:
        if not any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
            raise
        raise UsageError(
            f"the GPU's memory ran out in {what}: lower the agent option micro_batch_tokens or the policy option "
            "batch_tokens, or set the policy option gradient_checkpointing=true; the same command with these changed "
            f"continues from the last checkpoint ({str(error).partition(chr(10))[0][:200]})"
        ) from error


class Interrupt:
    """The first Ctrl-C is a request, the second an end; outside the main thread nothing is changed.

    Attributes:
        requested: whether there was a first.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None

    def check(self, save: Callable[[], None]) -> None:
        """Save and raise KeyboardInterrupt if that was requested."""
        if self.requested:
            save()
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        logger.warning("interrupted: finishing this step and saving; Ctrl-C again ends at once, back to the last save")

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
