"""Who uses the app: a cookie that nobody can guess, a folder that only their requests reach."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SWEEP_S = 300.0  # how often those are looked for who have not been seen for long
MOST_VISITORS = 2000  # then those go first who have nothing here and were not seen for longest
MOST_AT_ONCE = 32  # requests of one visitor
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
    coming too; asking: requests that are not answered yet; busy: ids of jobs that wait or work; gone: it was forgotten;
    found: the last answer to a question about all runs, by question.
    """

    folder: Path
    runs: Path
    uploads: dict[str, Upload] = field(default_factory=dict)
    taken: int = 0
    seen: float = 0.0
    asking: int = 0
    busy: set[str] = field(default_factory=set)
    gone: bool = False
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def run_folders(self) -> list[Path]:
        """Those with answers, the newest first; links and what is no file are not followed: a run may be anybody's."""
        found = (path.parent for path in self.runs.glob("*/results.json") if stat.S_ISREG(path.lstat().st_mode))
        return sorted((folder for folder in found if not folder.is_symlink()), reverse=True)

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
        linked = found and (found.is_symlink() or found.parent.is_symlink())
        return found if found and found.is_file() and not linked else None

    @contextlib.contextmanager
    def asks(self) -> Iterator[None]:
        """While a request is answered."""
        self.asking += 1
        try:
            yield
        finally:
            self.asking -= 1

    def remove(self, upload: str) -> bool:
        """Remove an upload by its id; whether there was one."""
        found = self.uploads.pop(upload, None)
        if found is not None:
            self.taken -= found.size
            shutil.rmtree(found.path.parent, ignore_errors=True)
        return found is not None

    def forget(self) -> None:
        """Remove everything that is there of this visitor."""
        self.taken -= sum(one.size for one in self.uploads.values())  # what is still coming is not here
        self.uploads.clear()
        self.found.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


class Visitors:
    """All of them, by cookie. Only cookies that this server has given are anybody's.

    kept: the folder of all runs, which all visitors see; None: each has a folder of its own, which goes when they go.
    """

    def __init__(self, folder: Path, forget_after_s: float, kept: Path | None = None) -> None:
        self._folder, self._forget_after_s, self._kept = folder, forget_after_s, kept
        self._by_token: dict[str, Visitor] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._sweep, name="gait-sweep", daemon=True).start()

    def admit(self, token: str | None = None) -> tuple[str, Visitor] | None:
        """Somebody new: the cookie's value, and who it is; None where too many have something here.

        token: of programs, in place of a cookie.
        """
        token = token or secrets.token_urlsafe(32)
        # The folder's name does not give the cookie away.
        folder = self._folder / hashlib.sha256(token.encode()).hexdigest()[:32]
        visitor = Visitor(folder, self._kept or folder / "runs", seen=time.monotonic())
        with self._lock:
            if len(self._by_token) >= MOST_VISITORS:
                idle = [one for one, who in self._by_token.items() if not who.busy and not who.folder.exists()]
                for one in sorted(idle, key=lambda one: self._by_token[one].seen)[: len(idle) // 2 + 1]:
                    self._by_token.pop(one).gone = True
            if len(self._by_token) >= MOST_VISITORS:
                return None
            self._by_token[token] = visitor
        return token, visitor

    def of(self, token: str | None) -> Visitor | None:
        """Whose cookie it is."""
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
        """Forget, for ever, those whose time is over, whether anybody asks for something or not."""
        while True:
            time.sleep(min(SWEEP_S, self._forget_after_s))
            long_ago = time.monotonic() - self._forget_after_s
            with self._lock:
                idle = [token for token, who in self._by_token.items() if who.seen < long_ago and not who.busy]
                gone = [self._by_token.pop(token) for token in idle]
            for visitor in gone:
                visitor.gone = True
                visitor.forget()
