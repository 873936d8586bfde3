from __future__ import annotations

import email.utils
import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Request, Sampling
from sdpo_gym.policies.openai import make
from sdpo_gym.task import Message

KEY = "sk-secret-0123456789"
SAMPLING = Sampling(temperature=0.6, top_p=0.95, max_tokens=77, stop=("END",))


def answer(text: str | None = "hello", reason: str = "stop", **message: object) -> dict:
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }


@dataclass
class Reply:
    body: dict | str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """A chat-completions server whose ``reply`` a test sets; it keeps what it was asked."""

    url: str = ""
    reply: Callable[[dict, int], Reply] = lambda body, count: Reply(answer())
    asked: list[tuple[str, dict[str, str], dict]] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    end: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server(monkeypatch):
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.asked.append((self.path, dict(self.headers), body))
                state.asked_at.append(time.monotonic())
                state.under_way += 1
                state.most_under_way = max(state.most_under_way, state.under_way)
                count = len(state.asked)
            reply = state.reply(body, count)
            with state.lock:
                state.under_way -= 1
            data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in ({"Content-Length": str(len(data))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    class Quiet(ThreadingHTTPServer):
        request_queue_size = 64
        daemon_threads = True

        def handle_error(self, request, client_address):
            """A client that hangs up early is what some tests want."""

    http = Quiet(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    yield state
    state.end.set()
    http.shutdown()
    http.server_close()


def ask(number: int) -> Request:
    return Request((Message("system", "Be brief."), Message("user", f"question {number}")), f"t{number}", seed=number)


def policy(server: Server, **options: object):
    return make("", **{"model": "some-model", "base_url": server.url, "backoff_s": 0.01} | options)


def one(server: Server, **options: object) -> Completion | PolicyError:
    ((index, result),) = policy(server, **options).generate([ask(0)], SAMPLING)
    assert index == 0
    return result


def test_the_request_says_all_that_matters(server):
    request = Request((Message("user", "hi \udcff"),), "t", seed=2**62 + 41)
    list(policy(server).generate([request], SAMPLING))
    ((path, headers, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "some-model",
        "messages": [{"role": "user", "content": "hi \udcff"}],
        "n": 1,
        "max_tokens": 77,
        "temperature": 0.6,
        "top_p": 0.95,
        "seed": 41,
        "stop": ["END"],
    }


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer("yes"), Completion("yes", usage=Usage(5, 2))),
        (answer("cut", "length"), Completion("cut", FinishReason.LENGTH, usage=Usage(5, 2))),
        (answer("called", "tool_calls"), Completion("called", usage=Usage(5, 2))),
        (answer(None), Completion("", usage=Usage(5, 2))),
        (
            answer(None, "length", reasoning_content="Let me think"),
            Completion("", FinishReason.LENGTH, usage=Usage(5, 2)),
        ),
        (answer("so 4", reasoning_content="2 + 2"), Completion("so 4", usage=Usage(5, 2))),
        (answer("half \ud800 pair"), Completion("half ? pair", usage=Usage(5, 2))),
        ({"choices": answer("bare")["choices"]}, Completion("bare")),
        (answer("odd") | {"usage": None}, Completion("odd")),
    ],
)
def test_every_shape_of_answer_is_read(server, reply, expected):
    server.reply = lambda body, count: Reply(reply)
    assert one(server) == expected


def test_a_filtered_answer_is_an_error_and_not_tried_again(server):
    server.reply = lambda body, count: Reply(answer("", "content_filter"))
    assert "content_filter" in str(one(server))
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_passing_failure_is_tried_again(server, status):
    server.reply = lambda body, count: Reply(answer()) if count == 3 else Reply({"error": "busy"}, status)
    assert one(server) == Completion("hello", usage=Usage(5, 2))
    assert len(server.asked) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_no_try_comes_sooner_than_retry_after_asks(server, form):
    def reply(body, count):
        value = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
        return Reply({"error": "slow down"}, 429, {"Retry-After": value}) if count == 1 else Reply(answer())

    server.reply = reply
    assert isinstance(one(server), Completion)
    first, second = server.asked_at
    assert second - first >= 1 - 0.05


def test_the_waits_double(server):
    server.reply = lambda body, count: Reply("down", 500)
    one(server, retries=3, backoff_s=0.1)
    times = server.asked_at
    for shortest, (a, b) in zip((0.05, 0.1, 0.2), pairwise(times), strict=True):
        assert b - a >= shortest


def test_a_server_that_stays_down_fails_each_request_alone(server):
    server.reply = lambda body, count: (
        Reply(answer()) if body["messages"][1]["content"] == "question 1" else Reply("down for maintenance", 500)
    )
    results = dict(policy(server, retries=2).generate([ask(i) for i in range(3)], SAMPLING))
    assert results[1] == Completion("hello", usage=Usage(5, 2))
    for i in (0, 2):
        assert isinstance(results[i], PolicyError)
        assert "HTTP 500: down for maintenance (given up after 3 tries)" in str(results[i])
    assert len(server.asked) == 7


@pytest.mark.parametrize(
    "body",
    [
        "<html>starting</html>",
        '{"choices": [',
        "[]",
        '{"choices": []}',
        '{"choices": [{"message": {"content": 3}}]}',
        '{"error": {"message": "upstream died"}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_chat_completion_is_tried_again_and_then_quoted(server, body):
    server.reply = lambda _, count: Reply(body)
    message = str(one(server, retries=1))
    assert f"answered with no chat completion: {body[:40]}" in message
    assert "given up after 2 tries" in message
    assert len(message) < 500
    assert len(server.asked) == 2


def test_a_slow_server_is_given_up_after_the_timeout(server):
    server.reply = lambda body, count: Reply(answer()) if server.end.wait(30) else Reply("", 500)
    start = time.monotonic()
    message = str(one(server, retries=1, timeout_s=0.2))
    assert "did not answer within 0.2 s (given up after 2 tries)" in message
    assert time.monotonic() - start < 5


def test_a_server_that_is_not_there_is_named(server):
    message = str(one(server, base_url="http://127.0.0.1:9/v1", retries=1))
    assert message.startswith("cannot reach http://127.0.0.1:9/v1/chat/completions: ")
    assert "given up after 2 tries" in message


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such model " + "x" * 1000}},
        {"message": "no such model " + "x" * 1000},
        {"detail": "no such model " + "x" * 1000},
        "no such model " + "x" * 1000,
    ],
)
def test_other_client_errors_end_at_once_with_the_servers_words_cut(server, body):
    server.reply = lambda _, count: Reply(body, 400)
    message = str(one(server))
    assert message.endswith("HTTP 400: no such model " + "x" * (300 - len("no such model ")) + " [cut]")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "the request exceeds the available context size",
    ],
)
def test_a_request_that_does_not_fit_is_a_permanent_error_with_a_hint(server, words):
    server.reply = lambda _, count: Reply({"error": {"message": words}}, 400)
    error = one(server)
    assert isinstance(error, PolicyError)
    assert error.permanent
    assert str(error).endswith(f"{words}; give a smaller MAX_TOKENS (--max-tokens)")
    server.reply = lambda _, count: Reply({"error": {"message": "bad stop"}}, 400)
    assert not one(server).permanent


