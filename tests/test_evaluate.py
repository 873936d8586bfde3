from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from guess_env import RECORDED, SPEC, make_tasks
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.evaluate import EvalConfig, evaluate
from sdpo_gym.records import config_digest, iter_rows, load_results, load_run
from sdpo_gym.registry import register_spec
from sdpo_gym.task import Task, TaskSet


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(policy: str | None = "guess:", *, out: str | None = "run", **options):
    data = options.pop("data", "sample")
    return evaluate(EvalConfig("guess", policy=policy, data=data, out=Path(out) if out else None, **options))


def calls(log: str = "log") -> list[str]:
    return Path(log).read_text().splitlines()


def summary_of(directory: Path) -> dict:
    return json.loads((directory / "summary.json").read_text())


def test_without_model_and_policy_the_recorded_sample_is_replayed_and_says_so():
    summary = evaluate(EvalConfig("guess"))
    assert summary.env == "guess_sample"
    assert (summary.tasks, summary.left_out, summary.attempts) == (4, 2, 8)
    assert summary.scores["avg@2"].value == pytest.approx(5 / 8)
    assert any("MODEL=" in notice and "recorded" in notice for notice in summary.notices)
    assert "these are made-up numbers" in summary.notices
    record = load_run(summary.directory)
    assert record["data"]["name"] == "guess_sample"
    assert record["data"]["is_sample"] is True
    assert record["policy"]["file"] == RECORDED.name
    assert record["sampling"] == {"n": None}


def test_with_a_policy_the_data_are_the_hubs_unless_said_otherwise():
    assert run(data=None).env == "guess"
    assert run(out="other", data="sample").env == "guess_sample"


