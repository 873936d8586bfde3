"""Answers as models write them, right ones and characteristic failures, made from a task's gold calls.

A template takes a task and returns an answer, or None where it does not fit the task. Nothing is drawn by chance but
the order of a task's answers, and that by a seed.
"""

from __future__ import annotations

import datetime
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdpo_envs.tooluse.calls import Call, write_answer

RIGHT_BY_DIFFICULTY = {"easy": 3, "medium": 2, "hard": 1}
ANSWERS_PER_TASK = 4

_THOUGHTS = (
    "The user wants something that {tools} can do.",
    "I should call {tools} and pass on what the user told me.",
    "Let me read the documentation again. {Tools} is what I need here, and the question has every value.",
    "This needs {count}. I use {tools}.",
    "{Tools} serves this request. Nothing has to be guessed.",
    "Let me break this down. The request comes to {count}, so I write {tools}.",
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_COUNTS = ("no call", "one call", "two calls", "three calls", "four calls", "five calls")


class Tool(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, str]: ...


class Task(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def difficulty(self) -> str: ...
    @property
    def tools(self) -> Sequence[Tool]: ...
    @property
    def calls(self) -> tuple[Call, ...]: ...


@dataclass(frozen=True)
class Answer:
    """An answer, the outcome that judging it is to have, and why generation ended."""

    text: str
    expect: str
    finish_reason: str = "stop"


def enumeration(words: str) -> tuple[str, ...]:
    """Return the values that a parameter's documentation allows, or none if it has no `One of: [...]`."""
    _, found, rest = words.partition("One of: [")
    return tuple(rest.partition("]")[0].split(", ")) if found else ()


def record(tasks: Sequence[Task]) -> dict[str, list[dict[str, str]]]:
    """Return the recorded answers by task id: the easier a task, the more of its four are right.

    Of the templates that fit, those used least so far are taken, so that all occur about equally often.
    """
    used: Counter[str] = Counter()
    recorded = {}
    for task in tasks:
        right = RIGHT_BY_DIFFICULTY[task.difficulty]
        answers = [
            *(Answer(text, "accepted") for text in _least_used(task, RIGHT, right, used)),
            *_least_used(task, FAILURES, ANSWERS_PER_TASK - right, used),
        ]
        random.Random(f"{task.id}/completions").shuffle(answers)
        recorded[task.id] = [
            {"text": answer.text, "finish_reason": answer.finish_reason, "expect": answer.expect} for answer in answers
        ]
    return recorded


def _least_used(
    task: Task, templates: Mapping[str, Callable[[Task], Any]], count: int, used: Counter[str]
) -> list[Any]:
    fitting = [(name, made) for name, template in templates.items() if (made := template(task)) is not None]
    chosen = sorted(fitting, key=lambda pair: used[pair[0]])[:count]
    used.update(name for name, _ in chosen)
    return [made for _, made in chosen]


def thought(task: Task, shift: int = 0) -> str:
    """Return a thought that fits the task; another `shift` gives another one."""
    names = list(dict.fromkeys(call.action for call in task.calls))
    tools = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    text = _THOUGHTS[(task.number + shift) % len(_THOUGHTS)]
    if len(names) > 1:
        text = text.replace("{Tools} is what", "{Tools} are what").replace("{Tools} serves", "{Tools} serve")
    return text.format(tools=tools, Tools=tools, count=_COUNTS[len(task.calls)])


def _input(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(call: Call, given: str | None = None) -> str:
    return f"Action: {call.action}\nAction Input: {_input(call.arguments) if given is None else given}"


# Right answers.


def _plain(task: Task) -> str:
    return write_answer(task.calls, thought(task))


def _only_calls(task: Task) -> str:
    return "\n".join(_lines(call) for call in task.calls)


def _thought_each(task: Task) -> str:
    begin = f" I begin with {task.calls[0].action}." if len(task.calls) > 1 else ""
    parts = [f"Thought: {thought(task, 1)}{begin}\n{_lines(task.calls[0])}"]
    parts += [f"Thought: Now I call {call.action}.\n{_lines(call)}" for call in task.calls[1:]]
    return "\n\n".join(parts)


def _several_lines(task: Task) -> str:
    inputs = [json.dumps(call.arguments, indent=2, ensure_ascii=False) for call in task.calls]
    return f"Thought: {thought(task, 2)}\n" + "\n".join(map(_lines, task.calls, inputs))


def _compact(task: Task) -> str:
    inputs = [
        json.dumps(dict(reversed(call.arguments.items())), separators=(",", ":"), ensure_ascii=False)
        for call in task.calls
    ]
    return f"Thought: {thought(task, 3)}\n" + "\n".join(map(_lines, task.calls, inputs))


def _mention(task: Task) -> str:
    other = _other_tool(task, task.calls[0])
    return (
        f"Thought: At first I thought of Action: {other}, but the user does not ask for that. {thought(task, 4)}\n"
        + _only_calls(task)
    )


def _long_thought(task: Task) -> str:
    steps = "\n".join(f"{number}. {call.action}" for number, call in enumerate(task.calls, 1))
    return (
        f"Thought: {thought(task, 5)} In order:\n{steps}\n"
        "Every value comes from the question; what it does not mention I leave out.\n\n" + _only_calls(task)
    )


def _numbers_as_text(task: Task) -> str | None:
    """Write numbers of the outermost level as texts, which the documented type makes numbers again."""
    calls = tuple(
        Call(call.action, {name: str(v) if type(v) in (int, float) else v for name, v in call.arguments.items()})
        for call in task.calls
    )
    return None if calls == task.calls else write_answer(calls, thought(task, 1))


RIGHT: dict[str, Callable[[Task], str | None]] = {
    "plain": _plain,
    "several lines": _several_lines,
    "mention": _mention,
    "thought each": _thought_each,
    "only calls": _only_calls,
    "compact": _compact,
    "long thought": _long_thought,
    "numbers as text": _numbers_as_text,
}


# Failures.


def _other_tool(task: Task, call: Call) -> str:
    names = [tool.name for tool in task.tools]
    return names[(names.index(call.action) + 1) % len(names)]


def _parameters(task: Task, call: Call) -> Mapping[str, str]:
    return next(tool.parameters for tool in task.tools if tool.name == call.action)


def _wrong(task: Task, calls: Sequence[Call], expect: str, shift: int) -> Answer:
    return Answer(write_answer(calls, thought(task, shift)), expect)


def _with(task: Task, at: int, arguments: Mapping[str, Any]) -> tuple[Call, ...]:
    """Return the task's calls with other arguments in one of them."""
    changed = Call(task.calls[at].action, dict(arguments))
    return (*task.calls[:at], changed, *task.calls[at:][1:])


def _wrong_tool(task: Task) -> Answer:
    at = task.number % len(task.calls)
    call = task.calls[at]
    changed = Call(_other_tool(task, call), call.arguments)
    return _wrong(task, (*task.calls[:at], changed, *task.calls[at:][1:]), "wrong_tool", 1)


def _wrong_value(task: Task) -> Answer | None:
    for at in reversed(range(len(task.calls))):
        arguments = task.calls[at].arguments
        if arguments:
            name = list(arguments)[task.number % len(arguments)]
            value = _other_value(arguments[name], _parameters(task, task.calls[at])[name])
            return _wrong(task, _with(task, at, {**arguments, name: value}), "wrong_arguments", 2)
    return None


def _other_value(value: Any, words: str) -> Any:
    """Return a value near to this one, as a careless reader may take it."""
    allowed = enumeration(words)
    if allowed:
        other = allowed[(allowed.index(str(value)) + 1) % len(allowed)]
        return type(value)(other)
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return round(value + 0.5, 2)
        case str() if _DATE.fullmatch(value):
            return (datetime.date.fromisoformat(value) + datetime.timedelta(days=1)).isoformat()
        case str():
            return value.rpartition(" ")[0] or value[:-1] + ("1" if value[-1] != "1" else "2")
        case list() if len(value) > 1:
            return value[::-1]
        case list():
            return [_other_value(value[0], "")]
        case dict():
            first, *_ = value
            return {**value, first: _other_value(value[first], "")}
    raise AssertionError(value)


def _missing_argument(task: Task) -> Answer | None:
    at = max(range(len(task.calls)), key=lambda n: len(task.calls[n].arguments))
    arguments = task.calls[at].arguments
    if not arguments:
        return None
    return _wrong(task, _with(task, at, dict(list(arguments.items())[:-1])), "wrong_arguments", 3)


def _extra_argument(task: Task) -> Answer:
    return _wrong(task, _with(task, 0, {**task.calls[0].arguments, "language": "en"}), "wrong_arguments", 4)


def _wrong_type(task: Task) -> Answer | None:
    for at, call in enumerate(task.calls):
        for name, value in call.arguments.items():
            text: Any = None
            match value:
                case bool():
                    text = "yes" if value else "no"
                case int():
                    text = f"no. {value}"
                case list() if all(isinstance(item, str) for item in value):
                    text = ", ".join(value)
                case dict():
                    text = _input(value)
            if text is not None:
                return _wrong(task, _with(task, at, {**call.arguments, name: text}), "wrong_arguments", 5)
    return None


def _outside_enumeration(task: Task) -> Answer | None:
    for at, call in enumerate(task.calls):
        for name, words in _parameters(task, call).items():
            if name in call.arguments and enumeration(words):
                value: Any = 99 if isinstance(call.arguments[name], int) else "any"
                return _wrong(task, _with(task, at, {**call.arguments, name: value}), "wrong_arguments", 0)
    return None


def _wrong_order(task: Task) -> Answer | None:
    changed = (*task.calls[1:], task.calls[0])
    return None if changed == task.calls else _wrong(task, changed, "wrong_order", 1)


def _too_few(task: Task) -> Answer | None:
    return _wrong(task, task.calls[:-1], "wrong_number", 2) if len(task.calls) > 1 else None


def _too_many(task: Task) -> Answer:
    again = f"Thought: To be sure I do it once more.\n{_lines(task.calls[-1])}"
    return Answer(f"{write_answer(task.calls, thought(task, 3))}\n{again}", "wrong_number")


def _single_quotes(task: Task) -> Answer | None:
    inputs = [repr(call.arguments) for call in task.calls]
    if "{'" not in "".join(inputs):
        return None
    return Answer(f"Thought: {thought(task, 4)}\n" + "\n".join(map(_lines, task.calls, inputs)), "malformed_call")


def _missing_input(task: Task) -> Answer:
    return Answer(f"Thought: {thought(task, 5)}\nAction: {task.calls[0].action}", "malformed_call")


def _prose(task: Task) -> Answer:
    return Answer(
        f"I can help with that! {thought(task)} As soon as I have the result, I will tell you everything about it.",
        "no_call",
    )


def _text_after(task: Task) -> Answer:
    return Answer(f"{_plain(task)}\n\nThat should do it. Let me know if you need anything else!", "malformed_call")


def _cut_in_call(task: Task) -> Answer | None:
    first = _lines(task.calls[0])
    if not task.calls[0].arguments:
        return None
    return Answer(f"Thought: {thought(task, 1)}\n{first[: first.rindex(':') + 2]}", "truncated", "length")


def _cut_in_thought(task: Task) -> Answer:
    tools = " Then there is ".join(f"{tool.name}, which the user may or may not have in mind." for tool in task.tools)
    return Answer(
        f"Thought: Let me go through all the tools first. There is {tools} So the question is whe",
        "truncated",
        "length",
    )


FAILURES: dict[str, Callable[[Task], Answer | None]] = {
    "wrong order": _wrong_order,
    "too few": _too_few,
    "wrong value": _wrong_value,
    "wrong tool": _wrong_tool,
    "outside enumeration": _outside_enumeration,
    "missing argument": _missing_argument,
    "wrong type": _wrong_type,
    "too many": _too_many,
    "single quotes": _single_quotes,
    "extra argument": _extra_argument,
    "text after": _text_after,
    "missing input": _missing_input,
    "prose": _prose,
    "cut in call": _cut_in_call,
    "cut in thought": _cut_in_thought,
}
