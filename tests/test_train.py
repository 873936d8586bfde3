from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sdpo_gym.agent as agents
import toy_env
from sdpo_gym.agent import register_agent
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.policies.base import Capability, PolicyError, Sampling
from sdpo_gym.train import TrainConfig, train
from sdpo_gym.training import loop
from training import fake_command
from training.fakes import FakeAgent, FakePolicy, make_agent

CONFIG = TrainConfig(
    "Toy-v0", agent="fake", policy="fake", data="sample", steps=12, batch=3, n=3, eval_every=5, save_every=4,
    eval_teacher=True, examples=3, out=Path("run"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _fakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(agents, "_in_process", {})
    register_agent("fake", make_agent)
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: FakePolicy())


class Crash(Exception):
    pass


class Observer:
    """Counts what it hears and, at the event number ``at``, does what it is to do."""

    def __init__(self, at: int = -1, then: Any = None) -> None:
        self.at, self.then = at, then
        self.events = 0
        self.rows: list[Mapping[str, Any]] = []
        self.alarms: list[Any] = []
        self.began: tuple[Any, ...] = ()

    def _hear(self) -> None:
        self.events += 1
        if self.events == self.at:
            self.then()

    def begin(self, directory: Path, run: Mapping[str, Any], step: int, steps: int) -> None:
        self.began = (directory, run, step, steps)

    def work(self, what: str, total: int) -> None:
        self._hear()

    def turn(self, turn: Any) -> None:
        self._hear()

    def row(self, row: Mapping[str, Any]) -> None:
        self.rows.append(row)
        self._hear()

    def alarm(self, alarm: Any) -> None:
        self.alarms.append(alarm)


def rows_of(directory: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """Rows without clocks."""
    rows = [json.loads(line) for line in (directory / name).read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith("seconds")} for row in rows]


def result_of(directory: Path) -> list[Any]:
    """All that a run leaves, without clocks."""
    summary = json.loads((directory / "summary.json").read_text())
    del summary["totals"]["seconds"]
    last = max((directory / "checkpoints").iterdir())
    agent = {path.name: path.read_bytes() for path in sorted((last / "agent").iterdir())}
    kept = sorted(path.name for path in (directory / "checkpoints").iterdir())
    return [rows_of(directory), rows_of(directory, "updates.jsonl"), summary, kept, agent]


def raising(error: BaseException) -> Any:
    def then() -> None:
        raise error

    return then


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agents, "_in_process", {"fake": make_agent})
        patch.setattr(loop, "load_policy", lambda *_, **__: FakePolicy())
        observer = Observer()
        summary = train(replace(CONFIG, out=directory), observer)
    return directory, summary, observer


