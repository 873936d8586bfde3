"""The test process: runs one program on one input and leaves its result in descriptor 3.

All that happens here happens in the stranger's own process. Nothing in it is secret or trusted: the expected output is
not here, and the worst a program can do to this code is to spoil its own report.
"""

from __future__ import annotations

import _io
import _thread
import atexit
import builtins
import gc
import io
import json
import os
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from . import wire

FILENAME = "solution.py"
RESULT_FD = 3
RECURSION_LIMIT = 50_000  # LiveCodeBench's
_MESSAGE_CHARS, _FRAMES = 2000, 10

# LiveCodeBench's header, in its order: builtins come late so that pow, open, sum ... are themselves again.
_STARRED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
_given: dict[str, object] = {}  # what a program finds in its module


def build_main() -> types.ModuleType:
    """Make the ``__main__`` module that programs run in, with the header's names in place.

    Made once before any fork: copying 600 names in each test process would touch every page that holds them.
    """
    from _sitebuiltins import Quitter

    for name in ("quit", "exit"):
        setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
    main = types.ModuleType("__main__")
    header = "".join(f"from {m} import *\n" for m in _STARRED) + "".join(f"import {m}\n" for m in _STARRED)
    exec(header, main.__dict__)
    main.__dict__["__builtins__"] = builtins
    main.__dict__["__file__"] = FILENAME
    _given.update(main.__dict__)
    sys.modules["__main__"] = main
    return main


def warm_up(main: types.ModuleType) -> None:
    """Run a few programs here, so that caches which every test process would fill for itself are full before the fork.

    The interpreter specialises code and remembers attribute look-ups as it runs; each such write in a child copies a
    page. Descriptors 0 to 3 must be memory files already.
    """
    names = dict(main.__dict__)
    reading = (
        "import sys\na, b = map(int, input().split())\nprint(a, *[b], sep=' ')\nsys.stdout.write(sys.stdin.read())\n"
    )
    method = "class Solution:\n    def solve(self, a):\n        return [a]\n"
    for source, entry, text in (
        (reading, None, b"1 2\n3\n"),
        (method, "Solution.solve", b"1\n"),
        ("1/0", None, b""),
    ) * 12:
        os.ftruncate(0, 0)
        os.pwrite(0, text, 0)
        os.lseek(0, 0, os.SEEK_SET)
        execute(main, compile(source, FILENAME, "exec", dont_inherit=True), entry, at_exit=False)
        open_standard_streams()
        main.__dict__.clear()
        main.__dict__.update(names)
    sys.modules.pop("solution", None)


def open_standard_streams() -> None:
    """Make fresh stdin, stdout and stderr on descriptors 0, 1 and 2, as the interpreter does at its start."""
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        raw = io.FileIO(fd, mode, closefd=False)
        raw.name = f"<{name}>"
        buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
        stream = io.TextIOWrapper(buffered, encoding="utf-8", errors="surrogateescape")
        stream.mode = mode  # type: ignore[misc]  # as the interpreter does; fast-input templates read it
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def execute(
    main: types.ModuleType, code: types.CodeType, entry: str | None, *, finalizers: bool = False, at_exit: bool = True
) -> int:
    """Run the program to its end, write the result file, and return the exit status.

    Args:
        main: the module that it runs in.
        code: the program.
        entry: what to call, None for a program that reads standard input.
        finalizers: whether it may have objects that do something when they are deleted.
        at_exit: whether this is the end of the process, in which threads are joined and exit functions run.
    """
    gc.enable()
    namespace = main.__dict__
    status = 0
    try:
        if entry is None:
            exec(code, namespace)
        else:
            _write(*_call(namespace, code, entry))
    except SystemExit as stop:
        if stop.code is not None and not isinstance(stop.code, int):
            sys.stderr.write(f"{stop.code}\n")
        if entry is not None:
            _write(wire.EXCEPTION, _report("SystemExit", "the program ended before the function returned", stop))
    except MemoryError as error:
        status = 1
        _write(wire.OUT_OF_MEMORY, _describe(error))
    except BaseException as error:
        status = 1
        _write(wire.EXCEPTION, _describe(error))
    if _is_waited_for() and at_exit:  # in this order, for warming up to warm the first
        _join_and_run_exit_functions()
    streams = _streams(namespace, code)
    if finalizers:
        _delete_objects(namespace)
    _flush(streams)
    return status


