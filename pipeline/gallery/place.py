"""Where a gallery lies: a folder, or an address on object storage such as s3://bucket/people.

A place keeps files under names relative to it (with "/" between folders). What is written is there whole, or not.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pipeline.engine.lock import locked
from pipeline.errors import GalleryError
from pipeline.files import atomic, file_sha256, json_bytes, parse_json, private

Content = bytes | mmap.mmap
SCHEME = "s3:"
MARK = "gallery.json"  # makes a place a gallery; `files` in it: what it holds beside its table


class Address(PurePosixPath):
    """An address on object storage, or of one object there. Not a path that the system could open."""

    def __str__(self) -> str:
        return super().__str__().replace(f"{SCHEME}/", f"{SCHEME}//", 1)

    @property
    def bucket(self) -> str:
        return self.parts[1]

    @property
    def key(self) -> str:
        """What comes after the bucket; empty for the bucket itself."""
        return "/".join(self.parts[2:])


Where = Path | Address


def where(text: str | Path) -> Where:
    """A folder or an address, as given on the command line. Raises GalleryError for an address of another kind."""
    if ":/" not in str(text):
        return Path(text)
    address = Address(text)
    if address.parts[0] != SCHEME:
        raise GalleryError(f"{text}: a gallery lies in a folder, or at s3://BUCKET/PREFIX. Give one of these.")
    if "@" in str(text).removeprefix(SCHEME).lstrip("/").partition("/")[0]:
        raise GalleryError("--db: an address holds no credentials. Give s3://BUCKET/PREFIX, and AWS_… variables.")
    if len(address.parts) < 2:
        raise GalleryError(f"{text}: names no bucket. Give s3://BUCKET/PREFIX.")
    return address


class Hold:
    """What a writer has of a place's lock. On a file system it cannot be lost."""

    def sure(self) -> None:
        """Raise GalleryError where the lock is not held any more; else it is held for a while from now on."""


