"""Fetching a card's checkpoint: download, verify, unpack, move into place, record what nobody has published.

Of a zip that somebody else made nothing may land outside of the folder, nor swell without bounds.
"""

from __future__ import annotations

import errno
import lzma
import os
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipeline.engine.lock import locked
from pipeline.errors import CheckpointError
from pipeline.files import write_json, writing
from pipeline.weights.cards import Card
from pipeline.weights.checkpoints import how_to_get, verify, weights_file
from pipeline.weights.download import FetchError, Progress, download, forget
from pipeline.weights.files import record_path, sha256_of

__all__ = ["FetchError", "Fetched", "fetch"]

# What a web page or an error message that came with status 200 begins with, whatever its headers say.
_TEXTS = (b"<!doctype", b"<html", b"<?xml", b"version https://git-lfs")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch came to. recorded: no hash is published, so this one was written down for the next time.

    downloaded: False where the file was there already. sha256: of the file itself, as in Checkpoint.
    """

    card: Card
    path: Path
    sha256: str
    recorded: bool
    downloaded: bool


def fetch(
    card: Card,
    folder: Path,
    progress: Progress | None = None,
    *,
    waiting: Callable[[], None] | None = None,
) -> Fetched:
    """Verify the card's checkpoint in `folder`, or download it there first.

    Args:
        card: What to fetch.
        folder: The checkpoint folder.
        progress: Called with the bytes so far, and the bytes in all or None.
        waiting: Called when another process is fetching the same file.

    Raises:
        FetchError: It cannot be downloaded; says how to get it by hand.
        CheckpointError: The file is damaged, or its zip hostile.
        OutputError: The folder cannot be written.
    """
    target = folder / card.file
    if not target.exists() and (card.url is None or card.manual is not None):
        raise FetchError(f"{card.name} cannot be fetched by a program. {how_to_get(card)}")
    with writing(target, " with --checkpoints"):
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target, waiting):
            if target.exists():
                return Fetched(card, target, verify(card, target), recorded=False, downloaded=False)
            return _fetch(card, target, progress)


def _fetch(card: Card, target: Path, progress: Progress | None) -> Fetched:
    assert card.url is not None
    part = target.with_name(target.name + (".zip.part" if card.zipped else ".part"))
    came = download(card.url, part, size=card.size, progress=progress, by_hand=_by_hand(card, target))
    expected = card.archive_sha256 if card.zipped else card.sha256
    if expected is not None and came.sha256 != expected:
        forget(part)
        raise FetchError(
            f"{card.url}: expected sha256 {expected}, found {came.sha256}; the download is deleted. Fetch it again."
        )
    with part.open("rb") as file:
        beginning = file.read(512).lstrip().lower()
    if came.size == 0 or beginning.startswith(_TEXTS):
        forget(part)
        raise FetchError(f"{card.url}: what came is no checkpoint but a text or nothing. {how_to_get(card)}")
    sha256 = came.sha256
    if card.zipped:
        sha256 = _unpack(card, part, target)
    else:
        _to_disk(part)
        part.replace(target)
    forget(part)
    if recorded := card.sha256 is None:
        record = {
            "card": card.name,
            "url": card.url,
            "sha256": sha256,
            "downloaded_sha256": came.sha256,
            "downloaded_bytes": came.size,
            "recorded": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        write_json(record_path(target), record)
    return Fetched(card, target, sha256, recorded, downloaded=True)


def _by_hand(card: Card, target: Path) -> str:
    """What to do where only a browser gets the file: address, name and folder."""
    what = f"unpack it and put {_wanted(card)} there as {target.name}" if card.zipped else f"save it as {target.name}"
    return f"By hand: open {card.url} in a browser and {what} in {target.parent}/."


def _wanted(card: Card) -> str:
    """The name, or the pattern of it, that the card's file has in its zip."""
    if card.member:
        return card.member
    file = Path(card.file)
    return file.name if file.suffix else "*.pdiparams"


