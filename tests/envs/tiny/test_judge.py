"""The judge: the real environments' verdicts on one card, and three kinds of feedback."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sdpo_envs.tiny import SPEC, TinyJudge, TinyTasks, make_judge, make_tasks
from sdpo_envs.tiny.judge import NULL_FEEDBACK
from sdpo_gym import resolve
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.errors import UsageError
from sdpo_gym.judge import JudgeError, judge_many
from sdpo_gym.task import Task
from sdpo_gym.verdict import Status, Verdict

LEVELS = ("rich", "plain", "null")
FAMILIES = ("tool", "code", "sci")
JUDGES = {level: make_judge(feedback=level) for level in LEVELS}


@pytest.fixture(scope="module")
def tasks() -> TinyTasks:
    return make_tasks()


def first(tasks: TinyTasks, family: str, where: Callable[[Task], bool] = lambda task: True) -> tuple[Task, str]:
    task = next(task for task in tasks if task.meta["family"] == family and where(task))
    gold = tasks.gold(task)
    assert gold is not None
    return task, gold


def judged(task: Task, text: str, level: str = "rich") -> Verdict:
    verdict = JUDGES[level](task, Completion(text))
    SPEC.card.check(verdict)
    return verdict


def tool_task(tasks: TinyTasks, arguments: str = "3") -> tuple[Task, str, dict[str, str]]:
    task, _ = first(tasks, "tool", lambda task: task.meta["arguments"] == arguments)
    (call,) = json.loads(task.payload["answer"])
    return task, call["Action"], json.loads(call["Action_Input"])


def call_text(name: str, arguments: dict[str, str]) -> str:
    return f"Action: {name}\nAction Input: {json.dumps(arguments)}"


@pytest.mark.parametrize("split", ["train", "test", "warmstart"])
@pytest.mark.parametrize("family", ["tool", "sci"])
def test_every_gold_answer_passes(family: str, split: str) -> None:
    tasks = make_tasks(split, family=family, world=11)
    pairs = [(task, Completion(tasks.gold(task) or "")) for task in tasks]
    verdicts = judge_many(JUDGES["rich"], pairs)
    assert all(isinstance(verdict, Verdict) and verdict.passed for verdict in verdicts)
    assert all(isinstance(v, Verdict) and v.scores == {"score": 1.0, "share": 1.0} for v in verdicts)


@pytest.mark.parametrize("split", ["train", "test", "warmstart"])
def test_every_gold_program_passes_in_the_sandbox(split: str) -> None:
    tasks = make_tasks(split, family="code", world=11, size=40 if split == "warmstart" else None)
    pairs = [(task, Completion(tasks.gold(task) or "")) for task in tasks]
    verdicts = judge_many(JUDGES["rich"], pairs)
    assert [v.outcome if isinstance(v, Verdict) else v for v in verdicts] == ["accepted"] * len(tasks)


def test_rich_feedback_on_a_call_names_the_right_arguments(tasks: TinyTasks) -> None:
    task, name, arguments = tool_task(tasks)
    wrong = {("wrong" if key == next(iter(arguments)) else key): value for key, value in arguments.items()}
    rich, plain, null = (judged(task, call_text(name, wrong), level) for level in LEVELS)
    assert f"1. `{name}` with {', '.join(f'`{key}`' for key in arguments)}" in rich.feedback
    assert "the argument `wrong` should not be there." in rich.feedback
    assert "the argument `wrong` should not be there." in plain.feedback
    assert next(iter(arguments)) not in plain.feedback
    assert null.feedback == NULL_FEEDBACK
    assert rich.scores == plain.scores == null.scores == {"score": 0.0, "share": 0.75}


def test_rich_feedback_on_a_program_shows_three_failing_tests(tasks: TinyTasks) -> None:
    task, _ = first(tasks, "code")
    rows = json.loads(task.payload["public_test_cases"])
    text = "```python\nx = int(input())\nprint(777)\n```"
    rich, plain, null = (judged(task, text, level) for level in LEVELS)
    assert rich.outcome == "wrong_answer"
    shown = [
        row
        for row in rows
        if f"Input:\n| {row['input']}\nYour output:\n| 777\nExpected:\n| {row['output']}" in rich.feedback
    ]
    assert len(shown) == 3
    assert "Expected" not in plain.feedback
    assert "0 of 4" in plain.feedback
    assert null.feedback == NULL_FEEDBACK


def test_the_share_of_a_program_is_the_share_of_its_tests(tasks: TinyTasks) -> None:
    task, _ = first(tasks, "code")
    rows = json.loads(task.payload["public_test_cases"])
    table = {row["input"]: row["output"] for row in rows[:3]}
    verdict = judged(task, f"```python\nprint({table!r}.get(input(), 'none'))\n```")
    assert verdict.scores == {"score": 0.0, "share": 0.75}
    assert judged(task, "no code").scores == {"score": 0.0, "share": 0.0}


def test_equal_programs_are_judged_once(tasks: TinyTasks) -> None:
    task, _ = first(tasks, "code")
    completion = Completion("```python\nprint(int(input()) - 1000)\n```")
    verdicts = judge_many(make_judge(family="code"), [(task, completion)] * 64)
    times = {json.dumps(v.detail["tests"]) for v in verdicts if isinstance(v, Verdict)}
    assert len(times) == 1  # to the tenth of a millisecond, so these are one and the same run


def test_limits_are_small(tasks: TinyTasks) -> None:
    task, _ = first(tasks, "code")
    endless = judged(task, "```python\nwhile True: pass\n```")
    assert endless.outcome == "time_limit"
    assert "1 s of CPU time" in endless.feedback
    assert judged(task, "```python\nx = bytearray(300 << 20)\n```").outcome == "memory_limit"


def test_rich_feedback_on_a_question_tells_the_key(tasks: TinyTasks) -> None:
    task, gold = first(tasks, "sci")
    key = task.payload["answer"]
    chosen = next(label for label in task.payload["options"] if label != key)
    text = gold.replace(f"<answer>\n{key}\n", f"<answer>\n{chosen}\n")
    rich, plain, null = (judged(task, text, level) for level in LEVELS)
    assert rich.feedback == f"Your answer, option {chosen}, is wrong. The right option is {key}."
    assert plain.feedback == f"Your answer, option {chosen}, is wrong."
    assert null.feedback == NULL_FEEDBACK
    assert rich.scores == {"score": 0.0, "share": 0.0}


@pytest.mark.parametrize("family", FAMILIES)
def test_null_feedback_is_the_same_whatever_is_wrong(tasks: TinyTasks, family: str) -> None:
    task, gold = first(tasks, family)
    others = [Completion(""), Completion(gold[: len(gold) // 3]), Completion("Action:", FinishReason.LENGTH)]
    verdicts = [JUDGES["null"](task, other) for other in others]
    assert {verdict.feedback for verdict in verdicts} == {NULL_FEEDBACK}
    assert judged(task, gold, "null").feedback == ""


@pytest.mark.parametrize(
    ("change", "share"),
    [
        (lambda name, arguments: call_text("get_nothing", arguments), 3 / 4),
        (lambda name, arguments: call_text(name, {}), 1 / 4),
        (lambda name, arguments: call_text(name, dict.fromkeys(arguments, "nothing")), 1 / 4),
        (lambda name, arguments: call_text(name, {**arguments, "more": "x", "most": "y"}), 4 / 6),
        (lambda name, arguments: "\n".join([call_text(name, arguments)] * 2), 4 / 8),
        (lambda name, arguments: call_text(name, arguments)[:-1], 0.0),
        (lambda name, arguments: "", 0.0),
        (lambda name, arguments: f"Action: {name}\nAction Input: {{}}\n" + call_text(name, arguments), 1 / 5),
        (lambda name, arguments: f"Action: {name}\nAction Input: {json.dumps({'x' * 3000: 'y'})}", 1 / 4),
        (lambda name, arguments: f'Action: {name}\nAction Input: {{"x": {"[" * 60}{"]" * 60}}}', 1 / 4),
    ],
)
def test_the_share_of_a_call(tasks: TinyTasks, change: Callable[[str, dict[str, str]], str], share: float) -> None:
    task, name, arguments = tool_task(tasks)
    verdict = judged(task, change(name, arguments))
    assert not verdict.passed
    assert verdict.scores == {"score": 0.0, "share": pytest.approx(share)}


def test_the_order_of_arguments_is_free(tasks: TinyTasks) -> None:
    task, name, arguments = tool_task(tasks)
    assert judged(task, call_text(name, dict(reversed(arguments.items())))).passed


def test_what_is_right_in_another_warm_start_world_is_a_plausible_mistake() -> None:
    first, second = (make_tasks("warmstart", family="tool", world=world, size=40) for world in (0, 1))
    verdicts = [judged(task, second.gold(other) or "") for task, other in zip(first, second, strict=True)]
    assert {verdict.outcome for verdict in verdicts} == {"accepted", "wrong_arguments"}


PIECES = st.sampled_from(
    [
        *("Action: ", "check_ticket", "\nAction Input: ", '{"', '": "', '"}', ", ", "tokyo", "\n"),
        *("<reasoning>", "<answer>", "</answer>", "A", "D", "purple", "9" * 400, "[" * 300, "\ud800", "\u0000"),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join), st.sampled_from(["tool", "sci"]), st.sampled_from(LEVELS))
@hypothesis_settings(deadline=None)
def test_every_text_gets_a_verdict_that_keeps_to_the_card(text: str, family: str, level: str) -> None:
    task, _ = first(make_tasks(family=family), family)
    verdict = judged(task, text, level)
    assert 0 <= verdict.scores["share"] <= 1
    assert verdict.passed == (verdict.scores["share"] == 1) == (verdict.feedback == "")
    assert verdict.status in set(Status)


def test_a_judge_of_one_family_refuses_the_tasks_of_another(tasks: TinyTasks) -> None:
    task, gold = first(tasks, "sci")
    with pytest.raises(JudgeError, match=r"cannot judge task sci-0-test-0: it is of family 'sci', not tool$"):
        make_judge(family="tool")(task, Completion(gold))


def test_an_outage_of_the_real_judge_is_no_verdict(tasks: TinyTasks) -> None:
    task, gold = first(tasks, "sci")
    broken = Task(task.id, task.messages, {**task.payload, "answer": "Z"}, task.meta)
    (result,) = judge_many(JUDGES["rich"], [(broken, Completion(gold))])
    assert isinstance(result, JudgeError)
    assert "its key 'Z' is none of its options" in str(result)


def test_only_programs_need_a_sandbox() -> None:
    alone = resolve("tiny_tool").judge(feedback="plain")
    assert isinstance(alone, TinyJudge)
    assert alone.isolation is None
    assert alone.runtime_versions == {}
    assert JUDGES["rich"].isolation
    assert "python" in JUDGES["rich"].runtime_versions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feedback": "poor"}, "option feedback must be one of rich, plain, null, got 'poor'"),
        ({"family": "tools"}, "option family must be one of tool, code, sci, all, got 'tools'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve("Tiny-v0").judge(**options)
