"""Running all checks on an environment, in an order in which each stands on those before."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.utils.env_checker import check_env as check_gymnasium_env

from sdpo_gym.checking import judging, static
from sdpo_gym.checking.bench import Bench, JudgeCrashError, Progress
from sdpo_gym.checking.report import Mark, Problem, Report, Result, explain
from sdpo_gym.checking.static import Findings
from sdpo_gym.env import close_judge
from sdpo_gym.errors import UsageError
from sdpo_gym.registry import NAMESPACE, ResolvedEnv, list_envs, resolve

_MOST_SHOWN = 5  # findings of one check


@dataclass(frozen=True)
class _Check:
    """A check by name, and the checks without whose success it cannot run."""

    name: str
    run: Callable[[Bench], Findings]
    needs: tuple[str, ...] = ()


def _gymnasium(bench: Bench) -> Findings:
    """Gymnasium's own checker has no complaint, warnings included, for one turn and for two."""
    env, problems = bench.env, []
    for turns in (1, 2):
        options: dict[str, Any] = {**env.options, **bench.options, "max_turns": turns}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                shell = gymnasium.make(f"{NAMESPACE}{env.spec.name}", **options).unwrapped
                with contextlib.closing(shell):
                    check_gymnasium_env(shell)
        except Exception as error:
            found = explain(error, bench.owners)
            problems.append(Problem(f"with {turns} turns: {found.message}", found.advice, found.mark))
    return "Gymnasium's checker has no complaint, with one turn and with two", problems


_CHECKS = (
    _Check("card", static.card),
    _Check("aliases", static.aliases),
    _Check("sample", static.sample),
    _Check("fixtures", static.fixtures, ("sample",)),
    _Check("gold", judging.gold, ("sample",)),
    _Check("junk", judging.junk, ("sample",)),
    _Check("expectations", judging.expectations, ("sample", "fixtures")),
    _Check("leaks", judging.leaks, ("card", "sample")),
    _Check("verdicts", judging.verdicts, ("card", "sample")),
    _Check("determinism", judging.determinism, ("sample",)),
    _Check("records", judging.records, ("sample",)),
    _Check("gymnasium", _gymnasium, ("sample", "verdicts", "determinism")),
)
_WITHOUT_JUDGE = (static.card, static.aliases, static.sample, static.fixtures)
CHECKS = tuple(check.name for check in _CHECKS)


def check_env(
    env: str | ResolvedEnv,
    *,
    options: Mapping[str, object] | None = None,
    progress: Progress = lambda check, done, total: None,
) -> Report:
    """Check an environment on its sample set.

    Nothing that the environment does wrong is raised; all of it is in the report.

    Args:
        env: alias, Gymnasium name, or the environment; it must be registered.
        options: further options of its tasks and judge.
        progress: is told the name of the check, how many completions it has judged, and of how many.

    Raises:
        UsageError: if there is no such environment, or it does not take one of ``options``.
    """
    options = options or {}
    if isinstance(env, str):
        name = env
        try:
            env = resolve(name)
        except UsageError:
            if broken := _not_loaded(name):
                return broken
            raise
    _refuse_wrong_options(env, options)
    bench = Bench(env, options, progress)
    try:
        return Report(env.alias, tuple(_run(bench)))
    finally:
        bench.close()


def _not_loaded(name: str) -> Report | None:
    """Return the report on a declared environment that cannot be loaded; None if none of that name is declared."""
    name = name.removeprefix(NAMESPACE)
    for listing in list_envs():
        if listing.name == name and listing.error:
            problem = Problem(listing.error, "correct this, then run the check again")
            return Report(name, (*_results("card", "", [problem]), *map(_not_run, CHECKS[1:])))
    return None


def _refuse_wrong_options(env: ResolvedEnv, options: Mapping[str, object]) -> None:
    if not options:
        return
    try:
        close_judge(env.judge(**options))
    except UsageError:
        raise
    except Exception:  # the checks will meet it again, and say it
        return


def _run(bench: Bench) -> Iterator[Result]:
    failed: set[str] = set()
    crashed = False  # the judge raises: there is no point in asking it more
    for check in _CHECKS:
        if failed.intersection(check.needs) or (crashed and check.run not in _WITHOUT_JUDGE):
            failed.add(check.name)
            yield _not_run(check.name)
            continue
        bench.check = check.name
        try:
            summary, problems = check.run(bench)
        except JudgeCrashError as error:
            crashed = True
            summary, problems = "", [_crash(error, bench)]
        except Exception as error:
            failed.add(check.name)
            summary, problems = "", [explain(error, bench.owners)]
        # What is left to fill in need not keep later checks from saying what else is.
        if any(problem.mark is Mark.FAILED for problem in problems):
            failed.add(check.name)
        yield from _results(check.name, summary, problems)


def _crash(error: JudgeCrashError, bench: Bench) -> Problem:
    assert error.__cause__ is not None
    found = explain(error.__cause__, bench.owners)
    if found.mark is Mark.TO_FILL_IN:
        return found
    return Problem(f"{error}: {found.message}", "a judge gives a verdict on every text, and raises on an outage only")


def _results(check: str, summary: str, problems: Sequence[Problem]) -> list[Result]:
    if not problems:
        return [Result(check, Mark.OK, summary)]
    to_fill_in = [problem for problem in problems if problem.mark is Mark.TO_FILL_IN]
    others = [problem for problem in problems if problem.mark is not Mark.TO_FILL_IN]
    shown = [*to_fill_in, *others[:_MOST_SHOWN]]
    results = [Result(check, problem.mark, problem.message, problem.advice) for problem in shown]
    if left := len(others) - _MOST_SHOWN if len(others) > _MOST_SHOWN else 0:
        results.append(Result(check, Mark.FAILED, f"and {left:,} more like these"))
    return results


def _not_run(check: str) -> Result:
    return Result(check, Mark.NOT_RUN, "it needs a check above that does not pass yet")
