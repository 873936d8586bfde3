"""No gold value reaches the model by default: on all real tasks and many wrong answers, and by non-interference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_envs.tooluse.calls import Call, write_answer
from sdpo_envs.tooluse.judge import make_judge
from sdpo_gym import Completion, Task
from sdpo_gym.completion import FinishReason
from tooluse_tasks import PROMPT, gold_answer, gold_of, make_task, real_tasks

JUDGES = [make_judge(match=match) for match in ("ordered", "unordered", "paper")]


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def secrets(task: Task, completion: str) -> set[str]:
    """Return the texts of gold that stand neither in the prompt nor in the completion: values, names, tools."""
    found = set()
    for call in gold_of(task):
        found |= {call.action, json.dumps(call.arguments, ensure_ascii=False), *call.arguments}
        for value in [*call.arguments.values(), *leaves(call.arguments)]:
            found |= {json.dumps(value), json.dumps(value, ensure_ascii=False)}
            found |= {value} if isinstance(value, str) else set()
    public = task.messages[0].content + completion
    return {secret for secret in found if len(secret) > 1 and secret not in public}


def leaked(task: Task, completion: str) -> list[str]:
    hidden = secrets(task, completion)
    found = []
    for judge in JUDGES:
        for reason in FinishReason:
            feedback = judge(task, Completion(completion, reason)).feedback
            # the numbers of the answer's own lines and calls are its own, and gold may have the same number by chance
            feedback = re.sub(r"\b(Line|Call) \d+", "", feedback)
            found += [secret for secret in hidden if secret in feedback]
    return found


def wrong_answers(task: Task) -> Iterator[str]:
    """Make answers near gold: each argument dropped, renamed, changed; calls dropped, doubled, swapped; bad form."""
    gold = list(gold_of(task))
    yield from ("", "I do not know.", gold_answer(task) + "\nThat is all.", gold_answer(task).replace('"', "'"))
    yield gold_answer(task)[:-2]
    yield write_answer(gold[::-1])
    yield write_answer([*gold, gold[-1]])
    for at, call in enumerate(gold):

        def with_call(*changed: Call, at: int = at) -> str:
            return write_answer([*gold[:at], *changed, *gold[at + 1 :]])

        yield with_call()
        yield with_call(Call("noSuchTool", call.arguments))
        yield with_call(Call(call.action, {}))
        yield with_call(Call(call.action, {**call.arguments, "extra": 1}))
        for other in re.findall(r"\n([^\n:]+): [^\n]*\nParameters: ", task.messages[0].content):
            yield with_call(Call(other, {}))
        for name in call.arguments:
            rest = {key: value for key, value in call.arguments.items() if key != name}
            yield with_call(Call(call.action, rest))
            yield with_call(Call(call.action, {**rest, f"{name[:-1]}?": call.arguments[name]}))
            for value in ("wrong", "", 7.5, None, True, [], ["wrong"], {}, {"wrong": 0}):
                yield with_call(Call(call.action, {**rest, name: value}))


def test_the_check_finds_a_leak() -> None:
    telling = make_judge(reveal="gold")
    with_secrets = [task for task in real_tasks() if secrets(task, "")]
    assert len(with_secrets) == 62  # the calls of the other six have no arguments
    for task in with_secrets:
        feedback = telling(task, Completion("")).feedback
        assert any(secret in feedback for secret in secrets(task, "")), task.id


def test_some_gold_values_cannot_be_known_from_the_prompt() -> None:
    unseen = 0
    for task in real_tasks():
        hidden = secrets(task, "")
        values = [value for call in gold_of(task) for value in leaves(call.arguments)]
        unseen += any(value in hidden or json.dumps(value) in hidden for value in values if isinstance(value, str))
    assert unseen >= 12


@pytest.mark.slow
def test_no_wrong_answer_to_a_real_task_is_told_gold() -> None:
    count = 0
    for task in real_tasks():
        for text in wrong_answers(task):
            assert leaked(task, text) == [], (task.id, text)
            count += 1
    assert count > 2000


@pytest.mark.slow
def test_other_tasks_gold_is_told_nothing_of_a_task_s_own() -> None:
    for task in real_tasks():
        for text in {gold_answer(other) for other in real_tasks()}:
            assert leaked(task, text) == [], (task.id, text)


ARGUMENTS = st.dictionaries(
    st.sampled_from(["query", "limit", "size", "ip", "language", "version", "x"]) | st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2),
    max_size=4,
)


@pytest.mark.slow
@given(st.data())
def test_no_answer_at_all_is_told_gold(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from(real_tasks()))
    actions = re.findall(r"\n([^\n:]+): [^\n]*\nParameters: ", task.messages[0].content)
    actions += [call.action for call in gold_of(task)]
    calls = st.lists(st.builds(Call, st.sampled_from(actions) | st.text(max_size=8), ARGUMENTS), max_size=4)
    text = data.draw(
        st.builds(write_answer, calls) | st.text() | st.builds(lambda c, t: write_answer(c) + t, calls, st.text())
    )
    assert leaked(task, text) == []


# A value that no answer below has: which of these gold has must make no difference.
HIDDEN = st.one_of(
    st.integers(10**6, 10**9),
    st.text(min_size=7),
    st.just(True),
    st.lists(st.integers(10**6), min_size=1),
    st.just("shade"),
)


@pytest.mark.slow
@given(hidden=st.tuples(HIDDEN, HIDDEN), others=st.dictionaries(st.sampled_from(["light", "depth", "odd"]), HIDDEN))
def test_feedback_does_not_depend_on_what_the_right_value_is(hidden: tuple[Any, Any], others: dict[str, Any]) -> None:
    wrong_values = [3, "fern", "sun", None, [], {"a": 1}, 2.5, ""]
    names = ["name", *others]
    for position, wrong in enumerate(wrong_values):
        arguments = {name: wrong_values[(position + n) % len(wrong_values)] for n, name in enumerate(names)}
        text = write_answer([Call("add-plant", {"bed": 1, **arguments}), Call("[v2]list.beds", {})])
        seen = set()
        for value in hidden:
            golden = {"bed": 1, "name": value, **others}
            task = make_task((Call("add-plant", golden), Call("[v2]list.beds", {})), PROMPT)
            verdict = JUDGES[0](task, Completion(text))
            assert not verdict.passed
            seen.add((verdict.feedback, verdict.outcome, tuple(verdict.scores.items())))
        assert len(seen) == 1, (wrong, seen)


def test_feedback_does_not_depend_on_hidden_values_of_real_tasks() -> None:
    for task in real_tasks():
        gold = gold_of(task)
        answer = write_answer([Call(call.action, dict.fromkeys(call.arguments, "\x00none")) for call in gold])
        seen = set()
        for hidden in ("a value", 123456789, ["one", "two"], {"nested": {"deep": 1}}):
            replaced = make_task(
                tuple(Call(call.action, dict.fromkeys(call.arguments, hidden)) for call in gold),
                task.messages[0].content,
                task.id,
            )
            seen.add(JUDGES[0](replaced, Completion(answer)).feedback)
        seen.add(JUDGES[0](task, Completion(answer)).feedback)
        assert len(seen) == 1, (task.id, seen)