def test_a_run_learns_and_leaves_what_it_did(uninterrupted):
    directory, _, observer = uninterrupted
    rows = rows_of(directory)
    evaluations = {row["step"]: row for row in rows if "eval" in row}
    steps = [row for row in rows if "eval" not in row]
    assert [row["step"] for row in steps] == list(range(1, 13))
    assert list(evaluations) == [0, 5, 10, 12]
    assert [row["step"] for row in rows[:7]] == [0, 1, 2, 3, 4, 5, 5]
    assert len(observer.rows) == len(rows)
    assert steps[-1]["generations"] == 12 * 9
    assert steps[-1]["updates"] == 24
    assert steps[-1]["flops"] == 12 * 100
    assert evaluations[12]["generations"] == 12 * 9
    assert evaluations[12]["eval"]["avg"] > evaluations[0]["eval"]["avg"]
    assert evaluations[0]["eval"]["n"] == 4
    assert len(evaluations[0]["eval"]["values"]) == 5
    assert evaluations[0]["teacher_eval"]["avg"] > evaluations[0]["eval"]["avg"]
    assert evaluations[0]["teacher_eval"]["told_fraction"] == 1.0
    seconds = [json.loads(line)["seconds"] for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert seconds == sorted(seconds)
    assert seconds[0] == 0.0


def test_the_summary_is_that_of_the_evaluations(uninterrupted):
    directory, summary, _ = uninterrupted
    evaluations = {row["step"]: row["eval"]["avg"] for row in rows_of(directory) if "eval" in row}
    later = {step: value for step, value in evaluations.items() if step}
    assert summary.initial.value == evaluations[0]
    assert (summary.last_step, summary.last.value) == (12, evaluations[12])
    assert summary.best.value == max(later.values())
    assert evaluations[summary.best_step] == summary.best.value
    assert summary.mean.value == pytest.approx(sum(later.values()) / 3)
    assert summary.mean.low < summary.mean.value < summary.mean.high
    assert (summary.steps, summary.planned, summary.evaluations, summary.stopped) == (12, 12, 3, None)
    written = json.loads((directory / "summary.json").read_text())
    assert written["best"] == vars(summary.best)
    assert written["totals"]["updates"] == 24


def test_run_json_says_what_was_run(uninterrupted):
    directory, _, observer = uninterrupted
    run = json.loads((directory / "run.json").read_text())
    assert run["settings"]["steps"] == 12
    assert run["settings"]["temperature"] == 1.0
    assert run["settings"]["max_tokens"] == 64  # the card's
    assert run["policy"] == {"policy": "fake", "skill": 0.1, "name": "fake"}
    assert run["agent"] == {"rate": 0.05, "group_size": 3, "name": "fake"}
    assert run["env"]["card"]["title"] == "Adding two numbers"
    assert run["data"]["train"]["digest"] == run["data"]["eval"]["digest"] == toy_env.tasks(None, "sample").digest
    assert run["data"]["eval"]["evaluated"] == 5
    assert run["sessions"][0]["versions"]["python"]
    assert run["seeds"]["seed"] == 0
    assert observer.began[1:] == (run, 0, 12)


def test_examples_show_what_the_teacher_saw(uninterrupted):
    directory, _, _ = uninterrupted
    examples = rows_of(directory, "updates.jsonl")
    assert len(examples) == 36
    first = examples[:3]
    assert len({example["task_id"] for example in first}) == 3  # of many tasks
    for example in first:
        assert example["step"] == 1
        assert example["feedback"] in example["teacher_prompt"]
        assert example["completion"].startswith("It is ")


def test_the_last_two_checkpoints_and_the_best_are_kept(uninterrupted):
    directory, summary, _ = uninterrupted
    kept = {int(path.name[5:]) for path in (directory / "checkpoints").iterdir()}
    assert {12, summary.best_step} <= kept
    assert len(kept) <= 3


def test_the_same_call_again_does_nothing_more(uninterrupted, tmp_path):
    directory, summary, _ = uninterrupted
    shutil.copytree(directory, "run")
    observer = Observer()
    again = train(CONFIG, observer)
    assert observer.events == 0
    assert observer.began[2] == 12
    assert replace(again, directory=directory) == summary
    assert len(json.loads(Path("run/run.json").read_text())["sessions"]) == 2


@pytest.mark.parametrize("part", range(8))
def test_a_run_that_crashed_anywhere_and_went_on_equals_one_that_did_not(uninterrupted, part):
    directory, _, observer = uninterrupted
    rng = random.Random(part)
    first, second = rng.randrange(1, observer.events), rng.randrange(1, observer.events)
    for at in (first, second):
        try:
            train(CONFIG, Observer(at, raising(Crash())))
        except Crash:
            continue
    train(CONFIG)
    assert result_of(Path("run")) == result_of(directory)


def test_the_evaluation_before_the_first_step_is_made_once(uninterrupted):
    directory, _, _ = uninterrupted

    class Works(Observer):
        def work(self, what: str, total: int) -> None:
            works.append(what)
            if len(works) == 3:
                raise Crash

    works: list[str] = []
    with pytest.raises(Crash):
        train(CONFIG, Works())
    with Path("run/metrics.jsonl").open("a") as log:
        log.write('{"step": 2, "torn')
    train(CONFIG, Works())
    assert works[:4] == ["evaluation after step 0", "step 1", "step 2", "step 1"]
    assert result_of(Path("run")) == result_of(directory)


def test_steps_may_grow_but_not_shrink(uninterrupted):
    directory, _, _ = uninterrupted
    train(replace(CONFIG, steps=10))
    grown = train(CONFIG)
    assert grown.steps == 12
    assert result_of(Path("run")) == result_of(directory)  # both evaluate after step 10
    with pytest.raises(UsageError, match="a run of 12 steps, which may grow but not shrink to 4"):
        train(replace(CONFIG, steps=4))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"batch": 4}, "settings.batch was 3, is 4"),
        ({"seed": 1}, "settings.seed was 0, is 1"),
        ({"agent_options": {"rate": 0.1}}, r"agent.rate was 0.05, is 0.1"),
        ({"options": {"count": 4}}, "data.train.digest was"),
    ],
)
def test_another_configuration_is_refused_by_name(uninterrupted, other, said):
    shutil.copytree(uninterrupted[0], "run")
    with pytest.raises(UsageError, match=said) as error:
        train(replace(CONFIG, **other))
    assert "\n" not in str(error.value)


