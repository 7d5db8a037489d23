"""Non-maximum suppression: of boxes that show the same person, the strongest stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray


def strongest(boxes: FloatArray, scores: FloatArray, threshold: float) -> NDArray[np.intp]:
    """Rows to keep of N×4 boxes (xyxy), best score first: none overlaps a better one by an IoU above `threshold`."""
    order = np.argsort(-scores, kind="stable")
    areas = area(boxes)
    keep = []
    while len(order):  # greedy by definition: what a box suppresses depends on all boxes before it
        best, order = order[0], order[1:]
        keep.append(best)
        shared = intersection(boxes[best], boxes[order])
        order = order[shared <= threshold * (areas[best] + areas[order] - shared)]
    return np.array(keep, np.intp)


def area(boxes: FloatArray) -> FloatArray:
    """Areas of …×4 boxes in px²."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1))


def intersection(box: FloatArray, boxes: FloatArray) -> FloatArray:
    """Areas that each of N×4 boxes shares with one box."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.asarray(np.maximum(sides, 0).prod(axis=1))
