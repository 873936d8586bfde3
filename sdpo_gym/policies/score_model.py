"""Scoring a completion with a causal language model of transformers, some positions at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from sdpo_gym.policies.scorer import Candidate, Token, TokenScore

_POSITIONS = 256  # whose logits are held at a time, for each chat


def tokens_of(tokenizer: Any, text: str, end_id: int | None) -> list[Token]:
    """Return the tokens of ``text``, special tokens' names in it as plain text, and the end token unless it is None.

    Lone surrogates, which no tokenizer takes, count as U+FFFD.
    """
    options: dict[str, Any] = {"add_special_tokens": False, "split_special_tokens": True}
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if len(clean) != len(text):  # pairs of surrogates became one character
        text = clean
    if tokenizer.is_fast:
        encoded = tokenizer(clean, return_offsets_mapping=True, **options)
        pieces = list(_pieces(text, [end for _, end in encoded["offset_mapping"]]))
    else:
        encoded = tokenizer(clean, **options)
        pieces = [tokenizer.decode([i], clean_up_tokenization_spaces=False) for i in encoded["input_ids"]]
    tokens = [Token(i, piece) for i, piece in zip(encoded["input_ids"], pieces, strict=True)]
    if end_id is not None:
        tokens.append(Token(end_id, str(tokenizer.convert_ids_to_tokens(end_id)), is_end=True))
    return tokens


def _pieces(text: str, ends: Sequence[int]) -> Iterator[str]:
    """Cut ``text`` at the ends of its tokens; what a tokenizer skips belongs to the token behind it."""
    position = 0
    for number, end in enumerate(ends, 1):
        end = len(text) if number == len(ends) else max(end, position)
        yield text[position:end]
        position = end


def score_tokens(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    tokens: Sequence[int],
    *,
    temperature: float,
    top: int,
    prefill_options: dict[str, Any],
) -> list[TokenScore]:
    """Score a completion after several prompts, as :meth:`~sdpo_gym.policies.scorer.Scorer.score` says.

    Logits are made for some positions at a time, on top of each prompt's key-value cache, so that memory grows with
    the vocabulary but not with the completion's length.

    Args:
        model: a causal language model with a key-value cache, in evaluation mode.
        tokenizer: names the candidates.
        prompts: token ids, none of them empty.
        tokens: ids of the completion's tokens.
        temperature: logits are divided by it; 0 counts as 1.
        top: how many of the likeliest tokens after each prompt are among the candidates.
        prefill_options: of the model's forward pass over a prompt, of which only the last logits are needed.
    """
    if not tokens:
        return []
    device = model.device
    caches: list[Any] = []
    lasts: list[Any] = []  # of each prompt: the logits [1, V] that predict the next token
    for prompt in prompts:
        out = model(input_ids=torch.tensor([list(prompt)], device=device), **prefill_options)
        caches.append(out.past_key_values)
        lasts.append(out.logits[0, -1:])
    scores: list[TokenScore] = []
    names: dict[int, str] = {}
    for start in range(0, len(tokens), _POSITIONS):
        chunk = list(tokens[start : start + _POSITIONS])
        logprobs_CTV = []
        for which, cache in enumerate(caches):
            out = model(input_ids=torch.tensor([chunk], device=device), past_key_values=cache, use_cache=True)
            logits_TV = torch.cat([lasts[which], out.logits[0, :-1]])
            lasts[which] = out.logits[0, -1:]
            logprobs_CTV.append((logits_TV.float() / (temperature or 1.0)).log_softmax(-1))
        scores += _scores(torch.stack(logprobs_CTV), chunk, top, tokenizer, names)
    return scores


def _scores(
    logprobs_CTV: Any, tokens: Sequence[int], top: int, tokenizer: Any, names: dict[int, str]
) -> list[TokenScore]:
    best_CTK = logprobs_CTV.topk(min(top, logprobs_CTV.shape[-1]), dim=-1).indices
    scores = []
    for position, token in enumerate(tokens):
        ids = sorted({token, *best_CTK[:, position].flatten().tolist()})
        by_id = dict(zip(ids, logprobs_CTV[:, position, ids].T.tolist(), strict=True))
        own = tuple(by_id[token])
        wanted = set(best_CTK[:, position].flatten().tolist())
        candidates = tuple(
            Candidate(i, names.setdefault(i, _name(tokenizer, i)), tuple(by_id[i])) for i in ids if i in wanted
        )
        scores.append(TokenScore(own, candidates))
    return scores


def _name(tokenizer: Any, token: int) -> str:
    return str(tokenizer.decode([token], skip_special_tokens=False, clean_up_tokenization_spaces=False))