def test_of_many_differences_the_first_are_named(uninterrupted):
    shutil.copytree(uninterrupted[0], "run")
    other = replace(CONFIG, seed=1, batch=4, n=4, top_p=0.5, temperature=0.7, max_tokens=3, eval_n=1, eval_top_p=0.9)
    with pytest.raises(
        UsageError, match=r"of another configuration: .*and \d more; give another run directory"
    ) as error:
        train(other)
    assert str(error.value).count(" was ") == 6


def test_a_checkpoint_of_another_configuration_is_refused(uninterrupted):
    shutil.copytree(uninterrupted[0], "run")
    train(replace(CONFIG, seed=1, out=Path("other"), steps=4))
    shutil.rmtree("run/checkpoints")
    shutil.copytree("other/checkpoints", "run/checkpoints")
    with pytest.raises(UsageError, match=r"step-000004 is of another configuration: settings.seed was 1, is 0"):
        train(CONFIG)


def test_what_changes_nothing_but_memory_and_patience_may_change(uninterrupted):
    directory, _, _ = uninterrupted
    train(replace(CONFIG, steps=5))
    train(replace(CONFIG, watch="warn", save_every=3, agent_options={"micro_batch_tokens": 2}))
    assert rows_of(Path("run")) == rows_of(directory)


@pytest.mark.parametrize("damage", ["altered", "torn", "all"])
def test_a_damaged_checkpoint_is_named_and_the_run_goes_on_from_the_one_before(uninterrupted, caplog, damage):
    directory, _, _ = uninterrupted
    train(replace(CONFIG, steps=10))
    there = sorted(Path("run/checkpoints").iterdir())
    assert len(there) >= 2
    for path in there if damage == "all" else there[-1:]:
        if damage == "torn":
            (path / "manifest.json").unlink()
        else:
            (path / "agent" / "skill.json").write_text("0.999")
    observer = Observer()
    with caplog.at_level(logging.WARNING):
        train(CONFIG, observer)
    assert f"{there[-1].name} is not used" in caplog.text
    assert ("training begins anew" in caplog.text) == (damage == "all")
    assert observer.began[2] == (0 if damage == "all" else int(there[-2].name[5:]))
    assert result_of(Path("run")) == result_of(directory)


def test_a_log_that_was_shortened_is_noticed(uninterrupted, caplog):
    directory, _, _ = uninterrupted
    train(replace(CONFIG, steps=10))
    log = Path("run/metrics.jsonl")
    log.write_bytes(log.read_bytes()[:-5])
    with caplog.at_level(logging.WARNING):
        train(CONFIG)
    assert "metrics.jsonl is shorter" in caplog.text
    assert result_of(Path("run")) == result_of(directory)


def test_examples_that_were_deleted_cost_no_checkpoint(uninterrupted, caplog):
    directory, _, _ = uninterrupted
    train(replace(CONFIG, steps=8))
    Path("run/updates.jsonl").unlink()
    observer = Observer()
    with caplog.at_level(logging.WARNING):
        train(CONFIG, observer)
    assert "updates.jsonl is shorter" in caplog.text
    assert observer.began[2] == 8
    assert {row["step"] for row in rows_of(Path("run"), "updates.jsonl")} == {9, 10, 11, 12}
    assert [row for row in rows_of(Path("run")) if row["step"] == 12] == [
        row for row in rows_of(directory) if row["step"] == 12
    ]


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)  # for the main thread to hear of it


def test_the_first_interrupt_finishes_the_step_and_saves(uninterrupted):
    directory, _, _ = uninterrupted
    rows = Observer()

    class InStep(Observer):
        def work(self, what: str, total: int) -> None:
            if what == "step 7":
                interrupt()

    previous = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, InStep())
    assert signal.getsignal(signal.SIGINT) is previous
    assert max(path.name for path in Path("run/checkpoints").iterdir()) == "step-000007"
    train(CONFIG, rows)
    assert rows.began[2] == 7
    assert rows_of(Path("run")) == rows_of(directory)


