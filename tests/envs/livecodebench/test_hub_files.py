"""Which hub files a task set asks for."""

from __future__ import annotations

import pytest

from sdpo_envs.livecodebench import SPEC, source
from sdpo_envs.livecodebench.source import RELEASES, Window, hub_paths
from sdpo_gym.data.hub import HubFile
from sdpo_gym.errors import OutageError
from sdpo_gym.registry import resolve


@pytest.mark.parametrize(
    ("window", "release", "names"),
    [
        (Window("2025-02-01", "2025-05-01"), "v6", ["test6.jsonl"]),
        (Window(), "v6", list(RELEASES["v6"])),
        (Window(), "v2", ["test.jsonl", "test2.jsonl"]),
        (Window("2025-01-04", ""), "v6", ["test5.jsonl", "test6.jsonl"]),
        (Window("", "2023-08-26"), "v6", ["test.jsonl"]),
        (Window("2024-03-02T12:00:00", "2024-03-05"), "v6", ["test.jsonl", "test4.jsonl"]),
        (Window("2026-01-01", ""), "v6", []),
    ],
)
def test_a_window_asks_for_the_files_that_can_hold_it(
    window: Window, release: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[HubFile] = []
    monkeypatch.setattr(source, "fetch", asked.append)
    hub_paths(window, release)
    assert [file.name for file in asked] == names
    pins = {file.name: file for file in SPEC.card.source.files}
    assert all((file.sha256, file.bytes) == (pins[file.name].sha256, pins[file.name].bytes) for file in asked)
    assert all(file.revision == SPEC.card.source.revision for file in asked)


def test_no_hub_is_an_outage_that_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("SDPO_GYM_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(OutageError, match=r"test6\.jsonl is not in the cache"):
        resolve("lcb_v6").tasks(None, "hub")
