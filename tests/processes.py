"""Waiting for processes that tests have started: `finish(process)` never waits for ever, and says where one hung."""

from __future__ import annotations

import signal
import subprocess
import sys


def finish(process: subprocess.Popen[str], seconds: float = 120) -> tuple[str, str]:
    """What it wrote, once it has ended. One that does not end within the time is killed, and the test fails.

    The failure tells what every thread was doing where the process was started with PYTHONFAULTHANDLER=1.
    """
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{process.args} did not end within {seconds} s: {killed(process)}") from None


def killed(process: subprocess.Popen[str]) -> str:
    """End a process at once; what it wrote, with what every thread was doing where it can tell."""
    process.send_signal(signal.SIGABRT if sys.platform != "win32" else signal.SIGTERM)
    try:
        return "".join(filter(None, process.communicate(timeout=20)))
    except subprocess.TimeoutExpired:
        process.kill()
        return "(it did not even tell)"
