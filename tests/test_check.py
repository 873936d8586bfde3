from __future__ import annotations

import base64
import dataclasses
import itertools
import json
import socket
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import toy_env
from sdpo_gym import Completion, Judge, JudgeError, ListTaskSet, Message, Status, Task, Verdict, register_spec, registry
from sdpo_gym.checking import Mark, Report, check_env
from sdpo_gym.checking.offline import no_network
from sdpo_gym.checking.run import CHECKS
from sdpo_gym.errors import UsageError
from toy_env import ToyJudge

CARD = toy_env.CARD_TOML.replace('name = "Toy"', 'name = "Broken"').replace("toy_small", "broken_small")


@pytest.fixture(autouse=True)
def _forget_what_a_test_registers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_in_process", dict(registry._in_process))
    yield
    gymnasium.registry.pop("sdpo/Broken-v0", None)


def check(card: str = CARD, **changes: Any) -> Report:
    """Check the toy with another card or other parts."""
    spec = dataclasses.replace(
        toy_env.SPEC, **{"name": "Broken-v0", "card": toy_env.load_card(card), "aliases": {}, **changes}
    )
    register_spec(spec)
    return check_env("Broken-v0")


def complaints(report: Report) -> dict[str, list[str]]:
    """Return what is wrong by check, leaving out what was not run."""
    found: dict[str, list[str]] = {}
    for result in report.results:
        if result.mark in (Mark.FAILED, Mark.TO_FILL_IN):
            found.setdefault(result.check, []).append(result.message)
    return found


def complaint(report: Report, name: str) -> str:
    """Return the one complaint there is, which must be of the check ``name``."""
    found = complaints(report)
    assert list(found) == [name], found
    return found[name][0]


def judging(decide: Callable[[Task, Completion, Verdict], Verdict]) -> dict[str, Any]:
    """Return a part: the toy's judge, whose verdicts go through ``decide``."""

    def make() -> Judge:
        toy = ToyJudge()
        return lambda task, completion: decide(task, completion, toy(task, completion))

    return {"judge": make}


def with_tasks(change: Callable[[Task], Task] = lambda task: task, **arguments: Any) -> dict[str, Any]:
    """Return a part: the toy's tasks, changed."""

    def make(split: str | None, data: str) -> ListTaskSet:
        toy = toy_env.tasks(split, data)
        gold = {task.id: toy.gold(task) for task in toy}
        given = {"name": "broken_sample", "revision": "sample", "is_sample": True, "gold": gold}
        return ListTaskSet([change(task) for task in toy], **{**given, **arguments})

    return {"tasks": make}


def with_fixtures(tmp_path: Path, *rows: dict[str, Any]) -> dict[str, Any]:
    file = tmp_path / "fixtures.jsonl"
    file.write_text(toy_env.FIXTURES.read_text() + "".join(json.dumps(row) + "\n" for row in rows))
    return {"fixtures": lambda: file}


@pytest.mark.parametrize("name", ["Toy-v0", "sdpo/Toy-v0", "toy_small", "toy_lenient"])
def test_a_good_environment_passes_every_check(name: str) -> None:
    report = check_env(name)
    assert report.ok, complaints(report)
    assert tuple(result.check for result in report.results) == CHECKS


def test_the_progress_of_judging_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    check_env("Toy-v0", progress=lambda *figures: told.append(figures))
    assert ("gold", 5, 5) in told
    assert {name for name, _, _ in told} == {"gold", "junk", "expectations", "leaks", "determinism"}


def test_an_environment_that_there_is_not_is_bad_input() -> None:
    with pytest.raises(UsageError, match="did you mean 'toy_small'"):
        check_env("toy_smal")


def test_an_option_that_there_is_not_is_bad_input() -> None:
    with pytest.raises(UsageError, match="has no option 'tolerence'"):
        check_env("Toy-v0", options={"tolerence": 1})


def test_options_arrive() -> None:
    results = {result.check: result for result in check_env("Toy-v0", options={"count": 2}).results}
    assert results["sample"].message.startswith("2 tasks")


