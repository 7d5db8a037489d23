"""What a job of the app does, as values that can be sent to a process: the work of `run`, `enrol` and `identify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.config import Config
from pipeline.engine.progress import Progress
from pipeline.runs.job import plan


class Task(Protocol):
    """Does its work and returns the run folder. Raises GaitError."""

    def __call__(self, progress: Progress) -> Path: ...


@dataclass(frozen=True, slots=True)
class RunTask:
    """`gait run`."""

    gallery: str
    probes: Sequence[str]
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.jobs.run import run

        return run(plan(self.gallery, self.probes), self.config, self.checkpoints, progress=progress)


@dataclass(frozen=True, slots=True)
class IdentifyTask:
    """`gait identify`."""

    videos: Sequence[str]
    db: Path
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.jobs.identify import identify

        return identify(self.videos, self.db, self.config, "unknown", self.checkpoints, progress)


@dataclass(frozen=True, slots=True)
class EnrolTask:
    """`gait enrol`; names by track."""

    video: str
    db: Path
    names: Mapping[int, str]
    consent: str
    expires: str
    merge: bool
    config: Config
    checkpoints: Path | None

    def __call__(self, progress: Progress) -> Path:
        from pipeline.gallery.people import expiry
        from pipeline.gallery.template import now
        from pipeline.jobs.enrol import Enrolment, enrol

        until = expiry(self.expires, now()) if self.expires else None
        wanted = Enrolment(self.names, self.merge, self.consent, until)
        return enrol(self.video, self.db, self.config, wanted, self.checkpoints, progress)[1]
