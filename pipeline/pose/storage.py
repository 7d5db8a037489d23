"""Poses on disk: poses/<video>/<track>.npz, plain arrays only, and OpenGait's .pkl. Whose they are, the name says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import DAMAGED_NPZ, atomic, reason_of
from pipeline.types import PoseSequence


def write_poses(path: Path, poses: PoseSequence) -> None:
    """Write keypoints (T,17,3 float32: x, y in pixels, score), frame_indices (T) and frame_size (height, width)."""
    with atomic(path) as stream:
        np.savez_compressed(
            stream,
            keypoints=poses.keypoints,
            frame_indices=poses.frame_indices,
            frame_size=np.array(poses.frame_size, np.int64),
        )


def read_poses(path: Path, video: str, track_id: int) -> PoseSequence:
    """Read what `write_poses` wrote for this track of this video. Raises InputError when the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            height, width = (int(side) for side in arrays["frame_size"])
            keypoints = arrays["keypoints"].astype(np.float32, copy=False)
            return PoseSequence(video, track_id, keypoints, arrays["frame_indices"], (height, width))
    except DAMAGED_NPZ as error:
        raise InputError(f"{path}: not a pose sequence ({reason_of(error)}). Run again.") from None


def write_opengait(path: Path, array: NDArray[Any]) -> None:
    """Write keypoints T×17×3, or skeleton maps T×2×64×64, as OpenGait's data sets hold them: a pickled array."""
    with atomic(path) as stream:
        pickle.dump(array, stream, protocol=4)