def test_defaults_come_from_the_card_and_are_recorded():
    summary = run()
    record = load_run(summary.directory)
    assert record["sampling"] == {"n": 2, "temperature": 1.0, "top_p": 1.0, "max_tokens": 16, "stop": []}
    assert (record["turns"], record["seed"], record["limit"]) == (1, 0, None)
    assert record["data"]["digest"] == make_tasks().digest == summary.data_digest
    (session,) = record["sessions"]
    assert session["isolation"] == summary.isolation == "threads"
    assert session["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(session["versions"]) >= {"sdpo_gym", "gymnasium", "numpy"}
    assert session["judged_with"] == {"judged_python": "3.99"}


def test_the_default_directory_is_that_of_the_same_configuration():
    first = run(out=None)
    assert first.directory.parent == Path("runs/guess")
    assert first.directory.name.startswith("guess-")
    assert run(out=None, n=3).directory == first.directory
    assert run(out=None, seed=1, n=3).directory != first.directory
    assert run(out=None, options={"workers": 2}, n=3).directory == first.directory


def test_a_second_call_does_nothing_twice():
    first = run("guess:log=log")
    assert len(calls()) == 12
    again = run("guess:log=log")
    assert len(calls()) == 12
    assert again == first
    assert len(list(iter_rows(Path("run")))) == 12


def test_more_attempts_and_more_tasks_are_added_to_what_is_there():
    run("guess:log=log", limit=2)
    grown = run("guess:log=log", n=5, limit=4)
    assert len(calls()) == len(set(calls())) == 20
    assert (grown.tasks, grown.attempts, grown.smallest_n) == (4, 20, 5)
    assert grown.scores == run("guess:", out="afresh", n=5, limit=4).scores


def test_limit_takes_the_first_tasks():
    run(limit=3)
    assert {row["task_id"] for row in iter_rows(Path("run"))} == {"g0", "g1", "g2"}


def test_another_configuration_in_the_same_directory_is_refused():
    run()
    with pytest.raises(UsageError, match="seed was 0, is 1"):
        run(seed=1)
    with pytest.raises(UsageError, match=r"env\.options\.tolerance was null, is 1"):
        run(options={"tolerance": 1})
    with pytest.raises(UsageError, match=r"data\.digest was .*, is "):
        run(options={"salt": "new"})
    with pytest.raises(UsageError, match=r"sampling\.n = 2, which may grow but not shrink to 1"):
        run(n=1)


def test_several_turns_help():
    once, thrice = run(n=4), run(out="thrice", n=4, turns=3)
    assert thrice.scores["avg@4"].value > once.scores["avg@4"].value
    assert any(row["turn"] == 1 for row in iter_rows(Path("thrice")))
    solved = [estimate.value for estimate in thrice.by_turn]
    assert len(solved) == 3
    assert solved == sorted(solved)
    assert solved[0] == once.scores["pass@1"].value
    assert solved[2] == thrice.scores["pass@1"].value > solved[0]
    assert once.by_turn == ()
    assert thrice.attempts == once.attempts == 24


def test_outages_are_in_no_score_and_are_made_again():
    Path("down").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sdpo_gym.evaluate.MAX_ERRORS_IN_A_ROW", 1000)
        summary = run("guess:log=log,down=down")
    assert (summary.attempts, summary.errors, summary.unscored, summary.scores) == (0, 12, 6, {})
    assert summary.error_rate == 1.0
    Path("down").unlink()
    summary = run("guess:log=log,down=down")
    assert (summary.attempts, summary.errors) == (12, 0)
    assert len(calls()) == 24
    assert summary.scores == run("guess:", out="other").scores


def test_nothing_but_outages_ends_the_run():
    Path("down").touch()
    with pytest.raises(OutageError, match=r"50 attempts in a row .*PolicyError: the server is down; .* in run"):
        run("guess:down=down", n=100)
    assert 50 <= len(list(iter_rows(Path("run")))) < 600


def test_permanent_errors_do_not_end_the_run():
    summary = run("guess:mute=0", n=10)
    assert (summary.attempts, summary.errors) == (0, 60)


def test_a_verdict_that_json_cannot_hold_is_an_outage():
    summary = run("guess:say=NAN 0")
    assert summary.errors == 12
    assert "JSON cannot hold" in next(iter_rows(Path("run")))["error"]


def test_recorded_completions_decide_n(tmp_path):
    file = tmp_path / "r.jsonl"
    rows = [("g1", ["10", "11", "10"]), ("g4", ["40"])]
    file.write_text("".join(json.dumps({"task_id": t, "completions": c}) + "\n" for t, c in rows))
    summary = run(f"replay:{file}")
    assert (summary.tasks, summary.left_out) == (2, 4)
    assert (summary.smallest_n, summary.largest_n) == (1, 3)
    assert set(summary.scores) == {"avg@1", "pass@1", "closeness"}
    assert summary.scores["avg@1"].value == pytest.approx((2 / 3 + 1) / 2)
    assert run(f"replay:{file}", out="two", n=2).largest_n == 2


def test_recorded_completions_of_unknown_tasks_are_refused(tmp_path):
    file = tmp_path / "r.jsonl"
    file.write_text('{"task_id": "g1", "completion": "1"}\n{"task_id": "x9", "completion": "1"}\n')
    with pytest.raises(UsageError, match=r"1 of 2 recorded task ids are not in guess \(window since ever\).*'x9'"):
        run(f"replay:{file}", data="hub")


def test_of_the_own_recording_an_alias_takes_what_is_of_its_tasks():
    summary = evaluate(EvalConfig("guess_small"))
    assert (summary.tasks, summary.attempts) == (2, 4)
    with pytest.raises(UsageError, match="2 of 4 recorded task ids are not in guess_sample"):
        evaluate(EvalConfig("guess_small", policy=f"replay:{RECORDED}", data="sample", out=Path("named")))


def test_settings_without_effect_on_recorded_completions_are_refused():
    with pytest.raises(UsageError, match="leave out temperature"):
        run(f"replay:{RECORDED}", temperature=0.5)
    with pytest.raises(UsageError, match="leave out turns = 2"):
        run(f"replay:{RECORDED}", turns=2)


def test_gold_answers_reach_the_script_through_the_task_set():
    assert run("scripted:gold").scores["avg@2"].value == 1.0
    assert run("scripted:empty", out="empty").outcomes == {"no_number": 12}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"n": 0}, "n must be at least 1"),
        ({"top_p": 2.0}, r"top_p must lie in \(0, 1\], got 2.0"),
        ({"policy": "nobody:"}, "no policy 'nobody'"),
        ({"policy": None, "data": "hub"}, "data 'hub' needs a policy"),
        ({"options": {"tolerence": 1}}, "no option 'tolerence'; did you mean 'tolerance'"),
        ({"base_url": "http://x"}, "policy 'guess' takes no option 'base_url'"),
    ],
)
def test_bad_settings_are_usage_errors(options, words):
    with pytest.raises(UsageError, match=words):
        run(**options)
    assert not Path("run").exists()


def test_an_environment_without_recorded_completions_needs_a_policy():
    import toy_env  # noqa: F401  (registers itself)

    with pytest.raises(UsageError, match="environment 'Toy-v0' has no recorded completions; give MODEL="):
        evaluate(EvalConfig("Toy-v0"))


