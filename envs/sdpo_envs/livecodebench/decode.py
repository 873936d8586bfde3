"""Reading a row's tests, which on the hub are a pickle, without ever running a pickle."""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from sdpo_gym.errors import UsageError
from sdpo_gym.forking import renew_in_children
from sdpo_gym.sandbox.job import Case

MAX_DECODED_BYTES = 512 << 20
_STRING_OPCODES = frozenset({"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"})
_OTHER_OPCODES = frozenset({"PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP"})
_TEST_TYPES = ("stdin", "functional")


class DecodeError(UsageError):
    """A task's tests cannot be read; the message names the task and what is wrong."""


@dataclass(frozen=True)
class Tests:
    """A task's tests: public ones, whose contents its statement shows, and private ones.

    Attributes:
        public: in the stored order.
        private: in the stored order; empty where the data has none.
        entry: the function to call, or None if programs read standard input.
    """

    __test__ = False

    public: tuple[Case, ...]
    private: tuple[Case, ...]
    entry: str | None

    @property
    def size(self) -> int:
        """Characters in all inputs and expected outputs."""
        return sum(len(case.input) + len(case.expected) for case in (*self.public, *self.private))


def decode_tests(task_id: str, payload: Mapping[str, Any]) -> Tests:
    """Decode the tests of a task's payload.

    Raises:
        DecodeError: if they are not what LiveCodeBench stores.
    """
    entry = parse_metadata(task_id, payload["metadata"]).get("func_name")
    kind = "functional" if entry else "stdin"
    public = parse_tests(f"task {task_id}: public_test_cases", payload["public_test_cases"], kind)
    stored = payload.get("private_test_cases") or "[]"
    where = f"{getattr(payload, 'place', '')}task {task_id}: private_test_cases"  # a row of a file knows its place
    return Tests(public, parse_tests(where, _private_json(where, stored), kind), entry or None)


def parse_metadata(task_id: str, stored: Any) -> dict[str, Any]:
    """Parse a row's ``metadata``, JSON text or an object.

    Raises:
        DecodeError: if it is neither, or its function name is no name.
    """
    where = f"task {task_id}: metadata"
    value = _json(where, stored) if isinstance(stored, str) else stored
    if not isinstance(value, dict):
        raise DecodeError(f"{where} must be a JSON object, got {type(value).__name__}")
    name = value.get("func_name")
    if name and not (isinstance(name, str) and name.isidentifier()):
        raise DecodeError(f"{where}: func_name must be the name of a function, got {name!r}")
    return value


def parse_tests(where: str, stored: Any, kind: str | None = None) -> tuple[Case, ...]:
    """Parse a list of tests, as JSON text or as a list.

    Args:
        where: how errors call it.
        stored: the list of ``{"input", "output", "testtype"}``.
        kind: the test type that all must have; None permits either.

    Raises:
        DecodeError: if it is no such list.
    """
    tests = _json(where, stored) if isinstance(stored, str) else stored
    if not isinstance(tests, list):
        raise DecodeError(f"{where} must be a list of tests, got {type(tests).__name__}")
    cases = []
    for number, test in enumerate(tests, 1):
        match test:
            case {"input": str(given), "output": str(expected), "testtype": str(found)} if found in _TEST_TYPES:
                if kind and found != kind:
                    raise DecodeError(
                        f"{where}, test {number}: has testtype {found!r}, but the row's metadata "
                        f"{'names' if kind == 'functional' else 'lacks'} a func_name, which means {kind!r}"
                    )
                cases.append(Case(given, expected))
            case _:
                raise DecodeError(
                    f"{where}, test {number}: needs the texts input, output and testtype ('stdin' or 'functional'), "
                    f"got {str(test)[:80]!r}"
                )
    return tuple(cases)


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{where} is not JSON ({error})") from None


def _private_json(where: str, stored: Any) -> Any:
    """Return private tests as a list or as JSON text; they are stored as either, or as base64 of zlib of a pickle."""
    if not isinstance(stored, str):
        return stored
    if stored.lstrip()[:1] in ("[", "{"):  # neither occurs in base64
        return stored
    try:
        packed = base64.b64decode(stored, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"{where} is neither JSON nor base64 ({error})") from None
    return pickled_text(where, _inflate(where, packed))


def _inflate(where: str, packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(packed, MAX_DECODED_BYTES)
    except zlib.error as error:
        raise DecodeError(f"{where} is not zlib data ({error})") from None
    if inflater.unconsumed_tail:
        raise DecodeError(f"{where} unpacks to more than {MAX_DECODED_BYTES >> 20} MiB")
    if not inflater.eof or inflater.unused_data:
        raise DecodeError(f"{where} is zlib data that is {'followed by more' if inflater.eof else 'cut off'}")
    return data


def pickled_text(where: str, data: bytes) -> str:
    """Return the text that a pickle of one ``str`` holds; the pickle is read, not run.

    Raises:
        DecodeError: if the pickle holds or does anything else.
    """
    texts: list[str] = []
    end = 0
    try:
        for opcode, value, position in pickletools.genops(data):
            if opcode.name in _STRING_OPCODES:
                texts.append(str(value))
            elif opcode.name not in _OTHER_OPCODES:
                raise DecodeError(f"{where} pickles something else than one text (opcode {opcode.name}): refused")
            end = (position or 0) + 1
    except DecodeError:
        raise
    except Exception as error:  # genops raises whatever the damage leads to
        raise DecodeError(f"{where} is a damaged pickle ({error})") from None
    if len(texts) != 1 or end != len(data):
        raise DecodeError(f"{where} pickles something else than one text: refused")
    return texts[0]


class TestCache:
    """Keeps the tests used last, at most ``limit`` characters, so that n attempts at a task decode them once."""

    __test__ = False

    def __init__(self, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._tests: OrderedDict[str, tuple[Tests, int]] = OrderedDict()
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Make a new lock and forget who decodes, as a forked child must: the threads that did are its parent's."""
        self._lock = threading.Lock()
        self._decoding: dict[str, Future[Tests]] = {}
        self._held = sum(size for _, size in self._tests.values())

    def get(self, key: str, decode: Callable[[], Tests]) -> Tests:
        """Return the tests under ``key``, decoding them if they are not held.

        Callers that ask for the same key meanwhile wait and get the same tests, or the same error.
        """
        with self._lock:
            if key in self._tests:
                self._tests.move_to_end(key)
                return self._tests[key][0]
            others = self._decoding.get(key)
            if others is None:
                mine = self._decoding[key] = Future()
        if others is not None:
            return others.result()
        try:
            tests = decode()
        except BaseException as error:
            self._finish(key)
            mine.set_exception(error)
            raise
        self._finish(key, tests)
        mine.set_result(tests)
        return tests

    def _finish(self, key: str, tests: Tests | None = None) -> None:
        size = tests.size if tests else 0
        with self._lock:
            self._decoding.pop(key, None)  # it is not there if ``decode`` forked and this is the child
            if tests is None or size > self._limit or key in self._tests:
                return
            self._tests[key] = (tests, size)
            self._held += size
            while self._held > self._limit:
                self._held -= self._tests.popitem(last=False)[1][1]
