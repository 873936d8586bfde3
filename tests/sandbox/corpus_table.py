"""Writes docs/sandbox-programs.md from the corpus: ``PYTHONPATH=tests python -m sandbox.corpus_table``."""

from __future__ import annotations

from sandbox.corpus import PROJECT, CorpusProgram, Kind, all_attacks, idioms

PAGE = PROJECT / "docs" / "sandbox-programs.md"
_TITLES = {
    Kind.EXHAUSTION: "Exhaustion: taking more than its share",
    Kind.ESCAPE: "Escape: reaching the kernel, other processes, the machine",
    Kind.EXFILTRATION: "Exfiltration: reading secrets, talking to others",
    Kind.TAMPERING: "Tampering: getting a verdict by other means than an answer",
    Kind.SURVIVAL: "Survival: being there when the test is over",
    Kind.PERSISTENCE: "Persistence: leaving something for the next test",
    Kind.ODDITY: "Oddities: programs that make judges stumble",
    Kind.IDIOM: "Right programs: ways of writing a solution that judges have been known to reject",
}
_HEAD = """\
# The programs that the sandbox is tested with

<!-- Generated: change tests/sandbox/programs and run PYTHONPATH=tests python -m sandbox.corpus_table -->

{attacks} hostile or awkward programs and {idioms} right ones, under `tests/sandbox/programs/`. Each is judged at every
isolation level, and has to get one of the verdicts in its row everywhere. Beyond that, no hostile program may be
accepted, reach anything outside, or leave a process, a file, a mount or a shared object; an honest program judged
right after it on the same worker, and another beside it all the time, have to be accepted.

**Works elsewhere** says what the program achieves against a judge that is weak in the usual ways (it forks from the
judging process, compares in the solution's process and reads the verdict as a pickle), which is tested as well: an
attack that attacks nothing proves nothing. What the levels promise is on the page on [isolation](isolation.md).
"""


def page() -> str:
    """Return the whole page."""
    programs = [*all_attacks(), *idioms()]
    right = sum(program.kind is Kind.IDIOM for program in programs)
    parts = [_HEAD.format(attacks=len(programs) - right, idioms=right)]
    for kind, title in _TITLES.items():
        rows = [program for program in programs if program.kind is kind]
        parts.append(f"\n## {title} ({len(rows)})\n\n")
        if kind is Kind.IDIOM:
            parts.append("| program | what it does | verdict |\n|---|---|---|\n")
        else:
            parts.append("| program | what it tries | verdict | works elsewhere |\n|---|---|---|---|\n")
        parts += [_row(program) for program in rows]
    return "".join(parts)


def _row(program: CorpusProgram) -> str:
    about = program.about if program.machine is None else f"{program.about} ({program.machine} only)"
    cells = [f"`{program.name}`", about.replace("|", "\\|"), ", ".join(sorted(program.want))]
    if program.kind is not Kind.IDIOM:
        cells.append(program.goal.replace("_", " ") if program.goal else f"not shown: {program.unproven}")
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
