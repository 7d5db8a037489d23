"""The commands' signatures and help; each calls one function. Errors become one line and an exit status.

Nothing heavy is imported here: `gait --help` answers within half a second.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from pipeline.cli import gallery, models, research, research_data, results, run  # noqa: F401  # they add their commands
from pipeline.cli.app import app
from pipeline.cli.lancedb_client import leave_out
from pipeline.errors import GaitError, Interrupted
from pipeline.files import one_line, refusal

OK, FAULT, USAGE, INTERRUPTED = 0, 1, 2, 130


def main() -> NoReturn:
    """Entry point of `gait` and `python -m pipeline`."""
    sys.argv[1:], verbose = _verbose_first(sys.argv[1:])
    _want_streams()
    # Threads of NumPy's OpenBLAS sleep when they are done; else they wait 2^26 ticks in a loop for more, while networks
    # and LanceDB need their cores.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # we say it once, in our own words
    leave_out()
    signal.signal(signal.SIGTERM, _interrupt)
    if any(not word or (word.startswith("--") and word.endswith("=")) for word in sys.argv[1:]):
        _fail("an empty argument: a variable that is not set? Give a value, or leave the option out.", USAGE)
    try:
        Path.cwd()
    except FileNotFoundError:
        _fail("the folder that this was called in has been removed. Change to another one.", USAGE)
    try:
        status = app(prog_name="gait", standalone_mode=False)
    except typer.TyperException as error:  # wrong usage
        context = getattr(error, "ctx", None)
        _fail(f"{error.format_message()} See: {context.command_path if context else 'gait'} --help", USAGE)
    except GaitError as error:
        if verbose:
            traceback.print_exc()
        _fail(str(error), INTERRUPTED if isinstance(error, Interrupted) else USAGE)
    except KeyboardInterrupt:  # before there is a command
        _fail("interrupted.", INTERRUPTED)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        if isinstance(error, OSError) and (refused := refusal(error)):
            _fail(refused, USAGE)
        _fail(f"fault: {type(error).__name__}: {error} (a bug; -v shows the traceback to report)", FAULT)
    if status == INTERRUPTED:
        _fail("interrupted.", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else OK)


def _verbose_first(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments with -v before the command, where it belongs; for one release it may also stand after it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    others = [word for word in arguments[:end] if word not in ("-v", "--verbose")]
    verbose = len(others) < end
    return [*["-v"] * verbose, *others, *arguments[end:]], verbose


def _want_streams() -> None:
    """Let nothing that is said stop the work: not a letter that the terminal's encoding lacks, nor a closed stream."""
    for name in ("stdin", "stdout", "stderr"):  # in order: each gets its own number back, before a file takes it
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: PTH123, SIM115  # for good
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str, status: int) -> NoReturn:
    # Names of files may hold what clears the terminal, or turns a line around.
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in one_line(message))
    print(f"gait: {shown}", file=sys.stderr)
    sys.exit(status)
