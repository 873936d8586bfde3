"""Loading without a network, and noticing who asks for one."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from typing import Any
from unittest import mock

_OFF = {"SDPO_GYM_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


@contextlib.contextmanager
def no_network() -> Iterator[list[str]]:
    """Switch the network off and yield the addresses that are asked for meanwhile, which are all refused.

    It holds for the whole process, and for what goes through Python's ``socket``. Unix sockets stay open.
    """
    asked: list[str] = []

    def refuse(address: object) -> OSError:
        asked.append(_shown(address))
        return OSError(errno.ENETUNREACH, "the network is switched off while the sample set is loaded")

    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            return connect(self, address)
        raise refuse(address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        try:
            guarded(self, address)
        except OSError as error:
            return error.errno or errno.ENETUNREACH
        return 0

    def look_up(host: object, *rest: object, **named: object) -> None:
        raise refuse((host, *rest))

    with (
        mock.patch.dict(os.environ, _OFF),
        mock.patch.object(socket.socket, "connect", guarded),
        mock.patch.object(socket.socket, "connect_ex", guarded_ex),
        mock.patch.object(socket, "getaddrinfo", look_up),
        mock.patch.object(socket, "gethostbyname", look_up),
    ):
        yield asked


def _shown(address: object) -> str:
    match address:
        case (str() as host, int() as port, *_):
            return f"{host}:{port}"
        case (str() as host, *_):
            return host
    return str(address)
