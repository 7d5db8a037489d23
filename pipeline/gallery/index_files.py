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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import GaitError, GalleryError
from pipeline.files import atomic, file_sha256, read_json, write_json, writing

FOLDER = "index"
POINTER = "index.json"
SCHEMA = 1


class IndexFacts(BaseModel):
    """What an index covers: the first so many rows of the table, compared by one metric. files: name → sha256.

    backend: the digest of the stored back-end whose distances it is for, "" for none.
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
    path = gallery / FOLDER / POINTER
    if not path.is_file():
        return None
    try:
        facts = IndexFacts.model_validate(read_json(path))
    except (GaitError, ValidationError):
        if not path.is_file():  # dropped meanwhile
            return None
        raise GalleryError(damaged(gallery)) from None
    if facts.schema_ != SCHEMA or any(Path(name).name != name for name in facts.files):
        raise GalleryError(damaged(gallery))
    return facts


def check_files(gallery: Path, facts: IndexFacts) -> None:
    """Raise GalleryError unless the files are those that were written."""
    for name, sha256 in facts.files.items():
        try:
            intact = file_sha256(gallery / FOLDER / name) == sha256
        except OSError:
            intact = False
        if not intact:
            raise GalleryError(damaged(gallery))


def write_files(
    gallery: Path, facts: Mapping[str, Any], contents: Mapping[str, Callable[[BinaryIO], None]]
) -> IndexFacts:
    """Put an index in place of an older one; for who holds the gallery's lock.

    contents: by the ending of each file's name, what writes it.
    """
    folder, token = gallery / FOLDER, secrets.token_hex(4)
    with writing(folder):
        folder.mkdir(exist_ok=True)
    files = {}
    for ending, write in contents.items():
        path = folder / f"{token}.{ending}"
        with atomic(path) as stream:
            write(stream)
        files[path.name] = file_sha256(path)
    made = IndexFacts.model_validate({**facts, "schema": SCHEMA, "files": files})
    write_json(folder / POINTER, made.model_dump(mode="json", by_alias=True))
    for left in strays(gallery):
        left.unlink(missing_ok=True)
    return made


def drop(gallery: Path) -> None:
    """Remove the index, the file that names the others first."""
    (gallery / FOLDER / POINTER).unlink(missing_ok=True)
    if (gallery / FOLDER).is_dir():
        shutil.rmtree(gallery / FOLDER)


def strays(gallery: Path) -> list[Path]:
    """Files of no index: who wrote or removed one was killed."""
    folder = gallery / FOLDER
    if not folder.is_dir():
        return []
    try:
        facts = read_facts(gallery)
    except GalleryError:
        return []  # told as damaged, not as stray
    named = {POINTER, *facts.files} if facts else set()
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name not in named)


def damaged(gallery: Path) -> str:
    """The message for an index that cannot be used."""
    return f"{gallery}: its index is damaged and not used. Build it again: gait gallery index --db {gallery}"