def test_an_environment_that_cannot_be_loaded_is_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    info = tmp_path / "torn-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sdpo_gym.envs]\nTorn-v0 = torn_env:SPEC\n")
    (tmp_path / "torn_env.py").write_text("1 / 0\n")
    report = check_env("sdpo/Torn-v0")
    assert "ZeroDivisionError" in complaint(report, "card")
    assert [result.mark for result in report.results[1:]] == [Mark.NOT_RUN] * (len(CHECKS) - 1)
    assert sys.modules.get("torn_env") is None


# card and aliases


def test_what_is_left_to_fill_in_of_the_card_is_listed() -> None:
    card = CARD.replace('title = "Adding two numbers"', 'title = "TODO: one line"')
    report = check(card.replace('text = "compares integers"', 'text = "TODO"'))
    assert complaints(report) == {
        "card": ["card.toml, key 'title': TODO: one line", "card.toml, key 'judge.text': TODO"]
    }
    assert {result.mark for result in report.results} == {Mark.OK, Mark.TO_FILL_IN}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('headline = "score"', 'headline = "speed"', "headline 'speed' is none of the scores score, closeness"),
        ("[feedback]", '[feedback]\npayload_shown = "answer"', "'feedback.payload_shown' must be a list"),
        ("[feedback]", '[feedback]\nchars = "many"', "'feedback.chars' must be an integer"),
        ("[judge]", "[judge]\nkind = 3", "'judge.kind' must be a text"),
    ],
)
def test_a_card_that_contradicts_itself(old: str, new: str, words: str) -> None:
    assert words in complaint(check(CARD.replace(old, new)), "card")


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"toy_small": {}}, "alias 'toy_small' belongs to Broken-v0 and Toy-v0"),
        ({"Toy-v0": {}}, "alias 'Toy-v0' is the name of an environment"),
        ({"broken": {"cuont": 3}}, "has no option 'cuont'"),
        ({"broken": {"count": 0}}, "alias 'broken' has no sample tasks"),
    ],
)
def test_an_alias_that_leads_nowhere(aliases: dict[str, Any], words: str) -> None:
    assert words in complaint(check(aliases=aliases), "aliases")


# the sample set


def reaching_out(swallow: bool) -> Callable[..., ListTaskSet]:
    def tasks(split: str | None, data: str) -> ListTaskSet:
        try:
            socket.create_connection(("data.example.org", 443), timeout=1)
        except OSError:
            if not swallow:
                raise
        return toy_env.tasks(split, data)

    return tasks


@pytest.mark.parametrize("swallow", [False, True])
def test_a_sample_set_that_needs_the_network(swallow: bool) -> None:
    assert complaint(check(tasks=reaching_out(swallow)), "sample").endswith("the network for data.example.org:443")


def test_the_network_is_back_afterwards() -> None:
    with no_network() as asked, socket.socket() as closed:
        with pytest.raises(OSError, match="switched off"):
            closed.connect(("127.0.0.1", 9))
        assert closed.connect_ex(("127.0.0.1", 9)) != 0
    assert asked == ["127.0.0.1:9"] * 2
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def unstable() -> Callable[[Task], Task]:
    numbers = itertools.count()
    return lambda task: dataclasses.replace(task, meta={"loaded": next(numbers)})


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (with_tasks(is_sample=False), "does not say that it is a sample"),
        (with_tasks(unstable()), "its digest differs when it is loaded again"),
        (with_tasks(lambda t: dataclasses.replace(t, meta={"tags": ["a"]})), "meta 'tags' is ['a']"),
        (with_tasks(lambda t: dataclasses.replace(t, messages=t.messages[:1])), "its last message is not a user's"),
        (with_tasks(lambda t: dataclasses.replace(t, messages=(Message("user", " "),))), "message 1 is empty"),
        (with_tasks(lambda t: dataclasses.replace(t, id="same")), "task id 'same' occurs twice"),
        ({"tasks": lambda split, data: toy_env.tasks(split, data, count=0)}, "it is empty"),
    ],
)
def test_a_sample_set_that_is_not_as_it_must_be(part: dict[str, Any], words: str) -> None:
    report = check(**part)
    assert words in complaint(report, "sample")
    assert {r.check for r in report.results if r.mark is Mark.NOT_RUN} == set(CHECKS) - {"card", "aliases", "sample"}


# what is not written yet, and what breaks


