"""What ``import sdpo_gym`` does, each seen from a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from typing import Any

HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "docker",
    "httpx",
    "huggingface_hub",
    "pandas",
    "matplotlib",
    "ray",
    "vllm",
)


def fresh(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_nothing_heavy_and_no_environment_is_imported() -> None:
    modules = fresh("import sdpo_gym, sys, json; print(json.dumps(sorted(sys.modules)))")
    assert "gymnasium" in modules
    assert not set(modules) & {*HEAVY, "sdpo_envs", "sdpo_baselines", "tqdm"}


def test_it_costs_less_than_gymnasium_itself() -> None:
    code = (
        "import json, time; t = [time.perf_counter()]\n"
        "import gymnasium; t.append(time.perf_counter())\n"
        "import sdpo_gym; t.append(time.perf_counter()); print(json.dumps([t[1] - t[0], t[2] - t[1]]))"
    )
    ratios = [ours / gymnasium for gymnasium, ours in (fresh(code) for _ in range(3))]
    assert min(ratios) < 1.0


def test_every_declared_environment_is_registered_once_with_jsonable_kwargs() -> None:
    declared = {entry_point.name for entry_point in entry_points(group="sdpo_gym.envs")}
    assert "LiveCodeBench-v0" in declared
    code = (
        "import gymnasium, sdpo_gym, importlib, json\n"
        "importlib.reload(sdpo_gym)\n"
        "specs = [s for s in gymnasium.registry.values() if s.namespace == 'sdpo']\n"
        "print(json.dumps({s.name + f'-v{s.version}': [s.entry_point, s.vector_entry_point, s.kwargs] for s in specs}))"
    )
    expected = ["sdpo_gym.env:make_env", "sdpo_gym.vector:make_vec_env"]
    assert fresh(code) == {name: [*expected, {"name": name}] for name in declared}


def test_the_public_names_are_there() -> None:
    names = fresh(
        "import sdpo_gym, json\n"
        "print(json.dumps([sdpo_gym.__version__, [n for n in sdpo_gym.__all__ if not hasattr(sdpo_gym, n)]]))"
    )
    assert names == [version("sdpo-gym"), []]
