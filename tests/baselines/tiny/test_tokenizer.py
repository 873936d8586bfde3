from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from sdpo_baselines.tiny.corpus import FAMILIES, make_tokenizer
from sdpo_baselines.tiny.tokenizer import NEGATIVE, NUMBERS, PHRASES, build_tokenizer
from sdpo_gym.registry import resolve

TOKENIZER = make_tokenizer()


def _ids(text: str) -> list[int]:
    return list(TOKENIZER(text, add_special_tokens=False)["input_ids"])


def _pieces(text: str) -> list[str]:
    return [TOKENIZER.decode([i]) for i in _ids(text)]


PIECES = st.lists(
    st.one_of(st.text(max_size=8), st.sampled_from(PHRASES), st.sampled_from(["zi-bo", "paris", "x = x + 3\n", "-7"])),
    max_size=6,
).map("".join)


@given(PIECES)
def test_decoding_gives_the_text_back(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert TOKENIZER.decode(_ids(text), clean_up_tokenization_spaces=False) == text


def test_a_saved_tokenizer_encodes_alike(tmp_path: Path) -> None:
    TOKENIZER.save_pretrained(tmp_path)
    text = 'Action: get_weather\nAction Input: {"location": "paris"} \n zi-bo 12 -7'
    assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == _ids(text)


def test_the_same_words_in_any_order_give_the_same_ids() -> None:
    one, other = build_tokenizer(["paris", "rome"], ["x\n", "y\n"]), build_tokenizer(["rome", "paris"], ["y\n", "x\n"])
    assert one.get_vocab() == other.get_vocab()


@pytest.mark.parametrize(
    "text", ["paris", "location", "dt", "zi", str(NUMBERS - 1), f"-{NEGATIVE - 1}", "A", "x = x + 3\n", *PHRASES]
)
def test_what_an_answer_chooses_is_one_token(text: str) -> None:
    assert len(_ids(text)) == 1


def test_a_word_is_a_token_only_where_it_stands_alone() -> None:
    assert _pieces("paris_rome") == ["paris", "_", "rome"]
    assert "paris" not in _pieces("parisian")
    assert _pieces("1234") == list("1234")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("split", ["train", "test", "warmstart"])
def test_answers_and_questions_of_every_world_are_short(family: str, split: str) -> None:
    tasks = resolve(f"tiny_{family}").tasks(split, "hub", world=100)
    for task in tasks[:40]:
        question, answer = task.messages[0].content, tasks.gold(task)
        assert answer is not None
        assert len(_ids(answer)) <= 22
        assert len(_ids(question)) <= 16
        words = [piece for piece in [*_pieces(question), *_pieces(answer)] if len(piece) == 1 and piece.isalpha()]
        assert set(words) <= set("ABCD")  # the letters of options; no other word falls apart


def test_a_chat_ends_where_the_answer_begins() -> None:
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    text = TOKENIZER.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert text == "<|user|>a<|end|><|assistant|>b<|end|><|user|>c<|end|><|assistant|>"
    assert TOKENIZER.convert_ids_to_tokens(_ids(text)[-1]) == "<|assistant|>"
