"""Cut a person out of a frame: the box with a margin, centred on a white square. Reference: golden/all_in_one_crop."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

WHITE, BLACK = 255, 0


@dataclass(frozen=True, slots=True)
class Crop:
    """A square picture of one person and where it lies in the frame.

    image: S×S×3 uint8 BGR or S×S uint8, with a copy of the pixels, never a view of the frame. source: x1, y1, x2, y2 of
    the pixels taken from the frame. offset: x, y of the source within the white square, in frame pixels. scale: crop
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

    def picture(self) -> FloatArray:
        """The part of the crop that shows the frame (the rest is filled up): x1, y1, x2, y2 in crop pixels, float32."""
        return np.asarray(self.to_crop(np.array([self.source], np.float32))[0], np.float32)

    def to_frame(self, mask: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """An S×S mask scaled back to the pixels of `source`, with the x, y of its top left corner in the frame."""
        x1, y1, x2, y2 = self.source
        side = max(x2 - x1, y2 - y1)
        square = np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
        left, top = self.offset
        return square[top : top + y2 - y1, left : left + x2 - x1], (x1, y1)


def cut_person(
    image: NDArray[np.uint8], box: FloatArray, size: int, margin: float = 0.1, around: int = WHITE
) -> Crop | None:
    """Cut the box (x1, y1, x2, y2, pixels) with `margin` of its sides around it; None where it shows no pixel.

    As the reference: the box, and the box with its margin, are rounded to whole pixels towards zero and clamped; the
    rectangle is pasted in the middle of a white square as long as its longer side, scaled bilinearly to size×size.
    image: H×W×3, or H×W of the foreground, and then `around` is black.
    """
    rectangle = _source(box, image.shape[0], image.shape[1], margin)
    if rectangle is None:
        return None
    x1, y1, x2, y2 = rectangle
    width, height = x2 - x1, y2 - y1
    side = max(width, height)
    left, top = (side - width) // 2, (side - height) // 2
    square = np.full((side, side, *image.shape[2:]), around, np.uint8)
    square[top : top + height, left : left + width] = image[y1:y2, x1:x2]
    scaled = np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    return Crop(scaled, rectangle, (left, top), size / side, (image.shape[0], image.shape[1]))


def _source(box: FloatArray, frame_height: int, frame_width: int, margin: float) -> tuple[int, int, int, int] | None:
    values = [float(value) for value in box]
    if not all(math.isfinite(value) and abs(value) < 1e9 for value in values):
        return None
    x1, y1, x2, y2 = (int(value) for value in values)
    if x2 <= x1 or y2 <= y1:
        return None
    if min(x2, frame_width) <= max(x1, 0) or min(y2, frame_height) <= max(y1, 0):
        return None  # only a margin would show: nobody is there
    across, down = margin * (x2 - x1), margin * (y2 - y1)
    left, top = max(int(x1 - across), 0), max(int(y1 - down), 0)
    return left, top, min(int(x2 + across), frame_width), min(int(y2 + down), frame_height)
