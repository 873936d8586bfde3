"""Many episodes side by side, whose answers are judged as one batch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from sdpo_gym.card import EnvCard
from sdpo_gym.env import FeedbackEnv, close_judge, make_parts
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import Judge, JudgeError, judge_stream
from sdpo_gym.task import Message, TaskSet
from sdpo_gym.verdict import Verdict

logger = logging.getLogger(__name__)

Texts: TypeAlias = tuple[str, ...]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


class FeedbackVectorEnv(VectorEnv[Texts, Sequence[str], npt.NDArray[Any]]):
    """``num_envs`` episodes of :class:`sdpo_gym.env.FeedbackEnv` over one task set and one judge.

    It never resets by itself, which would throw a generated answer away: when some episodes are over, call
    ``reset(options={"reset_mask": terminated | truncated})`` before the next step. Observations are tuples of texts;
    ``infos`` holds, always, an object array of ``str`` under ``task_id``, ``feedback`` and ``status``, a dict of float
    arrays under ``scores``, a bool array under ``errored``, and Gymnasium's masks (all true) beside them. An errored
    episode (the judge had an outage) has terminated with reward 0.0, which is no score: leave it out of every mean.

    Attributes:
        envs: the episodes' environments, in order.
        last_results: the full verdict of each episode's last answer, or the JudgeError; None after a reset.
    """

    def __init__(
        self,
        tasks: TaskSet,
        judge: Judge,
        card: EnvCard,
        num_envs: int = 1,
        max_turns: int = 1,
        render_mode: str | None = None,
    ) -> None:
        if num_envs < 1:
            raise UsageError(f"num_envs must be at least 1, got {num_envs}")
        self.metadata = {**FeedbackEnv.metadata, "autoreset_mode": AutoresetMode.DISABLED}
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.judge = judge
        self.envs = tuple(FeedbackEnv(tasks, judge, card, max_turns, render_mode) for _ in range(num_envs))
        self.single_observation_space = self.envs[0].observation_space
        self.single_action_space = self.envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._results: list[Verdict | JudgeError | None] = [None] * num_envs
        self._observations = [""] * num_envs
        self._infos: list[dict[str, Any]] = [env.abandon() for env in self.envs]

    @property
    def last_results(self) -> tuple[Verdict | JudgeError | None, ...]:
        """The verdict or JudgeError of each episode's last answer; None after a reset."""
        return tuple(self._results)

    @property
    def messages(self) -> tuple[tuple[Message, ...], ...]:
        """Each episode's chat so far."""
        return tuple(env.messages for env in self.envs)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Texts, dict[str, Any]]:
        """Begin new episodes; what is not reset keeps its observation and info.

        Args:
            seed: one seed per episode, or one number from which they count upwards.
            options: ``reset_mask`` (bool array: which episodes; all without it), and ``task_ids`` (one id or None per
                episode) or ``task_id`` (the same for all).

        Raises:
            UsageError: if an option is unknown or has the wrong length, or there is no such task.
        """
        options = options or {}
        for option in options:
            if option not in ("task_id", "task_ids", "reset_mask"):
                raise UsageError(f"reset() knows the options task_id, task_ids and reset_mask, got {option!r}")
        if "task_id" in options and "task_ids" in options:
            raise UsageError("reset() takes task_id (the same for all) or task_ids (one each), not both")
        mask = self._mask(options.get("reset_mask", np.ones(self.num_envs, dtype=np.bool_)))
        task_ids = self._one_each("task_ids", options.get("task_ids", [options.get("task_id")] * self.num_envs))
        if seed is None or isinstance(seed, int):
            seed = [None if seed is None else seed + i for i in range(self.num_envs)]
        seeds = self._one_each("seed", seed)
        for i in np.flatnonzero(mask):
            self._observations[i], self._infos[i] = self.envs[i].reset(seed=seeds[i], options={"task_id": task_ids[i]})
            self._results[i] = None
        return tuple(self._observations), self._merged_infos()

    def step(self, actions: Sequence[str]) -> tuple[Texts, Floats, Flags, Flags, dict[str, Any]]:
        """Judge one answer per episode, all at once; an outage of one leaves the others as they are.

        Raises:
            gymnasium.error.ResetNeeded: if an episode is over; no answer has been judged then.
            UsageError: if the number of answers is wrong, or one is no text.
        """
        texts = self._one_each("actions", actions)
        if over := [i for i, env in enumerate(self.envs) if env.needs_reset]:
            raise gym.error.ResetNeeded(
                f"the episodes {over} are over or were never begun; "
                "call reset(options={'reset_mask': mask}) with those set before step()"
            )
        pairs = [env.question(text) for env, text in zip(self.envs, texts, strict=True)]
        rewards = np.zeros(self.num_envs, dtype=np.float64)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=np.bool_)
        for i, result in judge_stream(self.judge, pairs):
            env, completion = self.envs[i], pairs[i][1]
            try:
                if isinstance(result, JudgeError):
                    raise result
                step = env.settle(completion, result)
            except JudgeError as error:
                logger.warning("no verdict on episode %d (task %r): %s", i, pairs[i][0].id, error)
                result, step = error, ("", 0.0, True, False, env.abandon())
            self._results[i] = result
            self._observations[i], rewards[i], terminated[i], truncated[i], self._infos[i] = step
        return tuple(self._observations), rewards, terminated, truncated, self._merged_infos()

    def render(self) -> Texts | None:
        """Return the transcripts with render mode ``ansi``, else None."""
        return tuple(env.transcript for env in self.envs) if self.render_mode == "ansi" else None

    def close_extras(self, **kwargs: Any) -> None:
        """Close the judge that all episodes share."""
        close_judge(self.judge)

    def _one_each(self, what: str, values: Sequence[Any]) -> list[Any]:
        if isinstance(values, str) or len(values) != self.num_envs:
            got = f"one text ({values[:40]!r})" if isinstance(values, str) else str(len(values))
            raise UsageError(f"{what} must have one entry for each of the {self.num_envs} episodes, got {got}")
        return list(values)

    def _mask(self, value: Any) -> Flags:
        mask: Flags = np.asarray(value)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise UsageError(
                f"reset_mask must be {self.num_envs} booleans of which at least one is true, got {value!r}"
            )
        return mask

    def _merged_infos(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for i, (info, result) in enumerate(zip(self._infos, self._results, strict=True)):
            merged = self._add_info(merged, {**info, "errored": isinstance(result, JudgeError)}, i)
        return merged


def make_vec_env(
    name: str,
    num_envs: int = 1,
    data: str = "sample",
    split: str | None = None,
    max_turns: int | None = None,
    render_mode: str | None = None,
    **options: object,
) -> FeedbackVectorEnv:
    """Make a vector environment; ``gymnasium.make_vec("sdpo/...", num_envs=n)`` ends here.

    The arguments are those of :func:`sdpo_gym.env.make_env`, and ``num_envs``.
    """
    tasks, judge, card = make_parts(name, data, split, options)
    return FeedbackVectorEnv(
        tasks, judge, card, num_envs, card.max_turns if max_turns is None else max_turns, render_mode
    )
