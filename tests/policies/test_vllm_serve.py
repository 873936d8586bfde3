"""Policy ``openai`` against a real ``vllm serve``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

pytest.importorskip("vllm")

import toy_env  # noqa: F401  registers Toy-v0
from policies.vllm_models import ENGINE, ENVIRONMENT, make_model
from sdpo_gym.completion import Completion
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.policies import transformers as in_process
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.openai import make
from sdpo_gym.rollout import Turn
from sdpo_gym.task import Message

pytestmark = pytest.mark.slow

START_S = 300


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in a process group of its own until the end of the block."""
    options = [f"--{key.replace('_', '-')}={value}" for key, value in ENGINE.items() if value is not True]
    command = [
        # What `vllm serve` runs; that command itself looks for a distribution by the name of `vllm`.
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", f"--model={directory}", "--served-model-name=tiny",
        "--host=127.0.0.1", f"--port={port}", "--dtype=float32", "--enforce-eager",
        "--no-enable-chunked-prefill", *options,
    ]  # fmt: skip
    log = directory / "serve.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True, env={**os.environ, **ENVIRONMENT}
        )
    try:
        deadline = time.monotonic() + START_S
        while not _healthy(port):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server does not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.5)
        yield server
    finally:
        kill(server)


def kill(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


class KillAfter:
    """An observer that ends the server once so many turns have been recorded."""

    def __init__(self, turns: int, server: subprocess.Popen[bytes]) -> None:
        self._left, self._server = turns, server

    def begin(self, *_: object) -> None:
        pass

    def turn(self, turn: Turn) -> None:
        self._left -= 1
        if self._left == 0:
            kill(self._server)


def completions(out: Path) -> dict[tuple[str, int], str]:
    rows = [json.loads(line) for line in (out / "attempts.jsonl").read_text().splitlines()]
    return {(row["task_digest"], row["attempt"]): row["completion"] for row in rows if row["error"] is None}


def test_a_server_answers_as_transformers_does_and_its_death_costs_nothing_that_was_done(
    directory, port, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    url = f"http://127.0.0.1:{port}/v1"
    config = EvalConfig(
        "Toy-v0", policy="openai", model="tiny", base_url=url, data="sample", n=8, max_tokens=24, out=tmp_path / "run",
        policy_options={"retries": 0, "concurrency": 2},
    )  # fmt: skip
    with serving(directory, port) as server:
        whole = evaluate(replace(config, out=tmp_path / "whole"))
        assert (whole.attempts, whole.errors) == (40, 0)
        answers_as_transformers_does(directory, url)
        cut = evaluate(config, KillAfter(7, server))
    assert 0 < cut.errors <= 33
    done = completions(tmp_path / "run")
    assert len(done) == 40 - cut.errors
    with serving(directory, port):
        resumed = evaluate(config)
    assert (resumed.attempts, resumed.errors) == (40, 0)
    assert resumed.scores == whole.scores
    after = completions(tmp_path / "run")
    assert {key: after[key] for key in done} == done
    assert after == completions(tmp_path / "whole")


def answers_as_transformers_does(directory: Path, url: str) -> None:
    requests = [Request((Message("user", f"What is {i} + {i}?"),), str(i), seed=i) for i in range(4)]
    requests.append(Request((Message("user", "?" * 900),), "long"))
    greedy = Sampling(temperature=0, max_tokens=30)
    expected = dict(in_process.make(str(directory), device="cpu").generate(requests, greedy))
    policy = make("tiny", base_url=url)
    answers = dict(policy.generate(requests, greedy))
    for i in range(4):
        # A server leaves out the bytes of a character that is not whole yet.
        assert answers[i].text == expected[i].text.rstrip("\ufffd")
        assert answers[i].finish_reason == expected[i].finish_reason
        assert answers[i].usage == expected[i].usage
    assert answers[4].permanent
    assert "smaller MAX_TOKENS" in str(answers[4])
    warm = Sampling(temperature=1, max_tokens=30)
    first, second = (dict(make("tiny", base_url=url, logprobs=True).generate(requests[:2], warm)) for _ in range(2))
    assert first == second
    assert all(isinstance(c, Completion) and max(c.logprobs) <= 0 for c in first.values())
