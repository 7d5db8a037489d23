"""What is wrong with silhouettes that can be read: noise, nobody, somebody else, heads down; and putting it right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.training.data.dataset import BODY
from pipeline.segmentation.normalise import REFERENCE_MINIMUM_SUM

EDGE = np.ones((9, 9), np.uint8)  # grey values belong within 4 pixels of the outline, where scaling puts them
FAINT = 64  # noise is nearer than this to black or white; other greys are no silhouettes (depth has them)
NOISE = 0.01  # of the pixels; more is JPEG's
GREY = 0.05  # of the pixels
SECOND = 0.3  # of the largest shape's area, and half of its height: another person
SOME = 0.2  # of the frames
LEGS = 0.25  # of the height, at either end
MOVES = 2  # times as much at the top as at the bottom: heads down

Masks = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Faults:
    """Of T silhouettes: frames with noise off the outline, without anybody, with two people; whether heads are down."""

    noisy: Flags
    empty: Flags
    double: Flags
    upside_down: bool

    def said(self) -> Iterator[tuple[str, str]]:
        """(kind, in words) of each."""
        count = len(self.noisy)
        if self.noisy.mean() > SOME:
            yield "noise", f"{self.noisy.sum()} of {count} frames have grey specks, as JPEG makes them"
        if self.empty.any():
            yield "empty frames", f"{self.empty.sum()} of {count} frames show nobody"
        if self.double.mean() > SOME:
            yield "two people", f"{self.double.sum()} of {count} frames show somebody else, too"
        if self.upside_down:
            yield "upside down", "what moves is at the top"


def find_faults(masks: Masks) -> Faults | None:
    """The faults of silhouettes T×H×W. None for pictures of grey values that are no silhouettes."""
    if not masks.size:
        return None
    body = (masks >= BODY).astype(np.uint8)
    sure = _sure(body)
    if (sure & (np.minimum(masks, 255 - masks) >= FAINT)).mean() > GREY:
        return None
    specks = (sure & (masks > 0) & (masks < 255)).mean(axis=(1, 2))
    empty = masks.sum(axis=(1, 2), dtype=np.int64) <= REFERENCE_MINIMUM_SUM
    double = np.array([len(_people(frame)[1]) > 1 for frame in body])
    return Faults(specks > NOISE, empty, double, _is_upside_down(body[~empty]))


def put_right(masks: Masks, faults: Faults) -> Masks:
    """The silhouettes that show somebody: without specks and without other people, heads up."""
    body = (masks >= BODY).astype(np.uint8)
    fixed = np.where(_sure(body), 255 * body, masks)
    for number in np.flatnonzero(faults.double):
        places, people = _people(body[number])
        others = cv2.dilate(np.isin(places, people[1:]).astype(np.uint8), EDGE) > 0
        fixed[number][others & (places != people[0])] = 0
    fixed = fixed[~faults.empty]
    return fixed[:, ::-1].copy() if faults.upside_down else fixed


def _sure(body: Masks) -> Flags:
    """Pixels further from the outline than scaling blurs it."""
    return np.stack([cv2.erode(one, EDGE) == cv2.dilate(one, EDGE) for one in body])


def _people(body: Masks) -> tuple[NDArray[np.int32], list[int]]:
    """The shapes of a frame, numbered, and the numbers of those that may be people, the largest first."""
    _, places, sizes, _ = cv2.connectedComponentsWithStats(body)
    areas, heights = sizes[:, cv2.CC_STAT_AREA], sizes[:, cv2.CC_STAT_HEIGHT]
    order = [int(one) for one in np.argsort(-areas) if one]
    return places, [
        one for one in order if areas[one] >= SECOND * areas[order[0]] and heights[one] >= heights[order[0]] / 2
    ]


def _is_upside_down(body: Masks) -> bool:
    moved = np.abs(np.diff(body.astype(np.int8), axis=0)).sum(axis=(0, 2))
    rows = int(LEGS * body.shape[1])
    return bool(moved[:rows].sum() > MOVES * max(moved[-rows:].sum(), 1))
