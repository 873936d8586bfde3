"""The agents that ship, on a random Llama: exact resume, the real environments, collapse, bad input."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import toy_env
from policies.tiny_llama import make_tiny_llama
from sdpo_gym.errors import UsageError
from sdpo_gym.train import TrainConfig, train
from sdpo_gym.training.watch import Signal

pytestmark = pytest.mark.slow

OPTIONS = {
    "sdpo": {"learning_rate": 1e-3, "feedback": "always", "mini_batch": 2},
    "grpo": {"learning_rate": 1e-3, "reward": "closeness", "mini_batch": 2, "kl": 0.01},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(make_tiny_llama(tmp_path_factory.mktemp("model"), context=8192))


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config(model: str, agent: str = "sdpo", **more: Any) -> TrainConfig:
    values = {
        "model": model, "agent": agent, "data": "sample", "steps": 5, "batch": 4, "n": 3, "max_tokens": 8,
        "eval_every": 3, "eval_n": 1, "save_every": 2, "agent_options": OPTIONS[agent], "out": Path("run"),
    }  # fmt: skip
    return TrainConfig("Toy-v0", **{**values, **more})


def result_of(directory: Path) -> list[Any]:
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    plain = [{key: value for key, value in row.items() if not key.startswith("seconds")} for row in rows]
    last = max((directory / "checkpoints").iterdir()) / "agent"
    return [plain, (directory / "updates.jsonl").read_text(), _tensors(last)]


def _tensors(directory: Path) -> dict[str, Any]:
    """All that an agent saved, tensors as bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.numpy().tobytes()
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return {
        str(path.relative_to(directory)): plain(torch.load(path, weights_only=False))
        if path.suffix == ".pt"
        else path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


class CrashAt:
    """Crashes after so many rows of metrics."""

    def __init__(self, rows: int) -> None:
        self.left = rows

    def row(self, row: Any) -> None:
        self.left -= 1
        if not self.left:
            raise ZeroDivisionError

    def begin(self, *_: Any) -> None: ...
    def work(self, *_: Any) -> None: ...
    def turn(self, *_: Any) -> None: ...
    def alarm(self, *_: Any) -> None: ...


@pytest.mark.parametrize("agent", ["sdpo", "grpo"])
def test_a_resumed_run_has_the_same_weights_bit_for_bit(model, agent):
    train(config(model, agent, out=Path("whole")))
    for rows in (4, 3):
        with pytest.raises(ZeroDivisionError):
            train(config(model, agent), CrashAt(rows))
    train(config(model, agent))
    whole, resumed = result_of(Path("whole")), result_of(Path("run"))
    assert whole[0][-1]["updates"] > 5
    assert resumed == whole


COMMAND = f"""
import sys, torch
sys.path.insert(0, {str(Path(toy_env.__file__).parent)!r})
torch.set_num_threads(1)
import toy_env
from sdpo_gym.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_stopped_by_kill_9_and_resumed_equals_one_that_was_not(model):
    argv = [sys.executable, "-c", COMMAND, "train", "Toy-v0", "--agent", "sdpo", "--model", model, "--data", "sample"]
    argv += ["--batch", "4", "--n", "3", "--max-tokens", "8", "--steps", "12", "--eval-every", "5", "--eval-n", "1"]
    argv += ["--save-every", "2", "--agent-option", "learning_rate=0.001", "--watch", "off", "--quiet"]
    subprocess.run([*argv, "--out", "whole"], check=True, capture_output=True)
    log, wanted = Path("killed/metrics.jsonl"), random.Random(1).randrange(4, 12)
    process = subprocess.Popen([*argv, "--out", "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not log.exists() or len(log.read_bytes().splitlines()) < wanted:
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    subprocess.run([*argv, "--out", "killed"], check=True, capture_output=True)
    assert len(json.loads(Path("killed/run.json").read_text())["sessions"]) == 2
    assert result_of(Path("killed")) == result_of(Path("whole"))


@pytest.mark.parametrize("env", ["tooluse", "lcb_v6", "sciknoweval_chemistry"])
def test_the_real_environments_run_end_to_end_with_their_feedback_before_the_teacher(model, env):
    asked = config(model, steps=2, batch=2, n=2, max_tokens=16, eval_every=0, eval_limit=2, eval_teacher=True)
    summary = train(replace(asked, env=env))
    assert summary.steps == 2
    assert summary.totals["updates"] == 2
    assert summary.teacher is not None
    examples = [json.loads(line) for line in Path("run/updates.jsonl").read_text().splitlines()]
    told = [example for example in examples if example["teacher_prompt"]]
    assert told
    for example in told:
        assert example["feedback"]
        assert example["feedback"].splitlines()[0] in example["teacher_prompt"]


def test_a_learning_rate_far_too_high_is_caught_and_the_signal_named(model):
    rate = {"learning_rate": 1.0, "warmup_steps": 0, "feedback": "always"}
    summary = train(config(model, steps=60, batch=4, eval_every=0, agent_options=rate, save_every=100))
    assert summary.stopped is not None
    assert summary.stopped.signal in set(Signal)
    assert summary.steps < 60
    assert summary.stopped.advice


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"n": 1, "agent_options": {"feedback": "never"}}, "feedback"),
        ({"agent": "grpo", "agent_options": {}, "n": 1}, "n >= 2"),
        ({"agent_options": {"learning_rate": "fast"}}, "'learning_rate' must be of type float"),
        ({"policy": "scripted:gold", "model": None}, "lacks the capability 'train'"),
    ],
)
def test_bad_input_is_one_line(model, more, said):
    with pytest.raises(UsageError, match=said) as error:
        train(replace(config(model), **more))
    assert "\n" not in str(error.value)


def test_a_model_without_chat_template_is_refused(tmp_path):
    bare = make_tiny_llama(tmp_path / "bare", chat_template=None)
    with pytest.raises(UsageError, match="has no chat template"):
        train(config(str(bare)))
