"""Hashes of checkpoint files: remembered between runs, and recorded where the publisher gives none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.errors import OutputError
from pipeline.files import file_sha256, parse_json, write_json
from pipeline.weights.folders import cache_folder

_REMEMBERED_FROM = 1_000_000  # bytes; smaller files are hashed faster than the memory is read
_LARGEST_MEMORY = 2_000  # files


def sha256_of(path: Path, *, afresh: bool = False) -> str:
    """The sha256 of a file, as hexadecimal text.

    Large files are read once: their hash is remembered in the user's cache folder by path, size and time of change.
    afresh: read the file anyway. A cache that cannot be read or written only costs time.
    """
    status = path.stat()
    name, mark = str(path.resolve()), [status.st_size, status.st_mtime_ns]
    if status.st_size < _REMEMBERED_FROM:
        return file_sha256(path)
    known = {} if afresh else _remembered().get(name)
    if isinstance(known, dict) and known.get("mark") == mark and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    found = file_sha256(path)
    _remember(name, {"mark": mark, "sha256": found})
    return found


def record_path(path: Path) -> Path:
    """Where the hash of the first download is recorded: a small JSON beside the file."""
    return path.with_name(path.name + ".sha256.json")


def recorded_sha256(path: Path) -> str | None:
    """The sha256 that was recorded when `path` was first downloaded; None where there is no record."""
    try:
        record = parse_json(record_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    found = record.get("sha256") if isinstance(record, dict) else None
    return found if isinstance(found, str) else None


def _memory_path() -> Path:
    return cache_folder() / "hashes.json"


def _remembered() -> dict[str, Any]:
    try:
        memory = parse_json(_memory_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        return {}
    return memory if isinstance(memory, dict) else {}


def _remember(name: str, entry: dict[str, Any]) -> None:
    memory = _remembered()
    memory.pop(name, None)
    memory[name] = entry  # newest last, so that the oldest are dropped
    recent = dict(list(memory.items())[-_LARGEST_MEMORY:])
    with suppress(OSError, OutputError, RuntimeError):
        write_json(_memory_path(), recent)
