"""Judging a run's stored completions again, without its policy.

The result is a run directory of its own, so everything that reads runs reads it; the run it comes from is not touched.
"""

from __future__ import annotations

import inspect
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from sdpo_gym.backend import JudgeBackend, judge_for
from sdpo_gym.completion import Completion, FinishReason
from sdpo_gym.env import close_judge
from sdpo_gym.errors import UsageError
from sdpo_gym.evaluate import entry_of, env_record, lower_bounds, session, verdict_check
from sdpo_gym.judge import Judge, JudgeError, judge_stream
from sdpo_gym.records import (
    SUMMARY_FILE,
    Key,
    Result,
    RunDirectory,
    iter_attempts,
    load_evaluation,
    load_results,
    verdict_fields,
)
from sdpo_gym.registry import ResolvedEnv, resolve
from sdpo_gym.summary import Summary, summarise
from sdpo_gym.task import TaskSet
from sdpo_gym.verdict import Verdict

_AT_A_TIME = 256

Row = Mapping[str, Any]


@dataclass(frozen=True)
class RejudgeConfig:
    """What to judge again, and how.

    Attributes:
        run: directory of the run.
        out: directory of the new run; without it ``<run>.rejudged``.
        options: options of the environment's judge that differ from the run's; the tasks stay as they were.
        judge_backend: where judging happens, see :class:`JudgeBackend`.
    """

    run: Path
    out: Path | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    judge_backend: str = JudgeBackend.LOCAL


@dataclass(frozen=True)
class Rejudged:
    """What judging again came to.

    Attributes:
        summary: of the new run.
        judged: attempts that have a verdict both times.
        changes: how many of them changed, by (outcome before, outcome now); the same outcome with another reward counts
            as a change.
        unanswered: attempts without a verdict because the policy failed, which judging again cannot mend.
    """

    summary: Summary
    judged: int
    changes: Mapping[tuple[str, str], int]
    unanswered: int


def rejudge(config: RejudgeConfig) -> Rejudged:
    """Judge the stored completions of a run again and write a new run directory; continues one that was interrupted.

    Of an attempt with several turns every answer is judged; it now ends at the first one that passes. Completions
    that have no verdict yet because of an outage are judged too. An attempt that ended because the policy failed stays
    an outage, unless an answer before that now passes.

    Raises:
        UsageError: if ``run`` is no run, its data are not the same any more, the new directory holds something else, or
            an option is not one of the judge's.
        OutageError: if its data or the sandbox cannot be reached.
    """
    old = load_evaluation(config.run)
    env, tasks = tasks_of_run(old)
    if tasks.digest != old["data"]["digest"]:
        raise UsageError(
            f"the data of {config.run} have changed: {tasks.name} had digest {old['data']['digest'][:12]}, "
            f"now has {tasks.digest[:12]}; bring back the old data or evaluate anew"
        )
    _check_options(env, config.options)
    options = {**old["env"]["options"], **config.options}
    out = config.out or config.run.with_name(f"{config.run.name}.rejudged")
    if out.resolve() == config.run.resolve():
        raise UsageError(f"{out} is the run itself, which stays as it is; give another --out")
    judge = judge_for(env, {"split": tasks.split, "data": old["data"]["choice"], **options}, config.judge_backend)
    try:
        return _rejudge(config.run, old, env, tasks, options, judge, out)
    finally:
        close_judge(judge)


def _rejudge(
    run: Path,
    old: Mapping[str, Any],
    env: ResolvedEnv,
    tasks: TaskSet,
    options: Mapping[str, object],
    judge: Judge,
    out: Path,
) -> Rejudged:
    new = {
        **old,
        "env": {**env_record(env, options), "task_options": _task_options(old)},
        "rejudged_from": str(run.resolve()),
        "rejudged_started": [each["started"] for each in old["sessions"][:1]],
        "sessions": [session(judge, options)],
    }
    before = load_results(run)
    unanswered: set[Key] = set()
    with RunDirectory(out, new) as directory:
        pending = _pending(run, before, dict(directory.results), unanswered)
        while batch := list(islice(pending, _AT_A_TIME)):
            _judge_batch(batch, tasks, judge, verdict_check(env.spec.card), directory)
        evaluated = {result.task_id for result in before.values()}
        summary = summarise(
            directory.results.values(),
            [entry_of(tasks, i) for i, task_id in enumerate(tasks.ids) if task_id in evaluated],
            env.spec.card,
            directory=out,
            run=directory.run,
            notices=(tasks.notice, f"The completions of {run} were judged again."),
            lower_bounds=lower_bounds(judge),
        )
        directory.write_json(SUMMARY_FILE, summary.to_json())
        after = directory.results
    both = [(was, after[key]) for key, was in before.items() if key in after and not (was.error or after[key].error)]
    changes = Counter(
        (str(was.outcome), str(now.outcome))
        for was, now in both
        if (was.outcome, was.reward, was.passed) != (now.outcome, now.reward, now.passed)
    )
    carried_over = sum(after[key].error == before[key].error for key in unanswered)
    return Rejudged(summary, len(both), dict(changes.most_common()), carried_over)


