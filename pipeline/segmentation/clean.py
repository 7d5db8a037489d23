"""Reduce a mask to the one person of its box: no neighbours, no box edges, no specks, no pinholes.

The network marks every person, and often the edge of the picture or a thin thing beside the body as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

# All lengths are shares of the box's height, so that a mask is treated alike at every scale and crop size.
TOLERANCE = 0.05  # a body may stick out of its box by this much
THIN = 0.035  # lines thinner than this (posts, kerbs, drawn boxes) come off; a forearm is about 0.05
REACH = 0.03  # thin ends of the body (hands, feet) grow back by this much
PIECE = 0.04  # parts apart from the body (a head above a scarf) are kept from this share of its area on
HOLE = 0.004  # holes up to this share of the box's area are filled; the gap between the legs is larger


@dataclass(frozen=True, slots=True)
class Cleaned:
    """mask: S×S uint8, 0 or 255. dropped: share of the marked pixels that were taken away.

    contact: length of the border with pixels given to somebody else, as a share of the box's height.
    """

    mask: NDArray[np.uint8]
    dropped: float
    contact: float


def clean(marked: NDArray[np.uint8], own: FloatArray, others: FloatArray) -> Cleaned:
    """Keep of the pixels marked as people (S×S, 0 or not) those of the person in the box `own`.

    own: x1, y1, x2, y2 and others: N×4 of everybody else in the frame, all in crop pixels.
    """
    marked = (marked > 0).astype(np.uint8)
    height, width = max(float(own[3] - own[1]), 1.0), max(float(own[2] - own[0]), 1.0)
    theirs = _claimed_by_others(marked.shape, own, others)
    window = _window(marked.shape, own, TOLERANCE * height)
    mask = np.zeros_like(marked)
    if mask[window].size:  # all further work is on the window: half the pixels of the crop or fewer
        given_away = marked[window] & theirs[window]
        body = _body(marked[window] & (1 - theirs[window]), float(own[0] + own[2]) / 2 - window[1].start, width, height)
        mask[window] = _fill_pinholes(body, HOLE * height * width)
        touching = cv2.dilate(given_away, np.ones((3, 3), np.uint8)) & body
        contact = float(np.count_nonzero(touching)) / height
    else:
        contact = 0.0
    total = np.count_nonzero(marked)
    dropped = 1 - np.count_nonzero(mask & marked) / total if total else 0.0
    return Cleaned(mask * np.uint8(255), float(dropped), contact)


def _window(shape: tuple[int, ...], box: FloatArray, tolerance: float) -> tuple[slice, slice]:
    left, top = (max(int(value - tolerance), 0) for value in box[:2])
    right, bottom = (max(int(np.ceil(value + tolerance)), 0) for value in box[2:])
    return slice(top, min(bottom, shape[0])), slice(left, min(right, shape[1]))


def _claimed_by_others(shape: tuple[int, ...], own: FloatArray, others: FloatArray) -> NDArray[np.uint8]:
    """Pixels in somebody else's box and nearer to their upright axis than to ours, in half widths of each box."""
    claimed = np.zeros(shape, np.uint8)
    columns = np.arange(shape[1], dtype=np.float32) + 0.5
    ours = _distance_to_axis(columns, own)
    for other in others:  # a handful of people
        x1, y1, x2, y2 = (int(value) for value in np.clip(other, 0, max(shape)))
        if x2 > x1 and y2 > y1:
            nearer = _distance_to_axis(columns, other)[x1:x2] < ours[x1:x2]
            claimed[y1:y2, x1:x2] |= nearer.astype(np.uint8)
    return claimed


def _distance_to_axis(columns: FloatArray, box: FloatArray) -> FloatArray:
    half = max(float(box[2] - box[0]) / 2, 0.5)
    return np.asarray(np.abs(columns - float(box[0] + box[2]) / 2) / half, np.float32)


def _body(mine: NDArray[np.uint8], axis: float, width: float, height: float) -> NDArray[np.uint8]:
    """The largest part near the column `axis`, with the pieces that belong to it and without thin appendages."""
    # Outside of the window counts as empty: half a line along its edge is thin too.
    core = cv2.morphologyEx(
        mine, cv2.MORPH_OPEN, _disc(THIN * height), borderType=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0)
    )
    count, labels, stats, centroids = cv2.connectedComponentsWithStats(core, connectivity=4, ltype=cv2.CV_16U)
    if count < 2:
        return np.zeros_like(mine)
    area = stats[1:, cv2.CC_STAT_AREA].astype(np.float64)
    off_axis = np.abs(centroids[1:, 0] - axis) / (width / 2)
    main = int(np.argmax(area * np.clip(1.2 - off_axis, 0.05, 1)))
    left = stats[1 + main, cv2.CC_STAT_LEFT]
    right = left + stats[1 + main, cv2.CC_STAT_WIDTH]
    across = (centroids[1:, 0] >= left) & (centroids[1:, 0] <= right)
    belongs = across & (area >= PIECE * area[main])
    belongs[main] = True
    kept = np.concatenate([[False], belongs]).astype(np.uint8)[labels]
    return np.asarray(cv2.dilate(kept, _disc(2 * REACH * height)), np.uint8) & mine


def _fill_pinholes(body: NDArray[np.uint8], largest: float) -> NDArray[np.uint8]:
    # Contours tell in a third of the time whether there is any hole at all.
    _, nesting = cv2.findContours(body, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if nesting is None or (nesting[0, :, 3] < 0).all():
        return body
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - body, connectivity=4, ltype=cv2.CV_16U)
    x, y, width, height = stats[:, :4].T
    inside = (x > 0) & (y > 0) & (x + width < body.shape[1]) & (y + height < body.shape[0])
    pinhole = inside & (stats[:, cv2.CC_STAT_AREA] <= largest)
    pinhole[0] = False  # label 0 is the body itself
    return np.asarray(body | pinhole.astype(np.uint8)[labels], np.uint8)


def _disc(diameter: float) -> NDArray[np.uint8]:
    side = max(round(diameter), 1) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
