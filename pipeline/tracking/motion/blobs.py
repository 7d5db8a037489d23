"""Connected parts of the foreground, put together to what may be a person or several."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]  # H×W, 0 or 1

CRACK = (0.10, 0.05)  # height and width, in statures, of gaps that are closed before parts are counted
SPECK = 0.004  # statures²: smaller parts are noise
STACKED = 0.5  # share of the narrower part's width above or below the other one, so that they may be one person
BETWEEN = 0.2  # statures: the widest gap between a person's parts (a scarf, a belt, a face like the wall behind)
TALLEST = 1.25  # statures of what two parts may make together, once statures are known


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of the picture, or several: x1, y1, x2, y2 in pixels (ends excluded), area in pixels, mask of the box."""

    x1: int
    y1: int
    x2: int
    y2: int
    mask: Mask

    @property
    def width(self) -> int:
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        return self.y2 - self.y1

    @property
    def area(self) -> int:
        return int(np.count_nonzero(self.mask))

    def touches(self, height: int, width: int) -> bool:
        """Whether it ends at a border of the picture of this size, so that a part may be outside."""
        return self.x1 <= 1 or self.y1 <= 1 or self.x2 >= width - 1 or self.y2 >= height - 1


def blobs(mask: Mask, stature: float, tallest: float) -> list[Blob]:
    """The parts of the foreground H×W from left to right.

    stature: height of a person in pixels, roughly; tallest: of what parts above each other may make together.
    """
    down, across = (max(round(share * stature), 1) | 1 for share in CRACK)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((down, across), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8, ltype=cv2.CV_16U)
    large = [label for label in range(1, count) if stats[label, cv2.CC_STAT_AREA] >= max(SPECK * stature**2, 4)]
    parts = []
    for label in large:
        x, y, width, height = stats[label, :4].tolist()
        box = slice(y, y + height), slice(x, x + width)
        inside = ((labels[box] == label) & (mask[box] > 0)).astype(np.uint8)
        if inside.any():
            parts.append(Blob(x, y, x + width, y + height, inside))
    return sorted(_stacked(parts, stature, tallest), key=lambda blob: (blob.x1, blob.y1))


def join(first: Blob, second: Blob) -> Blob:
    """Both together."""
    x1, y1 = min(first.x1, second.x1), min(first.y1, second.y1)
    x2, y2 = max(first.x2, second.x2), max(first.y2, second.y2)
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    for part in (first, second):
        mask[part.y1 - y1 : part.y2 - y1, part.x1 - x1 : part.x2 - x1] |= part.mask
    return Blob(x1, y1, x2, y2, mask)


def _stacked(parts: list[Blob], stature: float, tallest: float) -> list[Blob]:
    """Join what lies above one another and is no taller than a person: a head, a body, legs. Largest parts first."""
    parts = sorted(parts, key=lambda part: -part.area)
    whole: list[Blob] = []
    while parts:  # a person falls into a handful of parts
        blob = parts.pop(0)
        near = next((part for part in parts if _belong(blob, part, stature, tallest)), None)
        if near is None:
            whole.append(blob)
        else:
            parts.remove(near)
            parts.insert(0, join(blob, near))
    return whole


def _belong(first: Blob, second: Blob, stature: float, tallest: float) -> bool:
    shared = min(first.x2, second.x2) - max(first.x1, second.x1)
    gap = max(first.y1, second.y1) - min(first.y2, second.y2)
    height = max(first.y2, second.y2) - min(first.y1, second.y1)
    narrower = min(first.width, second.width)
    return shared >= STACKED * narrower and gap <= BETWEEN * stature and height <= tallest
