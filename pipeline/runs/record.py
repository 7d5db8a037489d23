"""run.json: what a run was made from, what each stage cost, and how it ended, true at every moment.

It may be handed on, so it names files and says nothing of where they lie.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from loguru import logger

from pipeline.engine.meter import Meter
from pipeline.errors import GaitError
from pipeline.files import one_line, read_json, write_json
from pipeline.runs.folder import RunFolder
from pipeline.version import __version__

VERSIONED = ("torch", "openvino", "onnxruntime", "opencv-python-headless", "av", "numpy", "lap")


class Record:
    """The content of run.json, written at the start, at every milestone and at the end."""

    def __init__(self, folder: RunFolder, facts: Mapping[str, Any], resumed: bool = False) -> None:
        """resumed: go on counting where the folder's run.json stopped."""
        self.folder = folder
        earlier = read_json(folder.record) if resumed else {}
        self.meter = Meter(earlier.get("stages"))
        self._begun = time.perf_counter() - earlier.get("seconds", 0.0)
        self._tree: dict[str, Any] = {
            "schema": 1,
            "status": "running",
            "started": earlier.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
            "resumed": earlier.get("resumed", 0) + resumed,
            **facts,
            "versions": versions(),
            "warnings": [],
        }

    def warn(self, message: str) -> None:
        """Tell the user and keep it: run.json lists everything that was not as it should be."""
        if message not in self._tree["warnings"]:
            self._tree["warnings"].append(message)
            logger.warning(message)

    def note(self, video: str, **counts: Any) -> None:
        """Add what is known of a video after it was read to its entry under `inputs`."""
        roles = self._tree["inputs"].values()  # one video each (gallery), or several (probes)
        for entry in (entry for role in roles for entry in (role if isinstance(role, list) else [role])):
            if entry["name"] == video:
                entry.update(counts)

    def write(self) -> None:
        self._tree["seconds"] = round(time.perf_counter() - self._begun, 3)
        self._tree["stages"] = self.meter.as_record()
        write_json(self.folder.record, self.folder.without_paths(self._tree))

    @contextlib.contextmanager
    def open(self) -> Iterator[Record]:
        """Keep run.json's status true: running inside the block, then done, or failed with the error in words."""
        self.write()
        try:
            yield self
        except BaseException as error:
            self._tree["status"] = "failed"
            self._tree["error"] = _in_words(error, self.folder)
            with contextlib.suppress(OSError, GaitError):  # the disk may be full: the error itself matters more
                self.write()
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(str(self.folder.path)) from None  # so that who stops it learns what to resume
            raise
        self._tree["status"] = "done"
        self.write()


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    found = {"gait": __version__, "python": platform.python_version()}
    for package in VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _in_words(error: BaseException, folder: RunFolder) -> str:
    if isinstance(error, KeyboardInterrupt):
        advice = "Go on with gait run --resume" if folder.resumption.is_file() else "Start a new one"
        return f"interrupted; files that are here are whole. {advice}."
    text = one_line(error)
    return text if isinstance(error, GaitError) else f"{type(error).__name__}: {text}"
