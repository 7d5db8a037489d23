"""Who uses the app: a cookie that nobody can guess, and a folder that only this visitor's requests reach."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SWEEP_S = 300.0  # how often those are looked for who have not been seen for long
SERVED = {".html", ".mp4", ".png", ".jpg", ".json"}  # of a run folder, to its owner


@dataclass(eq=False)
class Visitor:
    """One browser. runs: folder of its run folders; uploads: files that it has sent."""

    folder: Path
    uploads: set[Path] = field(default_factory=set)
    seen: float = 0.0
    busy: int = 0  # jobs that wait or work

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    def run_folders(self) -> list[Path]:
        """Those with answers, the newest first."""
        return sorted((path.parent for path in self.runs.glob("*/results.json")), reverse=True)

    def run(self, name: str) -> Path | None:
        """A run folder of this visitor by its name."""
        return next((folder for folder in self.run_folders() if folder.name == name), None)

    def file(self, path: str) -> Path | None:
        """The file of a run that `<run>/<path>` names; None for whatever is not this visitor's to see."""
        try:
            inside = self.runs.resolve()
            found = (inside / path).resolve()
            relative = found.relative_to(inside)
            allowed = not any(part.startswith(".") for part in relative.parts) and found.suffix in SERVED
            return found if allowed and found.is_file() else None
        except (OSError, ValueError):  # a name too long, a null byte, a way out
            return None

    def forget(self) -> None:
        """Remove everything that is there of this visitor."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for upload in self.uploads:
            upload.unlink(missing_ok=True)
        self.uploads.clear()


class Visitors:
    """All of them, by cookie. Only cookies that this server has given are anybody's."""

    def __init__(self, folder: Path, forget_after_s: float) -> None:
        self._folder, self._forget_after_s = folder, forget_after_s
        self._by_token: dict[str, Visitor] = {}
        self._lock = threading.Lock()
        self._swept = time.monotonic()

    def admit(self) -> tuple[str, Visitor]:
        """Somebody new: the cookie's value, and who it is."""
        token = secrets.token_urlsafe(32)
        # The folder's name does not give the cookie away.
        visitor = Visitor(self._folder / hashlib.sha256(token.encode()).hexdigest()[:32], seen=time.monotonic())
        with self._lock:
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