def _unpack(card: Card, part: Path, target: Path) -> str:
    """Unpack beside the target and move only what the card names: one file, or the folder that holds the model."""
    temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=target.parent))
    content = temporary / "content"  # mkdtemp's own folder is for its maker only
    content.mkdir()
    try:
        try:
            files = unpack_zip(part, content)
        except Exception:
            forget(part)
            raise
        found = [file for file in files if file.relative_to(content).match(_wanted(card))]
        if len(found) != 1:
            forget(part)
            inside = ", ".join(str(file.relative_to(content)) for file in (found or files)[:8]) or "nothing"
            raise FetchError(
                f"{card.url}: the zip holds {len(found)} files {_wanted(card)}, expected one (it holds {inside}). "
                f"{_by_hand(card, target)}"
            )
        source = found[0] if target.suffix else found[0].parent
        sha256 = sha256_of(weights_file(source), afresh=True)
        if card.sha256 is not None and sha256 != card.sha256:
            raise FetchError(f"{card.url}: expected sha256 {card.sha256} inside, found {sha256}. Fetch it again.")
        for file in files:
            _to_disk(file)
        source.replace(target)
        return sha256
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _to_disk(file: Path) -> None:
    """A file that has its final name must survive a power cut."""
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())


LARGEST_TOTAL = 4 * 2**30  # bytes; the largest checkpoint that is published packs less than 2
LARGEST_RATIO = 200  # unpacked to packed; weights hardly shrink, text shrinks tenfold
MOST_MEMBERS = 10_000
LONGEST_NAME = 255  # bytes, of a file or folder: what file systems take
LONGEST_PATH = 1024  # bytes
_UNREADABLE = "{}: not a readable zip ({}). Delete it and fetch again."

# What zipfile and the libraries that it unpacks with raise for an archive that is none, or not whole.
DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    ValueError,
)


def unpack_zip(archive: Path, folder: Path) -> list[Path]:
    """Unpack into an existing folder; the files written. What a Mac adds (__MACOSX, ._*) is left out.

    Everything is checked before anything is written. Raises CheckpointError for a damaged zip and for members that
    climb out of the folder, have absolute, empty or too long names, are links or devices, are encrypted, come twice, or
    unpack to more than the limits above.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [member for member in packed.infolist() if not _is_passed_over(member.filename)]
            total, size = sum(member.file_size for member in members), archive.stat().st_size
            if len(members) > MOST_MEMBERS or total > LARGEST_TOTAL or total > LARGEST_RATIO * size:
                raise _refused(archive, f"{len(members)} members of {total} bytes in {size} bytes")
            targets = [_target(archive, member, folder) for member in members]
            if len({str(target).casefold() for target in targets}) != len(targets):
                raise _refused(archive, "two members have the same name")
            for member, target in zip(members, targets, strict=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(member) as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink)  # zipfile stops at the announced size and checks the sum
    except DAMAGED as error:
        raise CheckpointError(_UNREADABLE.format(archive, error)) from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise _refused(archive, "a member is both a file and a folder") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise _refused(archive, "a member's name is too long") from None
        if error.errno is not None:  # of the disk, not of bz2
            raise
        raise CheckpointError(_UNREADABLE.format(archive, error)) from None
    return targets


def _is_passed_over(name: str) -> bool:
    """Whether it is a folder, or one of the files beside the files that a Mac packs (their Finder's notes)."""
    parts = PureWindowsPath(name).parts
    return name.endswith("/") or "__MACOSX" in parts[:1] or (bool(parts) and parts[-1].startswith("._"))


def _target(archive: Path, member: zipfile.ZipInfo, folder: Path) -> Path:
    name = member.filename
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if not windows.parts:
        raise _refused(archive, f"member {name!r} has no name")
    if len(name.encode()) > LONGEST_PATH or any(len(part.encode()) > LONGEST_NAME for part in windows.parts):
        raise _refused(archive, f"member {name[:40]!r}… has too long a name")
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise _refused(archive, f"member {name[:80]!r} climbs out of the folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _refused(archive, f"member {name!r} is no plain file")
    if member.flag_bits & 0x1:
        raise _refused(archive, f"member {name!r} is encrypted")
    return folder / PurePosixPath(*windows.parts)


def _refused(archive: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{archive}: refused, {reason}. Delete it; get the file elsewhere.")
