"""The main job through the command line, on real parts: the real judge, a real model, a real kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from envs.livecodebench.casting import cast_verdicts
from policies.tiny_llama import make_tiny_llama
from sdpo_envs.livecodebench import SPEC
from sdpo_gym.cli import main

ROOT = Path(__file__).resolve().parent.parent


def attempts(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "attempts.jsonl").read_text().splitlines()]


def summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


@pytest.mark.slow
def test_the_sample_ends_as_recorded_and_a_second_call_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["eval", "lcb_v6", "--out", str(run), "--quiet"]
    assert main(command) == 0
    table = capsys.readouterr().out
    assert "this is sdpo_gym's own sample set, not LiveCodeBench" in table
    assert "MODEL=" in table
    assert SPEC.recorded is not None
    expected = {
        (row["task_id"], i): completion["expect"].replace("bad_format", "no_code")
        for row in map(json.loads, SPEC.recorded().read_text().splitlines())
        for i, completion in enumerate(row["completions"])
    }
    found = {(row["task_id"], row["attempt"]): row["outcome"] for row in attempts(run)}
    assert found == expected
    kinds = {"accepted", "wrong_answer", "runtime_error", "time_limit", "idle_limit", "memory_limit", "output_limit",
             "compile_error", "no_code", "truncated"}  # fmt: skip
    assert set(found.values()) == kinds
    before = (run / "attempts.jsonl").read_bytes()
    assert main(command) == 0
    assert capsys.readouterr().out == table
    assert (run / "attempts.jsonl").read_bytes() == before


@pytest.mark.slow
def test_published_verdicts_through_the_command_line(tmp_path: Path) -> None:
    cast = cast_verdicts(tmp_path)
    run = tmp_path / "run"
    # More CPU time than the default: no published verdict is a time limit, and one program takes 2 to 6 s of it,
    # depending on the machine.
    options = ["--option", "cpu_s=20.0", "--policy", f"replay:{cast.replay}", "--data", str(cast.data)]
    assert main(["eval", "release_v6", *options, "--out", str(run), "--quiet"]) == 0
    rows = attempts(run)
    wrong = [r for r in rows if (r["status"] == "passed") is not cast.right[r["task_id"]][r["attempt"]]]
    assert wrong == []
    assert Counter(r["outcome"] for r in rows) == {"accepted": 112, "wrong_answer": 80, "runtime_error": 44}


@pytest.mark.slow
def test_a_model_runs_end_to_end_and_a_row_is_the_same_alone_and_in_a_batch(tmp_path: Path) -> None:
    model = make_tiny_llama(tmp_path / "model", context=4096)
    common = [
        "eval",
        "lcb_v6",
        "--data",
        "sample",
        "--model",
        str(model),
        "--max-tokens",
        "24",
        "--seed",
        "3",
        "--quiet",
    ]
    assert main([*common, "--limit", "3", "--n", "3", "--out", str(tmp_path / "batch")]) == 0
    alone_options = ["--policy-option", "batch_tokens=5000", "--policy-option", "template_options={more=true}"]
    assert main([*common, "--limit", "1", "--n", "1", "--out", str(tmp_path / "alone"), *alone_options]) == 0
    in_batch = {(r["task_id"], r["attempt"]): r["completion"] for r in attempts(tmp_path / "batch")}
    ((key, alone),) = [((r["task_id"], r["attempt"]), r["completion"]) for r in attempts(tmp_path / "alone")]
    assert len(in_batch) == 9
    assert len(set(in_batch.values())) == 9
    assert in_batch[key] == alone
    assert summary(tmp_path / "batch")["sampling"]["temperature"] == 0.6
    policy = json.loads((tmp_path / "alone" / "run.json").read_text())["policy"]
    assert policy["template_options"] == {"more": True}


def below(pid: int) -> set[int]:
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(p): int(parent) for p, parent in (line.split() for line in listing.splitlines())}
    found = {pid}
    while more := {p for p, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


@pytest.mark.slow
def test_a_run_killed_in_the_middle_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    # the first tasks have no program that runs into the time limit, so that this takes seconds
    command = [sys.executable, "-m", "sdpo_gym.cli", "eval", "lcb_v6", "--policy", "scripted:gold", "--data", "sample"]
    command += ["--n", "6", "--quiet", "--workers", "1", "--option", 'stop="decided"']
    assert subprocess.run([*command, "--out", str(tmp_path / "whole")], cwd=ROOT).returncode == 0
    killed = tmp_path / "killed"
    for enough in (3, 40):
        process = subprocess.Popen([*command, "--out", str(killed)], cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        file = killed / "attempts.jsonl"
        while not (file.exists() and file.read_bytes().count(b"\n") >= enough):
            assert time.monotonic() < deadline
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
        children = below(process.pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert subprocess.run([*command, "--out", str(killed)], cwd=ROOT, env=dict(os.environ)).returncode == 0
    keys = [(r["task_id"], r["attempt"], r["turn"]) for r in attempts(killed)]
    assert len(keys) == len(set(keys)) == 27 * 6
    assert summary(killed) == summary(tmp_path / "whole")
