"""A folder of clips that are named after people: FOLDER/Ada.mp4 is a clip of Ada, and so is every clip in FOLDER/Ada.

Nothing else of a name is read: Ada_2.mp4 is a clip of somebody called Ada_2.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.files import from_home, natural
from pipeline.runs.job import VIDEO_SUFFIXES
from pipeline.video.source import IMAGE_SUFFIXES


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of one person, a video or a folder of images. file: its place in the folder, as it may be shown."""

    person: str
    path: Path
    file: str


def is_folder_of_clips(source: str) -> bool:
    """Whether a source is a folder of people's clips; one that holds images only is a video. Raises InputError."""
    folder = from_home(source)
    return os.path.isdir(folder) and not _is_clip(folder)  # noqa: PTH112 - never raises


def clips_in(folder: Path) -> tuple[list[Clip], list[str]]:
    """The clips of a folder, and the files that are none: hidden ones, and those that are no video.

    Raises InputError for a folder without clips, one that cannot be listed, and a link that leads out of it.
    """
    clips, others = list[Clip](), list[str]()
    for entry in _listed(folder):
        _refuse_way_out(entry, folder)
        alone = entry.name.startswith(".") or not entry.is_dir() or _is_clip(entry)
        for path in [entry] if alone else _listed(entry) or [entry]:
            _refuse_way_out(path, folder)
            file = _shown(path.relative_to(folder))
            if path.name.startswith(".") or not _is_clip(path):
                others.append(file)
            else:
                clips.append(Clip(entry.name if entry.is_dir() else entry.stem, path, file))
    if not clips:
        raise InputError(f"{folder}: no clip in it. Put NAME.mp4 there, or a folder NAME with clips of that person.")
    return clips, others


def _is_clip(path: Path) -> bool:
    """Whether it is a video by its name, or a folder with images and neither videos nor folders."""
    if not path.is_dir():
        return path.suffix.lower() in VIDEO_SUFFIXES
    kinds = {"folder" if child.is_dir() else child.suffix.lower() for child in _listed(path) if child.name[0] != "."}
    return bool(kinds & IMAGE_SUFFIXES) and not kinds & {"folder", *VIDEO_SUFFIXES}


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: natural(path.name))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None


def _refuse_way_out(path: Path, folder: Path) -> None:
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise InputError(f"{path}: a link that leads out of {folder}. Put the clip itself there, or remove the link.")


def _shown(path: Path) -> str:
    """A path on one line, whatever is in its names."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path.as_posix())