def test_an_interrupt_during_an_evaluation_saves_and_has_it_made_again(uninterrupted):
    directory, _, _ = uninterrupted

    class InEvaluation(Observer):
        def work(self, what: str, total: int) -> None:
            if what == "evaluation after step 5":
                interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, InEvaluation())
    assert [row["step"] for row in rows_of(Path("run")) if "eval" in row] == [0]
    assert max(path.name for path in Path("run/checkpoints").iterdir()) == "step-000005"
    train(CONFIG)
    assert rows_of(Path("run")) == rows_of(directory)


def test_the_second_interrupt_ends_at_once(uninterrupted):
    class Twice(Observer):
        def work(self, what: str, total: int) -> None:
            if what == "step 7":
                interrupt()
                interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, Twice())
    assert max(row["step"] for row in rows_of(Path("run"))) == 6


class DullAgent(FakeAgent):
    """Never has anything to learn from."""

    def update(self, groups: Any) -> dict[str, float]:
        return super().update(groups) | {"reprompt_fraction": 0.0}


def dull(policy: Any, *, seed: int, temperature: float, rehearsal: Any = None) -> FakeAgent:
    return DullAgent(policy, seed, 0.0, None, None)


def test_the_watch_ends_a_run_that_learns_nothing_and_says_so(caplog):
    register_agent("dull", dull)
    config = replace(CONFIG, agent="dull", steps=30)
    observer = Observer()
    with caplog.at_level(logging.WARNING):
        summary = train(config, observer)
    assert summary.steps == summary.last_step == 10
    assert summary.stopped.signal == "nothing_learned"
    assert observer.alarms == [summary.stopped]
    assert "collapse watch: step 10: nothing_learned" in caplog.text
    assert json.loads(Path("run/summary.json").read_text())["stopped"]["signal"] == "nothing_learned"
    assert Path("run/checkpoints/step-000010").is_dir()
    again = train(config)
    assert (again.steps, again.stopped) == (10, summary.stopped)
    gone_on = train(replace(config, watch="warn"))
    assert (gone_on.steps, gone_on.stopped) == (30, None)


def test_the_watch_may_warn_once_or_be_silent(caplog):
    register_agent("dull", dull)
    with caplog.at_level(logging.WARNING):
        assert train(replace(CONFIG, agent="dull", steps=15, watch="warn")).steps == 15
    assert caplog.text.count("nothing_learned") == 1
    caplog.clear()
    observer = Observer()
    train(replace(CONFIG, agent="dull", steps=15, watch="off", out=Path("silent")), observer)
    assert caplog.text == ""
    assert observer.alarms == []


class OutagePolicy(FakePolicy):
    """What it says makes the judge fail, for the attempts that are named."""

    def __init__(self, attempts: set[int]) -> None:
        super().__init__()
        self.attempts = attempts

    def generate(self, requests, sampling):
        for index, completion in super().generate(requests, sampling):
            if requests[index].attempt in self.attempts:
                completion = Completion("OUTAGE", FinishReason.STOP, usage=completion.usage)
            yield index, completion


def test_an_outage_is_no_zero(monkeypatch):
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: OutagePolicy({2}))
    seen = []

    class Looking(FakeAgent):
        def update(self, groups: Any) -> dict[str, float]:
            seen.extend(a.verdict for group in groups for a in group.attempts)
            return super().update(groups)

    register_agent("looking", lambda policy, *, seed, temperature, rehearsal=None: Looking(policy, seed, 0.1, 3, None))
    train(replace(CONFIG, agent="looking", steps=2))
    step = next(row for row in rows_of(Path("run")) if row["step"] == 1)
    judged = [verdict.reward for verdict in seen[:9] if verdict]
    assert len(judged) == 6
    assert step["errored_fraction"] == pytest.approx(1 / 3)
    assert step["reward_mean"] == pytest.approx(sum(judged) / 6)
    evaluation = rows_of(Path("run"))[0]["eval"]
    assert (evaluation["errors"], evaluation["n"]) == (5, 3)


