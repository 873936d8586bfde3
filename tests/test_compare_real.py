"""Two runs of real programs by models, compared on real verdicts through the command line."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from envs.livecodebench.casting import cast_verdicts, write_jsonl
from sdpo_gym.cli import main
from sdpo_gym.paired import paired_difference


@pytest.mark.slow
def test_two_replayed_runs_of_model_written_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The published data do not say which model wrote which program, so up to four of each question are dealt out.

    What the comparison must come to follows from the published verdicts alone, without our judge.
    """
    cast = cast_verdicts(tmp_path)
    programs = defaultdict(list)
    for row in map(json.loads, cast.replay.read_text().splitlines()):
        programs[row["task_id"]].append(row["completion"])
    several = [task for task, texts in programs.items() if len(texts) > 1][:12]
    runs = []
    for side in (0, 1):
        rows = [{"task_id": task, "completions": programs[task][side:4:2]} for task in several]
        replay = write_jsonl(tmp_path / f"side{side}.jsonl", rows)
        runs.append(str(tmp_path / f"model{side}"))
        options = ["--option", "cpu_s=20.0", "--policy", f"replay:{replay}", "--data", str(cast.data)]
        assert main(["eval", "release_v6", *options, "--out", runs[-1], "--quiet"]) == 0
    capsys.readouterr()
    published = [{task: fmean(cast.right[task][side:4:2]) for task in several} for side in (0, 1)]
    expected = paired_difference(published[0], published[1])
    assert expected.tasks == len(several) == 12
    assert main(["compare", *runs]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert f"A - B 12 {expected.value:+.3f} [{expected.low:+.3f}, {expected.high:+.3f}] {expected.p_value:.3f}" in words
    counts = f"A does better at {expected.won}, worse at {expected.lost} and equally well at {expected.tied}."
    assert counts in words
    assert "Conclusion: A and B cannot be told apart" in words
