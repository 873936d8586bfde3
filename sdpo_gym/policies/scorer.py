"""What a policy with capability SCORE can do: say how likely it would have been to write a given completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sdpo_gym.task import Message


@dataclass(frozen=True)
class Token:
    """One token of a completion.

    Attributes:
        id: its id.
        text: its share of the completion's text, so that the texts of all tokens make up the whole; empty for a token
            that holds only some of the bytes of a character that an earlier token of the list stands for.
        is_end: whether it is the end token, which is not part of the text; its name is shown instead.
    """

    id: int
    text: str
    is_end: bool = False


@dataclass(frozen=True)
class Candidate:
    """A token that might stand at some place.

    Attributes:
        id: its id.
        text: what it decodes to by itself.
        logprobs: its natural log-probability there after each of the chats, in order.
    """

    id: int
    text: str
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class TokenScore:
    """How likely a token of a completion is at its place.

    Attributes:
        logprobs: its natural log-probability after each of the chats, in order.
        candidates: the likeliest tokens at this place after any of the chats, each once, in no particular order.
    """

    logprobs: tuple[float, ...]
    candidates: tuple[Candidate, ...]


@runtime_checkable
class Scorer(Protocol):
    """A policy with capability SCORE."""

    def tokens(self, text: str, *, ended: bool) -> list[Token]:
        """Return the tokens of a completion's text, and the end token if the completion ``ended`` with one.

        They are those that the tokenizer makes of the text, which may be others than were sampled.
        """
        ...

    def score(
        self, chats: Sequence[Sequence[Message]], tokens: Sequence[int], *, temperature: float = 1.0, top: int = 5
    ) -> list[TokenScore]:
        """Return for each token how likely it is after each chat and the tokens before it.

        Args:
            chats: what may have been asked.
            tokens: ids of the completion's tokens.
            temperature: logits are divided by it, as in sampling; 0 counts as 1.
            top: how many of the likeliest tokens after each chat are among the candidates.

        Raises:
            PolicyError: a chat and the tokens exceed the model's context, the chat template refuses a chat, or the
                model computes no numbers.
        """
        ...
