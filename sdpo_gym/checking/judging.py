"""Checks of what an environment's judge says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sdpo_gym.checking.bench import Bench, JudgeCrashError, Try
from sdpo_gym.checking.report import Problem
from sdpo_gym.checking.secrets import Said, Secret, leaves, secrets_of
from sdpo_gym.checking.static import Findings
from sdpo_gym.checking.wrong import junk as junk_for
from sdpo_gym.checking.wrong import wrong
from sdpo_gym.completion import FinishReason
from sdpo_gym.env import chat_text, close_judge
from sdpo_gym.fixtures import Expectation, Fixture
from sdpo_gym.judge import JudgeError
from sdpo_gym.policies.base import Request
from sdpo_gym.records import row_of, to_json
from sdpo_gym.rollout import Turn
from sdpo_gym.verdict import Status, Verdict

_AGAIN = 2  # further runs, after the first


def gold(bench: Bench) -> Findings:
    """Every gold answer passes with the highest reward, and there is one at least."""
    for task in bench.sample:
        answer = bench.sample.gold(task)
        if answer is not None and not isinstance(answer, str):
            return "", [Problem(f"the gold answer of task {task.id!r} is {answer!r:.80}", "return a text or None")]
        if answer is not None:
            bench.golds[task.id] = answer
    if not bench.golds:
        return "", [Problem("no task of the sample set has a gold answer", "give TaskSet.gold one for each task")]
    tries = bench.gold_tries()
    verdicts = bench.verdicts(tries)
    high = bench.env.spec.card.reward_range[1]
    problems = [
        Problem(f"{attempt}: {_shown(verdict)}", f"it must pass with reward {high:g}: correct the answer or the judge")
        for attempt, verdict in zip(tries, verdicts, strict=True)
        if not verdict.passed or verdict.reward != high
    ]
    return f"{len(tries):,} of {len(bench.sample):,} tasks have a gold answer, which passes", problems


def junk(bench: Bench) -> Findings:
    """What is no answer gets the lowest reward."""
    bench.junk = [attempt for task in bench.sample for attempt in junk_for(task)]
    low = bench.env.spec.card.reward_range[0]
    problems = [
        Problem(f"{attempt}: {_shown(verdict)}", f"it must not pass, and its reward must be {low:g}")
        for attempt, verdict in zip(bench.junk, bench.verdicts(bench.junk), strict=True)
        if verdict.passed or verdict.reward != low
    ]
    return f"{len(bench.junk):,} answers that are none get the lowest reward", problems


def expectations(bench: Bench) -> Findings:
    """The fixtures come out as they say."""
    verdicts = bench.verdicts([attempt for _, attempt in bench.fixtures])
    problems: list[Problem] = []
    for (fixture, _), verdict in zip(bench.fixtures, verdicts, strict=True):
        problems += _fixture_problems(fixture, verdict, bench.env.spec.card.reward_range)
    return f"{len(verdicts):,} fixtures come out as they say", problems


def _fixture_problems(fixture: Fixture, verdict: Verdict, rewards: tuple[float, float]) -> Iterator[Problem]:
    low, high = rewards
    match fixture.expect:
        case Expectation.FULL_REWARD:
            right = verdict.passed and verdict.reward == high
        case Expectation.ZERO_REWARD:
            right = verdict.status in (Status.FAILED, Status.TRUNCATED) and verdict.reward == low
        case Expectation.MALFORMED:
            right = verdict.status is Status.BAD_FORMAT and verdict.reward == low
    advice = "correct the fixture or the judge"
    if not right:
        yield Problem(f"{fixture.where}: expects {fixture.expect.value!r}, but it is {_shown(verdict)}", advice)
    elif fixture.outcome and verdict.outcome != fixture.outcome:
        yield Problem(f"{fixture.where}: expects outcome {fixture.outcome!r}, but it is {verdict.outcome!r}", advice)


def leaks(bench: Bench) -> Findings:
    """No feedback on a wrong answer says what only the judge may know."""
    shown: list[str] = bench.env.spec.card.feedback.get("payload_shown", [])
    unknown = [key for key in shown if all(key not in task.payload for task in bench.sample)]
    if unknown:
        message = f"card.toml, feedback.payload_shown: no task's payload has a key {unknown[0]!r}"
        return "", [Problem(message, "name keys of the payload that feedback shows by design")]
    tries = list(bench.junk) + [attempt for _, attempt in bench.fixtures]
    for task in bench.sample:
        own = bench.golds.get(task.id)
        others = sorted({text for text in bench.golds.values() if text != own})
        tries += wrong(task, own, others)
    bench.verdicts(tries)
    tasks = {attempt.task.id: attempt.task for attempt in tries}
    secrets = {
        task.id: secrets_of(task.payload, bench.golds.get(task.id), shown, Said(chat_text(task.messages)))
        for task in tasks.values()
    }
    problems: list[Problem] = []
    told = [(attempt, verdict) for attempt, verdict in bench.judged.values() if not verdict.passed]
    leaking: set[str] = set()
    for attempt, verdict in told:
        if attempt.task.id in leaking:  # one finding a task is enough
            continue
        for secret in _said(verdict.feedback, attempt.completion.text, secrets[attempt.task.id]):
            if _by_chance(bench, attempt, secret, frozenset(shown)):
                continue
            message = (
                f"{attempt}: the feedback says {secret.text[:80]!r}, which only the judge may know ({secret.where})"
            )
            advice = (
                "leave it out; a payload key that is shown by design belongs into feedback.payload_shown of the card"
            )
            problems.append(Problem(message, advice))
            leaking.add(attempt.task.id)
            break
    return f"{len(told):,} feedbacks on wrong answers say nothing that only the judge may know", problems


def _said(feedback: str, completion: str, secrets: Sequence[Secret]) -> list[Secret]:
    said = Said(feedback)
    held = [secret for secret in secrets if said.holds(secret)]
    own = Said(completion) if held else said
    return [secret for secret in held if not own.holds(secret)]


def _by_chance(bench: Bench, attempt: Try, secret: Secret, shown: frozenset[str]) -> bool:
    """Whether the judge says ``secret`` even where the payload does not hold it: what a program prints, say."""
    task = attempt.task
    gold = bench.golds.get(task.id)
    if gold is not None and Said(gold).holds(secret):  # a judge may work the answer out
        return False
    holding = {
        key
        for key, value in task.payload.items()
        if key not in shown and Said("\n".join(text for _, text in leaves(value))).holds(secret)
    }
    if not holding:
        return False
    without = replace(task, payload={key: value for key, value in task.payload.items() if key not in holding})
    try:
        (verdict,) = bench.judge_all(bench.judge, [replace(attempt, task=without)])
    except JudgeCrashError:  # the judge cannot do without, so this says nothing
        return False
    return Said(verdict.feedback).holds(secret)


def verdicts(bench: Bench) -> Findings:
    """Every verdict so far keeps to the card, and there is feedback exactly on failures."""
    card = bench.env.spec.card
    chars = card.feedback.get("chars")
    problems = []
    for attempt, verdict in bench.judged.values():
        try:
            card.check(verdict)
        except JudgeError as error:
            problems.append(Problem(f"{attempt}: {error}", "correct the judge or the card"))
        if verdict.passed == bool(verdict.feedback.strip()):
            advice = "a failure needs feedback that says why, a success has none"
            problems.append(
                Problem(f"{attempt}: {verdict.status.value} with feedback {verdict.feedback!r:.80}", advice)
            )
        if chars is not None and len(verdict.feedback) > chars:
            message = f"{attempt}: the feedback has {len(verdict.feedback):,} characters, the card allows {chars:,}"
            problems.append(Problem(message, "cut the feedback, or raise feedback.chars in the card"))
        if verdict.status is Status.TRUNCATED and attempt.completion.finish_reason is not FinishReason.LENGTH:
            message = f"{attempt}: status 'truncated', but the answer was not cut"
            problems.append(Problem(message, "give 'truncated' only to answers with finish_reason 'length'"))
    return f"{len(bench.judged):,} keep to the card; there is feedback on every failure", problems


def determinism(bench: Bench) -> Findings:
    """Judged again, by the same judge and by a fresh one in reverse order, everything comes out the same."""
    tries = [*bench.gold_tries(), *bench.junk, *(attempt for _, attempt in bench.fixtures)]
    first = bench.verdicts(tries)
    fresh = bench.make_judge()
    try:
        again = bench.judge_all(bench.judge, tries), bench.judge_all(fresh, tries[::-1])[::-1]
    finally:
        close_judge(fresh)
    problems = []
    for attempt, *runs in zip(tries, first, *again, strict=True):
        for name in ("reward", "status", "outcome", "scores", "feedback"):
            values = [getattr(verdict, name) for verdict in runs]
            if any(value != values[0] for value in values):
                message = f"{attempt}: {name} differs: {' / '.join(f'{value!r:.80}' for value in values)}"
                problems.append(
                    Problem(message, "a judge is a pure function of task and completion: no clock, no chance")
                )
                break
    return f"{len(tries):,} answers come out the same in {1 + _AGAIN} runs", problems


def records(bench: Bench) -> Findings:
    """Every verdict so far can be recorded as JSON and read back."""
    problems = []
    for attempt, verdict in bench.judged.values():
        task = attempt.task
        turn = Turn(task.digest, Request(task.messages, task.id), attempt.completion, verdict, None, True, 0.0, 0.0)
        try:
            line = to_json(row_of(turn, 0.0))
            same = to_json(json.loads(line)) == line
        except ValueError as error:
            problems.append(Problem(f"{attempt}: {error}", "keep to what JSON knows in scores and detail"))
        else:
            if not same:
                message = f"{attempt}: its record is not the same when it is read back"
                problems.append(Problem(message, "use texts as keys in detail, each once"))
    return f"{len(bench.judged):,} verdicts can be recorded", problems


def _shown(verdict: Verdict) -> str:
    told = f", feedback {verdict.feedback!r:.120}" if verdict.feedback else ""
    return f"{verdict.status.value}, outcome {verdict.outcome!r}, reward {verdict.reward:g}{told}"
