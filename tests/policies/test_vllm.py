from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

pytest.importorskip("vllm")

import torch
from transformers import AutoModelForCausalLM

from policies.vllm_models import ENGINE, ENVIRONMENT, make_model
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.policies import transformers as in_process
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.load import load_policy
from sdpo_gym.policies.vllm import make
from sdpo_gym.task import Message

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, max_tokens=40)
WARM = Sampling(temperature=0.7, top_p=0.9, max_tokens=40)
LONG = "Write a program that reads two integers and prints their sum. " * 4


@pytest.fixture(scope="module", autouse=True)
def fast_start():
    with pytest.MonkeyPatch.context() as patch:
        for key, value in ENVIRONMENT.items():
            patch.setenv(key, value)
        yield


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("other"), seed=1)


@pytest.fixture(scope="module")
def policy(directory):
    policy = load_policy("vllm", model=str(directory), engine=ENGINE)
    yield policy
    policy.close()


@pytest.fixture(scope="module")
def reference(directory):
    return in_process.make(str(directory), device="cpu")


def ask(text: str, seed: int = 0) -> Request:
    return Request((Message("system", "Be brief."), Message("user", text)), f"task {seed}", seed=seed)


def asks(count: int) -> list[Request]:
    return [ask((LONG if i % 3 == 0 else "") + "sum of it, and more " * (i % 4), seed=1000 + i) for i in range(count)]


def run(policy, requests, sampling) -> list[Completion]:
    results = list(policy.generate(requests, sampling))
    assert sorted(i for i, _ in results) == list(range(len(requests)))
    return [c for _, c in sorted(results, key=lambda r: r[0])]


def assert_same(completions, expected) -> None:
    for one, two in zip(completions, expected, strict=True):
        assert one.prompt_token_ids == two.prompt_token_ids
        assert one.token_ids == two.token_ids
        assert (one.text, one.finish_reason, one.usage) == (two.text, two.finish_reason, two.usage)
        assert one.logprobs == pytest.approx(two.logprobs, abs=1e-4)


def test_greedy_is_that_of_transformers_token_by_token(policy, reference):
    requests = asks(12)
    expected = run(reference, requests, GREEDY)
    assert {c.finish_reason for c in expected} == {FinishReason.STOP, FinishReason.LENGTH}
    assert_same(run(policy, requests, GREEDY), expected)
    assert_same(run(policy, requests, GREEDY), expected)  # by now from cached prefixes


def logprobs_in_float64(directory: Path, completion: Completion, temperature: float) -> list[float]:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float64)
    ids = [*completion.prompt_token_ids, *completion.token_ids]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, len(completion.prompt_token_ids) - 1 : -1]
    logprobs = (logits / temperature).log_softmax(-1)
    return [float(row[token]) for row, token in zip(logprobs, completion.token_ids, strict=True)]


@pytest.mark.parametrize(
    ("temperature", "top_p", "scored_at"), [(1.0, 1.0, 1.0), (0.5, 1.0, 0.5), (0.5, 0.8, 0.5), (0.0, 0.8, 1.0)]
)
def test_logprobs_are_those_of_the_tempered_distribution_before_top_p(directory, policy, temperature, top_p, scored_at):
    for completion in run(policy, asks(4), Sampling(temperature=temperature, top_p=top_p, max_tokens=20)):
        assert completion.logprobs == pytest.approx(logprobs_in_float64(directory, completion, scored_at), abs=1e-4)


def test_top_p_leaves_out_what_is_unlikely(policy):
    narrow = Sampling(temperature=1.0, top_p=0.01, max_tokens=30)
    assert_same(run(policy, asks(4), narrow), run(policy, asks(4), Sampling(temperature=0, max_tokens=30)))


def test_the_seed_decides_and_nothing_else(policy):
    first, second, third = run(policy, [ask("same", 7), ask("same", 8), ask("same", 7)], WARM)
    assert first.token_ids == third.token_ids != second.token_ids
    requests = [ask("same", 2**63 - 1), *asks(6), ask("same", 7)]
    forwards, backwards = run(policy, requests, WARM), run(policy, requests[::-1], WARM)[::-1]
    assert [c.token_ids for c in forwards] == [c.token_ids for c in backwards]
    assert forwards[-1].token_ids == first.token_ids


def test_stop_strings_cut_the_text_as_with_transformers(policy, reference):
    requests = asks(6)
    free = run(reference, requests, GREEDY)
    stops = tuple({c.text[8:11] for c in free if c.text[8:11].isascii() and len(c.text) > 11})
    assert stops
    cut = Sampling(temperature=0, max_tokens=40, stop=stops)
    completions = run(policy, requests, cut)
    assert_same(completions, run(reference, requests, cut))
    assert any(len(c.text) < len(f.text) for c, f in zip(completions, free, strict=True))
    assert not any(s in c.text for c in completions for s in stops)


def test_each_request_has_its_own_limit_and_a_prompt_without_room_is_its_error(policy, reference):
    rest = 512 - len(reference.render(ask("").messages))
    requests = [ask("?" * rest, 1), ask("?" * (rest - 3), 2), ask("short", 3), ask("?" * (rest + 900), 4)]
    few = Sampling(temperature=0, max_tokens=10)
    results = list(policy.generate(requests, few))
    assert [i for i, _ in results[2:]] == [0, 3]
    by_index = dict(results)
    expected = run(reference, requests, few)
    assert_same([by_index[1], by_index[2]], expected[1:3])
    assert len(by_index[1].token_ids) <= 3
    for i in (0, 3):
        assert str(by_index[i]) == str(expected[i])
        assert by_index[i].permanent


