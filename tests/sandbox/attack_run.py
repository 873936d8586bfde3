"""Judges all attacks at one isolation level and reports what came of them; also a script, for another user to run."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import psutil

from sandbox.bait import Bait
from sandbox.corpus import PROJECT, PWNED, CorpusProgram, attacks, decisive, job, texts
from sandbox.neighbour import Neighbour
from sandbox.traces import picture
from sdpo_gym.sandbox.job import Case, Job, Program, RunStatus
from sdpo_gym.sandbox.limits import Limits
from sdpo_gym.sandbox.pool import JudgePool

LIMITS = Limits(cpu_s=0.5, memory_bytes=256 << 20)
HONEST = Job(
    Program("print(sum(map(int, input().split())))"),
    lambda: [Case("1 2\n", "3")],
    lambda case, run: run.stdout.decode().strip() == case.expected,
    Limits(cpu_s=5),
)
_LANES = 3  # attacks that run at a time: many only wait, and they are to disturb each other
_OWN_COMMANDS: set[tuple[str, ...]] = {("sleep", "30"), ("sleep", "600")}  # what attacks would start


@dataclass(frozen=True)
class Finding:
    """One attack: what decided it, whether all its tests passed, what it said, what became of the next program."""

    status: str
    accepted: bool
    isolation: str
    said: str
    pwned: bool
    next_accepted: bool


@dataclass(frozen=True)
class Findings:
    """All attacks at one level, by name, and the traces that they left outside."""

    programs: dict[str, Finding]
    servers_reached: list[str]
    files_left: list[str]
    canary_intact: bool
    secret_told: bool
    processes_left: list[str]
    traces_left: list[str]
    neighbour_failures: list[str]
    neighbour_verdicts: int
    warnings: list[str]


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def run_attacks(level: str) -> Findings:
    """Judge every attack, an honest program after each on the same worker, another beside them all the time."""
    kept = _Kept()
    logger = logging.getLogger("sdpo_gym.sandbox")
    logger.addHandler(kept)
    before = set(psutil.pids())
    commands = set(_OWN_COMMANDS)
    picture_before = picture()
    with Bait(str(PROJECT)) as bait:
        with Neighbour(level) as neighbour, ThreadPoolExecutor(_LANES) as executor:
            lanes = [
                executor.submit(_run_lane, level, lane, attacks()[lane::_LANES], bait, neighbour, commands)
                for lane in range(_LANES)
            ]
            programs = {name: finding for lane in lanes for name, finding in lane.result().items()}
        logger.removeHandler(kept)
        return Findings(
            programs=programs,
            servers_reached=bait.reached,
            files_left=[str(path) for path in bait.marker.parent.iterdir()],
            canary_intact=bait.canary.read_text() == bait.secret,
            secret_told=any(bait.secret in finding.said for finding in programs.values()),
            processes_left=_left(before, commands),
            traces_left=sorted(picture_before ^ picture()),
            neighbour_failures=neighbour.failures,
            neighbour_verdicts=neighbour.verdicts,
            warnings=kept.messages,
        )


def _run_lane(
    level: str,
    lane: int,
    programs: Sequence[CorpusProgram],
    bait: Bait,
    neighbour: Neighbour,
    commands: set[tuple[str, ...]],
) -> dict[str, Finding]:
    """Judge ``programs`` one after the other on one worker; add the command lines seen to ``commands``."""
    pool = JudgePool(workers=1, isolation=level)
    pending = [(program, pool.submit(job(program, LIMITS, bait.fill)), pool.submit(HONEST)) for program in programs]
    findings: dict[str, Finding] = {}
    for program, attack, honest in pending:
        neighbour.beside[lane] = program.name
        result = attack.result(timeout=120)
        commands |= {tuple(_command(child)) for child in psutil.Process().children(recursive=True)}
        said = texts(result)
        findings[program.name] = Finding(
            status=decisive(result).value,
            accepted=all(run.status is RunStatus.ACCEPTED for run in result.runs),
            isolation=result.isolation,
            said=said[:10_000] + (bait.secret if bait.secret in said[10_000:] else ""),
            pwned=PWNED in said,
            next_accepted=honest.result(timeout=120).runs[0].status is RunStatus.ACCEPTED,
        )
    del neighbour.beside[lane]
    pool.close()
    return findings


def _left(before: set[int], commands: set[tuple[str, ...]]) -> list[str]:
    """New processes that look like the sandbox's and are below us or orphaned, after a while for the dying to go."""
    for _ in range(50):
        left = [process for process in psutil.process_iter() if process.pid not in before and _ours(process, commands)]
        if not left:
            return []
        time.sleep(0.1)
    return [f"{process.pid} {_command(process)}" for process in left]


def _ours(process: psutil.Process, commands: set[tuple[str, ...]]) -> bool:
    try:
        parents = [parent.pid for parent in process.parents()]
        below_us = psutil.Process().pid in parents
        orphaned = parents in ([], [1])
        return (below_us or orphaned) and tuple(process.cmdline()) in commands and process.status() != "zombie"
    except psutil.NoSuchProcess:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ["?"]


if __name__ == "__main__":
    print(json.dumps({level: asdict(run_attacks(level)) for level in sys.argv[1:]}))
