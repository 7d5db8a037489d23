"""Unpacking a zip that somebody else made: nothing may land outside of the folder, nor swell without bounds."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipeline.errors import CheckpointError

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
