"""A job in a process of its own, which can be stopped at any moment; what it tells comes through a pipe, as JSON.

A process rather than a thread: loading a network or learning a background asks nobody whether to go on; a decoder that
crashes over a hostile file takes one job with it and not the server; and its memory is given back.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

from pipeline.engine.children import starting
from pipeline.engine.parent import end_with_parent
from pipeline.engine.progress import Progress
from pipeline.errors import GaitError
from pipeline.files import one_line, reason_of
from pipeline.runs.folder import RunFolder

LOADED = "pipeline.web.loaded"
MOST_NOTES = 50
LOOK_S = 0.25  # how often it is looked whether to stop
EVERY_S = 0.1  # at most so often a stage tells how far it is
GRACE_S = 1.5  # a stopped process may take so long to clean up after itself; then it is killed

Task = Callable[[Progress], Path | Mapping[str, Any]]
"""Does its work and returns the run folder, or what there is to tell, as JSON has it. Raises GaitError."""


@dataclass
class Work:
    """What the process of a job has told so far.

    stages: name → how far it is: name, done, total (None where nobody knows), unit, ended; begun: run folders that it
    has made; result: what the task returned, None while it has not; problem: what is wrong, in one line.
    """

    stages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    begun: list[Path] = field(default_factory=list)
    result: Path | Mapping[str, Any] | None = None
    problem: str = ""
    stopped: bool = False

    def do(self, task: Task, stopping: threading.Event) -> None:
        """Wait for a process to do the task; end it within seconds once it shall stop, and remove what it has begun."""
        context: Any = starting(LOADED)
        pipe, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, task), name="gait-job")
        process.start()
        theirs.close()
        while self._listen(pipe):
            if stopping.is_set() and self.result is None:
                self.stopped = True
                _end(process)
        process.join(GRACE_S)
        _end(process)
        if self.result is not None:
            return
        if not (self.problem or self.stopped):
            self.problem = "the job ended without a word, perhaps for want of memory. Try a shorter or smaller video."
        for begun in self.begun:
            shutil.rmtree(begun, ignore_errors=True)
            RunFolder(begun).resumption.unlink(missing_ok=True)

    def _listen(self, pipe: Connection) -> bool:
        """Hear what comes within a moment; False when nothing will come any more."""
        until = time.monotonic() + LOOK_S
        try:
            while (left := until - time.monotonic()) > 0:
                if pipe.poll(left):
                    self._hear(*json.loads(pipe.recv_bytes()))
        except (EOFError, OSError):
            return False
        return True

    def _hear(self, kind: str, said: Any) -> None:
        match kind:
            case "stage":
                self.stages[said["name"]] = said
            case "note":
                self.notes[MOST_NOTES - 1 :] = [said]  # many: the first ones, and the last
            case "begun":
                self.begun.append(Path(said))
            case "run":
                self.result = Path(said)
            case "found":
                self.result = said
            case "problem":
                self.problem = said
            case "stopped":
                self.stopped = True


def _end(process: BaseProcess) -> None:
    """End a process, in a friendly way first. Does nothing where it has ended."""
    if process.is_alive():
        process.terminate()
        process.join(GRACE_S)
    if process.is_alive():
        process.kill()
        process.join()


class Telling:
    """Progress that goes through a pipe. It comes from several threads; what comes fast is summed up."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._stages: dict[str, dict[str, Any]] = {}
        self._told: dict[str, float] = {}

    def tell(self, kind: str, said: Any = None) -> None:
        with self._lock, contextlib.suppress(OSError):  # the server has gone: this process follows
            self._pipe.send_bytes(json.dumps([kind, said]).encode())

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self._stages[stage] = {"name": stage, "done": 0, "total": total, "unit": unit, "ended": False}
        self._told[stage] = 0.0
        self.tell("stage", self._stages[stage])

    def advance(self, stage: str, items: int = 1) -> None:
        with self._lock:
            self._stages[stage]["done"] += items
            now = time.monotonic()
            if now - self._told[stage] < EVERY_S:
                return
            self._told[stage] = now
        self.tell("stage", self._stages[stage])

    def finish(self, stage: str) -> None:
        self._stages[stage]["ended"] = True
        self.tell("stage", self._stages[stage])


def _work(pipe: Connection, task: Task) -> None:
    """The process: do the task, tell how far it is, and how it ended."""
    signal.signal(signal.SIGTERM, _interrupt)
    end_with_parent()  # a server that was killed cannot stop its job
    telling = Telling(pipe)
    RunFolder.announce = lambda path: telling.tell("begun", str(path))
    try:
        from loguru import logger

        logger.remove()
        logger.add(lambda line: telling.tell("note", str(line).rstrip()), level="WARNING", format="{message}")
        found = task(telling)
        telling.tell("run", str(found)) if isinstance(found, Path) else telling.tell("found", found)
    except KeyboardInterrupt:
        telling.tell("stopped")
    except GaitError as error:
        telling.tell("problem", one_line(error))
    except Exception as error:
        telling.tell("problem", f"fault: {type(error).__name__}: {reason_of(error)} (a bug: please report it)")
    finally:
        pipe.close()


def _interrupt(signum: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: it is cleaning up
    raise KeyboardInterrupt
