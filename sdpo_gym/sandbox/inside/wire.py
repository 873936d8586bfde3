"""The frames between judge and zygote: a type, a length, bytes. No pickle anywhere."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # the far side uses the bare _socket module: a smaller process forks faster
    from _socket import socket

CONFIG, READY, SUBMIT, COMPILED, TEST, RESULT, END, DIED = range(1, 9)

HEADER = struct.Struct("<BQ")

# why the supervisor ended a test
FINISHED, CPU_LIMIT, WALL_LIMIT, OUTPUT_LIMIT = range(4)

# first byte of the result file that a program leaves behind
VALUE, VALUE_WITH_NESTED_TUPLE, EXCEPTION, OUT_OF_MEMORY, UNSERIALISABLE, NO_ENTRY = b"V", b"T", b"E", b"M", b"B", b"N"

OUTCOME = struct.Struct("<BBiQQQIII")


class Outcome(NamedTuple):
    """What the supervisor reports of one test; times in nanoseconds, memory in bytes.

    ``stopped`` is 1 if it runs no further test of this submission. On the wire: these numbers, the sizes of the three
    texts, then the texts.
    """

    reason: int
    stopped: int
    wait_status: int
    cpu_ns: int
    wall_ns: int
    peak_bytes: int
    stdout: bytes
    stderr: bytes
    result: bytes

    @classmethod
    def unpack(cls, payload: bytes) -> Outcome:
        """Parse the payload of a RESULT frame; ValueError if its sizes do not add up."""
        reason, stopped, status, cpu, wall, peak, out, err, res = OUTCOME.unpack_from(payload)
        a = OUTCOME.size
        if len(payload) != a + out + err + res:
            raise ValueError(f"a RESULT frame of {len(payload)} bytes declares {out}+{err}+{res}")
        b, c = a + out, a + out + err
        return cls(reason, stopped, status, cpu, wall, peak, payload[a:b], payload[b:c], payload[c:])


def send(sock: socket, kind: int, *parts: bytes) -> None:
    """Send one frame whose payload is the concatenation of ``parts``."""
    sock.sendall(b"".join((HEADER.pack(kind, sum(map(len, parts))), *parts)))


def receive_exactly(sock: socket, size: int) -> bytearray:
    """Read exactly ``size`` bytes; EOFError if the other side has gone."""
    data = bytearray(size)
    fill(sock, memoryview(data))
    return data


def fill(sock: socket, view: memoryview) -> None:
    """Fill ``view`` from the socket; EOFError if the other side has gone."""
    got = 0
    while got < len(view):
        n = sock.recv_into(view[got:])
        if n == 0:
            raise EOFError("the other side closed the socket")
        got += n


def receive_header(sock: socket) -> tuple[int, int]:
    """Read a frame's header and return (type, payload length)."""
    kind, size = HEADER.unpack(receive_exactly(sock, HEADER.size))
    return kind, size
