from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import toy_env
from sdpo_gym import list_envs, register_spec, registry, resolve
from sdpo_gym.env import make_env
from sdpo_gym.errors import UsageError
from sdpo_gym.options import suggestion
from sdpo_gym.registry import EnvSpec, register_declared

Install = Callable[..., None]

PLUGIN = """
import dataclasses, toy_env
card = dataclasses.replace(toy_env.SPEC.card, name="Plugin")
SPEC = dataclasses.replace(toy_env.SPEC, name="Plugin-v0", card=card, aliases={"plug": {"count": 1}})
"""


@pytest.fixture(autouse=True)
def _forget_what_a_test_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_in_process", dict(registry._in_process))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution, as metadata and one module, into a directory on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(distribution: str, entry_point: str, module: str = "", source: str = "") -> None:
        info = tmp_path / f"{distribution}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[sdpo_gym.envs]\n{entry_point}\n")
        if module:
            (tmp_path / f"{module}.py").write_text(source)

    return add


def variant(name: str, **changes: Any) -> EnvSpec:
    card = dataclasses.replace(toy_env.SPEC.card, name=name)
    return dataclasses.replace(toy_env.SPEC, **{"name": f"{name}-v0", "card": card, "aliases": {}, **changes})


@pytest.mark.parametrize(
    ("name", "alias", "options"),
    [
        ("Toy-v0", "Toy-v0", {}),
        ("sdpo/Toy-v0", "Toy-v0", {}),
        ("toy_small", "toy_small", {"count": 2}),
        ("sdpo/toy_small", "toy_small", {"count": 2}),
    ],
)
def test_names_and_aliases_resolve(name: str, alias: str, options: dict[str, object]) -> None:
    env = resolve(name)
    assert env.spec is toy_env.SPEC
    assert (env.alias, env.options) == (alias, options)


def test_options_go_to_whom_they_belong() -> None:
    env = resolve("toy_lenient")
    assert len(env.tasks()) == 3
    judge = env.judge()
    assert isinstance(judge, toy_env.ToyJudge)
    assert judge.tolerance == 1


def test_options_given_override_those_of_the_alias() -> None:
    env = resolve("toy_lenient")
    assert len(env.tasks(None, "sample", count=4, tolerance=7)) == 4
    judge = env.judge(count=4, tolerance=7)
    assert isinstance(judge, toy_env.ToyJudge)
    assert judge.tolerance == 7


def test_an_option_that_nobody_takes_is_refused_with_the_nearest() -> None:
    env = resolve("toy_small")
    for call in (env.tasks, env.judge):
        with pytest.raises(UsageError, match=r"no option 'tolerence'; did you mean 'tolerance'\?"):
            call(tolerence=1)


def test_a_judge_may_ask_for_the_split() -> None:
    seen: dict[str, object] = {}

    def judge(*, split: str = "none", tolerance: int = 0) -> toy_env.ToyJudge:
        seen.update(split=split, tolerance=tolerance)
        return toy_env.ToyJudge(tolerance)

    register_spec(variant("Splitting", judge=judge))
    make_env("Splitting-v0", split="train", tolerance=2)
    assert seen == {"split": "train", "tolerance": 2}


def test_a_function_that_takes_any_option_gets_any() -> None:
    seen: dict[str, object] = {}

    def judge(**options: object) -> toy_env.ToyJudge:
        seen.update(options)
        return toy_env.ToyJudge()

    register_spec(variant("Open", judge=judge))
    resolve("Open-v0").judge(whatever=1)
    assert seen == {"whatever": 1}


def test_an_unknown_name_gets_the_nearest_and_the_list() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("toy_smal")
    assert "did you mean 'toy_small'?" in str(caught.value)
    assert "toy_lenient" in str(caught.value)
    assert "Toy-v0" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("word", "hint"), [("toy-V0", "; did you mean 'Toy-v0'?"), ("zzzzzz", "")])
def test_a_suggestion_is_near_or_nothing(word: str, hint: str) -> None:
    assert suggestion(word, ["Toy-v0", "lcb_v6"]) == hint


def test_an_installed_plugin_is_found_without_a_line_of_ours(install: Install) -> None:
    install("plugged", "Plugin-v0 = plugin_good:SPEC", "plugin_good", PLUGIN)
    register_declared()
    assert resolve("sdpo/Plugin-v0").spec.card.name == "Plugin"
    assert len(resolve("plug").tasks()) == 1
    env = gymnasium.make("sdpo/Plugin-v0", count=1)
    assert env.reset(seed=0)[1]["task_id"] == "sum-0"
    assert ("Plugin-v0", ("plug",), "") in [(e.name, e.aliases, e.error) for e in list_envs()]


