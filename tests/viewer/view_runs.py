"""Runs of the guessing game whose texts are as bad as texts of models and programs can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import guess_env  # noqa: F401  (registers itself)
from sdpo_gym.evaluate import EvalConfig, evaluate

SCRIPT = "</pre></script><script>window.pwned = 1; alert(1)</script><img src=x onerror='window.pwned = 2'> &lt;b&gt;"
ANSI = "\x1b[2J\x1b[31mred\x07 \x9b1m"
BIDI = "user\u202e nimda \u2066x\u2069 \u200b\u200d \ufeff שלום"
BROKEN = "nul\x00 lone\ud800 \udfff line\u2028sep \ufffe"
LONG = "y" * 1_000_000 + " the end 9"
MARKS = "z" + "\u0301" * 300
HOSTILE = (SCRIPT, ANSI, BIDI, BROKEN, LONG, MARKS)


def replayed(directory: Path, completions: dict[str, list[str]]) -> Path:
    """Evaluate the guessing game on given completions by task and return the run's directory."""
    answers = directory / "answers.jsonl"
    answers.write_text("".join(json.dumps({"task_id": t, "completions": c}) + "\n" for t, c in completions.items()))
    evaluate(EvalConfig("guess", f"replay:{answers}", data="sample", out=directory / "run"))
    return directory / "run"


def change_rows(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Apply a change to every row of a run."""
    file = run / "attempts.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        change(row)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def hostile_run(directory: Path) -> Path:
    """Return a run in which every text that a row may hold is hostile."""
    run = replayed(directory, {"g1": [*map(str, range(len(HOSTILE))), "it is 10", "OUTAGE"], "g2": ["it is 7"]})
    texts = dict(enumerate(HOSTILE))

    def change(row: dict[str, Any]) -> None:
        text = texts.get(row["attempt"], SCRIPT)
        if row["error"]:
            row["error"] = text
        elif row["status"] != "passed":
            row["completion"] = text
            row |= {"feedback": text, "outcome": '"><script>window.pwned = 3</script>', "scores": {SCRIPT: 0.5}}
            row["detail"] = {text[:300]: text, "tests": [{text[:300]: text, "n": 1}, {"b": True, "x": None}]}
        if row["task_id"] == "g2":
            row |= {"task_id": SCRIPT, "task_digest": "../../../x<script>"}

    change_rows(run, change)
    return run
