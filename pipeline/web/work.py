"""A job in a process of its own, which can be stopped at any moment: its progress comes through a pipe, as JSON.

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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from pipeline.engine.children import starting
from pipeline.engine.parent import end_with_parent
from pipeline.errors import GaitError
from pipeline.files import one_line, read_json, reason_of
from pipeline.runs.folder import RunFolder
from pipeline.web.tasks import Task

LOADED = "pipeline.web.loaded"
MOST_NOTES = 50
EVERY_S = 0.1  # at most so often a stage tells how far it is
GRACE_S = 1.5  # a stopped process may take so long to clean up after itself; then it is killed


@dataclass
class Stage:
    """How far one stage is. total: None where nobody knows."""

    name: str
    total: int | None
    unit: str
    items: int = 0
    ended: bool = False


@dataclass
class Work:
    """A job that runs. Read `stages`, `notes`, `folder`, `found` and `problem` while iterating over `steps`.

    runs: where its run folder appears; None for a task that begins none.
    """

    task: Task
    runs: Path | None = None
    stages: dict[str, Stage] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    folder: Path | None = None  # of the finished run
    found: Mapping[str, Any] | None = None  # what another task has to tell
    problem: str | None = None  # one line
    stopped: bool = False

    def __post_init__(self) -> None:
        self._before, self._begun, self._ended = _folders(self.runs), set[Path](), False
        context: Any = starting(LOADED)
        self._pipe, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(theirs, self.task), name="gait-job")
        self._process.start()
        theirs.close()

    def steps(self, every_s: float = 0.25) -> Iterator[None]:
        """Yield every so often until the job has ended, one way or another."""
        try:
            while self._take(every_s):
                self._note_begun()
                yield
            self._ended = True
            self._process.join(GRACE_S)
            if not (self.done or self.problem or self.stopped):
                self.problem = (
                    "the job ended without a word, perhaps for want of memory. Try a shorter or smaller video."
                )
        finally:  # the visitor has gone
            self.stop()

    @property
    def done(self) -> bool:
        """Whether it has ended well."""
        return self.folder is not None or self.found is not None

    def stop(self) -> None:
        """End the job within seconds, and remove what it has begun. Does nothing where it has ended."""
        self._note_begun()
        if self._process.is_alive() and not self.done:
            self.stopped |= not self._ended  # else it has said how it ended, and is only slow to go
            self._process.terminate()
            self._process.join(GRACE_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        if self.folder is None:
            for begun in self._begun:
                shutil.rmtree(begun, ignore_errors=True)
                RunFolder(begun).resumption.unlink(missing_ok=True)

    def _note_begun(self) -> None:
        """Remember which folder is this job's, which it can't tell if it is killed; others begin runs there, too."""
        for folder in _folders(self.runs) - self._before - self._begun:
            with contextlib.suppress(GaitError, KeyError):
                if read_json(folder / ".working.json")["pid"] == self._process.pid:
                    self._begun.add(folder)

    def _take(self, wait_s: float) -> bool:
        """Read what has come within the time; False when nothing will come any more."""
        until = time.monotonic() + wait_s
        try:
            while (left := until - time.monotonic()) > 0:
                if self._pipe.poll(left):
                    self._hear(*json.loads(self._pipe.recv_bytes()))
        except (EOFError, OSError):
            return False
        return True

    def _hear(self, kind: str, *said: Any) -> None:
        match kind:
            case "start":
                self.stages[said[0]] = Stage(*said)
            case "items":
                self.stages[said[0]].items = said[1]
            case "finish":
                self.stages[said[0]].ended = True
            case "note":
                self.notes[MOST_NOTES - 1 :] = [said[0]]  # many: the first ones, and the last
            case "done":
                self.folder = Path(said[0])
            case "found":
                self.found = said[0]
            case "problem":
                self.problem = said[0]
            case "stopped":
                self.stopped = True
            case "begun":
                self._begun.update(map(Path, said))


class Telling:
    """Progress that goes through a pipe. It comes from several threads; what comes fast is summed up."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._lock = pipe, threading.Lock()
        self._items: dict[str, int] = {}
        self._told: dict[str, float] = {}

    def tell(self, kind: str, *said: Any) -> None:
        with self._lock, contextlib.suppress(OSError):  # the server has gone: this process follows
            self._pipe.send_bytes(json.dumps([kind, *said]).encode())

    def start(self, stage: str, total: int | None, unit: str) -> None:
        self._items[stage], self._told[stage] = 0, 0.0
        self.tell("start", stage, total, unit)

    def advance(self, stage: str, items: int = 1) -> None:
        with self._lock:
            self._items[stage] += items
            now = time.monotonic()
            if now - self._told[stage] < EVERY_S:
                return
            self._told[stage] = now
        self.tell("items", stage, self._items[stage])

    def finish(self, stage: str) -> None:
        self.tell("items", stage, self._items[stage])
        self.tell("finish", stage)


def _work(pipe: Connection, task: Task) -> None:
    """The process: do the task, tell how far it is, and how it ended."""
    signal.signal(signal.SIGTERM, _interrupt)
    end_with_parent()  # a server that was killed cannot stop its job
    telling = Telling(pipe)
    try:
        from loguru import logger

        logger.remove()
        logger.add(lambda line: telling.tell("note", str(line).rstrip()), level="WARNING", format="{message}")
        found = task(telling)
        telling.tell("done", str(found)) if isinstance(found, Path) else telling.tell("found", found)
    except KeyboardInterrupt:
        telling.tell("stopped")
    except GaitError as error:
        telling.tell("problem", one_line(error))
    except Exception as error:
        telling.tell("problem", f"fault: {type(error).__name__}: {reason_of(error)} (a bug: please report it)")
    finally:
        telling.tell("begun", *map(str, RunFolder.begun))
        pipe.close()


def _interrupt(signum: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: it is cleaning up
    raise KeyboardInterrupt


def _folders(runs: Path | None) -> set[Path]:
    return {path for path in runs.iterdir() if not path.name.startswith(".")} if runs and runs.is_dir() else set()