def test_a_wrong_path_gets_a_hint(server):
    server.reply = lambda body, count: Reply("", 404)
    with pytest.raises(UsageError, match="check the base URL"):
        one(server)


def test_a_refusal_ends_the_run_at_once_and_keeps_what_came_before(server):
    def reply(body, count):
        question = body["messages"][1]["content"]
        return Reply(answer(question)) if question == "question 0" else Reply("who are you?", 401)

    server.reply = reply
    results = policy(server, concurrency=1).generate([ask(i) for i in range(20)], SAMPLING)
    index, first = next(results)
    assert (index, isinstance(first, Completion)) == (0, True)
    with pytest.raises(UsageError, match="give the right key in OPENAI_API_KEY"):
        list(results)
    assert len(server.asked) == 2


def test_results_come_as_they_finish_and_concurrency_is_respected(server):
    slow = threading.Event()

    def reply(body, count):
        if body["messages"][1]["content"] == "question 0":
            slow.wait(10)
        else:
            time.sleep(0.02)
        return Reply(answer(body["messages"][1]["content"]))

    server.reply = reply
    order = []
    for index, result in policy(server, concurrency=3).generate([ask(i) for i in range(12)], SAMPLING):
        assert result.text == f"question {index}"
        order.append(index)
        if len(order) == 11:
            slow.set()
    assert sorted(order) == list(range(12))
    assert order[-1] == 0
    assert server.most_under_way == 3


