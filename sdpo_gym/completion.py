"""What a policy answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why generation ended."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True)
class Usage:
    """Tokens read and written for one completion."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Completion:
    """One sampled answer.

    Attributes:
        text: the answer as text.
        finish_reason: ``stop``, or ``length`` if the output was cut by the token limit.
        prompt_token_ids: ids of the rendered prompt, or None where unknown.
        token_ids: ids of the sampled tokens, including the end token if one was sampled; None where unknown.
        logprobs: natural log-probability of each sampled token under the sampling temperature, before top-p and
            top-k; same length as ``token_ids``; None where unknown.
        usage: token counts, or None where unknown.
    """

    text: str
    finish_reason: FinishReason = FinishReason.STOP
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    usage: Usage | None = None