def test_a_plugin_is_not_imported_before_it_is_used(install: Install) -> None:
    install("bomb", "Bomb-v0 = plugin_bomb:SPEC", "plugin_bomb", "raise RuntimeError('imported\\nfor nothing')")
    register_declared()
    assert "sdpo/Bomb-v0" in gymnasium.registry
    assert resolve("Toy-v0").spec is toy_env.SPEC
    with pytest.raises(UsageError) as caught:
        resolve("Bomb-v0")
    assert str(caught.value) == (
        "environment plugin 'Bomb-v0' (plugin_bomb:SPEC of bomb 1.2) cannot be loaded: RuntimeError: imported"
    )


def test_a_broken_plugin_hides_no_other_and_is_named_where_it_may_matter(install: Install) -> None:
    install("broken", "Broken-v0 = no_such_module_at_all:SPEC")
    assert resolve("toy_small").spec is toy_env.SPEC
    (listing,) = [listing for listing in list_envs() if listing.name == "Broken-v0"]
    assert listing.spec is None
    assert "Broken-v0" in listing.error
    assert "no_such_module_at_all" in listing.error
    with pytest.raises(UsageError, match="no_such_module_at_all"):
        resolve("an_alias_of_nobody")


def test_one_name_from_two_distributions_is_an_error_naming_both(install: Install) -> None:
    install("first", "Plugin-v0 = plugin_twice:SPEC", "plugin_twice", PLUGIN)
    install("second", "Plugin-v0 = plugin_twice:SPEC")
    register_declared()
    with pytest.raises(UsageError, match=r"declared by (first 1.2 and second|second 1.2 and first) 1\.2"):
        resolve("Plugin-v0")
    assert resolve("toy_small").spec is toy_env.SPEC


@pytest.mark.parametrize(
    ("entry_point", "source", "complaint"),
    [
        ("Plugin-v0 = plugin_bad1:SPEC", "SPEC = 3", "is not an EnvSpec but int"),
        ("Plugin-v0 = plugin_bad2:SPEC", "", "AttributeError"),
        ("Other-v0 = plugin_bad3:SPEC", PLUGIN, "holds an environment named 'Plugin-v0'"),
    ],
)
def test_a_plugin_with_the_wrong_content_says_what_is_wrong(
    install: Install, entry_point: str, source: str, complaint: str
) -> None:
    name, _, value = entry_point.partition(" = ")
    install("wrong", entry_point, value.partition(":")[0], source)
    with pytest.raises(UsageError, match=complaint):
        resolve(name)


def test_a_name_that_gymnasium_refuses_is_a_warning_and_no_more(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("spaced", "Not A Name = plugin_spaced:SPEC")
    install("plugged", "Plugin-v0 = plugin_beside:SPEC", "plugin_beside", PLUGIN)
    with caplog.at_level(logging.WARNING):
        register_declared()
    assert "'Not A Name'" in caplog.text
    assert resolve("Plugin-v0").spec.name == "Plugin-v0"


def test_an_installed_name_cannot_be_taken_in_process(install: Install) -> None:
    install("plugged", "Plugin-v0 = plugin_taken:SPEC", "plugin_taken", PLUGIN)
    with pytest.raises(UsageError, match="'Plugin-v0' is installed"):
        register_spec(variant("Plugin"))


def test_registering_in_process_again_replaces() -> None:
    register_spec(variant("Again", aliases={"again_old": {}}))
    register_spec(variant("Again", aliases={"again_new": {}}))
    assert resolve("again_new").spec.name == "Again-v0"
    with pytest.raises(UsageError, match="no environment 'again_old'"):
        resolve("again_old")


def test_an_alias_of_two_environments_is_an_error_naming_both() -> None:
    register_spec(variant("AliasOne", aliases={"same_alias": {}}))
    register_spec(variant("AliasTwo", aliases={"same_alias": {}}))
    with pytest.raises(UsageError, match="AliasOne-v0 and AliasTwo-v0"):
        resolve("same_alias")


def test_name_and_card_must_agree() -> None:
    with pytest.raises(UsageError, match="call it 'Toy-v0'"):
        dataclasses.replace(toy_env.SPEC, name="Toy-v1")
