"""Checkpoint files: the folders where they are looked for, and their hashes, remembered between runs.

Where a publisher gives no hash, that of the first download is recorded.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.errors import CheckpointError, OutputError
from pipeline.files import file_sha256, from_home, parse_json, write_json
from pipeline.profiles import configs_dir

_REMEMBERED_FROM = 1_000_000  # bytes; smaller files are hashed faster than the memory is read
_LARGEST_MEMORY = 2_000  # files


def cache_folder() -> Path:
    """The user's cache folder of this program; it need not exist. Raises CheckpointError for a user without a home."""
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a container's user, of whom the system knows the number only
        raise CheckpointError("this user has no home folder to keep weights in. Set HOME or XDG_CACHE_HOME.") from None
    return base / "gait"


def search_folders(explicit: Path | None = None) -> list[Path]:
    """Where checkpoints are looked for: `explicit` (--checkpoints), GAIT_CHECKPOINTS, ./checkpoints, the cache folder,
    and what is shipped with this program.

    Raises CheckpointError when a folder that was asked for does not exist.
    """
    named = os.environ.get("GAIT_CHECKPOINTS")
    asked = [(explicit, "--checkpoints")] if explicit else []
    asked += [(Path(named), "GAIT_CHECKPOINTS")] if named else []
    for folder, origin in asked:
        if not from_home(folder).is_dir():
            raise CheckpointError(f"{origin} {folder}: no such folder. Create it, or leave {origin} out.")
    folders = [from_home(folder) for folder, _ in asked]
    folders += [Path("checkpoints"), cache_folder() / "checkpoints", configs_dir().parent / "checkpoints"]
    return list(dict.fromkeys(folder for folder in folders))


def download_folder(explicit: Path | None = None) -> Path:
    """Where downloads go: `explicit` (--checkpoints, GAIT_CHECKPOINTS), ./checkpoints if it is there, or the cache."""
    if explicit is not None:
        return from_home(explicit)
    local = Path("checkpoints")
    return local if local.is_dir() else cache_folder() / "checkpoints"


def sha256_of(path: Path, *, afresh: bool = False) -> str:
    """The sha256 of a file, as hexadecimal text.

    Large files are read once: their hash is remembered in the user's cache folder by path, size and time of change.
    afresh: read the file anyway. A cache that cannot be read or written only costs time.
    """
    status = path.stat()
    if status.st_size < _REMEMBERED_FROM:
        return file_sha256(path)
    name, mark, memory = str(path.resolve()), [status.st_size, status.st_mtime_ns], cache_folder() / "hashes.json"
    known = {} if afresh else _read_object(memory).get(name)
    if isinstance(known, dict) and known.get("mark") == mark and isinstance(known.get("sha256"), str):
        return str(known["sha256"])
    found = file_sha256(path)
    others = {key: entry for key, entry in _read_object(memory).items() if key != name}
    newest_last = {**others, name: {"mark": mark, "sha256": found}}
    with suppress(OSError, OutputError):
        write_json(memory, dict(list(newest_last.items())[-_LARGEST_MEMORY:]))
    return found


def record_path(path: Path) -> Path:
    """Where the hash of the first download is recorded: a small JSON beside the file."""
    return path.with_name(path.name + ".sha256.json")


def recorded_sha256(path: Path) -> str | None:
    """The sha256 that was recorded when `path` was first downloaded; None where there is no record."""
    found = _read_object(record_path(path)).get("sha256")
    return found if isinstance(found, str) else None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
