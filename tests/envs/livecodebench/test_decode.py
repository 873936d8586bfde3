from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import pickle
import signal
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.livecodebench.casting import encode_private, encode_tests, make_row, read_jsonl, write_jsonl
from sdpo_envs.livecodebench import decode
from sdpo_envs.livecodebench.decode import DecodeError, TestCache, Tests, decode_tests, pickled_text
from sdpo_envs.livecodebench.rows import RowPayload, scan
from sdpo_gym.sandbox.job import Case
from shared_data import shared

PAIRS = [("1\n", "2\n"), ("é 漢", "ok")]


def decode_row(private: Any) -> tuple[Case, ...]:
    return decode_tests("q1", make_row(private_test_cases=private)).private


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_decodes_every_pickle_protocol(protocol: int) -> None:
    assert decode_row(encode_private(encode_tests(PAIRS), protocol)) == (Case("1\n", "2\n"), Case("é 漢", "ok"))


@pytest.mark.parametrize("stored", [encode_tests(PAIRS), json.loads(encode_tests(PAIRS)), "  " + encode_tests(PAIRS)])
def test_decodes_plain_json(stored: Any) -> None:
    assert len(decode_row(stored)) == 2


@pytest.mark.parametrize("stored", ["", None, "[]", []])
def test_no_private_tests(stored: Any) -> None:
    assert decode_row(stored) == ()


def test_decodes_the_genuine_row() -> None:
    (row,) = read_jsonl(shared("lcb/row_genuine_hf_encoding_1873_A.jsonl"))
    tests = decode_tests("1873_A", row)
    (full,) = (r for r in read_jsonl(shared("lcb/genuine_full_tests_3q.jsonl")) if r["question_id"] == "1873_A")
    assert [(case.input, case.expected) for case in (*tests.public, *tests.private)] == [
        (test["input"], test["output"]) for test in full["tests"]
    ]