def _call(namespace: dict[str, object], code: types.CodeType, entry: str) -> tuple[bytes, bytes]:
    """Define the program, call ``entry`` on the JSON arguments on standard input, and encode what it returns."""
    with open(0, encoding="utf-8", closefd=False) as stdin:
        arguments = [json.loads(line) for line in stdin.read().split("\n") if line.strip()]
    namespace["__name__"] = "solution"
    sys.modules["solution"] = sys.modules["__main__"]
    exec(code, namespace)
    function = _find(namespace, entry)
    if function is None:
        return wire.NO_ENTRY, entry.encode()
    value = function(*arguments)
    try:
        text = json.dumps(value, default=_plain, separators=(",", ":"))
        data = text.encode()
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        return wire.UNSERIALISABLE, json.dumps([type(value).__name__, _text_of(error)]).encode()
    return (wire.VALUE_WITH_NESTED_TUPLE if _nests_a_tuple(value) else wire.VALUE), data


def _find(namespace: dict[str, object], entry: str) -> Callable[..., object] | None:
    owner, _, name = entry.rpartition(".")
    if not owner:
        found = namespace.get(name)
        return found if callable(found) else None
    made = namespace.get(owner)
    if not callable(made):
        return None
    method = getattr(made(), name, None)
    return method if callable(method) else None


def _plain(value: object) -> object:
    """Turn numpy scalars into Python's own; anything else has no JSON form."""
    item = getattr(value, "item", None)
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and callable(item):
        return item()
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def _nests_a_tuple(value: object) -> bool:
    """Whether a tuple lies below the top level (LiveCodeBench turns only a top-level tuple into a list)."""
    stack: list[object] = [value]
    top = True
    while stack:
        current = stack.pop()
        items = current.values() if isinstance(current, dict) else current
        if isinstance(current, (list, tuple, dict)):
            if isinstance(current, tuple) and not top:
                return True
            stack.extend(x for x in items if type(x) not in (int, str, float, bool))  # type: ignore[attr-defined]
        top = False
    return False


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:_MESSAGE_CHARS]
    except BaseException:  # a program's exception may fail to print itself
        return "(its message could not be read)"


def _describe(error: BaseException) -> bytes:
    try:
        return _report(type(error).__name__, _text_of(error), error)
    except BaseException:  # its class may lie about its name, its message, its traceback
        return json.dumps(["Exception", "(it could not be described)", []]).encode()


def _report(name: str, message: str, error: BaseException) -> bytes:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILENAME:
            frames.append([trace.tb_lineno, trace.tb_frame.f_code.co_name])
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == FILENAME and error.lineno:
        frames.append([error.lineno, "<module>"])
    return json.dumps([str(name)[:200], message, frames[-_FRAMES:]]).encode()


def describe_compile_error(error: BaseException) -> bytes:
    """Encode why the source did not compile: ``[type, message, [[line, "<module>"]]]``."""
    message = error.msg if isinstance(error, SyntaxError) and error.msg else _text_of(error)
    line = error.lineno if isinstance(error, SyntaxError) else None
    return json.dumps([type(error).__name__, message[:_MESSAGE_CHARS], [[line, "<module>"]] if line else []]).encode()


def _write(kind: bytes, payload: bytes) -> None:
    data = memoryview(kind + payload)
    try:
        os.ftruncate(RESULT_FD, 0)
        offset = 0
        while offset < len(data):
            offset += os.pwrite(RESULT_FD, data[offset:], offset)
    except OSError:
        return  # closed by the program, or over the output limit, which the file's size shows


def _is_waited_for() -> bool:
    """Whether there are threads or exit functions; of most programs there are none, and looking costs least."""
    try:
        return bool(_thread._count() or threading._threading_atexits or atexit._ncallbacks())  # type: ignore[attr-defined]
    except BaseException:  # the program has done something to these modules
        return True


def _join_and_run_exit_functions() -> None:
    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException:
        sys.stderr.write("a thread could not be joined\n")
    atexit._run_exitfuncs()


def _delete_objects(namespace: dict[str, object]) -> None:
    """Let go of what the program's names hold, as a real interpreter does at its end: methods may print then.

    Only for programs with finalizers: it would cost every other one time for nothing.
    """
    try:
        for name in [name for name, value in namespace.items() if value is not _given.get(name)]:
            namespace[name] = None
        gc.collect()
    except BaseException:  # a program may have put anything there
        return


def _streams(namespace: dict[str, object], code: types.CodeType) -> list[Any]:
    """List what a real interpreter flushes at its end, the module's own streams among it."""
    found: list[Any] = [sys.stdout, sys.stderr]
    if sys.__stdout__ is not sys.stdout:
        found.append(sys.__stdout__)
    for name in code.co_names:
        if isinstance(held := namespace.get(name), _io._IOBase):  # io.IOBase would run Python code to tell
            found.append(held)
    return found


def _flush(streams: list[Any]) -> None:
    for stream in streams:
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except BaseException:  # closed underneath, over the limit, or the program's own object
            continue
