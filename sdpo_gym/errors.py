"""Errors that end a command with one line and an exit code instead of a traceback."""

from __future__ import annotations


class UsageError(ValueError):
    """Bad input: what was wrong, with the value, and what to do. Commands exit with code 2."""

    exit_code = 2


class OutageError(RuntimeError):
    """Something outside cannot be reached (hub, server, sandbox). Commands exit with code 3."""

    exit_code = 3


class MissingExtraError(UsageError):
    """An optional library is not installed; the message names the extra that brings it."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"this needs {library}, which is not installed; run: pip install 'sdpo-gym[{extra}]' "
            f"(in this repository: make setup EXTRAS={extra})"
        )
