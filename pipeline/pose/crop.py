"""Cut a person out of a frame for a pose estimator: the box with some room, black where the frame ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, Image


@dataclass(frozen=True, slots=True)
class View:
    """What an estimator's pictures show. size: height, width. room: how much larger than the box (on the side that
    fills the picture) they are, as a share of it.

    beside: how much of the surroundings is left to be seen on each side of the box, as a share of its sides; the rest
    is black. None: everything, neighbours too.
    """

    size: tuple[int, int]
    room: float
    beside: float | None


@dataclass(frozen=True, slots=True)
class PoseCrop:
    """One tracked person of one frame, waiting for the estimator.

    image: H×W×3 uint8 BGR. origin: x, y of its corner in the frame; scale: frame pixels per crop pixel, in x and y.
    """

    track_id: int
    frame_index: int
    image: Image
    origin: tuple[int, int]
    scale: tuple[float, float]

    def to_frame(self, joints: FloatArray) -> FloatArray:
        """Joints J×3 in pixels of the crop as joints in pixels of the frame."""
        scale = np.array([*self.scale, 1], np.float32)
        return (joints * scale + np.array([*self.origin, 0], np.float32)).astype(np.float32)


def cut_pose(image: Image, box: FloatArray, view: View, track_id: int, frame_index: int) -> PoseCrop | None:
    """Cut the box (x1, y1, x2, y2, pixels) as `view` says; None where it shows no pixel of the frame."""
    x1, y1, x2, y2 = (float(value) for value in box)
    if not all(math.isfinite(value) and abs(value) < 1e6 for value in (x1, y1, x2, y2)) or x2 <= x1 or y2 <= y1:
        return None
    height, width = view.size
    across = max(x2 - x1, (y2 - y1) * width / height) * (1 + view.room)
    down = across * height / width
    columns, rows = max(round(across), 1), max(round(down), 1)
    left, top = round((x1 + x2 - columns) / 2), round((y1 + y2 - rows) / 2)
    seen = _seen((x1, y1, x2, y2), view.beside, (left, top, left + columns, top + rows), image.shape)
    if seen is None:
        return None
    window = np.zeros((rows, columns, 3), np.uint8)
    window[seen[1] - top : seen[3] - top, seen[0] - left : seen[2] - left] = image[seen[1] : seen[3], seen[0] : seen[2]]
    way = cv2.INTER_AREA if rows > 2 * height else cv2.INTER_LINEAR  # four times as slow, and better only then
    scaled = np.asarray(cv2.resize(window, (width, height), interpolation=way), np.uint8)
    return PoseCrop(track_id, frame_index, scaled, (left, top), (columns / width, rows / height))


def _seen(
    box: tuple[float, float, float, float],
    beside: float | None,
    window: tuple[int, int, int, int],
    shape: tuple[int, ...],
) -> tuple[int, int, int, int] | None:
    """The rectangle of the frame that is shown: in the frame, in the window, and not too far from the box."""
    x1, y1, x2, y2 = window
    if beside is not None:
        across, down = beside * (box[2] - box[0]), beside * (box[3] - box[1])
        x1, y1 = max(x1, math.floor(box[0] - across)), max(y1, math.floor(box[1] - down))
        x2, y2 = min(x2, math.ceil(box[2] + across)), min(y2, math.ceil(box[3] + down))
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, shape[1]), min(y2, shape[0])
    return (x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None


def stack_crops(crops: list[PoseCrop]) -> NDArray[np.uint8]:
    """The pictures of some crops as N×H×W×3."""
    return np.stack([crop.image for crop in crops])
