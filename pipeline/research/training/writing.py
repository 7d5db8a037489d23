"""Writing datasets in OpenGait's layout: one pickled array a walk and modality, whole or not there."""

from __future__ import annotations

import pickle
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import safe_name, write_bytes, write_json


def walk_file(root: Path, identity: str, kind: str, view: str, name: str | None = None) -> Path:
    """root/identity/type/view/name.pkl; name: default the view, as OpenGait's pretreatment has it.

    Raises InputError for a name that is no plain folder name.
    """
    for part in (identity, kind, view, name or view):
        if not part or unicodedata.normalize("NFC", part) != safe_name(part):
            raise InputError(f"{part!r} cannot name a folder of a dataset; use letters, digits, -, _, + and dots.")
    return root / identity / kind / view / f"{name or view}.pkl"


def write_walk(path: Path, frames: NDArray[Any]) -> None:
    """Pickle an array as OpenGait reads it."""
    write_bytes(path, pickle.dumps(np.ascontiguousarray(frames), protocol=4))


def write_partition(path: Path, train: Sequence[str], test: Sequence[str]) -> None:
    """Write {"TRAIN_SET": […], "TEST_SET": […]}."""
    write_json(path, {"TRAIN_SET": list(train), "TEST_SET": list(test)})
