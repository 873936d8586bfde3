"""Feedback, word for word, on real programs in the real sandbox: one file for each situation.

After a change that is meant, ``SDPO_GYM_GOLDEN=write python -m pytest tests/envs/livecodebench/test_golden.py`` writes
the files anew; read them before they are committed. Those of the tiny environment must stay as they are.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from envs.livecodebench.situations import SITUATIONS
from sdpo_envs.livecodebench import make_judge

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", SITUATIONS)
def test_feedback_is_as_written_down(name: str) -> None:
    situation = SITUATIONS[name]
    verdict = make_judge(workers=2, **situation.judge_options)(situation.task, situation.completion)
    assert not verdict.passed
    text = verdict.feedback + "\n"
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("SDPO_GYM_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_file_has_its_situation() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(SITUATIONS)


def test_no_file_tells_of_a_hidden_test() -> None:
    for name, situation in SITUATIONS.items():
        told = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
        hidden = {word for pair in situation.private for text in pair for word in text.split() if len(word) > 2}
        assert not [word for word in hidden if re.search(rf"\b{word}\b", told)]
