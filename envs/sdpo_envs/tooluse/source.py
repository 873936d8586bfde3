"""Where rows come from: the reference repository at its pin, local files, or the sample set; and what the test asks."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import cache
from pathlib import Path

from sdpo_gym.card import EnvCard
from sdpo_gym.data.datasets import load_json
from sdpo_gym.data.hub import HubFile
from sdpo_gym.data.rows import Row, local_file, read_rows

HERE = Path(__file__).parent
CARD = EnvCard.load(HERE / "card.toml")
SAMPLE = HERE / "sample.jsonl"
RECORDED = HERE / "sample_completions.jsonl"
FIXTURES = HERE / "fixtures.jsonl"
TEST_QUESTIONS = HERE / "test_questions.txt"

# Rows in the pinned files. The paper gives 68 test tasks; data set and reference agree on 4,046 rows to train on.
COUNTS = {"test": 68, "train": 4046}
_LOCAL = {
    "test": ("sdpo_test.jsonl", "test.jsonl", "test.json"),
    "train": ("train.jsonl", "train.json"),
    "dev": ("toolalpaca_eval_simulated.json", "eval_simulated.json"),  # ToolAlpaca's own name is the second
}


def hub_rows(split: str) -> list[Row]:
    """Return the rows of the pinned file of ``split``, ``test`` or ``train``.

    Raises:
        OutageError: if the file is not to be had.
    """
    source, name = CARD.source, f"datasets/tooluse/{split}.json"
    pinned = next(file for file in source.files if file.name == name)
    file = HubFile(source.repo, source.revision, name, pinned.sha256, pinned.bytes, repo_type="github")
    return [Row(f"{file}:{number}", dict(fields)) for number, fields in enumerate(load_json(file), 1)]


def local_rows(data: str, split: str) -> tuple[list[Row], str]:
    """Return the rows of the local file that holds ``split``, and the file's sha256 (hex).

    Raises:
        UsageError: if there is no such file, or a line is no row.
    """
    return read_rows(local_path(data, split))


def local_path(data: str, split: str) -> Path:
    """Return the local file that holds ``split``: ``data`` itself, or one in that directory.

    Raises:
        UsageError: if there is none.
    """
    return local_file(data, _LOCAL[split])


@cache
def known_questions() -> tuple[str, ...]:
    """Return the digests of the test split's questions, in the split's order; the questions are not ours to ship."""
    return tuple(TEST_QUESTIONS.read_text(encoding="ascii").split())


def question_digest(question: str) -> str:
    """Return the sha256 (hex) by which a question is known again after changes that do not matter.

    It is taken of the UTF-8 of the question in Unicode form NFKC, casefolded, without all characters that are neither
    letters, digits nor white space, the words that are left joined by single spaces.
    """
    folded = unicodedata.normalize("NFKC", question).casefold()
    kept = "".join(char for char in folded if char.isalnum() or char.isspace())
    return hashlib.sha256(" ".join(kept.split()).encode()).hexdigest()
