"""Processes that tests start. Whoever waits for one here learns how it ended: a child that failed fails the test."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).with_name("programs")


def start_program(name: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start programs/NAME.py in a process of its own, with pipes for its three streams."""
    pipe = subprocess.PIPE
    command = [sys.executable, str(PROGRAMS / f"{name}.py"), *map(str, arguments)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **options)


def run_program(name: str, *arguments: object, status: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run programs/NAME.py in a process of its own, to its end. status: the exit status that it must have."""
    return _to_its_end(start_program(name, *arguments, **options), status)


def run_python(code: str, *arguments: object, status: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a process of its own, to its end; what is longer is a file in programs/."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return _to_its_end(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, **options), status)


def _to_its_end(process: subprocess.Popen[str], status: int) -> subprocess.CompletedProcess[str]:
    out, errors = finish(process, status=status)
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def finish(process: subprocess.Popen[str], seconds: float = 120, *, status: int = 0) -> tuple[str, str]:
    """What a process wrote to standard output and standard error, once it has ended with this exit status.

    status: negative for a signal (-signal.SIGKILL of a process that was killed: one that had ended before fails).
    Fails also for a traceback of one that was not killed: an exception in a thread does not change the exit status.
    """
    out, errors = wait_for(process, seconds)
    assert process.returncode == status, f"{process.args} ended with {process.returncode}, not {status}: {errors}"
    assert status < 0 or "Traceback (most recent call last)" not in (errors or ""), errors
    return out, errors


def wait_for(process: subprocess.Popen[str], seconds: float = 120) -> tuple[str, str]:
    """What a process wrote, once it has ended; the caller looks at the exit status.

    One that does not end within the time is killed, and the test fails. The failure tells what every thread was doing
    where the process was started with PYTHONFAULTHANDLER=1.
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


def files_of(folder: Path) -> set[tuple[Path, int, int]]:
    """What lies below the folder, with sizes and times: it changes as soon as something is written there."""
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            state = path.stat()
            found.add((path, state.st_size, state.st_mtime_ns))
    return found


def wait_until(sign: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait for a sign of a process that goes on."""
    deadline = time.monotonic() + seconds
    while not sign():
        assert process.poll() is None, f"{process.args} ended before the sign came: {process.communicate(timeout=60)}"
        assert time.monotonic() < deadline, f"no sign came of {process.args}: {killed(process)}"
        time.sleep(0.005)
