from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sdpo_gym.completion import Completion
from sdpo_gym.errors import MissingExtraError, UsageError
from sdpo_gym.policies.base import Request, Sampling
from sdpo_gym.policies.load import load_policy

PLUGIN = """
class Echo:
    capabilities = frozenset()
    def __init__(self, **given):
        self.given = given
    def generate(self, requests, sampling):
        return iter(())
    def describe(self):
        return self.given
    def close(self):
        pass

def make(argument, *, model=None, concurrency=7):
    return Echo(argument=argument, model=model, concurrency=concurrency)

def make_any(argument, **options):
    return Echo(argument=argument, **options)
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A third party's distribution, as far as Python can tell an installed one."""

    def install(distribution: str, entry_points: str) -> None:
        site = tmp_path / distribution
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[sdpo_gym.policies]\n{entry_points}\n")
        (site / f"{distribution}_module.py").write_text(PLUGIN)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, f"{distribution}_module", raising=False)

    return install


def test_a_third_partys_policy_gets_its_argument_and_the_options_it_names(plugin):
    plugin("acme", "echo = acme_module:make")
    policy = load_policy("echo:a:b", model="m", concurrency=None, gold=str.upper)
    assert policy.describe() == {"argument": "a:b", "model": "m", "concurrency": 7}


def test_a_policy_that_takes_any_option_gets_all_that_are_set(plugin):
    plugin("acme", "echo = acme_module:make_any")
    gold = {"t": "x"}.get
    assert load_policy("echo", base_url="u", model=None, gold=gold).describe() == {
        "argument": "",
        "base_url": "u",
        "gold": gold,
    }


def test_an_option_that_the_policy_does_not_take_is_an_error_that_names_it(plugin):
    plugin("acme", "echo = acme_module:make")
    with pytest.raises(UsageError, match=r"'echo' takes no option 'base_url' \(its options: concurrency, model\)"):
        load_policy("echo", base_url="http://x/v1")


def test_an_unknown_name_suggests_the_nearest_and_lists_all(plugin):
    plugin("acme", "echo = acme_module:make\nparrot = acme_module:make")
    with pytest.raises(UsageError, match=r"no policy 'parot'; did you mean 'parrot'\?; known: .*echo.*parrot"):
        load_policy("parot:x")


def test_one_name_from_two_distributions_is_an_error_that_names_both(plugin):
    plugin("acme", "echo = acme_module:make")
    plugin("bravo", "echo = bravo_module:make")
    with pytest.raises(UsageError, match=r"'echo' is declared twice, by acme \(.*\) and bravo \(.*\)"):
        load_policy("echo")


def test_our_own_policies_are_found_by_name(tmp_path: Path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"task_id": "a", "completion": "recorded"}\n')
    requests = [Request((), "a")]
    for name, text in {f"replay:{file}": "recorded", "scripted:empty": "", "scripted:gold": "gold of a"}.items():
        policy = load_policy(name, gold=lambda task_id: f"gold of {task_id}")
        assert list(policy.generate(requests, Sampling())) == [(0, Completion(text))]


def test_a_missing_library_names_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "sdpo_gym.policies.transformers", raising=False)
    with pytest.raises(MissingExtraError, match=r"needs torch, .*sdpo-gym\[torch\]"):
        load_policy("transformers:somewhere")
