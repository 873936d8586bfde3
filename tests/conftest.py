"""A skip is a failure where every optional part is installed (``SDPO_GYM_NO_SKIPS=1``, as in CI)."""

from __future__ import annotations

import os

import pytest

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    # workers of pytest-xdist report to the controller, which alone decides
    if os.environ.get("SDPO_GYM_NO_SKIPS") == "1" and _skipped and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("SDPO_GYM_NO_SKIPS") == "1" and _skipped:
        terminalreporter.section("unexpected skips (SDPO_GYM_NO_SKIPS=1)")
        for line in _skipped:
            terminalreporter.line(line)
