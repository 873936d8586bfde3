from __future__ import annotations

import hashlib
import json
import random
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import huggingface_hub
import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from policies.tiny_llama import CHAT_TEMPLATE, make_tiny_llama
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.policies.base import PolicyError, Request, Sampling
from sdpo_gym.policies.transformers import TransformersPolicy, make, sample
from sdpo_gym.task import Message

END = 1
WARM = Sampling(temperature=1.0, top_p=0.9, max_tokens=40)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def policy(directory):
    return make(str(directory), device="cpu")


@pytest.fixture
def altered(directory, tmp_path):
    """A copy of the model directory in which JSON files have further or other fields."""

    def alter(**fields_by_file: dict) -> Path:
        copy = tmp_path / "altered"
        shutil.copytree(directory, copy)
        for stem, fields in fields_by_file.items():
            file = copy / f"{stem}.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | fields))
        return copy

    return alter


def ask(text: str, seed: int = 0) -> Request:
    return Request((Message("system", "Be brief."), Message("user", text)), f"task {seed}", seed=seed)


def asks(count: int) -> list[Request]:
    return [ask("sum of it, and more " * (i % 4) + "x" * i, seed=1000 + i) for i in range(count)]


def run(policy, requests, sampling=WARM) -> list[Completion]:
    results = list(policy.generate(requests, sampling))
    assert sorted(i for i, _ in results) == list(range(len(requests)))
    return [c for _, c in sorted(results, key=lambda r: r[0])]


def batch_shapes(policy, requests, sampling=WARM) -> list[tuple[int, int]]:
    shapes = []
    hook = policy.model.register_forward_pre_hook(
        lambda _, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        run(policy, requests, sampling)
    finally:
        hook.remove()
    return shapes


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampling",
    [WARM, Sampling(temperature=0.6, top_p=0.95, max_tokens=40), Sampling(temperature=1, max_tokens=40)],
)
def test_a_row_alone_equals_the_row_in_any_batch(altered, sampling):
    # Several end tokens, so that rows end at different steps and leave the batch.
    directory = altered(generation_config={"eos_token_id": [END, 30, 31, 32, 33, 34]})
    requests = asks(12)
    alone = [run(make(str(directory), device="cpu"), [r], sampling)[0] for r in requests[:1]]
    policy = make(str(directory), device="cpu")
    alone += [run(policy, [r], sampling)[0] for r in requests[1:]]
    assert len({len(c.token_ids) for c in alone}) > 4
    for order in (requests, requests[::-1]):
        for batch_tokens in (16_384, 400):
            batched = run(make(str(directory), device="cpu", batch_tokens=batch_tokens), order, sampling)
            for request, together in zip(order, batched, strict=True):
                single = alone[requests.index(request)]
                assert together.token_ids == single.token_ids
                assert (together.text, together.finish_reason) == (single.text, single.finish_reason)
                assert together.logprobs == pytest.approx(single.logprobs, abs=1e-4)


def test_a_model_with_absolute_positions_is_as_independent_of_its_batch(policy):
    config = GPT2Config(vocab_size=320, n_positions=256, n_embd=32, n_layer=2, n_head=2, initializer_range=0.3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        gpt2 = TransformersPolicy(GPT2LMHeadModel(config).eval(), policy.tokenizer, name="gpt2")
    requests = asks(6)
    for request, together in zip(requests, run(gpt2, requests), strict=True):
        (single,) = run(gpt2, [request])
        assert together.token_ids == single.token_ids
        assert together.logprobs == pytest.approx(single.logprobs, abs=1e-4)


def test_the_seed_decides_and_global_random_state_does_not(policy):
    states = random.getstate(), torch.get_rng_state()
    first, second, other = run(policy, [ask("same", 7), ask("same", 7), ask("same", 8)])
    random.seed(1)
    torch.manual_seed(1)
    (later,) = run(policy, [ask("same", 7)])
    assert first == second
    assert first.token_ids == later.token_ids
    assert first.token_ids != other.token_ids
    random.setstate(states[0])
    torch.set_rng_state(states[1])
    run(policy, [ask("same", 7)])
    assert random.getstate() == states[0]
    assert torch.equal(torch.get_rng_state(), states[1])


def logprobs_in_float64(directory: Path, completion: Completion, temperature: float) -> list[float]:
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float64)
    ids = [*completion.prompt_token_ids, *completion.token_ids]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, len(completion.prompt_token_ids) - 1 : -1]
    logprobs = (logits / temperature).log_softmax(-1)
    return [float(row[token]) for row, token in zip(logprobs, completion.token_ids, strict=True)]


