"""Jobs that wait, work and have ended. Two at a time: one that looks at videos, and one that answers in seconds."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ConfigError, InputError
from pipeline.web.visitors import Visitor
from pipeline.web.work import Task, Work

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
    """Something that a visitor has asked for. future: of its turn in a lane."""

    kind: Kind
    visitor: Visitor
    work: Work = field(default_factory=Work)
    stopping: threading.Event = field(default_factory=threading.Event)
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    future: Future[None] = field(init=False)

    @property
    def ended(self) -> bool:
        """Whether nothing of it happens any more."""
        return self.future.done()

    @property
    def state(self) -> State:
        """How it is."""
        if not self.ended:
            return "working" if self.future.running() else "waiting"
        if self.future.cancelled() or self.work.stopped:
            return "stopped"
        return "refused" if self.work.result is None else "done"

    @property
    def run(self) -> Path | None:
        """The finished run folder."""
        return self.work.result if self.ended and isinstance(self.work.result, Path) else None

    @property
    def words(self) -> str:
        """One line on how it is, or what is wrong."""
        match self.state:
            case "waiting":
                return "Another job runs; yours waits in line."
            case "done":
                return "The answers are there."
            case "stopped":
                return "Whoever is listed as enrolled stays." if self.kind == "enrol" else "Nothing was kept of it."
            case "refused":
                return self._without_folders(self.work.problem or "a fault of this server. Please report it.")
        stages = list(self.work.stages.values())
        current = next((stage["name"] for stage in stages if not stage["ended"]), None)
        return f"{current.capitalize()} …" if current else "Writing …" if stages else "Loading the networks …"

    async def ends(self, within_s: float) -> bool:
        """Wait until it has ended, without holding a thread; whether it has."""
        until = time.monotonic() + within_s
        while not self.ended and time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        return self.ended

    def tree(self) -> dict[str, Any]:
        """What programs and the page read."""
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "words": self.words,
            "stages": list(self.work.stages.values()),
            "notes": [self._without_folders(note) for note in self.work.notes],
            "run": self.run.name if self.run else None,
        }

    def _without_folders(self, words: str) -> str:
        """What is said of uploads names them as the visitor does, and not where they lie."""
        for upload in list(self.visitor.uploads.values()):
            words = words.replace(f"{upload.path.parent}/", "")
        return words


class Jobs:
    """All of them. Each kind has a lane, and a lane does one job at a time."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._videos, self._quick = ThreadPoolExecutor(1, "gait-videos"), ThreadPoolExecutor(1, "gait-quick")

    def add(self, kind: Kind, visitor: Visitor, task: Task) -> Job:
        """Put a job in line. Raises ConfigError where too many wait."""
        job = Job(kind, visitor)
        with self._lock:
            waiting = [one for one in self._jobs.values() if not one.ended]
            if len(waiting) >= MOST_WAITING or sum(one.visitor is visitor for one in waiting) >= MOST_OF_ONE:
                raise ConfigError("too many jobs wait in line already. Wait until one has ended, or stop one.")
            ended = [one for one in self._jobs.values() if one.ended]
            old = [one for one in ended if one.visitor is visitor][:-MOST_REMEMBERED]
            for one in [*old, *(one for one in ended if one.visitor.gone)]:
                del self._jobs[one.id]
            visitor.busy.add(job.id)
            lane = self._videos if kind in VIDEOS else self._quick
            job.future = lane.submit(job.work.do, task, job.stopping)
            self._jobs[job.id] = job
        job.future.add_done_callback(lambda _: visitor.busy.discard(job.id))
        return job

    async def now(self, kind: Kind, visitor: Visitor, task: Task) -> Mapping[str, Any]:
        """Do a quick job and return what it has found. Raises GaitError."""
        job = self.add(kind, visitor, task)
        if not await job.ends(QUICK_S):
            self.stop(job)
            raise ConfigError("this took too long. Try again, or on the command line.")
        if not isinstance(job.work.result, Mapping):
            raise ConfigError(job.words)
        return job.work.result

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
        job.stopping.set()
        job.future.cancel()

    async def forget(self, visitor: Visitor) -> None:
        """Stop what a visitor has asked for, and remove all files of theirs."""
        mine = self.of(visitor)
        for job in mine:
            self.stop(job)
        for job in mine:
            await job.ends(LAST_S)
        with self._lock:
            for job in mine:
                self._jobs.pop(job.id, None)
        await asyncio.to_thread(visitor.forget)

    def stop_all(self) -> None:
        """The server ends: wait until the jobs that run have cleaned up."""
        jobs = list(self._jobs.values())
        for job in jobs:
            self.stop(job)
        wait([job.future for job in jobs], LAST_S)
