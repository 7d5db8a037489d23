"""`gait` called in this process, as a process of its own would be: its streams, exit status, folder and environment.

A process of its own spends one to three seconds on imports; a test starts one only where the process is the point.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import typer
from loguru import logger


def gait(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What `gait ARGUMENTS` does in the folder. env: the whole environment (default: this process's)."""
    from pipeline.cli import main

    _keep_the_command_tree()
    words = ["gait", *map(str, arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _process(words, cwd, os.environ if env is None else env), _stream(1, out), _stream(2, err):
            try:
                main()
            except SystemExit as end:
                status = end.code
        return subprocess.CompletedProcess(words, status, _text(out), _text(err))


@cache
def _keep_the_command_tree() -> None:
    """Typer builds the tree of commands anew for every call, which takes a quarter of a second."""
    typer.main.get_command = cache(typer.main.get_command)


@contextmanager
def _process(words: list[str], cwd: Path, env: Mapping[str, str]) -> Iterator[None]:
    """What a process has of its own besides its streams; afterwards everything is as it was."""
    before = dict(os.environ), Path.cwd(), sys.argv, {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    _replace_environment(dict(env))
    os.chdir(cwd)
    sys.argv = words
    try:
        yield
    finally:
        environment, folder, sys.argv, handlers = before
        _replace_environment(environment)
        os.chdir(folder)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if threads:
            torch.set_num_threads(threads)
        logger.remove()  # what the command has set up writes to a stream that is gone
        logger.add(sys.__stderr__)


def _replace_environment(env: Mapping[str, str]) -> None:
    for name in os.environ.keys() - env.keys():
        del os.environ[name]
    os.environ.update(env)


@contextmanager
def _stream(number: int, file) -> Iterator[None]:
    """Lead stream 1 or 2 into a file: Python's own, and what libraries and child processes write to the number."""
    name = {1: "stdout", 2: "stderr"}[number]
    before, kept = getattr(sys, name), os.dup(number)
    before.flush()
    os.dup2(file.fileno(), number)
    setattr(sys, name, open(number, "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    try:
        yield
    finally:
        getattr(sys, name).flush()
        setattr(sys, name, before)
        os.dup2(kept, number)
        os.close(kept)


def _text(file) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape").replace("\r\n", "\n")
