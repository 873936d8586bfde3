"""The pages under ``docs/environments`` tell the truth: their worked examples come out as they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdpo_gym import Completion, list_envs, resolve
from sdpo_gym.env import close_judge

PAGES = sorted((Path(__file__).resolve().parent.parent / "docs" / "environments").glob("*.md"))
EXAMPLE = re.compile(r"<!-- example: (\S+) (\S+) -->")
BLOCK = re.compile(r"^(~~~|````)text\n(.*?)\n\1$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_worked_example_comes_out_as_the_page_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (example,) = EXAMPLE.finditer(text)
    prompt, completion, feedback = (block[1] for block in BLOCK.findall(text[example.end() :])[:3])
    env = resolve(example[1])
    tasks, judge = env.tasks(data="sample"), env.judge(data="sample")
    task = tasks.by_id(example[2])
    assert prompt == "\n\n".join(f"[{m.role}]\n{m.content}" for m in task.messages).rstrip()
    verdict = judge(task, Completion(completion))
    assert feedback == verdict.feedback
    assert f"Verdict: `{verdict.status.value}`, `{verdict.outcome}`, reward {verdict.reward:g}." in text
    close_judge(judge)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_every_alias(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    (example,) = EXAMPLE.finditer(text)
    spec = resolve(example[1]).spec
    assert f"sdpo/{spec.name}" in text
    missing = [alias for alias in spec.aliases if alias not in text and not re.fullmatch(r"release_v[2-4]", alias)]
    assert missing == []


def test_every_environment_of_ours_has_a_page() -> None:
    modules = [listing.spec.tasks.__module__ for listing in list_envs() if listing.spec]
    ours = {module.split(".")[1] for module in modules if module.startswith("sdpo_envs.")}
    missing = ours - {page.stem for page in PAGES}
    assert not missing, f"write docs/environments/{min(missing)}.md with a worked example, as the other pages have it"
