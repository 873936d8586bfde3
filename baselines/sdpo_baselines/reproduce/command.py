"""The commands: ``reproduce`` (runs a profile and reports), ``sweep`` (chooses settings), ``report`` (from results)."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdpo_baselines.reproduce.arms import SETTINGS_FILE, Design, Job, read_design
from sdpo_baselines.reproduce.claims import judge_claims, read_claims
from sdpo_baselines.reproduce.plots import draw_all
from sdpo_baselines.reproduce.report import claims_table, report, summary_table, sweep_text
from sdpo_baselines.reproduce.results import CURVES_FILE, Results, collect, read_results, write_results
from sdpo_baselines.reproduce.runner import Failure, run_jobs
from sdpo_baselines.reproduce.sweep import SWEEP_FILE, sweep_results, write_settings, write_sweep
from sdpo_gym.errors import OutageError, UsageError
from sdpo_gym.plots.style import check_can_draw

RUNS, BOARD = Path("runs/reproduce"), Path("leaderboards")
REPORT_FILE, PLOTS = "report.md", "plots"
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 a job failed, 2 bad input, 3 something cannot be reached."""
    try:
        arguments = _parser().parse_args(argv)
        code: int = arguments.run(arguments)
    except (UsageError, OutageError) as error:
        _say(f"error: {' '.join(str(error).split())}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on from here")
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sdpo_baselines.reproduce", description=__doc__)
    parser.add_argument("--board", type=Path, default=BOARD, help="where tiny/ and results/ lie (default leaderboards)")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="run a profile, then write tables, plots and report")
    run.add_argument("--profile", default="quick", help="of tiny/arms.toml (default quick)")
    run.add_argument("--out", type=Path, help="where runs and report go (default runs/reproduce/PROFILE)")
    run.add_argument("--publish", action="store_true", help="also write condensed results to leaderboards/results")
    run.set_defaults(run=_run)

    sweep = commands.add_parser("sweep", help="try the grid in tuning worlds and write the chosen settings")
    sweep.add_argument("--out", type=Path, help="where runs go (default runs/reproduce/sweep)")
    sweep.set_defaults(run=_sweep)

    for command in (run, sweep):
        command.add_argument("--only", metavar="PATTERN", help="only jobs that fit, such as 'tool/grpo*'")
        command.add_argument("--jobs", type=int, help="processes at a time, of one thread each (default: one per core)")
        command.add_argument("--list", action="store_true", help="say what would be run, and end")

    again = commands.add_parser("report", help="make tables, plots and report again from condensed results")
    again.add_argument("results", type=Path, help=f"a directory with {CURVES_FILE}")
    again.set_defaults(run=_report)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    design = read_design(arguments.board / "tiny")
    claims = read_claims(design.directory)
    jobs = design.jobs(arguments.profile, weights_digest(), arguments.only)
    _check(jobs, arguments.only)
    if arguments.list:
        return _list(jobs)
    if arguments.publish and arguments.only:
        raise UsageError("--publish writes the results of a whole profile; leave out --only")
    check_can_draw()
    out = arguments.out or RUNS / arguments.profile
    failures = run_jobs(jobs, out / "jobs", workers=_workers(arguments.jobs), say=_say)
    for family in dict.fromkeys(job.family for job in jobs):
        results = collect(design, arguments.profile, family, jobs, out / "jobs", failures)
        name = f"tiny_{family}"
        published = arguments.board / "results" / name
        sweep = _sweep_of(arguments.board, family, design)
        judged = judge_claims(claims, results)
        for directory in (out / name, *([published] if arguments.publish else [])):
            _write(results, judged, sweep, directory)
            _say(f"{directory / REPORT_FILE}")
        _out(f"\n{results.title}, profile {results.profile}: held-out accuracy, means over worlds\n")
        _out(summary_table(results))
        if answered := [each for each in judged if each.estimate is not None]:
            _out(f"\n{claims_table(answered)}")
    return _ended(failures)


def _sweep(arguments: argparse.Namespace) -> int:
    design = read_design(arguments.board / "tiny")
    weights = weights_digest()
    everything, jobs = design.sweep_jobs(weights), design.sweep_jobs(weights, arguments.only)
    _check(jobs, arguments.only)
    if arguments.list:
        return _list(jobs)
    out = arguments.out or RUNS / "sweep"
    failures = run_jobs(jobs, out / "jobs", workers=_workers(arguments.jobs), say=_say)
    swept = []
    for family in design.grid.families:
        found = sweep_results(design, everything, out / "jobs", family)
        write_sweep(found, arguments.board / "results" / f"tiny_{family}" / SWEEP_FILE)
        _out(f"\n{sweep_text(found, {name: arm.title for name, arm in design.arms.items()})}")
        swept.append(found)
    path = design.directory / SETTINGS_FILE
    if missing := [arm for found in swept for arm in found["arms"] if arm not in found["chosen"]]:
        _say(f"{path} is left as it is: some runs of {', '.join(missing)} are missing")
        return _ended(failures)
    write_settings(swept, path)
    _say(f"{path} written")
    return _ended(failures)


def _report(arguments: argparse.Namespace) -> int:
    directory: Path = arguments.results
    results = read_results(directory / CURVES_FILE)
    design = read_design(arguments.board / "tiny")
    judged = judge_claims(read_claims(design.directory), results)
    _write(results, judged, _sweep_of(arguments.board, "", design, directory), directory, again=True)
    _out(summary_table(results))
    return 0


def _write(
    results: Results, judged: Sequence[Any], sweep: Mapping[str, Any] | None, directory: Path, again: bool = False
) -> None:
    if not again:
        write_results(results, directory / CURVES_FILE)
    shutil.rmtree(directory / PLOTS, ignore_errors=True)
    plots = draw_all(results, directory / PLOTS)
    (directory / REPORT_FILE).write_text(report(results, judged, plots, sweep), encoding="utf-8")


def _sweep_of(board: Path, family: str, design: Design, directory: Path | None = None) -> Mapping[str, Any] | None:
    """Return the sweep's record of a family, or of the first one of the grid, whose choices others take over."""
    names = [f"tiny_{name}" for name in (family, *design.grid.families) if name]
    places = [*([directory] if directory else []), *(board / "results" / name for name in names)]
    for place in places:
        if (path := place / SWEEP_FILE).exists():
            found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return found
    return None


def weights_digest() -> str:
    """Return the sha256 of the weights that all runs start from."""
    from importlib.resources import files

    try:
        data = files("sdpo_baselines.tiny").joinpath("weights", "model.safetensors").read_bytes()
    except (FileNotFoundError, ModuleNotFoundError):
        raise UsageError("the tiny policy has no weights; run `make tiny-weights`") from None
    return hashlib.sha256(data).hexdigest()


def _workers(asked: int | None) -> int:
    return asked if asked is not None else len(os.sched_getaffinity(0))


def _check(jobs: Sequence[Job], only: str | None) -> None:
    if not jobs:
        raise UsageError(f"no job fits {only!r}; --list shows them (a pattern is as of file names: 'tool/grpo*')")


def _list(jobs: Sequence[Job]) -> int:
    _out("\n".join(job.id for job in jobs))
    return 0


def _ended(failures: Sequence[Failure]) -> int:
    if failures:
        _say(f"{len(failures)} jobs failed: {', '.join(failure.job for failure in failures)}")
    return 1 if failures else 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _out(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
