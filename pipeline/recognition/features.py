"""Features on disk, one .npz a track: parts (C×P), model, checkpoint_sha256, frames_used, quality.

Whose they are, the file's name says: features/<video>/<track>.npz.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.errors import InputError
from pipeline.files import atomic, reason_of
from pipeline.types import Embedding


def write_features(path: Path, embedding: Embedding) -> None:
    """Write one embedding atomically. Raises OutputError when the file cannot be written."""
    names = sorted(embedding.quality)
    with atomic(path) as stream:
        np.savez(
            stream,
            parts=embedding.parts.astype(np.float32, copy=False),
            model=embedding.model,
            checkpoint_sha256=embedding.checkpoint_sha256,
            frames_used=embedding.frames_used,
            quality_names=np.array(names, dtype=np.str_),
            quality_values=np.array([embedding.quality[name] for name in names], dtype=np.float64),
        )


def read_features(path: Path, video: str, track_id: int) -> Embedding:
    """Read what `write_features` wrote for this track of this video; nothing in the file is ever unpickled.

    Raises InputError for a file that is missing, damaged or no features file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            quality: dict[str, float] = {}
            if "quality_names" in file:
                quality = dict(
                    zip(file["quality_names"].tolist(), file["quality_values"].astype(float).tolist(), strict=True)
                )
            return Embedding(
                video=video,
                track_id=track_id,
                parts=file["parts"].astype(np.float32, copy=False),
                model=str(file["model"].item()),
                checkpoint_sha256=str(file["checkpoint_sha256"].item()),
                frames_used=int(file["frames_used"].item()),
                quality=quality,
            )
    except Exception as error:  # damaged bytes make NumPy, zipfile and tokenize raise whatever they like
        reason = reason_of(error)
        raise InputError(f"{path}: not a readable features file ({reason}). Compute the features again.") from None
