"""Jobs that wait, work and have ended. Two at a time: one that looks at videos, and one that answers in seconds."""

from __future__ import annotations

import asyncio
import queue
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ConfigError, GaitError, InputError
from pipeline.files import one_line, reason_of
from pipeline.web.tasks import Task
from pipeline.web.visitors import Visitor
from pipeline.web.work import Work

MOST_WAITING, MOST_OF_ONE = 16, 4  # of all visitors, and of one
MOST_REMEMBERED = 20  # ended jobs of a visitor
QUICK_S = 300.0  # after so long nobody waits for a quick job any more
LOOK_S = 0.05  # how often it is looked whether a job has ended
LAST_S = 10.0  # jobs may take so long to end with the server

State = Literal["waiting", "working", "done", "stopped", "refused"]
Kind = Literal["run", "identify", "enrol", "review", "strangers", "suggest"]
VIDEOS: frozenset[Kind] = frozenset(("run", "identify", "enrol"))


@dataclass(eq=False)
class Job:
    """Something that a visitor has asked for. words: one line on how it is, or what is wrong."""

    kind: Kind
    visitor: Visitor
    task: Task
    state: State = "waiting"
    words: str = ""
    work: Work | None = None
    stopping: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def run(self) -> Path | None:
        """The finished run folder."""
        return self.work.folder if self.work and self.state == "done" else None

    async def ends(self, within_s: float) -> bool:
        """Wait until it has ended, without holding a thread; whether it has."""
        until = time.monotonic() + within_s
        while not self.ended.is_set() and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        return self.ended.is_set()

    def tree(self) -> dict[str, Any]:
        """What programs and the page read."""
        stages = list(self.work.stages.values()) if self.work else []
        return {
            "id": self.id, "kind": self.kind, "state": self.state, "words": self.words or _words(self, stages),
            "stages": [
                {"name": one.name, "done": one.items, "total": one.total, "unit": one.unit, "ended": one.ended}
                for one in stages
            ],
            "notes": [_without_folders(note, self.visitor) for note in self.work.notes] if self.work else [],
            "run": self.run.name if self.run else None,
        }  # fmt: skip


def _words(job: Job, stages: list[Any]) -> str:
    match job.state:
        case "waiting":
            return "Another job runs; yours waits in line."
        case "done":
            return "The answers are there."
        case "stopped":
            return "Whoever is listed as enrolled stays." if job.kind == "enrol" else "Nothing was kept of it."
    current = next((stage.name for stage in stages if not stage.ended), None)
    return f"{current.capitalize()} …" if current else "Writing …" if stages else "Loading the networks …"


class Jobs:
    """All of them. Each kind has a lane, and a lane does one job at a time."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._ending = False
        self._lanes = {name: queue.SimpleQueue[Job]() for name in ("videos", "quick")}
        for name, lane in self._lanes.items():
            threading.Thread(target=self._work, args=(lane,), name=f"gait-{name}", daemon=True).start()

    def add(self, kind: Kind, visitor: Visitor, task: Task) -> Job:
        """Put a job in line. Raises ConfigError where too many wait."""
        job = Job(kind, visitor, task)
        with self._lock:
            waiting = [one for one in self._jobs.values() if not one.ended.is_set()]
            if len(waiting) >= MOST_WAITING or sum(one.visitor is visitor for one in waiting) >= MOST_OF_ONE:
                raise ConfigError("too many jobs wait in line already. Wait until one has ended, or stop one.")
            visitor.busy += 1
            self._jobs[job.id] = job
            ended = [one for one in self._jobs.values() if one.ended.is_set()]
            old = [one for one in ended if one.visitor is visitor][:-MOST_REMEMBERED]
            for one in [*old, *(one for one in ended if one.visitor.gone)]:
                del self._jobs[one.id]
        self._lanes["videos" if kind in VIDEOS else "quick"].put(job)
        return job

    async def now(self, kind: Kind, visitor: Visitor, task: Task) -> Mapping[str, Any]:
        """Do a quick job and return what it has found. Raises GaitError."""
        job = self.add(kind, visitor, task)
        if not await job.ends(QUICK_S):
            self.stop(job)
            raise ConfigError("this took too long. Try again, or on the command line.")
        found = job.work.found if job.work else None
        if job.state != "done" or found is None:
            raise ConfigError(job.words or "stopped: nothing was changed.")
        return found

    def of(self, visitor: Visitor) -> list[Job]:
        """Those of a visitor, the newest first."""
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if job.visitor is visitor]

    def find(self, visitor: Visitor, key: str) -> Job:
        """A visitor's job by its id. Raises InputError."""
        job = self._jobs.get(key)
        if job is None or job.visitor is not visitor:
            raise InputError("there is no such job.")
        return job

    def stop(self, job: Job) -> None:
        """Take a job out of the line, or let its lane end it within seconds. Does nothing where it has ended."""
        with self._lock:
            job.stopping = True
            if job.state == "waiting":
                job.state = "stopped"
                self._end(job)

    async def forget(self, visitor: Visitor) -> None:
        """Stop what a visitor has asked for, and remove all files of theirs."""
        for job in self.of(visitor):
            self.stop(job)
        for job in self.of(visitor):
            await job.ends(10)
        with self._lock:
            for key in [key for key, job in self._jobs.items() if job.visitor is visitor]:
                del self._jobs[key]
        await asyncio.to_thread(visitor.forget)

    def stop_all(self) -> None:
        """The server ends: wait until the jobs that run have cleaned up."""
        self._ending = True
        jobs = list(self._jobs.values())
        for job in jobs:
            self.stop(job)
        for job in jobs:
            job.ended.wait(LAST_S)

    def _end(self, job: Job) -> None:
        if not job.ended.is_set():
            job.ended.set()
            job.visitor.busy -= 1

    def _work(self, lane: queue.SimpleQueue[Job]) -> None:
        while True:
            job = lane.get()
            with self._lock:
                if job.state != "waiting" or self._ending:
                    continue
                job.state = "working"
            try:
                self._do(job)
            except GaitError as error:
                job.state, job.words = "refused", one_line(error)
            except Exception as error:  # ends that job and not its lane
                job.state, job.words = "refused", f"fault: {type(error).__name__}: {reason_of(error)}"
            with self._lock:
                self._end(job)

    def _do(self, job: Job) -> None:
        runs = job.visitor.runs if job.kind in VIDEOS else None
        if runs:
            runs.mkdir(parents=True, exist_ok=True, mode=0o700)
        job.work = Work(job.task, runs)
        for _ in job.work.steps():
            if job.stopping:
                job.work.stop()
        job.words = _without_folders(job.work.problem or "", job.visitor)
        job.state = "stopped" if job.work.stopped else "refused" if job.work.problem else "done"


def _without_folders(words: str, visitor: Visitor) -> str:
    """What is said of uploads names them as the visitor does, and not where they lie."""
    for upload in list(visitor.uploads.values()):
        words = words.replace(f"{upload.path.parent}/", "")
    return words