@pytest.mark.parametrize(("temperature", "scored_at"), [(1.0, 1.0), (0.5, 0.5), (0.0, 1.0)])
def test_logprobs_are_those_of_the_tempered_distribution_before_top_p(directory, policy, temperature, scored_at):
    for completion in run(policy, asks(4), Sampling(temperature=temperature, top_p=0.8, max_tokens=20)):
        expected = logprobs_in_float64(directory, completion, scored_at)
        assert completion.logprobs == pytest.approx(expected, abs=1e-4)


def test_greedy_is_the_argmax_of_a_plain_loop(directory, policy):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    requests = asks(5)
    completions = run(policy, requests, Sampling(temperature=0, max_tokens=25))
    for request, completion in zip(requests, completions, strict=True):
        ids = list(policy.render(request.messages))
        assert completion.prompt_token_ids == tuple(ids)
        written = []
        while len(written) < 25 and END not in written:
            with torch.no_grad():
                written.append(int(model(torch.tensor([ids + written])).logits[0, -1].argmax()))
        assert completion.token_ids == tuple(written)


def draw_often(probabilities: list[float], top_p: float, temperature: float = 1.0) -> list[float]:
    """Return how often each token comes, over evenly spread uniform numbers."""
    count = 4000
    logits = torch.tensor(probabilities).log().expand(count, -1)
    tokens, _ = sample(logits, [(i + 0.5) / count for i in range(count)], temperature, top_p)
    return (torch.bincount(tokens, minlength=len(probabilities)) / count).tolist()


def test_tokens_come_as_often_as_their_probabilities_say():
    assert draw_often([0.1, 0.0, 0.6, 0.3], 1.0) == pytest.approx([0.1, 0, 0.6, 0.3], abs=1e-3)
    squared = [0.01 / 0.46, 0, 0.36 / 0.46, 0.09 / 0.46]
    assert draw_often([0.1, 0.0, 0.6, 0.3], 1.0, 0.5) == pytest.approx(squared, abs=1e-3)


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [(0.59, [0, 0, 1, 0]), (0.61, [0, 0, 2 / 3, 1 / 3]), (0.89, [0, 0, 2 / 3, 1 / 3]), (0.91, [0.1, 0, 0.6, 0.3])],
)
def test_top_p_keeps_the_smallest_set_with_that_mass(top_p, expected):
    assert draw_often([0.1, 0.0, 0.6, 0.3], top_p) == pytest.approx(expected, abs=1e-3)


def test_the_largest_uniform_number_draws_a_token_that_has_mass():
    logits = torch.tensor([[0.0, 1.0, float("-inf")]])
    tokens, logprobs = sample(logits, [1 - 2**-53], 1.0, 1.0)
    assert tokens.tolist() == [1]
    assert torch.isfinite(logprobs).all()


def test_batches_keep_to_the_token_budget_longest_first_and_shrink(directory, altered):
    requests = asks(12)
    wide = make(str(directory), device="cpu", batch_tokens=300)
    prompts = [len(wide.render(r.messages)) for r in requests]
    prefills = [(rows, width) for rows, width in batch_shapes(wide, requests) if width > 1]
    assert sum(rows for rows, _ in prefills) == 12
    assert len(prefills) > 1
    assert all(rows * (width + WARM.max_tokens) <= 300 for rows, width in prefills)
    assert [width for _, width in prefills] == sorted((w for _, w in prefills), reverse=True)
    assert prefills[0][1] == max(prompts)
    tiny = make(str(directory), device="cpu", batch_tokens=1)
    assert [rows for rows, width in batch_shapes(tiny, requests[:3]) if width > 1] == [1, 1, 1]
    ending = make(str(altered(generation_config={"eos_token_id": list(range(100))})), device="cpu")
    rows = [rows for rows, _ in batch_shapes(ending, requests)]
    assert rows[0] == 12
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < 12


def test_completions_come_as_their_rows_finish(altered):
    policy = make(str(altered(generation_config={"eos_token_id": [END, *range(30, 50)]})), device="cpu")
    lengths, graded = [], []
    policy.model.register_forward_pre_hook(lambda *_: graded.append(torch.is_grad_enabled()))
    for _, completion in policy.generate(asks(10), WARM):
        assert torch.is_grad_enabled()
        lengths.append(len(completion.token_ids))
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]
    assert not any(graded)


def test_every_configured_end_token_ends_and_is_no_text(altered, policy):
    (free,) = run(policy, [ask("go", 3)])
    assert len(free.token_ids) > 6
    tokenizer = policy.tokenizer
    for position in (2, 5):
        end = free.token_ids[position]
        shutil.rmtree(altered.__self__ if hasattr(altered, "__self__") else "", ignore_errors=True)
        directory = altered(generation_config={"eos_token_id": [END, end]})
        (ended,) = run(make(str(directory), device="cpu"), [ask("go", 3)])
        first = free.token_ids.index(end)
        assert ended.token_ids == free.token_ids[: first + 1]
        assert ended.finish_reason == FinishReason.STOP
        assert ended.text == tokenizer.decode(free.token_ids[:first])
        shutil.rmtree(directory)


