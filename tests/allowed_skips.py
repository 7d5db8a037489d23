"""Skips that a run in CI may have. Any other fails it, so that no test is lost without anybody noticing."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("allowed_skips.txt")


def listed(path: Path = LIST) -> list[str]:
    """The patterns of test ids in the list. Raises ValueError for a line that gives no reason."""
    patterns = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        pattern, _, reason = line.partition("  ")
        if not reason.strip():
            raise ValueError(f"{path}: {line!r} gives no reason. Write it after two spaces.")
        patterns.append(pattern.strip())
    return patterns


class Judge:
    """A plugin of pytest: it notes every skip, and fails the run for those that no pattern allows."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = patterns
        self._refused: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)  # a whole file that skips

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not any(fnmatchcase(report.nodeid, pattern) for pattern in self._patterns):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._refused[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._refused and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._refused:
            terminalreporter.section("skips that tests/allowed_skips.txt does not list", red=True)
            for test, reason in self._refused.items():
                terminalreporter.line(f"{test}  {reason}")