def tasks_of_run(run: Mapping[str, Any]) -> tuple[ResolvedEnv, TaskSet]:
    """Load the environment and the tasks that a ``run.json`` tells of.

    Raises:
        UsageError: if the environment or its data are not there any more.
        OutageError: if the data cannot be reached.
    """
    env = resolve(run["env"]["alias"])
    return env, env.tasks(run["data"]["split"], run["data"]["choice"], **_task_options(run))


def _task_options(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options that the tasks were loaded with; judging again may have used others."""
    options: Mapping[str, Any] = run["env"].get("task_options", run["env"]["options"])
    return options


def _check_options(env: ResolvedEnv, options: Mapping[str, object]) -> None:
    """Refuse options that choose or change tasks only: a run's tasks are what they are."""
    of_judge = inspect.signature(env.spec.judge).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in of_judge.values()):
        return
    of_tasks = inspect.signature(env.spec.tasks).parameters
    for option in options:
        if option in of_tasks and option not in of_judge:
            raise UsageError(
                f"option {option!r} of environment {env.alias!r} is about its tasks, which judging again "
                "leaves as they are; leave it out, or evaluate anew with it"
            )


def _pending(
    run: Path, before: Mapping[Key, Result], made: Mapping[Key, Result], unanswered: set[Key]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the attempts still to judge; those that the policy failed in are added to ``unanswered`` on the way."""
    for rows in iter_attempts(run):
        key, error = _key(rows[-1]), rows[-1]["error"]
        if error != before[key].error:  # an outage that was made again
            continue
        policy_failed = _policy_failed(rows)
        if policy_failed:
            unanswered.add(key)
        now = made.get(key)
        if now is None or (now.error is not None and not (policy_failed and now.error == error)):
            yield rows


def _policy_failed(rows: Sequence[Row]) -> bool:
    return rows[-1]["error"] is not None and rows[-1]["completion"] is None


def _key(row: Mapping[str, Any]) -> Key:
    return row["task_digest"], row["attempt"]


def _answers(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["completion"] is not None]


def _judge_batch(
    batch: Sequence[Sequence[Row]],
    tasks: TaskSet,
    judge: Judge,
    check: Callable[[Verdict], None],
    directory: RunDirectory,
) -> None:
    load = lru_cache(maxsize=16)(tasks.by_id)
    flat = [row for rows in batch for row in _answers(rows)]
    pairs = ((load(r["task_id"]), Completion(r["completion"], FinishReason(r["finish_reason"]))) for r in flat)
    results = dict(judge_stream(judge, pairs))
    place = 0
    for rows in batch:
        answers = _answers(rows)
        findings = [results[place + i] for i in range(len(answers))]
        place += len(answers)
        failed = _policy_failed(rows)
        for row, finding in zip(answers, findings, strict=True):
            judged = _judged(row, finding, check, is_last=row is answers[-1] and not failed)
            directory.append(judged)
            if judged["done"] or judged["error"]:
                break
        else:
            if failed:
                directory.append(rows[-1])


def _judged(
    row: Row, finding: Verdict | JudgeError, check: Callable[[Verdict], None], *, is_last: bool
) -> dict[str, Any]:
    verdict, error = (finding, None) if isinstance(finding, Verdict) else (None, finding)
    if verdict:
        try:
            check(verdict)
        except JudgeError as broken:
            verdict, error = None, broken
    return {
        **row,
        **verdict_fields(verdict),
        "done": verdict is not None and (verdict.passed or is_last),
        "times": {"generate_s": row["times"]["generate_s"], "judge_s": None, "ended": round(time.time(), 3)},
        "error": f"{type(error).__name__}: {error}" if error else None,
    }
