from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.livecodebench.casting import read_jsonl
from sdpo_envs.livecodebench.extraction import Extracted, Extraction, extract
from shared_data import shared

# Graded rows of the published extraction samples whose code differs from ours, and why.
KNOWN_DIFFERENCES = {
    "2730": "the answer has no fence at all; LiveCodeBench runs the whole text of base models, here it is no_code",
}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nprint(1)\n```", "print(1)"),
        ("```\nprint(1)\n```", "print(1)"),
        ("```py \nprint(1)\n```  ", "print(1)"),
        ("``` python\nprint(1)\n```", "print(1)"),
        ("```python {.numberLines}\nprint(1)\n```", "print(1)"),
        ("Answer: ```python\nprint(1)\n```", "print(1)"),
        ("```python\nprint(1)", "print(1)"),
        ("```python\r\na = 1\r\nprint(a)\r\n```\r\n", "a = 1\nprint(a)"),
        ("```python\nprint(1)```", "print(1)"),
        ("```python\nprint(1)\n```\n```\n", "print(1)"),
        ("```python\nprint(1)\n```\ntext\n```python\nprint(2)\n```", "print(2)"),
        ("```python\nprint(1)\n```python\nprint(2)\n```", "print(2)"),
        ("1. Do:\n   ```python\n   if a:\n       b\n   ```", "if a:\n    b"),
        ("   ```python\n  c\n   ```", "c"),
        ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''"),
        ("```python\nprint('`')\n```", "print('`')"),
        ("Use ```x``` here.\n```python\nprint(1)\n```", "print(1)"),
    ],
)
def test_finds_the_program(text: str, code: str) -> None:
    found = extract(text)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    "text", ["", "print(1)", "``` ```", "inline ```code``` only", "```python\n   \n```", "```python"]
)
def test_finds_none(text: str) -> None:
    assert extract(text) is None


def test_last_or_longest() -> None:
    text = "```python\nprint('a longer trace')\n```\n```python\nprint(1)\n```"
    assert extract(text) == Extracted("print(1)", blocks=2, closed=True)
    assert extract(text, Extraction.LONGEST) == Extracted("print('a longer trace')", blocks=2, closed=True)


def test_says_whether_the_block_ended() -> None:
    found = extract("```python\nprint(1)")
    assert found is not None
    assert not found.closed


@given(st.text(st.characters(exclude_characters="`\r", exclude_categories=["Cs"])).filter(str.strip), st.text("abc\n "))
def test_any_code_comes_back(code: str, prose: str) -> None:
    found = extract(f"{prose}\n```python\n{code}\n```\n{prose}")
    assert found is not None
    assert found.code == code


@given(st.text(st.sampled_from("`\n py{a")))
def test_never_fails(text: str) -> None:
    for which in Extraction:
        found = extract(text, which)
        assert found is None or found.code.strip()


def test_agrees_with_the_official_extractor_on_every_graded_answer_but_the_listed() -> None:
    differing, graded = set(), 0
    for row in read_jsonl(shared("lcb/extraction_samples.dev.jsonl")):
        if row["graded"]:
            graded += 1
            found = extract(row["raw_output"])
            if (found.code if found else "") != row["official_code"]:
                differing.add(row["question_id"])
    assert graded == 28
    assert differing == set(KNOWN_DIFFERENCES)


_MANY = 200_000


@pytest.mark.parametrize(
    "line",
    [
        "```" + " " * _MANY + "! x",
        "```" + " " * _MANY + "a" + " " * _MANY + "{" + "} " * _MANY + "!",
        "```" + "a" * _MANY + "!",
        " " * _MANY + "```" + " " * _MANY + "!",
        "`" * _MANY + "!" + "`" * _MANY + "!",
    ],
)
def test_hostile_lines_cost_little(line: str) -> None:
    begin = time.process_time()
    assert extract(line) is None
    found = extract(f"```python\n{line}\n```")
    assert found is not None
    assert found.code == line
    assert time.process_time() - begin < 1
