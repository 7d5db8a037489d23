"""Tasks of the app that behave badly, for a process that imports them: `from odd_tasks import SlowToGo`."""

from __future__ import annotations

import atexit
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.engine.progress import Progress
from pipeline.errors import InputError
from pipeline.runs.folder import RunFolder


@dataclass(frozen=True)
class SlowToGo:
    """Begins a run folder in `runs` and never ends; stopped, it says so at once and is still there for seconds."""

    runs: Path

    def __call__(self, progress: Progress) -> Path:
        atexit.register(time.sleep, 10)
        with RunFolder.create(self.runs, datetime.now()).held():
            progress.start("waiting", None, "frames")
            time.sleep(60)
        raise AssertionError("nobody stopped it")


@dataclass(frozen=True)
class Interrupted:
    """Is interrupted between making its run folder and saying that it works there."""

    runs: Path

    def __call__(self, progress: Progress) -> Path:
        RunFolder.create(self.runs, datetime.now())
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Killed:
    """Is killed by the system when it has just begun its run folder."""

    runs: Path

    def __call__(self, progress: Progress) -> Path:
        RunFolder.create(self.runs, datetime.now())
        os._exit(9)


@dataclass(frozen=True)
class Refused:
    """Says what is wrong."""

    def __call__(self, progress: Progress) -> Path:
        raise InputError("street.mp4: no such file")


@dataclass(frozen=True)
class Chatty:
    """Warns of every frame."""

    def __call__(self, progress: Progress) -> dict[str, int]:
        from loguru import logger

        for number in range(300):
            logger.warning(f"frame {number}")
        return {"frames": 300}


@dataclass(frozen=True)
class Gone:
    """Ends without a word, as a process that the system kills."""

    def __call__(self, progress: Progress) -> Path:
        os._exit(9)