def test_scores_that_the_judge_calls_lower_bounds_are_in_no_summary():
    assert "closeness" in run().scores
    assert "closeness" not in run(out="decided", options={"stop": "decided"}).scores


class Payload(Mapping):
    """A payload that counts how often it is read as a whole, as hashing does."""

    def __init__(self, payload: Mapping, read: Counter) -> None:
        self._payload, self._read = payload, read

    def __getitem__(self, key):
        return self._payload[key]

    def __iter__(self):
        self._read[self._payload["answer"]] += 1
        return iter(self._payload)

    def __len__(self):
        return len(self._payload)


class LazyTasks(TaskSet):
    def __init__(self, read: Counter) -> None:
        self._inner, self._read = make_tasks(), read
        self.name, self.split, self.revision = self._inner.name, self._inner.split, self._inner.revision

    @property
    def ids(self):
        return self._inner.ids

    def load(self, index):
        task = self._inner.load(index)
        return Task(task.id, task.messages, Payload(task.payload, self._read), task.meta)


def test_every_payload_is_hashed_once():
    read: Counter[int] = Counter()
    register_spec(replace(SPEC, tasks=lambda split, data: LazyTasks(read)))
    try:
        run(turns=2)
    finally:
        register_spec(SPEC)
    assert read == {10 * i: 1 for i in range(6)}


def test_a_run_on_a_file_is_the_same_from_any_directory(tmp_path, monkeypatch):
    Path("numbers").write_text("salt")
    run(data="numbers", out=str(tmp_path / "run"))
    before = load_run(tmp_path / "run")
    assert before["data"]["choice"] == str(tmp_path / "numbers")
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    Path("other").write_text("salt")
    run(data="other", out=str(tmp_path / "run"))
    after = load_run(tmp_path / "run")
    assert after["data"]["choice"] == str(tmp_path / "deeper" / "other")
    assert config_digest(after) == config_digest(before)


def test_the_summary_groups_by_what_tells_tasks_apart():
    summary = run()
    assert list(summary.by) == ["difficulty", "platform"]
    assert list(summary.by["difficulty"]) == ["easy", "medium", "hard"]
    for kinds in summary.by.values():
        assert sum(part.tasks for part in kinds.values()) == summary.tasks
        assert sum(part.attempts for part in kinds.values()) == summary.attempts
    mean = sum(p.scores["avg@2"].value for p in summary.by["difficulty"].values()) / 3
    assert mean == pytest.approx(summary.scores["avg@2"].value)


SLOW = """
    import sys
    sys.path.insert(0, {tests!r})
    import guess_env
    from pathlib import Path
    from sdpo_gym.evaluate import EvalConfig, evaluate
    evaluate(EvalConfig("guess", policy="guess:delay={delay},log=log", data="sample", n=5, turns=2, seed=3,
                        out=Path("run"), options={{"delay": {delay}}}))
"""


def _start(delay: float) -> subprocess.Popen[bytes]:
    code = textwrap.dedent(SLOW.format(tests=str(Path(__file__).parent), delay=delay))
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.slow
def test_a_killed_run_continues_to_the_summary_of_an_uninterrupted_one():
    delay = 0.02
    killed_at = []
    for rows_at_least in (5, 15):
        process = _start(delay)
        deadline = time.monotonic() + 60
        while _rows() < rows_at_least:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        killed_at.append(_rows())
        assert not Path("run/summary.json").exists()
    with Path("run/attempts.jsonl").open("ab") as file:  # what a kill in the middle of a write leaves
        file.write(b'{"task_id": "g1", "comp')
    finished = {key for key, result in load_results(Path("run")).items() if result.error is None}
    done_before = len(calls())
    assert _start(delay).wait() == 0
    made_now = calls()[done_before:]
    digests = {task.id: task.digest for task in make_tasks()}
    assert not {(digests[c.split()[0]], int(c.split()[1])) for c in made_now} & finished
    options = {"n": 5, "turns": 2, "seed": 3, "options": {"delay": delay}}
    whole = run(f"guess:delay={delay},log=log", out="whole", **options)
    assert summary_of(Path("run")) == summary_of(whole.directory)
    assert killed_at[0] < killed_at[1] < len(list(iter_rows(Path("whole"))))
    assert len(load_run(Path("run"))["sessions"]) == 3


def _rows() -> int:
    path = Path("run/attempts.jsonl")
    return path.read_bytes().count(b"\n") if path.exists() else 0
