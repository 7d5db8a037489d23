"""What the system and LanceDB say of a gallery, in one line for people: which gallery, why, what to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import GalleryError
from pipeline.gallery.folder import read_json

RESTORE = "Restore a copy, or import an export of it into a new folder."


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


def gone(cause: BaseException | None) -> bool:
    """Whether LanceDB looked for a file that is not there any more."""
    return isinstance(cause, RuntimeError | FileNotFoundError) and "not found" in str(cause).lower()
