"""Which videos a job may look at: what this visitor has sent, and what lies in inputs/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import InputError
from pipeline.runs.job import INPUTS, VIDEO_SUFFIXES
from pipeline.web.visitors import Visitor

HEAD = 400  # bytes that tell what a file is
MOST_LISTED = 500  # of inputs/
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}  # an mp4 or mov file begins with one of these
_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: wmv
    b"FLV\x01",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
)


def is_video(path: Path) -> bool:
    """Whether a file begins as a video container does.

    FFmpeg also takes playlists, whatever their name: lists of other files of this machine to read, which is nothing
    that a visitor may send.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    stream = any(len(head) > 188 + at and head[at] == head[at + 188] == 0x47 for at in (0, 4))  # MPEG transport stream
    return head[4:8] in _BOXES or head.startswith(_STARTS) or riff or stream


def uploaded(paths: Sequence[str], visitor: Visitor) -> list[Path]:
    """The files that a visitor has sent, checked. Raises InputError for what is somebody else's or is no video."""
    found = []
    for text in paths:
        path = Path(text).resolve()
        if path not in visitor.uploads or not path.is_file():
            raise InputError(f"{path.name}: not there any more. Upload it again.")
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            raise InputError(f"{path.name}: not a kind of video that is taken. Upload {', '.join(suffixes())}.")
        if not is_video(path):
            raise InputError(f"{path.name}: not a video, whatever its name says. Upload a video file.")
        found.append(path)
    return found


def chosen(names: Sequence[str]) -> list[Path]:
    """Files of inputs/ by the names that `listed` gives. Raises InputError for any other."""
    there = set(listed())
    for name in names:
        if name not in there:
            raise InputError(f"{name}: not one of the videos in inputs/. Choose from the list.")
    return [INPUTS / name for name in names]


def listed() -> list[str]:
    """The videos in inputs/ and its folders, by their path from there."""
    files = sorted(path for path in INPUTS.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    return [path.relative_to(INPUTS).as_posix() for path in files[:MOST_LISTED]]


def suffixes() -> list[str]:
    return sorted(VIDEO_SUFFIXES)
