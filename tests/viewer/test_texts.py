from __future__ import annotations

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_gym.quoting import UNSEEN
from sdpo_gym.viewer.texts import cut, plain, seen, short

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


def shown(markup: str) -> str:
    return html.unescape(re.sub(r'<span class="esc">|</span>', "", markup))


@given(ANYTHING)
def test_a_page_shows_every_character_or_its_escape_and_nothing_that_acts(text):
    markup = str(seen(text))
    assert "<" not in re.sub(r'<span class="esc">[^<>]*</span>', "", markup)
    assert not [c for c in markup if c not in "\n\t" and unicodedata.category(c) in UNSEEN]
    assert shown(markup) == plain(text)
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in UNSEEN)
    if kept == text:
        assert shown(markup) == text


def test_what_is_an_escape_differs_from_what_looks_like_one():
    assert seen("\x1b \\x1b") == '<span class="esc">\\x1b</span> \\x1b'
    assert seen("\u202e\u2066a\ud800") == '<span class="esc">\\u202e\\u2066</span>a<span class="esc">\\ud800</span>'


def test_a_long_text_is_cut_in_its_middle_and_says_by_how_much():
    text = "a" * 900 + "b" * 300
    made = cut(text, 1000)
    assert made.missing == 200
    assert (made.head, made.tail) == ("a" * 750, "b" * 250)
    assert cut(text, 1200).missing == 0
    assert cut(text, 1200).head == text


@pytest.mark.parametrize(("text", "is_cut"), [("abc", False), ("abcd", True)])
def test_a_short_text_has_a_mark_where_it_is_cut(text, is_cut):
    assert ("cut" in short(text, 3)) is is_cut
    assert short(text, 3).startswith("abc")
