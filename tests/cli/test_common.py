from __future__ import annotations

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.cli.common import add_env_options, env_options, typed, visible
from sdpo_gym.errors import UsageError


def parse(*argv: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_env_options(parser)
    return env_options(parser.parse_args(argv))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("true", True),
        ('"3"', "3"),
        ("[1, 2]", [1, 2]),
        ("longest", "longest"),
        ("2025-02-01", "2025-02-01"),
        ("12:30:00", "12:30:00"),
        ("a=b", "a=b"),
        ("", ""),
        ("True", "True"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_values_are_typed_as_in_toml_or_else_text(text, value):
    assert typed(text) == value
    assert type(typed(text)) is type(value)


@given(st.text())
def test_any_text_has_a_value(text):
    typed(text)


def test_only_what_was_given_is_an_option():
    assert parse() == {}
    assert parse("--workers", "2", "--option", "a=1", "--option", "b=x=y") == {"workers": 2, "a": 1, "b": "x=y"}


def test_a_container_runtime_is_part_of_the_isolation_level():
    assert parse("--isolation", "docker", "--container-runtime", "runsc") == {"isolation": "docker:runsc"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--container-runtime", "runsc"], "runsc needs --isolation docker, and no level is given"),
        (["--container-runtime", "runsc", "--isolation", "userns"], "runsc needs --isolation docker, not userns"),
        (["--option", "a"], "KEY=VALUE"),
        (["--option", "=1"], "KEY=VALUE"),
        (["--option", "a=1", "--option", "a=2"], "'a' is given twice"),
        (["--option", "workers=2"], "use --workers"),
        (["--option", "date_from=2025-01-01"], "use --from"),
        (["--option", "data=hub"], "use --data"),
    ],
)
def test_bad_options_are_named(argv, words):
    with pytest.raises(UsageError, match=words):
        parse(*argv)


@given(st.text(st.characters(codec=None, categories=None)))
def test_visible_text_can_be_printed_and_moves_no_cursor(text):
    shown = visible(text)
    shown.encode()
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in shown)
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_visible_text_keeps_what_people_write():
    assert visible("Größe ≤ 10⁵\n\t日本 🎲") == "Größe ≤ 10⁵\n\t日本 🎲"
    assert visible("\x1b[1m\r\u200b\ud800") == r"\x1b[1m\r\u200b\ud800"
