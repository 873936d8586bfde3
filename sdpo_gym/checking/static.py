"""Checks of what an environment declares: its card, its aliases, its sample set."""

from __future__ import annotations

import math
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from sdpo_gym.checking.bench import Bench, Try
from sdpo_gym.checking.offline import no_network
from sdpo_gym.checking.report import Mark, Problem
from sdpo_gym.env import close_judge
from sdpo_gym.errors import UsageError
from sdpo_gym.fixtures import Expectation, read_fixtures
from sdpo_gym.registry import ResolvedEnv, list_envs, resolve
from sdpo_gym.task import Message, Role, Task, TaskSet

TODO = "TODO"
Findings = tuple[str, list[Problem]]  # what was checked, in words, and what is wrong


def card(bench: Bench) -> Findings:
    """Nothing in the card is left to fill in, and its keys agree with each other."""
    card = bench.env.spec.card
    problems = [
        Problem(f"card.toml, key {key!r}: {text}", "", Mark.TO_FILL_IN)
        for key, text in _texts(card.to_dict())
        if text.lstrip().startswith(TODO)
    ]
    if card.headline not in card.scores:
        message = f"headline {card.headline!r} is none of the scores {', '.join(card.scores)}"
        problems.append(Problem(message, "name one of the scores as the headline"))
    if not card.outcomes:
        problems.append(Problem("outcomes is empty", "list every outcome that a verdict may have"))
    wanted: dict[str, tuple[Mapping[str, Any], str, type]] = {
        "judge.kind": (card.judge, "a text", str),
        "feedback.chars": (card.feedback, "an integer", int),
        "feedback.payload_shown": (card.feedback, "a list of payload keys", list),
    }
    for key, (table, what, kind) in wanted.items():
        value = table.get(key.partition(".")[2])
        if value is not None and type(value) is not kind:
            problems.append(Problem(f"key {key!r} must be {what}, got {value!r}", "correct it in card.toml"))
    return f"{card.name} version {card.version}, {len(card.outcomes)} outcomes, {len(card.scores)} scores", problems


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield key, value
        case dict():
            for name, item in value.items():
                yield from _texts(item, f"{key}.{name}" if key else str(name))
        case list() | tuple():
            for index, item in enumerate(value):
                yield from _texts(item, f"{key}.{index}")


def aliases(bench: Bench) -> Findings:
    """Each alias is this environment's alone, and its options make a sample set and a judge."""
    spec, problems = bench.env.spec, []
    taken = {listing.name for listing in list_envs()}
    for alias in spec.aliases:
        if alias in taken:
            problems.append(Problem(f"alias {alias!r} is the name of an environment", "choose another alias"))
            continue
        try:
            env = resolve(alias)
        except UsageError as error:
            problems.append(Problem(str(error), "choose another alias"))
            continue
        if not len(env.tasks(None, "sample")):
            problems.append(Problem(f"alias {alias!r} has no sample tasks", "add some, or drop the alias"))
        close_judge(env.judge(data="sample"))
    return f"{len(spec.aliases)}: {', '.join(spec.aliases)}" if spec.aliases else "none", problems


def sample(bench: Bench) -> Findings:
    """The sample set loads without a network, twice the same, and its tasks are well formed."""
    with no_network() as asked:
        try:
            first, again = bench.load(), bench.load()
            tasks = list(first)
            digests = first.digest, again.digest
        except Exception:
            if not asked:
                raise
    if asked:
        message = f"loading it asks the network for {asked[0]}"
        return "", [Problem(message, "ship the sample set with the package and read nothing else for data='sample'")]
    problems = list(_set_problems(first, digests))
    for task in tasks:
        problems += _task_problems(task)
    bench.tasks = first
    return f"{len(first):,} tasks, digest {first.digest[:12]}", problems


def _set_problems(tasks: TaskSet, digests: tuple[str, str]) -> Iterator[Problem]:
    if not len(tasks):
        yield Problem("it is empty", "write some tasks of your own into it")
    if not tasks.is_sample:
        yield Problem(f"task set {tasks.name!r} does not say that it is a sample", "make it with is_sample=True")
    if len(set(tasks.ids)) < len(tasks.ids):
        twice = next(task_id for task_id in tasks.ids if tasks.ids.count(task_id) > 1)
        yield Problem(f"task id {twice!r} occurs twice", "give each task an id of its own")
    if tuple(task.id for task in tasks) != tuple(tasks.ids):
        yield Problem("the ids of its tasks are not those that `ids` lists", "make them agree")
    if digests[0] != digests[1]:
        yield Problem(
            "its digest differs when it is loaded again", "make tasks from the data alone: no clock, no chance"
        )


def _task_problems(task: Task) -> Iterator[Problem]:
    where = f"task {task.id!r}"
    if not task.messages or task.messages[-1].role != "user":
        yield Problem(f"{where}: its last message is not a user's", "end the chat with what the user asks")
    for number, message in enumerate(task.messages, 1):
        if not isinstance(message, Message) or message.role not in typing.get_args(Role):
            yield Problem(f"{where}: message {number} is {message!r:.80}", "use Message with a role of the chat")
        elif not isinstance(message.content, str) or not message.content.strip():
            yield Problem(f"{where}: message {number} is empty", "give it a text")
        elif message.content.lstrip().startswith(TODO):
            yield Problem(
                f"{where}, message {number}: {message.content.strip().splitlines()[0]:.80}", "", Mark.TO_FILL_IN
            )
    for key, value in task.meta.items():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            yield Problem(f"{where}: meta {key!r} is {value!r:.80}", "meta holds texts and numbers only")


def fixtures(bench: Bench) -> Findings:
    """The fixtures are of the sample set, and there is one of each kind at least."""
    spec = bench.env.spec
    if spec.fixtures is None:
        advice = "write fixtures.jsonl, whose rows have task_id, completion and expect, and pass EnvSpec(fixtures=...)"
        return "", [Problem("the environment has no fixtures", advice)]
    known = {task.id: task for task in bench.sample}
    # An alias may choose among the environment's sample tasks, and then leaves out the fixtures of the others.
    elsewhere = frozenset(ResolvedEnv(spec, spec.name, {}).tasks(None, "sample").ids if bench.env.options else ())
    problems: list[Problem] = []
    read = read_fixtures(spec.fixtures())
    for fixture in read:
        if fixture.completion.text.lstrip().startswith(TODO):
            message = f"{fixture.where}: {fixture.completion.text.strip():.80}"
            problems.append(Problem(message, "", Mark.TO_FILL_IN))
        elif fixture.task_id not in known and fixture.task_id in elsewhere:
            continue
        elif fixture.task_id not in known:
            message = f"{fixture.where}: the sample set has no task {fixture.task_id!r}"
            problems.append(Problem(message, "name a task of the sample set"))
        else:
            attempt = Try(known[fixture.task_id], fixture.completion, f"fixture of {fixture.where}")
            bench.fixtures.append((fixture, attempt))
    for kind in Expectation:
        if all(fixture.expect is not kind for fixture in read):
            problems.append(Problem(f"no fixture expects {kind.value!r}", "add one at least"))
    return f"{len(bench.fixtures):,} for these tasks, of every kind: {', '.join(Expectation)}", problems
