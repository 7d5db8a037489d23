"""The features of a whole dataset with whose, of which type and from which view they are, in memory and on disk."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import atomic, reason_of
from pipeline.types import FloatArray

Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class DatasetFeatures:
    """N samples: features N×C×P float32; labels (identity), types (nm-01 …) and views (090 …), as the folders say.

    model, checkpoint_sha256: what made them; "" where that is unknown.
    """

    features: FloatArray
    labels: Names
    types: Names
    views: Names
    model: str = ""
    checkpoint_sha256: str = ""

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in ("features", "labels", "types", "views")}
        if self.features.ndim != 3 or len(set(sizes.values())) != 1:
            raise ValueError(f"features {self.features.shape} must be N×C×P, with N names each: {sizes}")

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, chosen: NDArray[np.bool_]) -> DatasetFeatures:
        """Some of the samples."""
        some = {name: getattr(self, name)[chosen] for name in ("features", "labels", "types", "views")}
        return replace(self, **some)


def write_dataset_features(path: Path, features: DatasetFeatures) -> None:
    """One .npz of plain arrays, written atomically."""
    with atomic(path) as stream:
        np.savez(stream, **{one.name: getattr(features, one.name) for one in fields(features)})


def read_dataset_features(path: Path) -> DatasetFeatures:
    """Read what `write_dataset_features` wrote, or a file of such arrays from elsewhere; nothing is ever unpickled.

    Raises InputError for a file that is missing, damaged or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            labels, types, views = (file[name].astype(np.str_) for name in ("labels", "types", "views"))
            model, sha256 = (str(file[name].item()) if name in file else "" for name in ("model", "checkpoint_sha256"))
            features = np.ascontiguousarray(file["features"], np.float32)
            if not np.isfinite(features).all():
                raise ValueError("values that are not finite")
            return DatasetFeatures(features, labels, types, views, model, sha256)
    except Exception as error:  # damaged bytes make NumPy, zipfile and tokenize raise whatever they like
        reason = reason_of(error)
        raise InputError(
            f"{path}: not the features of a dataset ({reason}). Expected an .npz with features N×C×P, labels, types "
            "and views."
        ) from None
