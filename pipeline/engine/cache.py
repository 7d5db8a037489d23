"""Results kept between runs, keyed by what they depend on: the same video under the same settings is worked on once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.errors import GaitError
from pipeline.files import PARTIAL, read_json, write_json

FOLDER = ".cache"  # inside the output folder, so that files can be linked instead of copied
_FACTS = "facts.json"


class Cache:
    """Entries are folders named <stage>-<key>. Files are hard links where the disk can, copies elsewhere.

    A cache that cannot be read or written only costs time: nothing here raises for the disk's sake.
    """

    def __init__(self, output: Path, limit_bytes: int) -> None:
        """limit_bytes: what has gone unused longest is removed beyond it; 0 switches the cache off."""
        self.folder = output / FOLDER
        self._limit = limit_bytes

    def restore(self, stage: str, key: str, targets: Mapping[str, Path]) -> dict[str, Any] | None:
        """Put an entry's files where `targets` says (name → path) and return its facts; None where there is none."""
        entry = self._entry(stage, key)
        if not self._limit or not (entry / _FACTS).is_file():
            return None
        try:
            facts = read_json(entry / _FACTS)
            for name, target in targets.items():
                if (entry / name).exists():
                    _link(entry / name, target)
            os.utime(entry)  # used just now
        except (OSError, GaitError):  # removed by another process meanwhile, or damaged
            return None
        return {name: value for name, value in facts.items() if name != "bytes"}

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
                    _link(source, partial / name)
            size = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
            write_json(partial / _FACTS, {**facts, "bytes": size})
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
        """Remove everything; returns the number of entries and their bytes."""
        entries = self.entries()
        shutil.rmtree(self.folder, ignore_errors=True)
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


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link_file, dirs_exist_ok=True)
    else:
        _link_file(str(source), str(target))


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copy2(source, target)