def test_max_tokens_is_cut_and_counted(policy):
    for count in (1, 5):
        (completion,) = run(policy, [ask("go", 3)], Sampling(max_tokens=count))
        assert (len(completion.token_ids), completion.finish_reason) == (count, FinishReason.LENGTH)
        assert completion.usage.completion_tokens == count
        assert completion.usage.prompt_tokens == len(completion.prompt_token_ids)


def test_the_context_caps_the_answer_and_a_prompt_that_fills_it_is_an_error_of_its_request(policy):
    rest = 512 - len(policy.render(ask("").messages))
    requests = [ask("?" * (rest - 3), 1), ask("?" * rest, 2), ask("short", 3), ask("?" * (rest + 900), 4)]
    results = run(policy, requests, Sampling(max_tokens=10))
    assert len(results[0].prompt_token_ids) == 509
    assert len(results[0].token_ids) == 3
    assert results[0].finish_reason == FinishReason.LENGTH
    assert len(results[2].token_ids) == 10
    for i in (1, 3):
        assert isinstance(results[i], PolicyError)
        assert "no room is left" in str(results[i])
        assert results[i].permanent


def test_what_can_never_be_answered_comes_last(policy):
    requests = [ask("?" * 600, 1), ask("?" * 700, 2), ask("short", 3)]
    order = [index for index, _ in policy.generate(requests, Sampling(max_tokens=2))]
    assert order == [2, 0, 1]


def test_stop_strings_cut_the_text_and_nothing_else(policy):
    (free,) = run(policy, [ask("stop me", 5)], Sampling(max_tokens=60))
    decoded = [policy.tokenizer.decode(free.token_ids[: i + 1]) for i in range(len(free.token_ids))]
    starts = [i for i in range(5, 50) if free.text[i : i + 4].isascii() and free.text.find(free.text[i : i + 4]) == i]
    assert starts
    for start in starts[:5]:
        stop = free.text[start : start + 4]
        needed = next(i for i, text in enumerate(decoded) if stop in text) + 1
        for stops in ((stop,), (free.text[-9:], stop, "never seen here")):
            (cut,) = run(policy, [ask("stop me", 5)], Sampling(max_tokens=60, stop=stops))
            assert cut.text == free.text[:start]
            assert cut.token_ids == free.token_ids[:needed]
            assert len(cut.logprobs) == needed
            assert cut.finish_reason == FinishReason.STOP


def test_render_follows_the_template_and_its_recorded_options(tmp_path):
    template = "{% if brief %}Short.{% endif %}" + CHAT_TEMPLATE
    directory = make_tiny_llama(tmp_path / "m", chat_template=template)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    messages = (Message("user", "What?"), Message("assistant", "This."), Message("user", "Why?"))
    text = "<|user|>What?<|end|><|assistant|>This.<|end|><|user|>Why?<|end|><|assistant|>"
    plain, brief = make(str(directory)), make(str(directory), template_options={"brief": True})
    assert tokenizer.decode(plain.render(messages)) == text
    assert tokenizer.decode(brief.render(messages)) == "Short." + text
    assert plain.render(messages)[0] == tokenizer.convert_tokens_to_ids("<|user|>")
    plain.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        "<|end|> $A", special_tokens=[("<|end|>", END)]
    )
    assert tokenizer.decode(plain.render(messages)) == text
    assert brief.describe()["template_options"] == {"brief": True}
    assert plain.describe()["template_options"] == {}


def test_a_chat_that_the_template_refuses_is_an_error_of_its_request(tmp_path):
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + CHAT_TEMPLATE
    policy = make(str(make_tiny_llama(tmp_path / "m", chat_template=template)))
    refused, fine = run(policy, [ask("a"), Request((Message("user", "a"),), "t")])
    assert isinstance(refused, PolicyError)
    assert "no system here" in str(refused)
    assert isinstance(fine, Completion)


def test_describe_tells_models_apart_and_is_json(directory, tmp_path, policy):
    described = policy.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["model"] == str(directory)
    assert (described["dtype"], described["device"], described["context"]) == ("float32", "cpu", 512)
    again = make("", model=str(directory), device="cpu")
    assert again.describe() == described
    with torch.no_grad():
        list(again.model.parameters())[-1].view(-1)[0] += 1e-3
    assert again.describe()["weights"] != described["weights"]
    assert make(str(directory), device="cpu", dtype="bfloat16").describe()["dtype"] == "bfloat16"
    other = make_tiny_llama(tmp_path / "other", seed=1)
    assert make(str(other), device="cpu").describe()["weights"] != described["weights"]


