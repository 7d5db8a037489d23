"""Results kept between runs, keyed by what they depend on: the same video under the same settings is worked on once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from loguru import logger

from pipeline.errors import GaitError, OutputError
from pipeline.files import PARTIAL, digests, read_json, write_json

FOLDER = ".cache"  # inside the output folder: what is about its people goes with it
_FACTS = "facts.json"


class Cache:
    """Entries are folders named <stage>-<key>, with copies of a run's files and their sha256.

    A cache that cannot be read or written only costs time: nothing but `clear` raises for the disk's sake.
    """

    def __init__(self, output: Path, limit_bytes: int) -> None:
        """limit_bytes: what has gone unused longest is removed beyond it; 0 switches the cache off."""
        self.folder = output / FOLDER
        self._limit = limit_bytes

    def restore(self, stage: str, key: str, targets: Mapping[str, Path]) -> dict[str, Any] | None:
        """Put an entry's files where `targets` says (name → path; nothing may be there) and return its facts.

        None where there is none. An entry with a file that has changed is named and removed: it is worth nothing.
        """
        entry = self._entry(stage, key)
        if not self._limit or not (entry / _FACTS).is_file():
            return None
        partial = {name: path.with_name(f"{PARTIAL}{os.getpid()}-{path.name}") for name, path in targets.items()}
        try:
            facts = read_json(entry / _FACTS)
            stored = {name: sha256 for name, sha256 in facts["files"].items() if name.partition("/")[0] in targets}
            for name, path in partial.items():
                if (entry / name).exists():
                    _copy(entry / name, path)
            copied = digests(partial)
            if changed := sorted(dict(stored.items() ^ copied.items())):
                logger.warning(f"{entry / changed[0]}: not what an earlier run stored; made anew")
                shutil.rmtree(entry, ignore_errors=True)
                return None
            for name, path in partial.items():
                if path.exists():
                    path.rename(targets[name])
            os.utime(entry)  # used just now
        except (OSError, GaitError, KeyError, AttributeError):  # removed by another process meanwhile, or damaged
            return None
        finally:
            for path in partial.values():
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return {name: value for name, value in facts.items() if name not in ("bytes", "files")}

    def store(self, stage: str, key: str, sources: Mapping[str, Path], **facts: Any) -> None:
        """Keep files (name → path; missing ones are left out) with `facts`, then make room."""
        entry = self._entry(stage, key)
        if not self._limit or entry.exists():
            return
        partial = entry.with_name(f"{PARTIAL}{os.getpid()}-{entry.name}")
        try:
            partial.mkdir(parents=True)
            for name, source in sources.items():
                if source.exists():
                    _copy(source, partial / name)
            size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
            files = digests({name: partial / name for name in sources})
            write_json(partial / _FACTS, {**facts, "bytes": size, "files": files})
            partial.rename(entry)
        except (OSError, GaitError):  # another process was first, or the disk is full
            shutil.rmtree(partial, ignore_errors=True)
        self._make_room()

    def entries(self) -> list[tuple[Path, int]]:
        """Every entry with its size in bytes, the one unused longest first."""
        found = []
        for facts in self.folder.glob(f"*/{_FACTS}"):
            with suppress(OSError, GaitError, KeyError, ValueError):
                found.append((facts.parent.stat().st_mtime, facts.parent, int(read_json(facts)["bytes"])))
        return [(path, size) for _, path, size in sorted(found)]

    def clear(self) -> tuple[int, int]:
        """Remove everything; returns the number of entries and their bytes. Raises OutputError for what stays."""
        entries = self.entries()
        folders = [path for path in self.folder.iterdir() if path.is_dir()] if self.folder.is_dir() else []
        for path in folders:
            shutil.rmtree(path, ignore_errors=True)
        if left := sorted(path for path in folders if path.exists()):
            raise OutputError(f"{left[0]}: cannot be removed. Check its permissions, and clear again.")
        with suppress(OSError):  # a link to another disk, or filled again meanwhile
            self.folder.rmdir()
        return len(entries), sum(size for _, size in entries)

    def _make_room(self) -> None:
        entries = self.entries()
        total = sum(size for _, size in entries)
        for path, size in entries:
            if total <= self._limit:
                return
            shutil.rmtree(path, ignore_errors=True)
            total -= size

    def _entry(self, stage: str, key: str) -> Path:
        return self.folder / f"{stage}-{key[:40]}"


def _copy(source: Path, target: Path) -> None:
    """Copies, not links: who changes a file of one run in place changes no other run."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
