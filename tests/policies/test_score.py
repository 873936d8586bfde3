from __future__ import annotations

import pytest
import torch

from policies.tiny_llama import make_tiny_llama
from sdpo_gym.policies import score_model
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.scorer import Scorer
from sdpo_gym.policies.transformers import make
from sdpo_gym.task import Message

ASKED = (Message("user", "Write a program that reads two integers."),)
TOLD = (Message("user", "Write a program. The answer is wrong: expected 3."),)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return make(str(make_tiny_llama(tmp_path_factory.mktemp("llama"))), device="cpu")


def test_scores_are_those_of_one_forward_pass_over_chat_and_completion(policy, monkeypatch):
    monkeypatch.setattr(score_model, "_POSITIONS", 3)  # several rounds
    tokens = [t.id for t in policy.tokens("def solve(n): return n", ended=True)]
    assert len(tokens) > 7
    scores = policy.score([ASKED, TOLD], tokens, temperature=0.5, top=4)
    for which, chat in enumerate([ASKED, TOLD]):
        prompt = list(policy.render(chat))
        with torch.no_grad():
            logits_TV = policy.model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
        expected_TV = (logits_TV / 0.5).log_softmax(-1)
        for position, (token, score) in enumerate(zip(tokens, scores, strict=True)):
            assert score.logprobs[which] == pytest.approx(expected_TV[position, token].item(), abs=1e-4)
            found = {c.id: c.logprobs[which] for c in score.candidates}
            best = expected_TV[position].topk(4).indices.tolist()
            assert set(best) <= set(found)
            assert all(found[i] == pytest.approx(expected_TV[position, i].item(), abs=1e-4) for i in found)


def test_what_was_sampled_is_scored_with_the_log_probabilities_of_sampling(policy):
    request = Request(ASKED, "t", seed=3)
    [(_, completion)] = policy.generate([request], Sampling(max_tokens=30, temperature=0.8))
    scores = policy.score([ASKED], completion.token_ids, temperature=0.8)
    assert [s.logprobs[0] for s in scores] == pytest.approx(list(completion.logprobs), abs=1e-4)


@pytest.mark.parametrize(
    "text", ["", "sum(x)\n", "héλ 日本 \U0001f468\u200d\U0001f469", "a <|end|> b", "x\ud800y\x00\u202e"]
)
def test_the_texts_of_tokens_make_up_the_completion(policy, text):
    tokens = policy.tokens(text, ended=False)
    assert "".join(t.text for t in tokens) == text
    assert policy.tokenizer.eos_token_id not in [t.id for t in tokens]  # a name in a text is no end
    end = policy.tokens(text, ended=True)[len(tokens) :]
    assert [(t.id, t.text, t.is_end) for t in end] == [(policy.tokenizer.eos_token_id, "<|end|>", True)]


def test_what_does_not_fit_into_the_context_is_refused(policy):
    with pytest.raises(PolicyError, match=r"tokens together, and the context of .* is 512"):
        policy.score([ASKED], [5] * 600)


def test_a_local_model_can_score(policy):
    assert Capability.SCORE in policy.capabilities
    assert isinstance(policy, Scorer)