def test_closing_the_iterator_cancels_what_is_under_way(server):
    def reply(body, count):
        if body["messages"][1]["content"] != "question 0":
            server.end.wait(30)
        return Reply(answer())

    server.reply = reply
    results = policy(server, concurrency=2).generate([ask(i) for i in range(9)], SAMPLING)
    assert next(results)[0] == 0
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 5
    assert not [t for t in threading.enumerate() if t.name == "openai-policy"]
    assert len(server.asked) <= 3


def test_the_key_is_nowhere(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.reply = lambda body, count: Reply({"error": {"message": f"wrong key {KEY}, password pa55word"}}, 401)
    with_password = server.url.replace("//", "//someone:pa55word@")
    p = policy(server, base_url=with_password)
    with pytest.raises(UsageError) as refused:
        list(p.generate([ask(0)], SAMPLING))
    result = refused.value
    _, headers, _ = server.asked[0]
    assert headers["Authorization"].startswith("Basic ")
    assert p.describe() == {"policy": "openai", "model": "some-model", "base_url": server.url, "logprobs": False}
    assert "wrong key ***, password ***" in str(result)
    for secret in (KEY, "pa55word"):
        assert secret not in repr(result)
        assert secret not in caplog.text


def test_without_a_key_none_is_sent(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    one(server)
    _, headers, _ = server.asked[0]
    assert "Authorization" not in headers


def test_logprobs_are_asked_for_only_if_wanted_and_only_at_temperature_1(server):
    reply = answer()
    reply["choices"][0]["logprobs"] = {"content": [{"token": "hel", "logprob": -0.5}, {"token": "lo", "logprob": -1}]}
    server.reply = lambda body, count: Reply(reply)
    plain, wanted = policy(server), policy(server, logprobs=True)
    assert Capability.LOGPROBS not in plain.capabilities
    assert Capability.LOGPROBS in wanted.capabilities
    ((_, result),) = wanted.generate([ask(0)], Sampling(temperature=1))
    assert result.logprobs == (-0.5, -1.0)
    assert server.asked[0][2]["logprobs"] is True
    with pytest.raises(UsageError, match="use temperature 1"):
        next(wanted.generate([ask(0)], Sampling(temperature=0.6)))


def test_model_and_base_url_come_from_argument_option_or_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://there:8000/v1/")
    assert make("m:8b").describe()["base_url"] == "http://there:8000/v1"
    assert make("m:8b", model="m:8b").describe()["model"] == "m:8b"
    assert make("m", base_url="https://here/v1").describe()["base_url"] == "https://here/v1"
    with pytest.raises(UsageError, match="'a' and 'b'"):
        make("a", model="b")
    with pytest.raises(UsageError, match="needs the model's name"):
        make("")
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(UsageError, match="needs a base URL"):
        make("m")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "localhost:8000/v1"}, "must be http"),
        ({"base_url": "http://"}, "must be http"),
        ({"base_url": "http://host/v1?api-key=pa55word"}, "neither '\\?' nor '#'"),
        ({"base_url": "http://host:port:8/pa55word"}, "not a URL"),
        ({"concurrency": 0}, "concurrency must be at least 1, got 0"),
        ({"timeout_s": 0}, "timeout_s must be above 0 seconds, got 0"),
        ({"retries": -1}, "retries must be at least 0, got -1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message) as caught:
        make("m", **{"base_url": "http://host/v1"} | options)
    assert "pa55word" not in str(caught.value)


def test_a_broken_key_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ab\ncd")
    with pytest.raises(UsageError, match="OPENAI_API_KEY holds characters") as caught:
        make("m", base_url="http://host/v1")
    assert "sk-ab" not in str(caught.value)
