"""The programs that the sandbox must refuse (attacks) and those it must accept (idioms).

Each is one file whose leading ``# key: value`` lines say what it is:

    class    exhaustion, escape, exfiltration, tampering, survival, persistence, oddity or idiom
    about    what it does, in one line for the page of programs (docs/sandbox-programs.md)
    entry    what to call (``solve``, ``Solution.solve``); absent for a program that reads standard input
    case     JSON [input, expected]; one line per test, at least one
    want     run statuses of which one must decide the submission (default: accepted)
    goal     attacks only: what it achieves against a weak judge
    unproven attacks without a goal only: why no weak judge shows that it works
    machine  the only architecture that it is written for
    repeat   JSON [[text, count], ...]: what @REPEAT@ stands for, for sources too long to store

Other characters that editors would spoil are written as @NUL@, @BOM@, @CR@ and @FF@; @END@ cuts the last newline off.
In a case, @NUMBERS@ stands for the lines 0 to 99,999.

The header is cut off before the program is judged: it holds the answers.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sdpo_gym.sandbox.job import Case, Job, JobResult, Program, RunStatus, TestRun
from sdpo_gym.sandbox.limits import Limits

_PROGRAMS = Path(__file__).parent / "programs"
PROJECT = Path(__file__).resolve().parents[2]
_KEYS = {"class", "about", "entry", "case", "want", "goal", "unproven", "machine", "repeat"}
_MARKS = {"@NUL@": "\0", "@BOM@": "\ufeff", "@CR@": "\r", "@FF@": "\f", "@END@\n": ""}
_NUMBERS = "\n".join(map(str, range(100_000)))
PWNED = "PWNED"  # printed by an attack that reached what it should not; its source never holds the word in one piece


class Kind(StrEnum):
    """What a program is about."""

    EXHAUSTION = "exhaustion"
    ESCAPE = "escape"
    EXFILTRATION = "exfiltration"
    TAMPERING = "tampering"
    SURVIVAL = "survival"
    PERSISTENCE = "persistence"
    ODDITY = "oddity"
    IDIOM = "idiom"


class Goal(StrEnum):
    """What an attack achieves against the weak judge. See ``reached`` in weak_judge.py for the proofs."""

    FALSE_PASS = "false_pass"
    READ_FILE = "read_file"
    CONNECT = "connect"
    ENV_SECRET = "env_secret"
    IMPORT_PROJECT = "import_project"
    FORBIDDEN = "forbidden"  # something that no solution needs and that a sandbox must refuse worked
    LEFTOVER_FILE = "leftover_file"
    SURVIVOR = "survivor"
    PICKLE_EXEC = "pickle_exec"
    KILL_JUDGE = "kill_judge"
    HANG_JUDGE = "hang_judge"
    JUDGE_RAISES = "judge_raises"
    OVERTIME = "overtime"
    EXHAUST_TIME = "exhaust_time"
    EXHAUST_MEMORY = "exhaust_memory"
    EXHAUST_OUTPUT = "exhaust_output"
    EXHAUST_PROCESSES = "exhaust_processes"
    EXHAUST_THREADS = "exhaust_threads"
    EXHAUST_DESCRIPTORS = "exhaust_descriptors"
    EXHAUST_FILES = "exhaust_files"


@dataclass(frozen=True)
class CorpusProgram:
    """One program of the corpus; ``source`` may still hold placeholders for ``Bait.fill``."""

    name: str
    kind: Kind
    about: str
    source: str
    entry: str | None
    cases: tuple[Case, ...]
    want: frozenset[RunStatus]
    goal: Goal | None
    unproven: str | None
    machine: str | None

    def __str__(self) -> str:
        return self.name


def attacks() -> list[CorpusProgram]:
    """Every attack that is written for this machine's architecture."""
    return [program for program in all_attacks() if program.machine in (None, platform.machine())]


def all_attacks() -> list[CorpusProgram]:
    """Every attack, for whatever architecture."""
    return [_load(path) for path in sorted((_PROGRAMS / "attacks").glob("*.py"))]


def idioms() -> list[CorpusProgram]:
    """Every correct program."""
    return [_load(path) for path in sorted((_PROGRAMS / "idioms").glob("*.py"))]


def job(program: CorpusProgram, limits: Limits, fill: Callable[[str], str] = str) -> Job:
    """What to submit to a pool; ``fill`` replaces the placeholders in the source."""
    check = _same_text if program.entry is None else _same_value
    return Job(Program(fill(program.source), program.entry), lambda: program.cases, check, limits)


def decisive(result: JobResult) -> RunStatus:
    """The first status that is not accepted, which decides the submission; accepted if there is none."""
    return next((run.status for run in result.runs if run.status is not RunStatus.ACCEPTED), RunStatus.ACCEPTED)


def texts(result: JobResult) -> str:
    """Everything that the program got out of the sandbox, as one text."""
    parts = [str(result.compile_error)]
    for run in result.runs:
        parts += [run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace"), str(run.error)]
        parts.append((run.value or b"").decode(errors="replace"))
    return "\n".join(parts)


def _same_text(case: Case, run: TestRun) -> bool:
    return run.stdout.decode(errors="replace").strip() == case.expected.strip()


def _same_value(case: Case, run: TestRun) -> bool:
    try:
        return run.value is not None and bool(json.loads(run.value) == json.loads(case.expected))
    except (ValueError, RecursionError):  # the program wrote its result file itself
        return False


def _load(path: Path) -> CorpusProgram:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    header: dict[str, list[str]] = {}
    length = 0
    for line in lines:
        key, separator, value = line.removeprefix("# ").strip().partition(": ")
        if not line.startswith("# ") or key not in _KEYS:
            break
        header.setdefault(key, []).append(value if separator else "")
        length += 1
    if not {"class", "about", "case"} <= set(header):
        raise ValueError(f"{path} has no header with class, about and case: see {__file__}")
    single = {key: values[0] for key, values in header.items() if key != "case"}
    source = "".join(lines[length:])
    marks = {**_MARKS, "@REPEAT@": "".join(text * count for text, count in json.loads(single.get("repeat", "[]")))}
    for mark, text in marks.items():
        source = source.replace(mark, text)
    cases = [json.loads(case) for case in header["case"]]
    goal = single.get("goal")
    return CorpusProgram(
        name=path.stem,
        kind=Kind(single["class"]),
        about=single["about"],
        source=source,
        entry=single.get("entry"),
        cases=tuple(Case(given, expected.replace("@NUMBERS@", _NUMBERS)) for given, expected in cases),
        want=frozenset(map(RunStatus, single.get("want", "accepted").split())),
        goal=Goal(goal) if goal else None,
        unproven=single.get("unproven"),
        machine=single.get("machine"),
    )