def test_what_is_not_written_yet_is_to_be_filled_in() -> None:
    def tasks(split: str | None, data: str) -> ListTaskSet:
        raise NotImplementedError("TODO in tasks.py: make the tasks")

    report = check(tasks=tasks)
    (result,) = [result for result in report.results if result.check == "sample"]
    assert result.mark is Mark.TO_FILL_IN
    assert result.message.startswith("TODO in tasks.py: make the tasks (test_check.py:")


def test_a_scaffold_lists_what_is_to_be_filled_in_wherever_it_can(tmp_path: Path) -> None:
    def judge() -> Judge:
        def decide(task: Task, completion: Completion) -> Verdict:
            raise NotImplementedError("TODO in judge.py: judge")

        return decide

    todo = with_tasks(lambda task: dataclasses.replace(task, messages=(Message("user", "TODO: ask"),)))
    row = {"task_id": "TODO", "completion": "TODO: an answer", "expect": "malformed"}
    card = CARD.replace('licence = "CC0-1.0"', 'licence = "TODO"')
    report = check(card, judge=judge, **todo, **with_fixtures(tmp_path, row))
    assert list(complaints(report)) == ["card", "sample", "fixtures", "gold"]
    assert not any(result.mark is Mark.FAILED for result in report.results)


def test_a_judge_that_raises_is_reported_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        if not completion.text:
            raise LookupError("no text\nto read")
        return verdict

    report = check(**judging(decide))
    message = complaint(report, "junk")
    assert "task 'sum-0', the empty answer: LookupError: no text to read (test_check.py:" in message
    assert message.endswith('raise LookupError("no text\\nto read"))')
    assert "Traceback" not in caplog.text + message
    assert report.results[-1].mark is Mark.NOT_RUN


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        (lambda task, completion, verdict: None, "a judge must return a Verdict, it returned NoneType"),
        (
            lambda task, completion, verdict: dataclasses.replace(verdict, feedback="well done"),
            "ValueError: a passed verdict carries no feedback",
        ),
        (lambda task, completion, verdict: Verdict(**{}), "TypeError"),
    ],
)
def test_a_judge_that_gives_no_verdict(decide: Callable[..., Any], words: str) -> None:
    assert words in complaint(check(**judging(decide)), "gold")


def test_an_outage_is_told_as_one() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        raise JudgeError("the sandbox is down")

    assert "JudgeError: the sandbox is down" in complaint(check(**judging(decide)), "gold")


# gold, junk, fixtures


@pytest.mark.parametrize(
    ("gold", "words"),
    [
        ({"sum-1": "It is 9."}, "task 'sum-1', its gold answer: failed, outcome 'wrong_answer', reward 0"),
        ({}, "no task of the sample set has a gold answer"),
        ({"sum-1": 2}, "the gold answer of task 'sum-1' is 2"),
    ],
)
def test_gold_that_is_none(gold: dict[str, Any], words: str) -> None:
    assert words in complaint(check(**with_tasks(gold=gold)), "gold")


def test_junk_that_passes() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return Verdict(1.0, "", Status.PASSED, "accepted", verdict.scores) if "know" in completion.text else verdict

    assert "an answer that knows nothing: passed" in complaint(check(**judging(decide)), "junk")


def test_junk_that_is_paid_for() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return dataclasses.replace(verdict, reward=0.1) if completion.text == "" else verdict

    report = check(**judging(decide))
    assert "the empty answer: bad_format, outcome 'no_number', reward 0.1" in complaint(report, "junk")
    assert len(complaints(report)["junk"]) == 5  # one for each task


