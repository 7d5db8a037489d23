"""Cut a person out of a frame, as a square picture for a segmenter.

Either the box alone on a white square (the reference: golden/all_in_one_crop), or with what surrounds it in the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

WHITE, BLACK = 255, 0


@dataclass(frozen=True, slots=True)
class View:
    """What a segmenter's crops show.

    size: side of the square, pixels. margin: room on each side of the box, as a share of its longer side. around: grey
    level of what lies outside of the frame; None: the frame's edge goes on. looks_at: what of the frame is cut.
    """

    size: int
    margin: float = 0.05
    around: int | None = WHITE
    looks_at: Literal["image", "foreground"] = "image"


@dataclass(frozen=True, slots=True)
class Crop:
    """A square picture of one person and where it lies in the frame.

    image: S×S×3 uint8 BGR or S×S uint8, with a copy of the pixels, never a view of the frame. source: x1, y1, x2, y2 of
    the pixels taken from the frame. offset: x, y of the source within the square, in frame pixels. scale: crop
    pixels per frame pixel. frame_size: height, width of the frame.
    """

    image: NDArray[np.uint8]
    source: tuple[int, int, int, int]
    offset: tuple[int, int]
    scale: float
    frame_size: tuple[int, int]

    def to_crop(self, boxes: FloatArray) -> FloatArray:
        """Boxes N×4 (xyxy, frame pixels) in crop pixels; they may reach out of the crop."""
        x1, y1, _, _ = self.source
        shift = np.array([self.offset[0] - x1, self.offset[1] - y1] * 2, np.float32)
        return ((boxes + shift) * np.float32(self.scale)).astype(np.float32)

    def to_frame(self, joints: FloatArray) -> FloatArray:
        """Joints J×3 (x, y in crop pixels, and a score) with x, y in frame pixels."""
        x1, y1, _, _ = self.source
        corner = np.array([x1 - self.offset[0], y1 - self.offset[1], 0], np.float32)
        return (joints / np.array([self.scale, self.scale, 1], np.float32) + corner).astype(np.float32)

    def same_of(self, image: NDArray[np.uint8], around: int | None) -> NDArray[np.uint8]:
        """The same place of another picture of the frame's size, as S×S(×3) uint8."""
        size = self.image.shape[0]
        return _scaled(image, self.source, self.offset, round(size / self.scale), size, around)

    def picture(self) -> FloatArray:
        """The part of the crop that shows the frame (the rest is filled up): x1, y1, x2, y2 in crop pixels, float32."""
        return np.asarray(self.to_crop(np.array([self.source], np.float32))[0], np.float32)


def cut_person(
    image: NDArray[np.uint8], box: FloatArray, size: int, margin: float = 0.1, around: int | None = WHITE
) -> Crop | None:
    """Cut the box (x1, y1, x2, y2, pixels) with `margin` of its sides around it; None where it shows no pixel.

    As the reference: the box, and the box with its margin, are rounded to whole pixels towards zero and clamped; the
    rectangle is pasted in the middle of a white square as long as its longer side, scaled bilinearly to size×size.
    image: H×W×3, or H×W of the foreground, and then `around` is black.
    """
    corners = _corners(box, image.shape)
    if corners is None:
        return None
    x1, y1, x2, y2 = corners
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    source = _inside(int(x1 - across), int(y1 - down), int(x2 + across), int(y2 + down), image.shape)
    width, height = source[2] - source[0], source[3] - source[1]
    side = max(width, height)
    offset = (side - width) // 2, (side - height) // 2
    return Crop(_scaled(image, source, offset, side, size, around), source, offset, size / side, image.shape[:2])


def cut_surroundings(
    image: NDArray[np.uint8], box: FloatArray, size: int, margin: float = 0.05, around: int | None = WHITE
) -> Crop | None:
    """Cut a square of the frame about the box (x1, y1, x2, y2, pixels); None where the box shows no pixel.

    margin: of the longer side of that part of the box which lies inside the frame, on both of its ends. around: grey
    level of what is outside of the frame; None repeats its edge. image: H×W×3, or H×W of the foreground.
    """
    corners = inside(box, image.shape)
    if corners is None:
        return None
    x1, y1, x2, y2 = corners
    side = round(max(x2 - x1, y2 - y1) * (1 + 2 * margin))
    left, top = (x1 + x2 - side) // 2, (y1 + y2 - side) // 2
    source = _inside(left, top, left + side, top + side, image.shape)
    offset = source[0] - left, source[1] - top
    return Crop(_scaled(image, source, offset, side, size, around), source, offset, size / side, image.shape[:2])


def inside(box: FloatArray, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The part of a box (x1, y1, x2, y2) inside a frame of this shape, in whole pixels; None where there is none."""
    corners = _corners(box, shape)
    return None if corners is None else _inside(*corners, shape)


def _scaled(
    image: NDArray[np.uint8],
    source: tuple[int, int, int, int],
    offset: tuple[int, int],
    side: int,
    size: int,
    around: int | None,
) -> NDArray[np.uint8]:
    """The pixels of `source` at `offset` of a square, whose `side` is scaled to `size`."""
    x1, y1, x2, y2 = source
    left, top = offset
    below, right = side - (y2 - y1) - top, side - (x2 - x1) - left
    border = cv2.BORDER_REPLICATE if around is None else cv2.BORDER_CONSTANT
    square = cv2.copyMakeBorder(image[y1:y2, x1:x2], top, below, left, right, border, value=[around or 0] * 4)
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def _corners(box: FloatArray, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """The box in whole pixels, rounded towards zero; None where it has none in a frame of this shape."""
    values = [float(value) for value in box]
    if not all(math.isfinite(value) and abs(value) < 1e9 for value in values):
        return None
    x1, y1, x2, y2 = (int(value) for value in values)
    if x2 <= x1 or y2 <= y1:
        return None
    if min(x2, shape[1]) <= max(x1, 0) or min(y2, shape[0]) <= max(y1, 0):
        return None  # only a margin would show: nobody is there
    return x1, y1, x2, y2


def _inside(left: int, top: int, right: int, bottom: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    return max(left, 0), max(top, 0), min(right, shape[1]), min(bottom, shape[0])
