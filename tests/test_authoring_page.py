from __future__ import annotations

import re
from pathlib import Path

import pytest

from sdpo_gym import card, fixtures, registry
from sdpo_gym.registry import EnvSpec

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "authoring.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> list[str]:
    """Return the names in the first column of the table in a section."""
    return [cell.strip("[]") for cell in re.findall(r"^\| `([^`]+)` \|", section(title), re.MULTILINE)]


def test_the_smallest_environment_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_in_process", dict(registry._in_process))
    (code,) = re.findall(r"^```python\n(.*?)^```$", section("The smallest environment"), re.MULTILINE | re.DOTALL)
    exec(compile(code, "authoring.md", "exec"), {"__name__": "authoring"})


def test_every_key_of_the_card_is_described() -> None:
    described = first_column("The card")
    assert len(set(described)) == len(described)
    assert set(described) == {*card._CARD, "source.files"}


def test_every_field_of_a_spec_and_of_a_fixture_is_described() -> None:
    assert first_column("EnvSpec") == list(EnvSpec.__dataclass_fields__)
    assert set(first_column("Fixtures")) == fixtures._KEYS


def test_the_example_fixtures_can_be_read(tmp_path: Path) -> None:
    (rows,) = re.findall(r"^```json\n(.*?)^```$", section("Fixtures"), re.MULTILINE | re.DOTALL)
    (tmp_path / "fixtures.jsonl").write_text(rows)
    expectations = {fixture.expect for fixture in fixtures.read_fixtures(tmp_path / "fixtures.jsonl")}
    assert expectations == set(fixtures.Expectation)


def test_links_lead_somewhere() -> None:
    titles = {
        re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^## (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= titles
