"""A third party's environment: made by its README, built, installed where nothing else is, found, checked and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import scaffold_readme
from sdpo_gym.cli import main

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow

WORKER = """
import multiprocessing


def work(answer):
    import gymnasium
    import sdpo_gym

    env = gymnasium.make("sdpo/UnitSums-v0", max_turns=2)
    env.reset(options={"task_id": "km-1"})
    return env.step(answer)[:4]


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, ["<answer>1</answer>", "<answer>2500</answer>"]))
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command without anything of this process's Python, and return its output; fail with all that it said."""
    mine = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
    environment = {key: value for key, value in os.environ.items() if key not in mine}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of the project and of a filled-in scaffold, installed into a new virtual environment; its ``bin``."""
    folder = tmp_path_factory.mktemp("plugin")
    package = folder / "unit_sums"
    assert main(["new", "unit_sums", "--directory", str(package)]) == 0
    scaffold_readme.follow(package / "README.md", package)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    for source in (ROOT, package):
        run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "wheels", source, cwd=folder)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    wheels = sorted((folder / "wheels").glob("*.whl"))
    assert [wheel.name.partition("-")[0] for wheel in wheels] == ["sdpo_env_unit_sums", "sdpo_gym"]
    python = folder / "venv" / "bin" / "python"
    run(*pip, "--python", python, "install", "-c", ROOT / "constraints.txt", *wheels, cwd=folder)
    return python.parent


def test_it_is_listed(programs: Path, tmp_path: Path) -> None:
    (line,) = (line for line in run(programs / "sdpo-gym", "envs", cwd=tmp_path).splitlines() if "UnitSums" in line)
    assert line.split()[:3] == ["sdpo/UnitSums-v0", "unit_sums", "4"]


def test_its_check_passes(programs: Path, tmp_path: Path) -> None:
    run(programs / "sdpo-gym", "check", "unit_sums", cwd=tmp_path)


def test_it_is_evaluated(programs: Path, tmp_path: Path) -> None:
    sample = ("--policy", "scripted:gold", "--data", "sample", "--n", "2", "--out", "gold")
    run(programs / "sdpo-gym", "eval", "unit_sums", *sample, cwd=tmp_path)
    summary = json.loads((tmp_path / "gold" / "summary.json").read_text())
    assert summary["scores"]["avg@2"]["value"] == 1.0
    assert (summary["tasks"], summary["errors"]) == (4, 0)
    run(programs / "sdpo-gym", "rejudge", "gold", cwd=tmp_path)


def test_a_spawned_worker_knows_it_after_importing_sdpo_gym_alone(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER)
    out = run(programs / "python", "worker.py", cwd=tmp_path)
    assert out == "[('1 is too low.', 0.0, False, False), ('', 1.0, True, False)]\n"


def test_nothing_of_the_checkout_was_used(programs: Path, tmp_path: Path) -> None:
    show = "import sdpo_gym, sdpo_env_unit_sums as plugin; print(sdpo_gym.__file__, plugin.__file__)"
    for path in run(programs / "python", "-c", show, cwd=tmp_path).split():
        assert Path(path).is_relative_to(programs.parent)


def test_an_installed_project_can_begin_environments_too(programs: Path, tmp_path: Path) -> None:
    out = run(programs / "sdpo-gym", "new", "my_env", cwd=tmp_path)
    assert (tmp_path / "my_env" / "README.md").is_file()
    assert f"{programs}/sdpo-gym check my_env" in out