def test_fifty_outages_in_a_row_end_the_run(monkeypatch):
    class FailsLater(OutagePolicy):
        rounds = 0

        def generate(self, requests, sampling):
            self.rounds += 1
            self.attempts = set(range(9)) if self.rounds > 6 else set()
            return super().generate(requests, sampling)

    policies = iter([FailsLater(set()), FakePolicy()])
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: next(policies))
    config = replace(CONFIG, eval_every=0, eval_teacher=False)
    with pytest.raises(
        OutageError, match="50 attempts in a row ended in an outage, the last with: JudgeError"
    ) as error:
        train(config)
    assert "the same command continues the run in run" in str(error.value)
    observer = Observer()
    train(config, observer)
    assert observer.began[2] == 10  # steps without a verdict are steps: nothing was learned in them


def test_an_evaluation_of_nothing_but_outages_is_no_zero(monkeypatch):
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: OutagePolicy(set(range(9))))
    with pytest.raises(OutageError, match="all 20 attempts of an evaluation ended in an outage"):
        train(CONFIG)


class ShortPolicy(FakePolicy):
    """Its context holds no prompt."""

    def generate(self, requests, sampling):
        for index in range(len(requests)):
            yield index, PolicyError("the prompt is longer than the context", permanent=True)


def test_prompts_that_never_fit_are_no_outage(monkeypatch):
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: ShortPolicy())
    with pytest.raises(UsageError, match=r"none of the 20 attempts .* longer than the context; take another model"):
        train(CONFIG)


class OutOfMemoryError(RuntimeError):
    """As torch calls its own."""


@pytest.mark.parametrize("where", ["update", "generate"])
def test_memory_that_runs_out_is_said_in_one_line_with_the_knobs(monkeypatch, where):
    owner = FakeAgent if where == "update" else FakePolicy

    def fail(self: Any, *_: Any) -> Any:
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore lines")

    monkeypatch.setattr(owner, where, fail)
    with pytest.raises(UsageError, match="micro_batch_tokens") as error:
        train(CONFIG)
    said = str(error.value)
    assert "batch_tokens" in said
    assert "gradient_checkpointing" in said
    assert "\n" not in said


def test_other_failures_of_the_agent_are_its_own(monkeypatch):
    monkeypatch.setattr(FakeAgent, "update", lambda *_: raising(RuntimeError("a bug"))())
    with pytest.raises(RuntimeError, match="a bug"):
        train(CONFIG)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"batch": 6}, r"a batch of 6 tasks is more than the 5 of toy_sample \(split 'train'\); give --batch 5"),
        ({"options": {"count": 0}}, "has no tasks to train on"),
        ({"eval_options": {"count": 0}}, "has no tasks to evaluate on"),
        ({"options": {"cnt": 1}}, "did you mean 'count'"),
        ({"rehearsal": "no-such-file.jsonl"}, "rehearsal file 'no-such-file.jsonl' cannot be read"),
        ({"agent": "fakee"}, "did you mean 'fake'"),
        ({"temperature": 0.0}, "nothing to compare"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(more, said):
    with pytest.raises(UsageError, match=said) as error:
        train(replace(CONFIG, **more))
    assert "\n" not in str(error.value)
    assert not Path("run").exists()


def test_a_policy_that_cannot_be_trained_is_refused_by_the_capability(monkeypatch):
    policy = FakePolicy()
    policy.capabilities = frozenset({Capability.SEED})
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: policy)
    with pytest.raises(UsageError, match="policy 'fake' lacks the capability 'train'"):
        train(CONFIG)
    assert policy.closed


def test_a_directory_of_something_else_is_left_alone():
    Path("run").mkdir()
    Path("run/thesis.tex").write_text("words")
    with pytest.raises(UsageError, match=r"not empty \(it holds 'thesis.tex'\)"):
        train(CONFIG)
    shutil.rmtree("run")
    Path("run").mkdir()
    Path("run/run.json").write_text('{"format": 1, "kind": "eval"}')
    with pytest.raises(UsageError, match="not that of a training run"):
        train(CONFIG)


def test_a_run_under_way_is_not_joined():
    def second() -> None:
        with pytest.raises(UsageError, match=f"process {os.getpid()} is writing to run"):
            train(CONFIG)

    assert train(replace(CONFIG, steps=1), Observer(3, second)).steps == 1


def test_without_out_the_run_lies_under_its_environment_and_agent():
    summary = train(replace(CONFIG, out=None, steps=1))
    assert summary.directory.parent == Path("runs/Toy-v0")
    assert summary.directory.name.startswith("fake-")
    assert train(replace(CONFIG, out=None, steps=2)).directory == summary.directory
    assert train(replace(CONFIG, out=None, steps=1, seed=1)).directory != summary.directory


