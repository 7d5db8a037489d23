"""Warping all frames of a walk at once, to the digit of OpenCV 5, which made the reference.

OpenCV 4 rounds positions to a 32nd of a pixel before it interpolates, which moves silhouettes' edges by up to 7 of 255.
OpenCV 5 does so only for what its new code does not take: double precision, and pictures of two channels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def warped(frames: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Frames T×…×H×W moved by a 2×3 or 3×3 matrix (x, y of the source to x, y of the result), bilinear, 0 outside.

    The type stays; integers are rounded.
    """
    if frames.dtype == np.float64 or (frames.ndim == 4 and frames.shape[1] == 2):
        return _coarsely_warped(frames, matrix)
    height, width = frames.shape[-2:]
    square = np.vstack([matrix, [0.0, 0.0, 1.0]]) if len(matrix) == 2 else matrix
    back = np.linalg.inv(square).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    source_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    source_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    if len(matrix) == 3:
        depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        source_x, source_y = source_x / depth, source_y / depth
    left, top = np.floor(source_x), np.floor(source_y)
    right_share, low_share = source_x - left, source_y - top
    padded = np.zeros((*frames.shape[:-2], height + 2, width + 2), np.float32)
    padded[..., 1:-1, 1:-1] = frames
    flat = padded.reshape(*frames.shape[:-2], -1)

    def pixels(below: int, beside: int) -> NDArray[np.float32]:
        rows = np.clip(top + below + 1, 0, height + 1).astype(np.int64)
        columns = np.clip(left + beside + 1, 0, width + 1).astype(np.int64)
        return np.asarray(flat[..., rows * (width + 2) + columns])

    upper_left, lower_left = pixels(0, 0), pixels(1, 0)
    upper = upper_left + right_share * (pixels(0, 1) - upper_left)
    lower = lower_left + right_share * (pixels(1, 1) - lower_left)
    moved = upper + low_share * (lower - upper)
    if np.issubdtype(frames.dtype, np.integer):
        moved = np.rint(moved)
    return np.asarray(moved, frames.dtype)


def _coarsely_warped(frames: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[Any]:
    size = frames.shape[-1], frames.shape[-2]
    warp = cv2.warpAffine if len(matrix) == 2 else cv2.warpPerspective
    pictures = np.ascontiguousarray(frames).reshape(-1, *frames.shape[-2:])
    return np.stack([warp(picture, matrix, size) for picture in pictures]).reshape(frames.shape)