def test_where_memory_runs_out_the_batch_is_halved(directory):
    policy = make(str(directory), device="cpu")
    requests = asks(7)
    expected = [c.token_ids for c in run(policy, requests)]
    steps = 0

    def run_out(_, args, kwargs, most):
        nonlocal steps
        steps += 1
        if kwargs["input_ids"].shape[0] > most and steps % 9 == 0:
            raise torch.cuda.OutOfMemoryError("none left")

    hook = policy.model.register_forward_pre_hook(lambda m, a, k: run_out(m, a, k, 2), with_kwargs=True)
    assert [c.token_ids for c in run(policy, requests)] == expected
    hook.remove()
    policy.model.register_forward_pre_hook(lambda m, a, k: run_out(m, a, k, 0), with_kwargs=True)
    results = run(policy, requests[:3])
    assert all(isinstance(r, PolicyError) and "out of memory with one prompt" in str(r) for r in results)


def test_logits_that_are_no_numbers_are_an_error(directory):
    policy = make(str(directory), device="cpu")
    with torch.no_grad():
        policy.model.model.norm.weight.fill_(float("nan"))
    for temperature in (0.0, 1.0):
        (result,) = run(policy, [ask("a")], Sampling(temperature=temperature, top_p=0.9))
        assert isinstance(result, PolicyError)
        assert "no numbers" in str(result)


def test_close_twice(directory):
    policy = make(str(directory), device="cpu")
    policy.close()
    policy.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"argument": ""}, "needs a model"),
        ({"argument": "/no/such/dir"}, "model directory '/no/such/dir' does not exist"),
        ({"argument": "./dir"}, "model directory './dir' does not exist"),
        ({"argument": "a", "model": "b"}, "two models are named, 'a' and 'b'"),
        ({"argument": "a", "dtype": "int3"}, "unknown dtype 'int3'"),
        ({"argument": "a", "template_options": 3}, "template_options must be a table, .*got 3"),
        ({"argument": "a", "device": "toaster"}, "device 'toaster' cannot be used"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        make(**arguments)


def test_a_directory_that_is_no_model_is_refused_in_one_line(directory, tmp_path):
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken"
    shutil.copytree(directory, broken)
    (broken / "model.safetensors").write_bytes(b"x" * 100)
    untokenized = tmp_path / "untokenized"
    shutil.copytree(directory, untokenized, ignore=shutil.ignore_patterns("tokenizer*"))
    for bad in (tmp_path / "empty", broken, untokenized):
        with pytest.raises(UsageError, match=f"model '{bad}' does not load: ") as caught:
            make(str(bad))
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_a_model_without_chat_template_is_refused_with_advice(tmp_path):
    with pytest.raises(UsageError, match=r"no chat template.*use an instruction-tuned model"):
        make(str(make_tiny_llama(tmp_path / "m", chat_template=None)))


@pytest.fixture
def hub(directory, tmp_path, monkeypatch):
    """A model hub that holds ``us/tiny``, and an empty cache."""
    commit = "0123456789" * 4

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(with_body=False)

        def do_GET(self):
            self.answer(with_body=True)

        def answer(self, *, with_body):
            prefix, _, name = unquote(self.path).partition("/resolve/")
            revision, _, file_name = name.partition("/")
            file = directory / file_name
            # As if the branch moved on once its first file was fetched.
            held = revision == commit or file_name == "config.json"
            if prefix == "/us/tiny" and held and file.is_file():
                data = file.read_bytes()
                self.send_response(200)
                self.send_header("X-Repo-Commit", commit)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if with_body else b"")
                return
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("X-Repo-Commit", commit)
            self.send_header("X-Error-Code", "EntryNotFound" if "us/tiny" in self.path else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    # What HF_ENDPOINT and HF_HOME set when the library is imported.
    endpoint = f"http://127.0.0.1:{server.server_port}"
    for name, value in {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", endpoint)
    yield server
    server.shutdown()
    server.server_close()


def test_a_hub_model_is_fetched_pinned_and_then_found_without_the_hub(hub, policy):
    fetched = make("us/tiny", device="cpu").describe()
    assert fetched["revision"] == "0123456789" * 4
    assert fetched["weights"] == policy.describe()["weights"]
    hub.shutdown()
    hub.server_close()
    assert make("us/tiny", device="cpu").describe() == fetched


def test_a_hub_model_that_does_not_exist_is_bad_input(hub):
    with pytest.raises(UsageError, match="'us/none' is neither a directory here nor a hub model"):
        make("us/none")


def test_a_hub_that_cannot_be_reached_is_an_outage(hub):
    hub.shutdown()
    hub.server_close()
    with pytest.raises(OutageError, match=r"'us/tiny' cannot be fetched from http://127.*check the network"):
        make("us/tiny")
