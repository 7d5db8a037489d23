"""Who uses the app: a cookie that nobody can guess, a folder that only their requests reach."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SWEEP_S = 300.0  # how often those are looked for who have not been seen for long
MOST_VISITORS = 2000  # then those go first who have nothing here and were not seen for longest
SERVED = {".html", ".mp4", ".json"}  # of a run folder


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a visitor has sent. id: what requests call it; name: as it was called there."""

    id: str
    name: str
    path: Path
    size: int


@dataclass(eq=False)
class Visitor:
    """One browser, or the programs that have the token.

    runs: the folder of its run folders; uploads: what it has sent, by id; taken: bytes of uploads, those that are
    coming too; found: the last answer to a question about all runs, by question.
    """

    folder: Path
    runs: Path
    uploads: dict[str, Upload] = field(default_factory=dict)
    taken: int = 0
    seen: float = 0.0
    busy: int = 0  # jobs that wait or work
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def run_folders(self) -> list[Path]:
        """Those with answers, the newest first."""
        return sorted((path.parent for path in self.runs.glob("*/results.json")), reverse=True)

    def run(self, name: str) -> Path | None:
        """A run folder that this visitor may see, by its name."""
        return next((folder for folder in self.run_folders() if folder.name == name), None)

    def file(self, run: str, inside: str) -> Path | None:
        """A page, results or an annotated video of a run, looked for among those that are there; None for all else."""
        folder = self.run(run)
        if folder is None:
            return None
        there = (path for place in (folder, folder / "videos") for path in place.glob("*") if path.suffix in SERVED)
        found = next((path for path in there if path.relative_to(folder).as_posix() == inside), None)
        return found if found and found.is_file() and not found.is_symlink() else None

    def forget(self) -> None:
        """Remove everything that is there of this visitor."""
        self.uploads.clear()
        self.found.clear()
        self.taken = 0
        shutil.rmtree(self.folder, ignore_errors=True)


class Visitors:
    """All of them, by cookie. Only cookies that this server has given are anybody's.

    kept: the folder of all runs, which all visitors see; None: each has a folder of its own, which goes when they go.
    """

    def __init__(self, folder: Path, forget_after_s: float, kept: Path | None = None) -> None:
        self._folder, self._forget_after_s, self._kept = folder, forget_after_s, kept
        self._by_token: dict[str, Visitor] = {}
        self._lock = threading.Lock()
        self._swept = time.monotonic()

    def admit(self, token: str | None = None) -> tuple[str, Visitor]:
        """Somebody new: the cookie's value, and who it is. token: of programs, in place of a cookie."""
        token = token or secrets.token_urlsafe(32)
        # The folder's name does not give the cookie away.
        folder = self._folder / hashlib.sha256(token.encode()).hexdigest()[:32]
        visitor = Visitor(folder, self._kept or folder / "runs", seen=time.monotonic())
        with self._lock:
            if len(self._by_token) >= MOST_VISITORS:
                idle = [one for one, who in self._by_token.items() if not who.busy and not who.folder.exists()]
                for one in sorted(idle, key=lambda one: self._by_token[one].seen)[: len(idle) // 2 + 1]:
                    del self._by_token[one]
            self._by_token[token] = visitor
        return token, visitor

    def of(self, token: str | None) -> Visitor | None:
        """Whose cookie it is."""
        self._sweep()
        with self._lock:
            visitor = self._by_token.get(token or "")
        if visitor is not None:
            visitor.seen = time.monotonic()
        return visitor

    def taken(self) -> int:
        """Bytes of uploads of all visitors."""
        with self._lock:
            return sum(visitor.taken for visitor in self._by_token.values())

    def _sweep(self) -> None:
        now = time.monotonic()
        if now - self._swept < min(SWEEP_S, self._forget_after_s):
            return
        self._swept = now
        with self._lock:
            idle = [
                token
                for token, visitor in self._by_token.items()
                if now - visitor.seen > self._forget_after_s and not visitor.busy
            ]
            gone = [self._by_token.pop(token) for token in idle]
        for visitor in gone:
            visitor.forget()
