"""A fitted discriminant beside the table of a gallery: backend.npz, plain arrays and facts.json, in one atomic file.

What it learnt of the gallery's people goes when any of them goes or is changed; one that was fitted on a cohort stays.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import GalleryError
from pipeline.files import DAMAGED_NPZ
from pipeline.gallery.folder import read_listed, remove_listed, write_listed
from pipeline.matching.discriminants import Discriminant

FILE = "backend.npz"  # the name that galleries of earlier versions have
FACTS = "facts.json"
MOST_VALUES = 1 << 28  # of an array: a gigabyte

Arrays = dict[str, NDArray[np.float32]]


class DiscriminantFacts(BaseModel):
    """What a stored discriminant is and what it was fitted on.

    transform, metric: as in the settings; model, checkpoint_sha256: of the encoder; fingerprint: of the gallery's
    templates, or of the cohort's walks; walks, people: that it learnt from; digest: sha256 of the arrays.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    schema_: Literal[1] = Field(1, alias="schema")
    made: str
    transform: Literal["lda"] = Field(alias="backend")
    metric: Literal["euclidean", "cosine", "frobenius"]
    model: str
    checkpoint_sha256: str
    fitted_on: Literal["gallery", "cohort"]
    fingerprint: str
    walks: int = Field(ge=1)
    people: int = Field(ge=1)
    unit: bool
    digest: str


@dataclass(frozen=True, slots=True)
class StoredDiscriminant:
    """A discriminant and where it comes from."""

    facts: DiscriminantFacts
    discriminant: Discriminant


def read_discriminant(gallery: Path) -> StoredDiscriminant | None:
    """The gallery's discriminant, None where there is none.

    Raises GalleryError for a damaged one, and for one that has gone.
    """
    again = f"gait gallery fit --db {gallery} -h"
    content = read_listed(gallery / FILE, again)
    if content is None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            said = file.read(FACTS)
            facts = DiscriminantFacts.model_validate_json(said)
            arrays = {name.removesuffix(".npy"): _array(file, name) for name in file.namelist() if name != FACTS}
        if _digest(arrays) != facts.digest:
            raise ValueError("other arrays")
        return StoredDiscriminant(facts, _discriminant(facts, arrays))
    except DAMAGED_NPZ:  # pydantic's ValidationError is a ValueError
        raise GalleryError(f"{gallery / FILE}: damaged. Fit it again: {again}") from None


def write_discriminant(gallery: Path, discriminant: Discriminant, **facts: Any) -> DiscriminantFacts:
    """Keep it in place of an older one; for who holds the gallery's lock. facts: `DiscriminantFacts`' others."""
    arrays = {
        name: np.ascontiguousarray(values, np.float32)
        for name, values in {"mean": discriminant.mean, "projection": discriminant.projection}.items()
    }
    own = {"backend": "lda", "unit": discriminant.unit, "digest": _digest(arrays)}
    made = DiscriminantFacts.model_validate({**facts, **own})
    write_listed(gallery / FILE, lambda stream: _write(stream, made, arrays))
    return made


def drop_learnt(gallery: Path) -> None:
    """Remove the discriminant unless it was fitted on a cohort: it has learnt from people who may be going."""
    try:
        stored = read_discriminant(gallery)
    except GalleryError:  # nobody knows what it learnt from
        remove_listed(gallery / FILE)
        return
    if stored is not None and stored.facts.fitted_on == "gallery":
        remove_listed(gallery / FILE)


def _discriminant(facts: DiscriminantFacts, arrays: Arrays) -> Discriminant:
    """Raises ValueError, KeyError for arrays that do not belong together."""
    mean, projection = arrays["mean"].astype(np.float64), arrays["projection"].astype(np.float64)
    if not (mean.ndim == 2 and projection.ndim == 3 and projection.shape[:2] == mean.shape):
        raise ValueError("shapes")
    return Discriminant(mean, projection, facts.unit)


def _digest(arrays: Arrays) -> str:
    whole = hashlib.sha256()
    for name, values in sorted(arrays.items()):
        whole.update(f"{name} {values.shape} {values.dtype}\n".encode())
        whole.update(np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()


def _array(file: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    """A member as NumPy writes it. Raises ValueError for anything but finite float32 of a sensible size."""
    if file.getinfo(name).file_size > 4 * MOST_VALUES + 1024:
        raise ValueError("too large")
    values = np.lib.format.read_array(io.BytesIO(file.read(name)), allow_pickle=False)
    if values.dtype != np.float32 or not np.isfinite(values).all():
        raise ValueError("not finite float32")
    return np.asarray(values)


def _write(stream: BinaryIO, facts: DiscriminantFacts, arrays: Arrays) -> None:
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(zipfile.ZipInfo(FACTS), json.dumps(facts.model_dump(mode="json", by_alias=True), indent=2))
        for name, values in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
