"""The collapse watch: is anything still being learned, and is the policy falling apart?

A pure function of the figures of each step, so a continued run hears the same alarms as an uninterrupted one. Each
alarm names its signal, the numbers behind it, and the knobs that help. What a healthy run does (it gets shorter, surer
of itself, and finished) must not sound: drifts of length, entropy, format and truncation count only while the reward is
worse than at the start, well below its best, or next to nothing. Answers three times shorter at a higher accuracy are
what the SDPO paper reports as its success.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

# At one step all groups may be solved or unsolved by chance; hardly at ten in a row.
PATIENCE = 10
# Mean over tokens of log Q - log P, in nats. The same weights on the same prompt give 0 up to rounding (1e-7 in
# float32, 1e-5 over a batch in bfloat16); teachers that see feedback start at 1e-2 to 1.
SAME_TEACHER = 1e-4
# Steps over which drifting figures are averaged; the first so many are what they are compared with.
WINDOW = 5
# The SDPO paper's healthy runs end 3 times shorter in the mean; runs that fell apart doubled or halved within steps.
LENGTH_RATIO = 3.0
# Learning makes a policy surer by a factor of 2 to 5; at a tenth of its entropy it repeats itself.
ENTROPY_RATIO = 10.0
# Of all attempts; a share moves by less than 0.1 from one window of steps to the next while all is well.
SHARE_RISE = 0.3
# Reward is averaged over more steps than the drifts, because its noise decides.
REWARD_WINDOW = 10
REWARD_FALL = 0.5
# In standard errors of the difference of two windows. The best is the greatest of many windows, so 2 would cry wolf: of
# 1,020 simulated runs of 300 steps without any change (1 and 8 tasks a step, 8 attempts), 4 does in 111, 5 in 3.
REWARD_SIGMAS = 5.0
# Share of the reward's range: below it, a difference is none.
NO_GAIN = 0.02
# Of the best window's reward: what is less has lost something, beside a drift that tells the same.
WELL_BELOW = 0.8
# Share of the optimizer steps in a window that may be left out because of a gradient that is no number.
SKIPPED = 0.5
# Of the reward's range: with so little left to gain, a loss of nothing is no fault.
SOLVED = 0.95


class Signal(StrEnum):
    """What gave a collapse away."""

    NON_FINITE = "non_finite_gradient"
    REWARD = "reward_fallen"
    NOTHING = "nothing_learned"
    SAME = "teacher_equals_student"
    FORMAT = "bad_format_rise"
    TRUNCATED = "truncated_rise"
    LENGTH = "length_drift"
    ENTROPY = "entropy_collapse"


@dataclass(frozen=True)
class Alarm:
    """One alarm.

    Attributes:
        step: when.
        signal: what gave it away.
        message: the signal with its numbers, in words.
        advice: what to change.
        numbers: the numbers alone.
        others: further signals at the same step.
    """

    step: int
    signal: str
    message: str
    advice: str
    numbers: Mapping[str, float]
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        also = f" (also: {', '.join(self.others)})" if self.others else ""
        return f"step {self.step}: {self.signal}: {self.message}{also}; {self.advice}"


_Finding = tuple[str, str, dict[str, float]]


class Watch:
    """Takes in the figures of one step after the other.

    Args:
        reward_range: least and greatest reward of the environment.
    """

    def __init__(self, reward_range: tuple[float, float] = (0.0, 1.0)) -> None:
        self._low, self._high = reward_range
        self._rows: list[dict[str, float]] = []
        self._columns: dict[str, list[float]] = {}
        self._best = dict.fromkeys((WINDOW, REWARD_WINDOW), 0.0)  # greatest mean reward of so many steps in a row
        self._jumps = 0.0  # sum of the squares of the reward's changes from step to step

    def feed(self, step: int, figures: Mapping[str, object]) -> Alarm | None:
        """Take in the figures of ``step`` and return an alarm if they give reason for one.

        Known figures are ``reward_mean``, ``reprompt_fraction``, ``advantage_abs``, ``teacher_gap``, ``length_mean``,
        ``entropy``, ``bad_format_fraction``, ``truncated_fraction``, ``steps``, ``skipped_steps`` and ``loss``; what is
        absent or None is not looked at.
        """
        row = {k: float(v) for k, v in figures.items() if isinstance(v, int | float)}
        if math.isfinite(reward := row.get("reward_mean", math.nan)):
            row["reward_mean"] = min(1.0, max(0.0, (reward - self._low) / ((self._high - self._low) or 1.0)))
        self._take(row)
        found = [(signal, finding) for signal, look in self._signals() if (finding := look())]
        if not found:
            return None
        signal, (message, advice, numbers) = found[0]
        return Alarm(step, signal.value, message, advice, numbers, tuple(other.value for other, _ in found[1:]))

    def _take(self, row: dict[str, float]) -> None:
        self._rows.append(row)
        for key, value in row.items():
            if math.isfinite(value):
                self._columns.setdefault(key, []).append(value)
        rewards = self._column("reward_mean")
        if not math.isfinite(row.get("reward_mean", math.nan)):
            return
        for window in self._best:
            if len(rewards) >= window:
                self._best[window] = max(self._best[window], fmean(rewards[-window:]))
        if len(rewards) > 1:
            self._jumps += (rewards[-1] - rewards[-2]) ** 2

    def _signals(self) -> tuple[tuple[Signal, Callable[[], _Finding | None]], ...]:
        return (
            (Signal.NON_FINITE, self._non_finite),
            (Signal.REWARD, self._reward),
            (Signal.NOTHING, self._nothing),
            (Signal.SAME, self._same),
            (Signal.FORMAT, lambda: self._share("bad_format_fraction", "badly formed")),
            (Signal.TRUNCATED, lambda: self._share("truncated_fraction", "cut by the token limit")),
            (Signal.LENGTH, self._length),
            (Signal.ENTROPY, self._entropy),
        )

    def _non_finite(self) -> _Finding | None:
        rows = self._rows[-WINDOW:]
        counts = ([row.get(key, 0.0) for row in rows] for key in ("steps", "skipped_steps"))
        made, skipped = (sum(filter(math.isfinite, values)) for values in counts)
        if len(rows) < WINDOW or skipped < WINDOW or skipped < SKIPPED * (made + skipped):
            return None
        return (
            f"{skipped:.0f} of {made + skipped:.0f} optimizer steps in the last {WINDOW} batches had a gradient that "
            "is no finite number, and were left out",
            "lower the agent option learning_rate or grad_clip, or compute in float32 (policy option dtype)",
            {"skipped_steps": skipped, "steps": made},
        )

    def _reward(self) -> _Finding | None:
        rewards = self._column("reward_mean")
        if len(rewards) < 2 * REWARD_WINDOW:
            return None
        best, now = self._best[REWARD_WINDOW], fmean(rewards[-REWARD_WINDOW:])
        # From one step to the next, so that the trend is no part of the noise.
        noise = math.sqrt(self._jumps / (len(rewards) - 1) / 2)
        least = max(NO_GAIN, REWARD_SIGMAS * noise * math.sqrt(2 / REWARD_WINDOW))
        if now >= REWARD_FALL * best or best - now < least:
            return None
        return (
            f"the mean reward of {REWARD_WINDOW} steps fell from {self._raw(best):.3f} at its best to "
            f"{self._raw(now):.3f}",
            "go back to the best checkpoint with a lower learning_rate, a slower teacher (agent option teacher_rate, "
            "or teacher=frozen), or more rehearsal (agent option rehearsal_weight)",
            {"best": self._raw(best), "now": self._raw(now)},
        )

    def _nothing(self) -> _Finding | None:
        rows = self._rows[-PATIENCE:]
        keys = [key for key in ("reprompt_fraction", "advantage_abs") if all(key in row for row in rows)]
        if len(rows) < PATIENCE or not keys or any(row[key] for row in rows for key in keys) or self._solved():
            return None
        if "advantage_abs" not in keys:
            said = "no attempt had a teacher that sees more than the student"
            advice = "let the teacher see feedback (agent option feedback=always), or raise n so that attempts succeed"
        else:
            said = "all advantages were 0"
            advice = (
                "raise n or the temperature so that attempts at a task differ, reward partial success (agent option "
                "reward=<a score>), use an agent that learns from feedback (sdpo), or choose easier tasks"
            )
        return f"in {PATIENCE} steps in a row {said}", advice, dict.fromkeys(keys, 0.0)

    def _same(self) -> _Finding | None:
        gaps = [row.get("teacher_gap") for row in self._rows[-PATIENCE:] if row.get("reprompt_fraction", 1.0) > 0]
        known = [abs(gap) for gap in gaps if gap is not None]
        if len(known) < PATIENCE or max(known) >= SAME_TEACHER or self._solved():
            return None
        return (
            f"teacher and student differ by less than {max(known):.1e} nats per token for {PATIENCE} steps",
            "see in updates.jsonl that the teacher's prompt holds what the student's does not; feedback that says "
            "nothing teaches nothing (agent option feedback, or an option of the environment)",
            {"teacher_gap": max(known)},
        )

    def _share(self, key: str, words: str) -> _Finding | None:
        drift = self._drift(key)
        if drift is None or drift[1] - drift[0] < SHARE_RISE or not self._losing():
            return None
        first, now = drift
        advice = (
            "raise max_tokens, or lower the learning_rate"
            if key.startswith("tr")
            else "lower the learning_rate, rehearse (agent option rehearsal_weight, setting rehearsal), or slow the "
            "teacher (agent option teacher_rate)"
        )
        return (
            f"{now:.0%} of the attempts are {words}, {first:.0%} were at the start",
            advice,
            {"first": first, "now": now},
        )

    def _length(self) -> _Finding | None:
        drift = self._drift("length_mean")
        if drift is None or not self._losing():
            return None
        first, now = drift
        if first <= 0 or first / LENGTH_RATIO <= now <= first * LENGTH_RATIO:
            return None
        return (
            f"answers have {now:.1f} tokens in the mean, {first:.1f} at the start, and are worse for it",
            "lower the learning_rate; shorter and worse often means that the teacher answers without thinking "
            "(agent option remove_thinking, or demonstration=longest)",
            {"first": first, "now": now},
        )

    def _entropy(self) -> _Finding | None:
        drift = self._drift("entropy")
        if drift is None or not self._losing() or drift[1] >= drift[0] / ENTROPY_RATIO:
            return None
        first, now = drift
        return (
            f"the entropy is {now:.2g} nats per token, {first:.2g} at the start, and the reward is worse for it",
            "lower the learning_rate, or for GRPO raise the agent option clip_high or kl",
            {"first": first, "now": now},
        )

    def _column(self, key: str) -> list[float]:
        return self._columns.get(key, [])

    def _drift(self, key: str) -> tuple[float, float] | None:
        """Return the mean of the first and of the last window, None as long as they overlap."""
        column = self._column(key)
        return (fmean(column[:WINDOW]), fmean(column[-WINDOW:])) if len(column) >= 2 * WINDOW else None

    def _losing(self) -> bool:
        """Whether the reward is next to nothing, worse than at the start, or well below its best."""
        rewards = self._column("reward_mean")
        if len(rewards) < 2 * WINDOW:
            return False
        first, now = fmean(rewards[:WINDOW]), fmean(rewards[-WINDOW:])
        return now < NO_GAIN or now < first - NO_GAIN or now < WELL_BELOW * self._best[WINDOW]

    def _solved(self) -> bool:
        rewards = self._column("reward_mean")[-PATIENCE:]
        return bool(rewards) and fmean(rewards) >= SOLVED

    def _raw(self, reward: float) -> float:
        return self._low + reward * (self._high - self._low)