def test_no_more_than_five_findings_of_a_kind_are_listed() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return verdict if verdict.status is not Status.BAD_FORMAT else dataclasses.replace(verdict, reward=0.1)

    assert complaints(check(**judging(decide)))["junk"][-1] == "and 20 more like these"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"completion": "2", "expect": "zero_reward"}, "expects 'zero_reward', but it is passed"),
        ({"completion": "3", "expect": "full_reward"}, "expects 'full_reward', but it is failed"),
        ({"completion": "3", "expect": "malformed"}, "expects 'malformed', but it is failed"),
        ({"completion": "3", "expect": "zero_reward", "outcome": "no_number"}, "expects outcome 'no_number'"),
    ],
)
def test_a_fixture_that_comes_out_otherwise(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    found = complaint(check(**with_fixtures(tmp_path, {"task_id": "sum-1", **row})), "expectations")
    assert "fixtures.jsonl:4" in found
    assert words in found


def test_fixtures_that_are_not_as_they_must_be(tmp_path: Path) -> None:
    assert "no fixtures" in complaint(check(fixtures=None), "fixtures")
    assert "cannot read" in complaint(check(fixtures=lambda: tmp_path / "none.jsonl"), "fixtures")
    stray = {"task_id": "sum-99", "completion": "2", "expect": "zero_reward"}
    assert "has no task 'sum-99'" in complaint(check(**with_fixtures(tmp_path, stray)), "fixtures")
    file = tmp_path / "one.jsonl"
    file.write_text(toy_env.FIXTURES.read_text().splitlines()[0])
    assert complaints(check(fixtures=lambda: file)) == {
        "fixtures": ["no fixture expects 'zero_reward'", "no fixture expects 'malformed'"]
    }


def test_an_alias_leaves_out_the_fixtures_of_tasks_that_it_has_not(tmp_path: Path) -> None:
    row = {"task_id": "sum-4", "completion": "20", "expect": "full_reward"}
    assert check(aliases={"broken_small": {"count": 2}}, **with_fixtures(tmp_path, row)).ok
    report = check_env("broken_small")
    assert report.ok, complaints(report)


# leaks


def saying(say: Callable[[Task], str], reading: str = "answer") -> dict[str, Any]:
    """Return a part: the toy's judge, which on a failure reads a field of the payload and says something."""

    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        assert reading in task.payload
        return verdict if verdict.passed else dataclasses.replace(verdict, feedback=say(task))

    return judging(decide)


def keeping(secret: Callable[[int], Any]) -> dict[str, Any]:
    """Return a part: the toy's tasks with one thing more in the payload."""
    return with_tasks(lambda t: dataclasses.replace(t, payload={**t.payload, "kept": secret(t.payload["answer"])}))


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode())).decode()


WORD = "heron"


@pytest.mark.parametrize(
    "secret",
    [
        lambda n: f"{WORD} {n}",
        lambda n: {"deep": [{"name": f"{WORD} {n}"}]},
        lambda n: json.dumps([json.dumps({"name": f"  {WORD}  {n}"})]),
        lambda n: packed([f"{WORD} {n}"]),
        lambda n: f"first line {n}\n{WORD} {n}\nthird line",
        lambda n: f"{WORD.upper()} {n}",
    ],
)
def test_a_text_of_the_payload_in_the_feedback(secret: Callable[[int], Any]) -> None:
    report = check(**keeping(secret), **saying(lambda t: f"Wrong.\n| {WORD} {t.payload['answer']}\nwas right.", "kept"))
    assert f"the feedback says '{WORD} 0', which only the judge may know (payload['kept']" in complaint(report, "leaks")
    assert len(complaints(report)["leaks"]) == 5  # one for each task


@pytest.mark.parametrize("form", ["{}", "{:,}", "-{}", "x = {};"])
def test_a_number_of_the_payload_in_the_feedback(form: str) -> None:
    report = check(
        **keeping(lambda n: 7000 + n), **saying(lambda t: f"No: {form.format(7000 + t.payload['answer'])}", "kept")
    )
    assert "says '7000'" in complaint(report, "leaks")


def test_the_beginning_of_a_long_text_is_a_leak_too() -> None:
    long = "the grey heron stands at the edge of the pond and waits for the frogs to come back"
    report = check(**keeping(lambda n: long), **saying(lambda t: f"| {long[:60]}", "kept"))
    assert "says 'the grey heron stands" in complaint(report, "leaks")


def test_the_gold_answer_in_the_feedback() -> None:
    report = check(**saying(lambda t: f"It is {t.payload['answer']}."))
    assert "says 'it is 0.', which only the judge may know (its gold answer)" in complaint(report, "leaks")


@pytest.mark.parametrize(
    ("secret", "say"),
    [
        (1234, "No, 12345 or 51234 or 1234.5 would be as wrong."),
        ("heron", "No herons here."),
        ("abc", "abc is too short to be a secret."),
        ("What is", "What is asked for is in the prompt."),
        ({"heron": 1}, "The word heron is the name of a field."),
    ],
)
def test_what_is_no_leak(secret: Any, say: str) -> None:
    report = check(**keeping(lambda n: secret), **saying(lambda t: say, "kept"))
    assert report.ok, complaints(report)


