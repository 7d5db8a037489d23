"""Angles of the joints in the picture: how far somebody bends hips, knees, shoulders and elbows while walking."""

from __future__ import annotations

import warnings
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.skeletons import COCO17
from pipeline.types import FloatArray

Angles = NDArray[np.float64]

JOINTS = {  # the joint, between the ends of its two limbs
    "hip": ("shoulder", "hip", "knee"),
    "knee": ("hip", "knee", "ankle"),
    "shoulder": ("hip", "shoulder", "elbow"),
    "elbow": ("shoulder", "elbow", "wrist"),
}
Measure = Literal["median", "range"]
MEASURES: tuple[tuple[str, Measure], ...] = tuple(product(JOINTS, get_args(Measure)))
RANGE = (5, 95)  # percentiles
LEAST = 6  # frames in which a joint must be seen


def joint_angles(keypoints: FloatArray, min_score: float) -> Angles:
    """Angle of each of J JOINTS on the left and on the right, T×J×2 in degrees: 180 is straight.

    Args:
        keypoints: T×17×3, COCO's joints: x, y in pixels, score.
        min_score: Of all three points, below which an angle is not a number.
    """
    sides = [
        [[COCO17.joints.index(f"{side} {name}") for name in names] for side in ("left", "right")]
        for names in JOINTS.values()
    ]
    points = keypoints[:, np.array(sides)].astype(np.float64)  # T×J×2×3×3
    one, other = points[..., 0, :2] - points[..., 1, :2], points[..., 2, :2] - points[..., 1, :2]
    cross = one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]
    angles = np.degrees(np.abs(np.arctan2(cross, (one * other).sum(axis=-1))))
    return np.where((points[..., 2] >= min_score).all(axis=-1), angles, np.nan)


def angle_measures(keypoints: FloatArray, min_score: float) -> Angles:
    """The MEASURES of a walk in degrees, the mean of both sides; not a number for a joint that was hardly seen.

    Arguments as of `joint_angles`.
    """
    angles = joint_angles(keypoints, min_score)
    angles = np.where(np.isfinite(angles).sum(axis=0) >= LEAST, angles, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of joints that were not seen
        low, middle, high = np.nanpercentile(angles, [RANGE[0], 50, RANGE[1]], axis=0)  # J×2 each
        return np.asarray(np.nanmean(np.stack([middle, high - low], axis=1), axis=2).ravel())
