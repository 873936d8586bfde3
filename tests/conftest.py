"""How long hypothesis looks, and that a skip is a failure where everything is installed (``SDPO_GYM_NO_SKIPS=1``)."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

from browser import browser, chromium  # noqa: F401  (fixtures, of the whole process)

# `make test-fast` looks for a shorter, `make test-nightly` for a much longer time.
settings.register_profile("fast", max_examples=50, deadline=None)
settings.register_profile("default", max_examples=500, deadline=None)
settings.register_profile("nightly", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A job in a shell's background ignores Ctrl-C, and so would all that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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
