from __future__ import annotations

import math
import time
import types

import pytest

from sdpo_gym.completion import Completion, FinishReason, Usage
from sdpo_gym.errors import UsageError
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.rollout import Attempt, Group, Turn
from sdpo_gym.task import Message, Task
from sdpo_gym.training import metrics
from sdpo_gym.training.metrics import Curves, LogFile, TimedPolicy, multiplying_parameters, rollout_figures
from sdpo_gym.verdict import Status, Verdict
from training.fakes import FakePolicy


class SlowPolicy(FakePolicy):
    def generate(self, requests, sampling):
        for answer in super().generate(requests, sampling):
            time.sleep(0.01)
            yield answer


def test_the_clock_stands_still_while_others_work():
    timed = TimedPolicy(SlowPolicy())
    requests = [Request((Message("user", "?"),), f"sum-{i}") for i in range(3)]
    answered = []
    for index, _ in timed.generate(requests, Sampling()):
        answered.append(index)
        time.sleep(0.1)
    assert answered == [0, 1, 2]
    assert 0.03 <= timed.seconds < 0.25


def group(*verdicts: Verdict | None, cut: bool = False) -> Group:
    task = Task("t", (Message("user", "?"),), {}, {})
    reason = FinishReason.LENGTH if cut else FinishReason.STOP
    completion = Completion("x", reason, usage=Usage(3, 5))
    turns = [
        Turn(task.digest, Request(task.messages, "t", i), completion, v, None if v else "down", v is not None, 0.0, 0.0)
        for i, v in enumerate(verdicts)
    ]
    return Group(task, tuple(Attempt(task.digest, i, (turn,)) for i, turn in enumerate(turns)))


def test_an_outage_is_in_no_mean_but_its_own():
    right = Verdict(1.0, "", Status.PASSED, "ok", {"share": 1.0})
    bad = Verdict(0.0, "no", Status.BAD_FORMAT, "bad", {"share": 0.5})
    figures = rollout_figures([group(right, bad, None), group(None, cut=True)])
    assert figures == {
        "errored_fraction": 0.5,
        "reward_mean": 0.5,
        "passed_fraction": 0.5,
        "bad_format_fraction": 0.5,
        "truncated_fraction": 0.0,
        "scores": {"share": 0.75},
        "length_mean": 5.0,
    }
    assert rollout_figures([group(None)]) == {"errored_fraction": 1.0}
    assert rollout_figures([]) == {}


def test_parameters_are_counted_once_and_input_embeddings_only_where_they_are_the_outputs():
    torch = pytest.importorskip("torch")

    class Model(torch.nn.Module):
        def __init__(self, tied: bool) -> None:
            super().__init__()
            self.inputs = torch.nn.Embedding(11, 3)
            self.norm = torch.nn.LayerNorm(3)
            self.middle = torch.nn.Linear(3, 3)
            self.outputs = torch.nn.Linear(3, 11, bias=False)
            if tied:
                self.outputs.weight = self.inputs.weight

        def get_input_embeddings(self):
            return self.inputs

        def get_output_embeddings(self):
            return self.outputs

    for tied in (True, False):
        assert multiplying_parameters(types.SimpleNamespace(model=Model(tied))) == 9 + 33
    assert multiplying_parameters(FakePolicy()) == 0


def test_a_log_can_be_cut_back_and_holds_no_nan(tmp_path):
    log = LogFile(tmp_path / "log.jsonl")
    log.append({"step": 1, "loss": math.nan, "deep": {"a": [math.inf, 1.0]}})
    size = log.size
    log.append({"step": 2})
    assert [row["step"] for row in log.rows()] == [1, 2]
    log.cut(size)
    log.append({"step": 3})
    log.sync()
    assert log.rows() == [{"step": 1, "loss": None, "deep": {"a": [None, 1.0]}}, {"step": 3}]
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write("{torn")
    with pytest.raises(UsageError, match=r"log.jsonl, line 3: not JSON"):
        LogFile(tmp_path / "log.jsonl").rows()


def test_curves_go_to_tensorboard_where_it_is_installed(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = Curves(tmp_path, 0)
    for step in (4, 5):
        first.add({"step": step, "loss": 0.5 * step, "nothing": None})
    first.close()
    resumed = Curves(tmp_path, 4)  # step 5 is made again
    resumed.add({"step": 5, "loss": 3.0})
    resumed.add({"step": 5, "eval": {"avg": 0.25, "values": [1.0, None]}})
    resumed.close()
    shown = accumulator.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = {tag: [(event.step, event.value) for event in shown.Scalars(tag)] for tag in shown.Tags()["scalars"]}
    assert found == {"train/loss": [(4, 2.0), (5, 3.0)], "eval/avg": [(5, 0.25)]}


def test_curves_go_nowhere_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)
    curves = Curves(tmp_path, 0)
    curves.add({"step": 1, "loss": 1.0})
    curves.close()
    assert list(tmp_path.iterdir()) == []
