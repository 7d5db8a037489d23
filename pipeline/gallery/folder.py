"""The files of a gallery's folder. Each is written whole or not at all, and readable by its owner alone.

`gallery.json` makes a folder a gallery. It lists the files beside the table on which the gallery's answers depend: one
of these that is missing is an error, not a default.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import GalleryError
from pipeline.files import atomic, file_sha256, json_bytes, parse_json, private

MARK = "gallery.json"
RESTORE = "Restore a copy, or import an export of it into a new folder."


def refuse_address(gallery: Path) -> None:
    """Raise GalleryError for an address such as s3://bucket/people."""
    scheme, colon, _ = gallery.as_posix().partition(":/")
    if colon and len(scheme) > 1 and "/" not in scheme:  # C:/people is a folder
        raise GalleryError(  # the address itself is left out: it may hold credentials
            f"{scheme}://…: a gallery lies in a folder. Mount the storage and give its folder, or copy the gallery "
            "into one."
        )


def files_in(folder: Path) -> list[Path]:
    """All files of a folder and of those below it; none where it is missing."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> str:
    """Write a file; returns its sha256."""
    with private(), atomic(path) as stream:
        write(stream)
    return file_sha256(path)


def write_json(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a JSON object."""
    content = json_bytes(tree)
    write_file(path, lambda stream: stream.write(content))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises FileNotFoundError, and ValueError for anything else."""
    tree = parse_json(path.read_bytes().decode())
    if not isinstance(tree, dict):
        raise ValueError(f"expected an object, found {type(tree).__name__}")
    return tree


def write_listed(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file of the gallery and list it. For who holds the gallery's lock."""
    write_file(path, write)
    _list(path, True)


def remove_listed(path: Path) -> None:
    """Remove such a file, which may be gone already. For who holds the gallery's lock."""
    _list(path, False)
    path.unlink(missing_ok=True)


def read_listed(path: Path, again: str) -> bytes | None:
    """Such a file; None where there is none. Raises GalleryError for one that is listed and missing.

    again: how it is made anew.
    """
    for _ in range(2):  # another process may be writing the first one
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return path.read_bytes()
        if path.name not in _listed(path.parent):
            return None
    raise GalleryError(f"{path}: missing. Restore a copy of it, or make it again: {again}")


def _list(path: Path, there: bool) -> None:
    names = _listed(path.parent)
    if (path.name in names) != there:
        mark = path.parent / MARK
        write_json(mark, {**read_json(mark), "files": sorted(names ^ {path.name})})


def _listed(gallery: Path) -> set[str]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError):
        return {str(name) for name in read_json(gallery / MARK).get("files", [])}
    return set()


@contextlib.contextmanager
def refusals(path: Path, done: str) -> Iterator[None]:
    """Turn errors of the block into GalleryErrors. done: what cannot be done, such as `read`."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # LanceDB raises some of its own so
            raise GalleryError(f"{path}: cannot be {done} ({_brief(error)}). {RESTORE}") from error
        raise GalleryError(
            f"{path}: cannot be {done} ({os.strerror(error.errno)}). Give a folder that you may "
            f"{'read' if done == 'read' else 'write to'}, with room on its disk."
        ) from error
    except (RuntimeError, ValueError) as error:  # all that LanceDB raises
        remedy = RESTORE if done == "read" else f"It is as it was. See: gait gallery verify --db {path}"
        raise GalleryError(f"{path}: cannot be {done} ({_brief(error)}). {remedy}") from error


def version_told(table: Path) -> int:
    """The version that LanceDB noted after its last commit, beside the manifests; 0 where nothing is noted."""
    try:
        return int(read_json(table / "_versions" / "latest_version_hint.json")["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def refuse_older(path: Path, version: int, told: int) -> None:
    """Raise GalleryError where the newest version there is older than was told: LanceDB opens it without a word."""
    if version < told:
        raise GalleryError(
            f"{path}: damaged (its newest state is lost: the table's version {told}; {version} is there). {RESTORE}"
        )


def _brief(error: Exception) -> str:
    """The first words of LanceDB's message, without the place in its own source."""
    return " ".join(str(error).partition(", /")[0].split())[:160] or type(error).__name__


def is_missing_file(cause: BaseException | None) -> bool:
    """Whether LanceDB looked for a file that is not there any more."""
    return isinstance(cause, RuntimeError | FileNotFoundError) and "not found" in str(cause).lower()
