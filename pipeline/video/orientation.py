"""Which way up a picture is, by the display matrix that phones write beside the frames, and the shape of its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

QUARTERS = (0, 90, 180, 270)  # degrees clockwise by which a picture can be turned
LONGEST_PIXEL = 4  # of its shorter side; broadcast and DVRs stay below 3, and a false 10000 would fill the memory


@dataclass(frozen=True, slots=True)
class Orientation:
    """Turn a coded picture upright: swap its axes if `transpose`, then mirror it as the other two say."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise from coded to upright, mirroring (if any) left aside."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    def turned(self, degrees: int) -> Orientation:
        """This one, and then by a multiple of 90° clockwise."""
        quarter = self
        for _ in range(degrees // 90):
            quarter = Orientation(not quarter.transpose, not quarter.flip_y, quarter.flip_x)
        return quarter

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The upright picture, contiguous and free to be drawn on. image: H×W or H×W×3, may have padded rows."""
        if self.transpose:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.flip_x or self.flip_y:
            image = np.asarray(cv2.flip(image, -1 if self.flip_x and self.flip_y else int(self.flip_x)), np.uint8)
        return np.ascontiguousarray(image)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read the display matrix of a frame (ISO/IEC 14496-12, 6.2.2: x' = ax + cy, y' = bx + dy; 16.16 fixed point).

    Angles that are no multiple of 90° count as the nearest one.
    """
    side = cast("Mapping[str, Any]", frame.side_data).get("DISPLAYMATRIX")  # PyAV's stub knows motion vectors only
    if side is None:
        return Orientation()
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(side), np.int32)[:5])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    return Orientation(flip_x=a < 0, flip_y=d < 0)


def square_size(width: int, height: int, pixel: Fraction) -> tuple[int, int]:
    """Width, height of a coded picture in square pixels, none of its own lost: one side grows, to an even number.

    pixel: width of one by its height. Shapes beyond LONGEST_PIXEL are not believed.
    """
    if not is_plausible(pixel):
        return width, height
    if pixel > 1:
        return max(2, 2 * round(width * pixel / 2)), height
    return (width, max(2, 2 * round(height / pixel / 2))) if pixel < 1 else (width, height)


def is_plausible(pixel: Fraction) -> bool:
    """Whether pixels of such a shape are seen in practice."""
    return Fraction(1, LONGEST_PIXEL) <= pixel <= LONGEST_PIXEL
