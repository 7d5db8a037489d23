"""run.json: what a run was made from, what each stage cost, and how it ended, true at every moment.

It may be handed on, so it names files and says nothing of where they lie.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from loguru import logger

from pipeline import __version__
from pipeline.errors import GaitError
from pipeline.files import one_line, read_json, write_json
from pipeline.runs.folder import RunFolder

VERSIONED = ("torch", "openvino", "onnxruntime", "opencv-python-headless", "av", "numpy", "lap")


class Meter:
    """Busy seconds and item counts by stage. Stages overlap, so their seconds add up to more than the wall time."""

    def __init__(self, earlier: Mapping[str, Mapping[str, float]] | None = None) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, dict[str, float]] = {stage: dict(entry) for stage, entry in (earlier or {}).items()}

    @contextlib.contextmanager
    def time(self, stage: str, **counts: int) -> Iterator[None]:
        """Add the block's seconds and the given counts to `stage`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, seconds=time.perf_counter() - begun, **counts)

    def add(self, stage: str, **amounts: float) -> None:
        with self._lock:
            entry = self._stages.setdefault(stage, {"seconds": 0.0})
            for name, amount in amounts.items():
                entry[name] = entry.get(name, 0) + amount

    def count(self, stage: str, name: str) -> int:
        return int(self._stages.get(stage, {}).get(name, 0))

    def as_record(self) -> dict[str, dict[str, float]]:
        with self._lock:
            return {stage: {k: round(v, 4) for k, v in entry.items()} for stage, entry in self._stages.items()}


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

    def counted(self, video: str, **counts: Any) -> None:
        """Add what is only known after a video was read to its entry under `inputs`."""
        roles = self._tree["inputs"].values()  # one video each (gallery), or several (probes)
        for entry in (entry for role in roles for entry in (role if isinstance(role, list) else [role])):
            if entry["name"] == video:
                entry.update(counts)

    def write(self) -> None:
        self._tree["seconds"] = round(time.perf_counter() - self._begun, 3)
        self._tree["stages"] = self.meter.as_record()
        write_json(self.folder.record, self.folder.without_paths(self._tree))

    @contextlib.contextmanager
    def following(self) -> Iterator[Record]:
        """Keep run.json's status true: running inside the block, then done, or failed with the error in words."""
        self.write()
        try:
            yield self
        except BaseException as error:
            self._tree["status"] = "failed"
            self._tree["error"] = _in_words(error)
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


def _in_words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; files that are here are whole. Go on with --resume."
    text = one_line(error)
    return text if isinstance(error, GaitError) else f"{type(error).__name__}: {text}"
