"""Where faces may be, so that they can be blurred: the upper end of every tracked box. No face is searched for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.drawing.boxes import boxes_by_frame
from pipeline.drawing.canvas import Canvas
from pipeline.types import FloatArray, Tracklet

ABOVE, BELOW = 0.06, 0.22  # of the box's height, from its upper edge: a head is 0.13 of a body's height, and it nods
BESIDE = 0.1  # of the box's width, on each side
HOLD_S = 0.5  # a track's first and last box are kept so long: people are there before and after they are tracked

Heads = Mapping[int, FloatArray]  # frame index → N×4 xyxy px to be blurred


def heads_by_frame(tracklets: Sequence[Tracklet]) -> Heads:
    """Where to blur. Gaps of a track are bridged, whatever their length."""
    frames = boxes_by_frame([_held(tracklet) for tracklet in tracklets if len(tracklet)], math.inf)
    return {index: heads_of(boxes) for index, (_, boxes) in frames.items()}


def blur_heads(canvas: Canvas, heads: FloatArray | None, size: tuple[int, int]) -> None:
    """Blur these places (N×4 xyxy px, or None) on a picture of that width and height, in place."""
    width, height = size
    for x1, y1, x2, y2 in () if heads is None else heads.tolist():
        left, top = (max(0, math.floor(side / 2) * 2) for side in (x1, y1))
        right, bottom = (min(most, math.ceil(side / 2) * 2) for side, most in ((x2, width), (y2, height)))
        if left < right and top < bottom:
            canvas.blur(left, top, right, bottom)


def _held(tracklet: Tracklet) -> Tracklet:
    """The track with its first and last box for a while before and after."""
    frames = round(HOLD_S * tracklet.fps)
    first, last = int(tracklet.frame_indices[0]), int(tracklet.frame_indices[-1])
    before, after = max(0, first - frames), last + frames
    rows = [0] * (before < first) + list(range(len(tracklet))) + [-1] * (after > last)
    indices = [before] * (before < first) + tracklet.frame_indices.tolist() + [after] * (after > last)
    return Tracklet(
        tracklet.video,
        tracklet.track_id,
        np.array(indices, np.int64),
        tracklet.boxes[rows],
        tracklet.scores[rows],
        tracklet.fps,
    )


def heads_of(boxes: FloatArray) -> FloatArray:
    """Where the heads of people in these boxes (N×4 xyxy px) may be, N×4."""
    x1, y1, x2, y2 = boxes.T
    width, height = x2 - x1, y2 - y1
    sides = (x1 - BESIDE * width, y1 - ABOVE * height, x2 + BESIDE * width, y1 + BELOW * height)
    return np.stack(sides, axis=1).astype(np.float32)
