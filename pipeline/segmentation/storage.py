"""Silhouette sequences on disk: sequences/<video>/<track>.npz, plain arrays only. Whose they are, the name says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InputError
from pipeline.files import DAMAGED_NPZ, atomic, reason_of
from pipeline.types import IntArray, SilhouetteSequence


def write_sequence(path: Path, sequence: SilhouetteSequence) -> None:
    """Write masks (T,H,W uint8), frame_indices (T), and the quality parts and rejections as name and value arrays."""
    with atomic(path) as stream:
        np.savez_compressed(
            stream,
            masks=sequence.masks,
            frame_indices=sequence.frame_indices,
            quality_names=np.array(list(sequence.quality), dtype=str),
            quality_values=np.array(list(sequence.quality.values()), dtype=np.float64),
            rejected_reasons=np.array(list(sequence.rejected), dtype=str),
            rejected_frames=np.array(list(sequence.rejected.values()), dtype=np.int64),
        )


def read_sequence(path: Path | BytesIO, video: str, track_id: int) -> SilhouetteSequence:
    """Read what `write_sequence` wrote for this track of this video, from its file or from the file's bytes.

    Raises InputError when it is damaged.
    """
    with _opened(path) as arrays:
        return SilhouetteSequence(
            video, track_id, arrays["masks"], arrays["frame_indices"], _quality(arrays), _rejected(arrays)
        )


def read_summary(path: Path) -> tuple[int, dict[str, float], dict[str, int]]:
    """The number of silhouettes, their quality parts and the rejections, without reading the masks.

    Raises InputError when the file is damaged.
    """
    with _opened(path) as arrays:
        return len(arrays["frame_indices"]), _quality(arrays), _rejected(arrays)


def read_frame_indices(path: Path) -> IntArray:
    """Which frames gave a silhouette, T int64, without reading the masks. Raises InputError as `read_sequence`."""
    with _opened(path) as arrays:
        return np.asarray(arrays["frame_indices"])


@contextmanager
def _opened(path: Path | BytesIO) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except DAMAGED_NPZ as error:
        where = path if isinstance(path, Path) else "what a gallery keeps of a walk"
        raise InputError(f"{where}: not a silhouette sequence ({reason_of(error)}). Run again.") from None


def _quality(arrays: Any) -> dict[str, float]:
    return dict(zip(arrays["quality_names"].tolist(), arrays["quality_values"].tolist(), strict=True))


def _rejected(arrays: Any) -> dict[str, int]:
    return dict(zip(arrays["rejected_reasons"].tolist(), arrays["rejected_frames"].tolist(), strict=True))
