"""Files out of archives, one after another, archives in archives too: nothing is unpacked to where an archive says.

Archives are foreign. Links and names that lead out are refused; what comes out is bounded by what went in.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO, Any, cast

from pipeline.errors import InputError

PASSWORD = "GAIT_ARCHIVE_PASSWORD"
ZIP, TAR = (".zip",), (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
DEEPEST = 4  # archives in archives in …
MOST_GROWTH = 250  # bytes out for each byte in; pickles of silhouettes reach about 60
LEAST_BUDGET = 2**28
AT_ONCE = 2**20
IN_MEMORY = 2**26  # of an archive in an archive; a larger one lies on the disk meanwhile
LARGEST_HEADER = 2**20
LONGEST_PATH = 4096
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(RuntimeError, NotImplementedError, ValueError, OverflowError),
)

Opener = Callable[[], IO[bytes] | None]


class Secret(str):
    """A text that does not show where it is printed by accident."""

    def __repr__(self) -> str:
        return "'…'"


@dataclass(frozen=True)
class Member:
    """A file in an archive. path: where it would lie, from the source. why: it must not be read, for this reason.

    copy_to: writes its content, until the next member is asked for. all_paths: of the files of this archive.
    """

    path: str
    why: str
    copy_to: Callable[[IO[bytes]], None]
    all_paths: Callable[[], Sequence[str]]


class Budget:
    """How many bytes may still come out of an archive, and how its faults are told."""

    def __init__(self, archive: Path, password: Secret | None) -> None:
        self.archive, self.password = archive, password
        self.left = max(LEAST_BUDGET, MOST_GROWTH * archive.stat().st_size)

    def take(self, count: int) -> None:
        """Raises InputError when more comes out than an archive of pictures or arrays can hold."""
        self.left -= count
        if self.left < 0:
            raise InputError(f"{self.archive}: grows more than {MOST_GROWTH}-fold, a bomb. Get the file again.")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what the libraries say of a bad archive into an InputError of one line."""
        try:
            yield
        except DAMAGED as error:
            reason = f"damaged, or no whole archive ({type(error).__name__}). Get the file again."
            if isinstance(error, NotImplementedError):
                reason = "is encrypted or packed in a way that Python cannot read. Unpack it with 7z first."
            elif isinstance(error, RuntimeError) and "password" in str(error).lower():
                reason = f"its password is {'another' if self.password else 'not given'}. Set {PASSWORD} to it."
            raise InputError(f"{self.archive}: {reason}") from None


class _Counted:
    """A stream whose bytes are taken from a budget."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    def read(self, size: int = AT_ONCE) -> bytes:
        with self._budget.reading():
            data = self._stream.read(min(size, IN_MEMORY))
        self._budget.take(len(data))
        return data


class _Header(tarfile.TarInfo):
    """One whose name cannot fill the memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> Any:
        if self.type in (b"x", b"g", b"X", b"L", b"K") and self.size > LARGEST_HEADER:  # pax, GNU's long names
            raise tarfile.ReadError("a header that is far too long")
        return super()._proc_member(archive)  # type: ignore[misc]  # typeshed leaves it out


def members(archive: Path, path: str, password: Secret | None, scratch: Path) -> Iterator[Member]:
    """Every file of an archive, and of the archives in it, in their order.

    Args:
        archive: .zip or .tar, also compressed.
        path: Where it lies, from the source; its files are seen as lying beside it.
        password: Of zips that have one.
        scratch: A folder for large archives in this one, while they are read.

    Raises:
        InputError: For an archive that is damaged, needs a password, or grows like a bomb.
    """
    budget = Budget(archive, password)
    with budget.reading(), archive.open("rb") as file:
        yield from _Opened(file, path, budget, scratch).members(DEEPEST)


@dataclass
class _Opened:
    """An archive that is being read; `file` can be read from its beginning again."""

    file: IO[bytes]
    path: str
    budget: Budget
    scratch: Path

    def members(self, deeper: int) -> Iterator[Member]:
        for name, kind, opener in self._entries():
            path = self._beside(name)
            why = "a name that leads out of its archive" if name[:1] == "/" or ".." in path.split("/") else kind
            if len(path) > LONGEST_PATH:  # patterns would take their time with it
                path, why = f"{path[:80]}…", "a name that is far too long"
            copy = partial(_copy, opener, self.budget)
            if why or not path.lower().endswith((*ZIP, *TAR)):
                yield Member(path, why, copy, lambda: self._paths)
            elif not deeper:
                yield Member(path, "an archive in too many others", copy, lambda: self._paths)
            else:
                with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self.scratch)) as inner:
                    copy(inner)
                    yield from _Opened(inner, path, self.budget, self.scratch).members(deeper - 1)

    @cached_property
    def _paths(self) -> Sequence[str]:
        place = self.file.tell()
        found = [self._beside(name) for name, *_ in self._entries()]
        self.file.seek(place)
        return found

    def _beside(self, name: str) -> str:
        folder = self.path.rpartition("/")[0]
        name = name.replace("\\", "/").removeprefix("./")
        return f"{folder}/{name}" if folder else name

    def _entries(self) -> Iterator[tuple[str, str, Opener]]:
        """(name, why it is refused, how it is opened) of everything but folders."""
        self.file.seek(0)
        yield from self._zipped() if self.path.lower().endswith(ZIP) else self._tarred()

    def _zipped(self) -> Iterator[tuple[str, str, Opener]]:
        password = self.budget.password.encode() if self.budget.password is not None else None
        with zipfile.ZipFile(self.file) as archive:
            for one in archive.infolist():
                why = "a link in an archive" if stat.S_ISLNK(one.external_attr >> 16) else ""
                if not one.is_dir():
                    yield one.filename, why, partial(archive.open, one, pwd=password)

    def _tarred(self) -> Iterator[tuple[str, str, Opener]]:
        stream: Any = _Counted(_decompressed(self.file), self.budget)
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
            for one in archive:
                if not one.isdir():
                    yield one.name, "" if one.isreg() else "a link in an archive", partial(archive.extractfile, one)
                vars(archive)["members"].clear()  # which would grow with the archive


def _decompressed(file: IO[bytes]) -> IO[bytes]:
    start = file.read(6)
    file.seek(0)
    for sign, opened in ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open)):
        if start.startswith(sign):
            return cast(IO[bytes], opened(file))
    return file


def _copy(opener: Opener, budget: Budget, sink: IO[bytes]) -> None:
    with budget.reading():
        given = opener()
    if given is not None:
        with closing(given):
            counted = _Counted(given, budget)
            while data := counted.read():
                sink.write(data)


def is_encrypted(path: Path) -> bool:
    """Whether a zip asks for a password. False for whatever cannot be read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(one.flag_bits & 1 for one in archive.infolist())
    except DAMAGED:
        return False
