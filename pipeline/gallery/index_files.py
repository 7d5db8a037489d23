"""The files of a gallery's index: which there are, whether they are whole, and getting rid of them.

They lie in the gallery's folder `index`. index.json names them and is written last, so an index is there, or it is not;
what it does not name is of nobody. Whoever removes or changes people drops the index first: nothing of it is rewritten.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import GalleryError
from pipeline.gallery.place import Place, Where, place_of

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


def read_facts(gallery: Where) -> IndexFacts | None:
    """What the gallery's index says of itself; None where there is none. Raises GalleryError for a damaged one."""
    place = place_of(gallery)
    try:
        facts = IndexFacts.model_validate(place.read_json(f"{FOLDER}/{POINTER}"))
    except (FileNotFoundError, NotADirectoryError):
        place.forget(FOLDER, {})
        return None
    except (OSError, ValueError):
        raise GalleryError(damaged(place.where)) from None
    if facts.schema_ != SCHEMA or any(Path(name).name != name for name in facts.files):
        raise GalleryError(damaged(place.where))
    place.forget(FOLDER, facts.files)
    return facts


def checked_files(gallery: Where, facts: IndexFacts) -> list[Path]:
    """The files, on this machine. Raises GalleryError unless they are those that were written."""
    place = place_of(gallery)
    found = [place.local(f"{FOLDER}/{name}", sha256) for name, sha256 in facts.files.items()]
    if None in found:
        raise GalleryError(damaged(place.where))
    return [path for path in found if path is not None]


def write_files(
    place: Place, facts: Mapping[str, Any], contents: Mapping[str, Callable[[BinaryIO], None]]
) -> IndexFacts:
    """Put an index in place of an older one; for who holds the gallery's lock.

    contents: by the ending of each file's name, what writes it.
    """
    token = secrets.token_hex(4)
    files = {
        f"{token}.{ending}": place.write(f"{FOLDER}/{token}.{ending}", write) for ending, write in contents.items()
    }
    made = IndexFacts.model_validate({**facts, "schema": SCHEMA, "files": files})
    place.write_json(f"{FOLDER}/{POINTER}", made.model_dump(mode="json", by_alias=True))
    for left in strays(place):
        place.remove(left)
    return made


def drop(gallery: Where | Place) -> None:
    """Remove the index, the file that names the others first."""
    place = gallery if isinstance(gallery, Place) else place_of(gallery)
    place.remove(f"{FOLDER}/{POINTER}")
    place.remove_all(FOLDER)


def strays(place: Place) -> list[str]:
    """Files of no index: who wrote or removed one was killed."""
    there = [name for name in place.files(FOLDER) if name.count("/") == 1]
    if not there:
        return []
    try:
        facts = read_facts(place.where)
    except GalleryError:
        return []  # told as damaged, not as stray
    named = {POINTER, *facts.files} if facts else set()
    return [name for name in there if name.partition("/")[2] not in named]


def damaged(gallery: Where) -> str:
    """The message for an index that cannot be used."""
    return f"{gallery}: its index is damaged and not used. Build it again: gait gallery index --db {gallery}"
