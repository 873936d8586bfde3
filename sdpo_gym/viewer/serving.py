"""Serving pages to this machine alone."""

from __future__ import annotations

import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sdpo_gym.errors import UsageError

HOST = "127.0.0.1"


@contextmanager
def server(directory: Path, port: int) -> Iterator[http.server.ThreadingHTTPServer]:
    """Open a server for ``directory`` on 127.0.0.1; the caller has it serve.

    Args:
        directory: with the pages.
        port: 0 takes a free one.

    Raises:
        UsageError: the port cannot be had.
    """
    try:
        made = http.server.ThreadingHTTPServer((HOST, port), partial(_Handler, directory=str(directory)))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"port {port} of {HOST} cannot be had ({reason}); give another: --serve PORT") from error
    with made:
        yield made


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Gives files, and only to those who asked for this machine: a name that leads here is no one's of ours."""

    def send_head(self) -> Any:
        host = self.headers.get("Host", "").partition(":")[0]
        if host not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, f"ask for {HOST}")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