def test_what_the_card_declares_as_shown_may_be_shown() -> None:
    parts = {**keeping(lambda n: f"heron {n}"), **saying(lambda t: f"See {t.payload['kept']}.")}
    assert complaints(check(**parts))
    assert check(CARD.replace("[feedback]", '[feedback]\npayload_shown = ["kept"]'), **parts).ok
    typo = check(CARD.replace("[feedback]", '[feedback]\npayload_shown = ["kpet"]'), **parts)
    assert "no task's payload has a key 'kpet'" in complaint(typo, "leaks")


def test_what_the_judge_says_without_having_it_is_no_leak() -> None:
    assert check(**keeping(lambda n: "heron"), **saying(lambda t: "You wrote no heron.")).ok
    needed = saying(lambda t: f"You wrote no {t.payload['kept']}.")
    assert "says 'heron'" in complaint(check(**keeping(lambda n: "heron"), **needed), "leaks")


def test_what_the_judge_works_out_is_a_leak_all_the_same() -> None:
    parts = {**keeping(lambda n: "it is 6."), **saying(lambda t: f"It is {t.payload['answer']}.")}
    assert "task 'sum-2'" in " ".join(complaints(check(**parts))["leaks"])


# verdicts, determinism, records, gymnasium


class Unchecked(Verdict):
    def __post_init__(self) -> None:
        pass


def test_a_failure_without_feedback() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return verdict if verdict.passed else Unchecked(0.0, " ", verdict.status, verdict.outcome, verdict.scores)

    assert "with feedback ' '" in complaint(check(**judging(decide)), "verdicts")


@pytest.mark.parametrize(
    ("card", "changes", "words"),
    [
        (CARD, {"outcome": "odd"}, "outcome 'odd', which is none of accepted, wrong_answer, no_number"),
        (CARD, {"scores": {"score": 0.0}}, "the scores ['score'] instead of ['closeness', 'score']"),
        (CARD, {"status": Status.TRUNCATED, "outcome": "no_number"}, "'truncated', but the answer was not cut"),
        (CARD.replace("[feedback]", "[feedback]\nchars = 10"), {}, "characters, the card allows 10"),
    ],
)
def test_a_verdict_that_does_not_keep_to_the_card(card: str, changes: dict[str, Any], words: str) -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return verdict if completion.text else dataclasses.replace(verdict, **changes)

    assert words in complaint(check(card, **judging(decide)), "verdicts")


@pytest.mark.parametrize("fresh", [False, True])
def test_a_judge_that_says_something_else_every_time(fresh: bool) -> None:
    """``fresh``: only every judge by itself tells the same."""
    numbers = itertools.count()

    def judge() -> Judge:
        toy, mine = ToyJudge(), next(numbers)

        def decide(task: Task, completion: Completion) -> Verdict:
            verdict = toy(task, completion)
            number = mine if fresh else next(numbers)
            return verdict if verdict.passed else dataclasses.replace(verdict, feedback=f"{verdict.feedback} {number}")

        return decide

    assert "feedback differs" in complaint(check(judge=judge), "determinism")


@pytest.mark.parametrize("detail", [{"seen": {1, 2}}, {"time": float("nan")}, {1: "a", "1": "b"}])
def test_a_detail_that_json_cannot_hold(detail: dict[Any, Any]) -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        return dataclasses.replace(verdict, detail=detail)

    complaint(check(**judging(decide)), "records")


def test_a_warning_within_gymnasium() -> None:
    def decide(task: Task, completion: Completion, verdict: Verdict) -> Verdict:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return verdict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "with 1 turns: JudgeError: judge raised DeprecationWarning" in complaint(
            check(**judging(decide)), "gymnasium"
        )


@pytest.mark.slow
def test_a_hidden_test_of_livecodebench_is_a_secret_and_a_public_one_is_not() -> None:
    report = check_env("LiveCodeBench-v0", options={"shown": "all"})
    found = complaints(report)
    assert list(found) == ["leaks"]
    assert all("payload['private_test_cases']" in message for message in found["leaks"][:-1])