class Place(ABC):
    """Files under names relative to the place. `files`: sizes in bytes, by name."""

    where: Where

    @property
    @abstractmethod
    def uri(self) -> str:
        """What LanceDB calls it."""

    @abstractmethod
    def options(self) -> dict[str, str] | None:
        """What LanceDB needs to get there, secrets included: for its hands only."""

    @abstractmethod
    def make(self) -> None:
        """So that a gallery can be made there."""

    @abstractmethod
    def has(self, name: str) -> bool: ...

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def write(self, name: str, write: Callable[[BinaryIO], object]) -> str:
        """Write a whole file atomically; returns its sha256."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file that may be gone already."""

    @abstractmethod
    def remove_all(self, under: str) -> None:
        """Remove a folder of files that may be gone already."""

    @abstractmethod
    def files(self, under: str = "") -> dict[str, int]: ...

    @abstractmethod
    def local(self, name: str, sha256: str) -> Path | None:
        """A file of this content on this machine; None where the place has no such content."""

    @abstractmethod
    def lock(self, name: str) -> contextlib.AbstractContextManager[Hold]:
        """Keep all others away who take the same lock; waits for them."""

    @abstractmethod
    def stamp(self, name: str) -> str:
        """Differs after a file has been written; empty where there is none."""

    @abstractmethod
    def glance(self, under: str) -> tuple[int, frozenset[str]] | None:
        """Which folder it is and what is in it, seen in microseconds; None where nothing is seen as fast."""

    @abstractmethod
    def forget(self, under: str, kept: Mapping[str, str]) -> None:
        """Remove copies on this machine of all files under a folder but these (name → sha256)."""

    @abstractmethod
    def unfinished(self) -> list[Where]:
        """What killed writers had begun to write and no listing of files shows."""

    @abstractmethod
    def abandon(self) -> None:
        """Remove what is unfinished. For who holds the lock."""

    @abstractmethod
    def remembers(self) -> str | None:
        """One line where removed bytes are kept by the place itself."""

    def keep(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Write a file on which the gallery's answers depend, and note that it is there. For who holds the lock."""
        self.write(name, write)
        self._note(name, True)

    def discard(self, name: str) -> None:
        """Remove such a file. For who holds the lock."""
        self._note(name, False)
        self.remove(name)

    def kept(self, name: str, again: str) -> bytes | None:
        """Such a file; None where there is none. Raises GalleryError for one that has gone: answers would be others.

        again: how it is made anew.
        """
        for _ in range(2):  # another process may be writing the first one
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                return self.read(name)
            if name not in self._noted():
                return None
        raise GalleryError(f"{self.where / name}: missing. Restore a copy of it, or make it again: {again}")

    def _note(self, name: str, there: bool) -> None:
        if (name in self._noted()) != there:
            files = {*self._noted(), name} if there else set(self._noted()) - {name}
            self.write_json(MARK, {**self.read_json(MARK), "files": sorted(files)})

    def _noted(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError):
            return [str(name) for name in self.read_json(MARK).get("files", [])]
        return []

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON object. Raises FileNotFoundError, and ValueError for anything else."""
        tree = parse_json(self.read(name).decode())
        if not isinstance(tree, dict):
            raise ValueError(f"expected an object, found {type(tree).__name__}")
        return tree

    def write_json(self, name: str, tree: Mapping[str, Any]) -> None:
        content = json_bytes(tree)
        self.write(name, lambda stream: stream.write(content))


class Folder(Place):
    """A folder of a file system that has locks."""

    def __init__(self, path: Path) -> None:
        self.where: Path = path

    @property
    def uri(self) -> str:
        return str(self.where)

    def options(self) -> None:
        return None

    def make(self) -> None:
        self.where.mkdir(parents=True, exist_ok=True)

    def has(self, name: str) -> bool:
        return (self.where / name).is_file()

    def read(self, name: str) -> bytes:
        return (self.where / name).read_bytes()

    def write(self, name: str, write: Callable[[BinaryIO], object]) -> str:
        path = self.where / name
        with private(), atomic(path) as stream:
            write(stream)
        return file_sha256(path)

    def remove(self, name: str) -> None:
        (self.where / name).unlink(missing_ok=True)

    def remove_all(self, under: str) -> None:
        if (self.where / under).is_dir():
            shutil.rmtree(self.where / under)

    def files(self, under: str = "") -> dict[str, int]:
        found = {}
        for path in sorted((self.where / under).rglob("*")):
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                if path.is_file():
                    found[path.relative_to(self.where).as_posix()] = path.stat().st_size
        return found

    def local(self, name: str, sha256: str) -> Path | None:
        path = self.where / name
        try:
            return path if file_sha256(path) == sha256 else None
        except OSError:
            return None

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[Hold]:
        with locked(self.where / name):
            yield Hold()

    def stamp(self, name: str) -> str:
        path = self.where / name
        return str(path.stat().st_mtime_ns) if path.is_file() else ""

    def glance(self, under: str) -> tuple[int, frozenset[str]] | None:
        try:
            folder = self.where / under
            return folder.stat().st_ino, frozenset(os.listdir(folder))  # noqa: PTH208  # a Path of each would be slow
        except OSError:
            return None

    def forget(self, under: str, kept: Mapping[str, str]) -> None:
        """The files are on this machine; there are no copies."""

    def unfinished(self) -> list[Where]:
        return []  # such files have names of their own

    def abandon(self) -> None:
        """Nothing is hidden."""

    def remembers(self) -> None:
        return None


def place_of(at: Where | str) -> Place:
    """Raises GalleryError for an address of another kind than s3://."""
    found = at if isinstance(at, Address) else where(at)
    if isinstance(found, Path):
        return Folder(found)
    from pipeline.gallery.objects import Bucket

    return Bucket(found)


@contextlib.contextmanager
def content_of(file: Where) -> Iterator[Content]:
    """All bytes of a file or an object. Raises FileNotFoundError; ValueError for an empty one."""
    with contextlib.ExitStack() as held:
        if isinstance(file, Path):
            stream: Any = held.enter_context(file.open("rb"))
        else:
            from pipeline.gallery.objects import downloaded

            stream = held.enter_context(downloaded(file))
        yield held.enter_context(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
