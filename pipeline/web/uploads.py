"""Videos that a job may look at: what this visitor has sent, counted as it came, and what lies in inputs/."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException

from pipeline.errors import InputError
from pipeline.files import safe_name
from pipeline.runs.job import INPUTS, LONGEST_NAME, VIDEO_SUFFIXES
from pipeline.web.visitors import Upload, Visitor, Visitors

HEAD = 400  # bytes that tell what a file is
SUFFIXES = sorted(VIDEO_SUFFIXES)
MOST_LISTED = 500  # of inputs/
MOST_UPLOADS = 60  # files of one visitor
EACH, ALL = 6, 40  # so many times the largest upload are kept of one visitor, and of all
SILENCE_S = 60.0  # an upload of which nothing comes for so long is over
_PIECE = 1 << 20  # bytes written at once
_INPUT = "inputs/"
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}  # an mp4 or mov file begins with one of these
_STARTS = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF: wmv
    b"FLV\x01",
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
)


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video container.

    FFmpeg also takes playlists, whatever their name: lists of other files of this machine to read, which is nothing
    that a visitor may send.
    """
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    stream = any(len(head) > 188 + at and head[at] == head[at + 188] == 0x47 for at in (0, 4))  # MPEG transport stream
    return head[4:8] in _BOXES or head.startswith(_STARTS) or riff or stream


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes uploads. largest: bytes of one file."""

    visitors: Visitors
    largest: int

    async def take(self, visitor: Visitor, name: str, body: AsyncIterator[bytes]) -> Upload:
        """Write what comes into a file of the visitor's folder. Whatever goes wrong, nothing of it stays.

        Raises HTTPException for what is too much, no video, or too slow.
        """
        given = Path(safe_name(name.replace("\\", "/").rpartition("/")[2]))
        called = safe_name(given.stem, LONGEST_NAME) + given.suffix.lower()
        if given.suffix.lower() not in VIDEO_SUFFIXES:
            kinds = ", ".join(SUFFIXES)
            raise HTTPException(415, f"{called or 'a file'}: not a kind of video that is taken. Upload {kinds}.")
        if len(visitor.uploads) >= MOST_UPLOADS:
            raise HTTPException(
                413, f"{MOST_UPLOADS} files of yours are here already. Delete your uploads and runs first."
            )
        key = secrets.token_hex(16)
        path = visitor.folder / "uploads" / key / called
        size = 0
        try:
            path.parent.mkdir(parents=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                async for piece in _pieces(body):
                    size += len(piece)
                    visitor.taken += len(piece)
                    self._refuse_too_much(called, size, visitor)
                    if size == len(piece) and not is_video(piece[:HEAD]):
                        raise HTTPException(415, f"{called}: not a video, whatever its name says. Upload a video file.")
                    await asyncio.to_thread(file.write, piece)
            if not size:
                raise HTTPException(415, f"{called}: empty. Upload a video file.")
            if not path.exists():
                raise HTTPException(409, f"{called}: your files were removed while it came. Upload it again.")
        except BaseException as error:
            visitor.taken -= size
            shutil.rmtree(path.parent, ignore_errors=True)
            if isinstance(error, TimeoutError):
                raise HTTPException(408, f"{called}: nothing came for too long. Upload it again.") from None
            if isinstance(error, OSError):
                why = f"cannot be kept ({error.strerror}). Delete something, or try later."
                raise HTTPException(507, f"{called}: {why}") from None
            raise
        visitor.uploads[key] = Upload(key, called, path, size)
        return visitor.uploads[key]

    def _refuse_too_much(self, name: str, size: int, visitor: Visitor) -> None:
        if size > self.largest:
            raise HTTPException(413, f"{name}: larger than {self.largest >> 20} MB. Upload a shorter or smaller video.")
        if visitor.taken > EACH * self.largest:
            raise HTTPException(413, "Too much is here of you already. Delete your uploads and runs first.")
        if self.visitors.taken() > ALL * self.largest:
            raise HTTPException(507, "Too much is here of everybody. Try later.")


async def _pieces(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body in larger pieces; the first is at least as long as the head of a file."""
    held = bytearray()
    chunks = aiter(body)
    while True:
        try:
            held += await asyncio.wait_for(anext(chunks), SILENCE_S)
        except StopAsyncIteration:
            break
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def videos(names: Sequence[str], visitor: Visitor) -> list[Path]:
    """The files that these mean: ids of uploads, or names that `listed` gives. Raises InputError for any other."""
    found, there = [], set[str]()
    for name in names:
        upload = visitor.uploads.get(name)
        if upload is not None and upload.path.is_file():
            found.append(upload.path)
            continue
        there = there or set(listed())
        if name not in there:
            raise InputError(f"{name[:80]!r}: not there any more. Upload it again, or choose from the list.")
        found.append(INPUTS / name.removeprefix(_INPUT))
    return found


def listed() -> list[str]:
    """The videos in inputs/ and its folders, as inputs/PATH."""
    files = sorted(path for path in INPUTS.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    return [_INPUT + path.relative_to(INPUTS).as_posix() for path in files[:MOST_LISTED]]
