"""The folders that checkpoints are looked for in, and the one that downloads go to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.errors import CheckpointError
from pipeline.files import from_home
from pipeline.profiles import configs_dir


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