@given(st.lists(st.tuples(st.text(), st.text())), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_round_trip(pairs: list[tuple[str, str]], protocol: int) -> None:
    assert decode_row(encode_private(encode_tests(pairs), protocol)) == tuple(Case(a, b) for a, b in pairs)


class _Evil:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


class _StrSubclass(str):
    pass


def _persistent(text: str) -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return value if isinstance(value, str) else None

    buffer = io.BytesIO()
    Pickler(buffer, 4).dump(text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "value", [{"a": 1}, ["[]"], b"[]", 1, None, ("[]",), _StrSubclass("[]"), bytearray(b"[]"), 1.5]
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_refuses_pickles_of_anything_but_a_text(value: Any, protocol: int) -> None:
    with pytest.raises(DecodeError, match=r"task q1: private_test_cases pickles something else than one text"):
        decode_row(encode_private(value, protocol))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_hostile_pickle_is_refused_and_not_run(tmp_path: Any, protocol: int) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(DecodeError, match="refused"):
        decode_row(encode_private(_Evil(str(marker)), protocol))
    assert not marker.exists()


@pytest.mark.parametrize(
    "data",
    [
        _persistent("[]"),
        pickle.dumps("[]") + b"more",
        pickle.dumps("[]")[:-1],
        b"",
        b".",
        pickle.dumps("a")[:-1] + pickle.dumps("[]"),
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x04\x8c\x02[]0\x8c\x02[].",
    ],
)
def test_refuses_damaged_and_odd_pickles(data: bytes) -> None:
    with pytest.raises(DecodeError):
        pickled_text("here", data)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_a_text_or_a_decode_error(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert type(pickled_text("here", data)) is str


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()))
def test_arbitrary_texts_give_tests_or_a_decode_error(stored: str) -> None:
    with contextlib.suppress(DecodeError):
        assert all(isinstance(case, Case) for case in decode_row(stored))


def test_other_projects_pickled_dict_is_refused() -> None:
    for row in read_jsonl(shared("lcb/sandboxfusion_lcb_v1_3rows.jsonl")):
        with pytest.raises(DecodeError, match="pickles something else than one text"):
            decode_row(row["test"])


def test_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_DECODED_BYTES", 1 << 20)
    with pytest.raises(DecodeError, match="unpacks to more than 1 MiB"):
        decode_row(base64.b64encode(zlib.compress(bytes(100 << 20))).decode())


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ("%%%", "neither JSON nor base64"),
        ("aGVsbG8=", "is not zlib data"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]"))[:-3]).decode(), "cut off"),
        (base64.b64encode(zlib.compress(pickle.dumps("[]")) + b"x").decode(), "followed by more"),
        (encode_private("[1,"), "is not JSON"),
        (encode_private('{"a": 1}'), "must be a list of tests, got dict"),
        ("[" * 100_000, "is not JSON"),
        ('[{"input": "1"}]', "test 1: needs the texts input, output and testtype"),
        ('[{"input": "1", "output": 2, "testtype": "stdin"}]', "test 1"),
        ('[{"input": "1", "output": "2", "testtype": "functional"}]', "lacks a func_name"),
        (5, "must be a list of tests, got int"),
    ],
)
def test_says_what_is_wrong(stored: Any, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        decode_row(stored)
    assert "task q1: private_test_cases" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_function_name_must_be_a_name() -> None:
    with pytest.raises(DecodeError, match="func_name must be the name of a function"):
        decode_tests("q1", make_row(metadata='{"func_name": "a.b"}'))


def test_cache_decodes_once_and_forgets_the_oldest() -> None:
    cache, decoded = TestCache(limit=10), []

    def get(key: str, size: int) -> None:
        def make() -> Tests:
            decoded.append(key)
            return Tests((Case("x" * size, ""),), (), None)

        assert cache.get(key, make).size == size

    for key in "aabacab":
        get(key, 4)
    get("large", 11)
    get("large", 11)
    assert decoded == ["a", "b", "c", "b", "large", "large"]


SOME = Tests((Case("1", "2"),), (), None)


class Decoding:
    """A decoder that waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go, self.count = threading.Event(), threading.Event(), 0

    def __call__(self) -> Tests:
        self.count += 1
        self.begun.set()
        assert self.go.wait(10)
        return SOME


def test_cache_shares_one_decode_and_other_keys_do_not_wait() -> None:
    cache, slow = TestCache(), Decoding()
    with ThreadPoolExecutor(2) as pool:
        requests = [pool.submit(cache.get, "slow", slow)]
        assert slow.begun.wait(10)
        requests.append(pool.submit(cache.get, "slow", slow))
        assert cache.get("other", lambda: SOME) is SOME
        assert not any(request.done() for request in requests)
        slow.go.set()
        assert [request.result(10) for request in requests] == [SOME, SOME]
    assert slow.count == 1


def test_failed_decode_is_tried_again() -> None:
    cache = TestCache()

    def fail() -> Tests:
        raise DecodeError("broken")

    with pytest.raises(DecodeError, match="broken"):
        cache.get("key", fail)
    assert cache.get("key", lambda: SOME) is SOME


def test_a_forked_child_does_not_wait_for_its_parents_decode() -> None:
    cache, slow = TestCache(), Decoding()
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(cache.get, "slow", slow)
        assert slow.begun.wait(10)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(5)  # ends a child that waits
                code = 0 if all(cache.get(key, lambda: SOME) is SOME for key in ("slow", "other")) else 1
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        slow.go.set()
        assert request.result(10) is SOME


def test_errors_name_the_file_and_line_of_a_row(tmp_path: Path) -> None:
    rows = [make_row("q0", [("1", "2")]), make_row("q1", [("1", "2")], private_test_cases="%%%")]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    ref = scan(path)[0][1]
    with pytest.raises(DecodeError) as caught:
        decode_tests(ref.id, RowPayload(ref, ref.read()))
    assert str(caught.value).startswith(f"{path}:2: task q1: private_test_cases is neither JSON nor base64")
