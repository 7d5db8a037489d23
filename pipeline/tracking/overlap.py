"""Boxes that overlap: of those that show the same person, the best stays, also where a picture is seen in tiles."""

from __future__ import annotations

from collections.abc import Sequence

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


def iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Overlaps N×M of N×4 and M×4 boxes (xyxy): shared area / area of both; 0 to 1."""
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.maximum(sides, 0).prod(axis=2)
    both = area(first)[:, None] + area(second)[None] - shared
    return np.asarray(shared / np.maximum(both, 1e-9))


Region = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels of the picture
Found = tuple[FloatArray, FloatArray]  # boxes N×4 in pixels of the picture, scores N

CUT_MARGIN = 3.0  # px: a box this near to an inner border of its tile may show a part of a person only
CONTAINED = 0.6  # share of a cut box inside another box, above which it is a part of that person
SAME_PERSON = 0.55  # IoU of two views of one person; views differ more than boxes of one view do


def tile_grid(height: int, width: int, rows: int, columns: int, overlap: float) -> list[Region]:
    """Equal tiles that cover the picture, row by row; neighbours share `overlap` of a tile's side."""
    return [
        (left, top, right, bottom)
        for top, bottom in _spans(height, rows, overlap)
        for left, right in _spans(width, columns, overlap)
    ]


def _spans(length: int, count: int, overlap: float) -> list[tuple[int, int]]:
    side = length / (count - (count - 1) * overlap)
    starts = [round(number * side * (1 - overlap)) for number in range(count)]
    return [(start, max(start + 1, min(round(start + side), length))) for start in starts if start < length]


def merge_views(views: Sequence[tuple[Region, Found]], height: int, width: int, nms_threshold: float) -> Found:
    """One box for each person from what was found in the whole picture and in its tiles, best score first.

    A person cut by a tile's border gives a box that ends there: it goes where another view shows more of that person,
    however sure the detector was. Whole boxes of one person in two views are reduced to the better one.
    """
    boxes = np.concatenate([found[0] for _, found in views])
    scores = np.concatenate([found[1] for _, found in views])
    view = np.repeat(np.arange(len(views)), [len(found[0]) for _, found in views])
    cut = np.concatenate([_is_cut(found[0], region, height, width) for region, found in views])
    areas = area(boxes)
    order = np.lexsort((-scores, cut))
    keep = []
    while len(order):  # greedy, as non-maximum suppression is
        best, order = order[0], order[1:]
        keep.append(best)
        shared = intersection(boxes[best], boxes[order])
        overlap = shared / np.maximum(areas[best] + areas[order] - shared, 1e-9)
        limit = np.where(view[order] == view[best], nms_threshold, min(nms_threshold, SAME_PERSON))
        part = cut[order] & (view[order] != view[best]) & (shared > CONTAINED * areas[order])
        order = order[~part & (overlap <= limit)]
    chosen = np.array(keep, np.intp)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    return boxes[chosen], scores[chosen]


def _is_cut(boxes: FloatArray, region: Region, height: int, width: int) -> NDArray[np.bool_]:
    """Boxes that end at a border of their tile that is not one of the picture's."""
    x1, y1, x2, y2 = region
    inner = np.array([x1 > 0, y1 > 0, x2 < width, y2 < height])
    near = np.hstack([boxes[:, :2] - (x1, y1), (x2, y2) - boxes[:, 2:]]) < CUT_MARGIN
    return np.asarray((near & inner).any(axis=1), np.bool_)
