"""What stands in files that people hand on, byte for byte; members of zip files are looked at unpacked, too."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path


def saying(folder: Path, *places: Path) -> list[str]:
    """The files in a folder that say one of these paths, with the path."""
    return [
        f"{name}: {place}" for name, content in _contents(folder) for place in places if str(place).encode() in content
    ]


def open_to_others(folder: Path) -> list[str]:
    """The files and folders, itself included, that anybody else than their owner may read or write."""
    return [f"{path}: {path.stat().st_mode:o}" for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path}/{name}", archive.read(name)
