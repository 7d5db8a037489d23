"""The files of a gallery's index: which there are, whether they are whole, and getting rid of them.

They lie in the gallery's folder `index`. index.json names them and is written last, so an index is there, or it is not;
what it does not name is of nobody. Whoever removes or changes people drops the index first: nothing of it is rewritten.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import GalleryError
from pipeline.files import file_sha256
from pipeline.gallery.folder import files_in, read_json, write_file, write_json

FOLDER = "index"
POINTER = "index.json"
SCHEMA = 1


class IndexFacts(BaseModel):
    """What an index covers: the first so many rows of the table, compared by one metric. files: name → sha256.

    backend: the digest of the stored discriminant whose distances it is for, "" for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_: int = Field(SCHEMA, alias="schema")
    made: str
    metric: str
    backend: str = ""
    rows: int = Field(ge=1)
    channels: int = Field(ge=1)
    parts: int = Field(ge=1)
    dims: int = Field(ge=1)
    table_version: int
    files: Mapping[str, str]


def read_facts(gallery: Path) -> IndexFacts | None:
    """What the gallery's index says of itself; None where there is none. Raises GalleryError for a damaged one."""
    try:
        facts = IndexFacts.model_validate(read_json(gallery / FOLDER / POINTER))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        raise GalleryError(damaged(gallery)) from None
    if facts.schema_ != SCHEMA or any(Path(name).name != name for name in facts.files):
        raise GalleryError(damaged(gallery))
    return facts


def checked_files(gallery: Path, facts: IndexFacts) -> list[Path]:
    """The files. Raises GalleryError unless they are those that were written."""
    try:
        for name, sha256 in facts.files.items():
            if file_sha256(gallery / FOLDER / name) != sha256:
                raise GalleryError(damaged(gallery))
    except OSError:
        raise GalleryError(damaged(gallery)) from None
    return [gallery / FOLDER / name for name in facts.files]


def write_files(
    gallery: Path, facts: Mapping[str, Any], contents: Mapping[str, Callable[[BinaryIO], None]]
) -> IndexFacts:
    """Put an index in place of an older one; for who holds the gallery's lock.

    contents: by the ending of each file's name, what writes it.
    """
    token = secrets.token_hex(4)
    files = {
        f"{token}.{ending}": write_file(gallery / FOLDER / f"{token}.{ending}", write)
        for ending, write in contents.items()
    }
    made = IndexFacts.model_validate({**facts, "schema": SCHEMA, "files": files})
    write_json(gallery / FOLDER / POINTER, made.model_dump(mode="json", by_alias=True))
    for left in strays(gallery):
        left.unlink(missing_ok=True)
    return made


def drop(gallery: Path) -> None:
    """Remove the index, the file that names the others first."""
    folder = gallery / FOLDER
    (folder / POINTER).unlink(missing_ok=True)
    if folder.is_dir():
        shutil.rmtree(folder)


def strays(gallery: Path) -> list[Path]:
    """Files of no index: who wrote or removed one was killed."""
    there = [path for path in files_in(gallery / FOLDER) if path.parent.name == FOLDER]
    if not there:
        return []
    try:
        facts = read_facts(gallery)
    except GalleryError:
        return []  # told as damaged, not as stray
    named = {POINTER, *facts.files} if facts else set()
    return [path for path in there if path.name not in named]


def damaged(gallery: Path) -> str:
    """The message for an index that cannot be used."""
    return f"{gallery}: its index is damaged and not used. Build it again: gait gallery index --db {gallery}"