def test_completions_come_as_they_finish_and_what_is_given_up_does_not_come_later(policy):
    # The first one has no room for more than a few tokens; many tokens pass until the others are done.
    requests = [ask("go on", 1), ask("and on", 2), ask("?" * 485, 3)]
    answers = policy.generate(requests, Sampling(temperature=1.0, max_tokens=400))
    index, completion = next(answers)
    assert index == 2
    assert len(completion.token_ids) < 40
    answers.close()
    (after,) = run(policy, [ask("short", 4)], GREEDY)
    assert len(after.token_ids) > 0


def test_ctrl_c_does_not_reach_the_engine(policy):
    for child in psutil.Process().children(recursive=True):
        if "VLLM" in " ".join(child.cmdline()):
            child.send_signal(signal.SIGINT)
    assert all(isinstance(c, Completion) for c in run(policy, asks(3), GREEDY))


def test_render_and_describe(directory, policy, reference):
    messages = (Message("user", "What?"), Message("assistant", "This."), Message("user", "Why?"))
    assert policy.render(messages) == reference.render(messages)
    described = policy.describe()
    assert json.loads(json.dumps(described)) == described
    for key in ("model", "context", "dtype", "device", "end_token_ids", "chat_template_sha256"):
        assert described[key] == reference.describe()[key]
    assert described["engine"] == ENGINE
    assert policy.capabilities == {Capability.TOKEN_IDS, Capability.LOGPROBS, Capability.SEED}


def state(directory: Path) -> dict[str, torch.Tensor]:
    return AutoModelForCausalLM.from_pretrained(directory).state_dict()


def test_weights_are_updated_in_place_and_what_has_ended_says_so(directory, other, policy, tmp_path):
    requests = asks(9)
    before = run(policy, requests, GREEDY)
    fresh = make("", model=str(other), engine=ENGINE)
    expected = run(fresh, requests, GREEDY)
    assert [c.token_ids for c in before] != [c.token_ids for c in expected]

    policy.update_weights(state(other).items())
    assert_same(run(policy, requests, GREEDY), expected)  # nothing is left of the cached prefixes either
    policy.update_weights(state(directory).items())
    assert_same(run(policy, requests, GREEDY), before)
    assert fresh.describe()["weights"] != policy.describe()["weights"]

    # The other engine ends in the middle of its work.
    mine = [p for p in psutil.Process().children(recursive=True) if "VLLM" in " ".join(p.cmdline())]
    answers = fresh.generate([ask("?" * 485, 1), *asks(5)], Sampling(temperature=1.0, max_tokens=450))
    assert isinstance(next(answers)[1], Completion)
    core = max((p for p in mine if "EngineCore" in " ".join(p.cmdline())), key=lambda p: p.create_time())
    os.kill(core.pid, signal.SIGKILL)
    rest = list(answers)
    assert len(rest) == 5
    assert any(isinstance(answer, PolicyError) for _, answer in rest)
    (refused,) = run(fresh, [ask("again")], GREEDY)
    assert "engine has ended" in str(refused)
    assert not refused.permanent
    with pytest.raises(PolicyError, match="has ended"):
        fresh.update_weights(state(other).items())
    fresh.close()
    fresh.close()
    left = [p for p in psutil.Process().children(recursive=True) if "VLLM" in " ".join(p.cmdline())]
    assert len(left) == len(mine) // 2
    assert_same(run(policy, requests, GREEDY), before)


def test_weights_that_are_not_the_whole_model_end_the_engine(directory):
    policy = make(str(directory), engine=ENGINE)
    some = [(name, value) for name, value in state(directory).items() if "layers.1.mlp" not in name]
    with pytest.raises(UsageError, match=r"lack 2 of the model's parameters, the first is 'model\.layers\.1\.mlp"):
        policy.update_weights(some)
    (answer,) = run(policy, asks(1), GREEDY)
    assert "closed" in str(answer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"argument": ""}, "needs a model"),
        ({"argument": "/no/such/dir"}, "model directory '/no/such/dir' does not exist"),
        ({"argument": "a", "model": "b"}, "two models are named, 'a' and 'b'"),
        ({"argument": "a", "dtype": "int3"}, "unknown dtype 'int3'"),
        ({"argument": "a", "template_options": 3}, "template_options must be a table"),
        ({"argument": "a", "engine": {"max_modl_len": 8}}, r"no engine argument 'max_modl_len'.*max_model_len"),
        ({"argument": "a", "engine": {"dtype": "half"}}, "'dtype' is set by policy 'vllm' itself"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        make(**arguments)


def test_what_vllm_cannot_run_is_refused_in_one_line(directory, tmp_path):
    (tmp_path / "empty").mkdir()
    for bad, engine in ((tmp_path / "empty", {}), (directory, {"max_model_len": 100_000})):
        with pytest.raises(UsageError, match=f"model '{bad}' does not load: ") as caught:
            make(str(bad), engine=engine)
        assert "\n" not in str(caught.value)
