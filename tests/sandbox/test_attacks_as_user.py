"""The attacks once more with a judge that runs as an ordinary user, whose files and processes have the judge's uid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from sandbox.corpus import PROJECT, attacks
from sandbox.levels import LEVELS, require

USER = 65534
PYTHON = Path("/usr/bin/python3")  # ours may lie where only root can go


@pytest.mark.slow
def test_no_attack_succeeds_as_an_ordinary_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become an ordinary user; where there is none, the other tests run as one")
    for level in LEVELS:
        require(level)
    search = os.pathsep.join([str(PROJECT), str(PROJECT / "tests"), *(p for p in sys.path if "site-packages" in p)])
    with tempfile.TemporaryDirectory(prefix="sdpo-gym-home-") as home:
        os.chown(home, USER, USER)
        environment = {"HOME": home, "PATH": os.defpath, "PYTHONPATH": search}
        check = f"import sys, sandbox.corpus; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
        if not PYTHON.exists() or _run_as_user(["-c", check], environment).returncode != 0:
            pytest.skip("needs a system python of our version and a checkout that an ordinary user can read")
        done = _run_as_user(["-m", "sandbox.attack_run", *(level.value for level in LEVELS)], environment)
    assert done.returncode == 0, done.stderr
    for level, findings in json.loads(done.stdout).items():
        by_name = findings.pop("programs")
        assert findings.pop("neighbour_verdicts") > 10, level
        undue = {
            program.name: by_name[program.name]
            for program in attacks()
            if by_name[program.name]["status"] not in program.want
            or by_name[program.name]["accepted"]
            or by_name[program.name]["pwned"]
            or not by_name[program.name]["next_accepted"]
        }
        assert undue == {}, level
        assert findings == {
            "servers_reached": [],
            "files_left": [],
            "canary_intact": True,
            "secret_told": False,
            "processes_left": [],
            "traces_left": [],
            "neighbour_failures": [],
            "warnings": [],
        }, level


def _run_as_user(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, *arguments],
        user=USER,
        group=USER,
        extra_groups=[],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
