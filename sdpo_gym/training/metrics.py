"""What a step cost and came to, the files that say so, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, Policy, PolicyError, Request, Sampling
from sdpo_gym.records import to_json
from sdpo_gym.rollout import Group, Turn
from sdpo_gym.verdict import Status

logger = logging.getLogger(__name__)


class TimedPolicy:
    """A policy with a clock: what of a rollout's time the policy took, and what was waiting for the judge.

    Attributes:
        seconds: spent in ``generate`` so far.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.capabilities: frozenset[Capability] = policy.capabilities
        self.seconds = 0.0

    def generate(
        self, requests: Sequence[Request], sampling: Sampling
    ) -> Generator[tuple[int, Completion | PolicyError], None, None]:
        """Pass on what the policy yields."""
        answers = self._policy.generate(requests, sampling)
        if isinstance(answers, Generator):
            with closing(answers):
                yield from self._timed(answers)
        else:
            yield from self._timed(answers)

    def _timed(
        self, answers: Iterator[tuple[int, Completion | PolicyError]]
    ) -> Iterator[tuple[int, Completion | PolicyError]]:
        while True:
            began = time.monotonic()
            try:
                answer = next(answers, None)
            finally:
                self.seconds += time.monotonic() - began
            if answer is None:
                return
            yield answer

    def describe(self) -> dict[str, Any]:
        """Return what the policy says of itself."""
        return self._policy.describe()

    def close(self) -> None:
        """Do nothing: the policy is closed by who made it."""


def multiplying_parameters(policy: Any) -> int:
    """Return how many parameters a policy's model multiplies by: matrices, without input embeddings of their own.

    0 where the policy has no model of that kind.
    """
    model = getattr(policy, "model", None)
    parameters = getattr(model, "parameters", None)
    if model is None or parameters is None:
        return 0
    inputs, outputs = (getattr(model, f"get_{which}_embeddings", lambda: None)() for which in ("input", "output"))
    left_out = None if inputs is None or (outputs is not None and outputs.weight is inputs.weight) else inputs.weight
    return sum(int(p.numel()) for p in parameters() if p.dim() >= 2 and p is not left_out)


def generated_tokens(turns: Sequence[Turn]) -> int:
    """Return how many tokens went through the model to give these answers, prompts included."""
    usages = (turn.completion.usage for turn in turns if turn.completion)
    return sum(usage.prompt_tokens + usage.completion_tokens for usage in usages if usage)


def rollout_figures(groups: Sequence[Group]) -> dict[str, Any]:
    """Return what a batch came to; attempts that an outage ended count in ``errored_fraction`` alone.

    ``reward_mean``, ``passed_fraction``, ``bad_format_fraction`` and the means of the environment's ``scores`` are over
    the attempts with a verdict, ``length_mean`` (tokens) and ``truncated_fraction`` over their last answers.
    """
    attempts = [attempt for group in groups for attempt in group.attempts]
    verdicts = [attempt.verdict for attempt in attempts if attempt.verdict]
    if not attempts:
        return {}
    figures: dict[str, Any] = {"errored_fraction": 1 - len(verdicts) / len(attempts)}
    if not verdicts:
        return figures
    answers = [a.turns[-1].completion for a in attempts if a.verdict]
    figures |= {
        "reward_mean": fmean(verdict.reward for verdict in verdicts),
        "passed_fraction": fmean(verdict.passed for verdict in verdicts),
        "bad_format_fraction": fmean(verdict.status is Status.BAD_FORMAT for verdict in verdicts),
        "truncated_fraction": fmean(c.finish_reason is FinishReason.LENGTH for c in answers if c),
        "scores": {name: fmean(verdict.scores[name] for verdict in verdicts) for name in verdicts[0].scores},
    }
    lengths = [c.usage.completion_tokens for c in answers if c and c.usage]
    if lengths:
        figures["length_mean"] = fmean(lengths)
    return figures


def examples_of(groups: Sequence[Group], examples: Sequence[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    """Yield some examples with the answer and its verdict: first those with a teacher, and of many tasks."""
    attempts = {(group.task.id, attempt.index): attempt for group in groups for attempt in group.attempts}
    seen: dict[str, int] = {}
    ranked = []
    for example in examples:
        task_id = example["task_id"]
        ranked.append((example.get("teacher_prompt") is None, seen.get(task_id, 0), example))
        seen[task_id] = seen.get(task_id, 0) + 1
    for _, _, example in sorted(ranked, key=lambda item: item[:2])[:most]:
        attempt = attempts.get((example["task_id"], example["attempt"]))
        last = attempt.turns[-1] if attempt else None
        verdict = last.verdict if last else None
        yield {
            **example,
            "completion": last.completion.text if last and last.completion else None,
            "reward": verdict.reward if verdict else None,
            "status": verdict.status.value if verdict else None,
            "feedback": verdict.feedback if verdict else None,
        }


class LogFile:
    """A file of JSON lines that is appended to, and cut back where a run goes on from an earlier step.

    Args:
        path: the file; made if it is not there.

    Raises:
        UsageError: if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(path, error) from error

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return os.fstat(self._file).st_size

    def append(self, row: Mapping[str, Any]) -> None:
        """Write a row; a number that is not finite becomes null, for JSON has none."""
        line = to_json(_finite(row)).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def cut(self, size: int) -> None:
        """Drop what lies behind the first ``size`` bytes."""
        os.ftruncate(self._file, size)

    def size_of_first(self, wanted: Callable[[Mapping[str, Any]], bool]) -> int:
        """Return the size in bytes of the first row if it is whole and wanted, else 0."""
        with self.path.open("rb") as file:
            line = file.readline()
        try:
            return len(line) if line.endswith(b"\n") and wanted(json.loads(line)) else 0
        except (ValueError, KeyError, TypeError):  # no row of ours
            return 0

    def sync(self) -> None:
        """Wait until all of it is on the disk."""
        os.fsync(self._file)

    def rows(self) -> list[dict[str, Any]]:
        """Read all rows.

        Raises:
            UsageError: if a line is none.
        """
        rows = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise UsageError(f"{self.path}, line {number}: not JSON ({error}); was the file altered?") from error
        return rows

    def close(self) -> None:
        """Give the file up."""
        os.close(self._file)


class Curves:
    """Figures for TensorBoard, in ``tensorboard/`` of the run; nothing where it is not installed.

    Args:
        directory: of the run.
        step: steps made before; what an earlier session wrote of later ones is hidden.
    """

    def __init__(self, directory: Path, step: int) -> None:
        self._writer: Any = None
        if find_spec("tensorboard") is None or find_spec("torch") is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:  # a broken installation must not end a run
            logger.warning("no TensorBoard: %s", error)
            return
        self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1 if step else None)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take in a row of ``metrics.jsonl``."""
        if self._writer is None:
            return
        for name, value in _numbers(row):
            if name != "step":
                self._writer.add_scalar(name if "/" in name else f"train/{name}", value, row["step"])

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            self._writer.close()


def _numbers(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write {path}: {error.strerror}; what was saved before is kept, and the same command continues from "
        "the last checkpoint"
    )