def test_rehearsal_reaches_the_agent_and_the_record():
    row = {"messages": [{"role": "user", "content": "ask"}], "completion": "say"}
    Path("rows.jsonl").write_text(json.dumps(row) + "\n")
    train(replace(CONFIG, steps=1, rehearsal="rows.jsonl"))
    record = json.loads(Path("run/run.json").read_text())["rehearsal"]
    assert record["rows"] == 1
    assert len(record["sha256"]) == 64


def test_several_turns_are_several_answers():
    train(replace(CONFIG, turns=2, steps=1, eval_teacher=False))
    first, step, _ = rows_of(Path("run"))
    assert step["reward_mean"] == 1.0  # the fake answers rightly once it is told how far off it was
    assert first["eval"]["avg"] == 1.0


class ListeningPolicy(FakePolicy):
    """Keeps what it was asked, and how."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, int, Sampling]] = []

    def generate(self, requests, sampling):
        self.heard += [(request.task_id, request.seed, sampling) for request in requests]
        return super().generate(requests, sampling)


def test_every_attempt_is_drawn_anew_and_evaluations_are_sampled_in_their_own_way(monkeypatch):
    policy = ListeningPolicy()
    monkeypatch.setattr(loop, "load_policy", lambda *_, **__: policy)
    own = {"eval_n": 2, "eval_temperature": 0.6, "eval_top_p": 0.9, "temperature": 1.1, "top_p": 0.8, "max_tokens": 7}
    train(replace(CONFIG, steps=4, eval_every=2, eval_teacher=False, watch="off", **own))
    training = [ask for ask in policy.heard if ask[2].temperature == 1.1]
    evaluating = [ask for ask in policy.heard if ask[2].temperature != 1.1]
    assert len(training) == 4 * 9  # three times as many tasks as there are
    assert len(evaluating) == 3 * 10
    assert len({seed for _, seed, _ in policy.heard}) == len(policy.heard)
    assert {(s.n, s.top_p, s.max_tokens) for _, _, s in training} == {(3, 0.8, 7)}
    assert {(s.n, s.temperature, s.top_p, s.max_tokens) for _, _, s in evaluating} == {(2, 0.6, 0.9, 7)}


def test_evaluations_have_options_of_their_own():
    train(replace(CONFIG, steps=1, eval_teacher=False, eval_options={"tolerance": 1000, "count": 2}))
    first, step, _ = rows_of(Path("run"))
    assert (first["eval"]["avg"], first["eval"]["tasks"]) == (1.0, 2)
    assert step["reward_mean"] < 1


def test_no_evaluation_in_between_where_none_is_asked_for():
    train(replace(CONFIG, eval_every=0, eval_teacher=False, eval_limit=2))
    evaluations = [row for row in rows_of(Path("run")) if "eval" in row]
    assert [row["step"] for row in evaluations] == [0, 12]
    assert evaluations[0]["eval"]["tasks"] == 2
    assert "teacher_eval" not in evaluations[0]


def test_training_needs_no_torch_to_be_imported():
    code = "import sys, sdpo_gym.train, sdpo_gym.cli.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


COMMAND = [
    sys.executable, fake_command.__file__, "train", "Toy-v0", "--agent", "slow", "--policy", "x", "--data", "sample",
    "--batch", "3", "--n", "3", "--steps", "40", "--eval-every", "7", "--save-every", "5", "--quiet",
]  # fmt: skip


@pytest.mark.slow
def test_a_run_stopped_by_kill_9_and_resumed_equals_one_that_was_not(tmp_path):
    subprocess.run([*COMMAND, "--out", "whole"], check=True, capture_output=True)
    rng = random.Random(0)
    log = Path("killed/metrics.jsonl")
    for _ in range(2):
        wanted = len(log.read_bytes().splitlines()) + rng.randrange(6, 16) if log.exists() else rng.randrange(6, 16)
        process = subprocess.Popen([*COMMAND, "--out", "killed"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not log.exists() or len(log.read_bytes().splitlines()) < wanted:
            assert process.poll() is None
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    subprocess.run([*COMMAND, "--out", "killed"], check=True, capture_output=True)
    assert len(json.loads(Path("killed/run.json").read_text())["sessions"]) == 3
    assert result_of(Path("killed")) == result_of(Path("whole"))
