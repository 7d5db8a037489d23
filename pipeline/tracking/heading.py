"""Which way somebody walked: across the picture, or along the camera's axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Tracklet

BLOCK_S = 0.2  # positions are medians over so long, so that a box that trembles goes nowhere
LEAST_TRAVEL = 0.5  # body heights; a walk straight at the camera drifts less
LEAST_STRAIGHTNESS = 0.6  # of the way gone sideways; who turns round comes back
LEAST_GROWTH = 1.15  # of the height, at the nearer end of a walk along the camera's axis; boxes tremble by less
LEAST_SIDEWAYS = 0.5  # of the way gone in depth; who comes nearer than 27° to the camera's axis is seen from the front
ENDS = 3  # blocks of either end, whose median height says how far away somebody was


def heading(tracklet: Tracklet) -> float:
    """Sideways travel in body heights, positive to the right; 0 where there is no clear direction.

    The way is measured from box to box in the heights of the time, so that people who come nearer count alike at both
    ends. A walk is clear if it leads at least half a body height away, most of the way leads there, and it is no walk
    towards the camera or away from it that drifts.
    """
    travel, way, depth, _ = _measured(tracklet)
    return travel if abs(travel) >= max(LEAST_TRAVEL, LEAST_STRAIGHTNESS * way, LEAST_SIDEWAYS * depth) else 0.0


def along_the_axis(tracklet: Tracklet) -> bool:
    """Whether somebody walked towards the camera or away from it, and hardly sideways.

    It is not so of people who stand, turn round, or are seen too briefly to tell.
    """
    travel, way, depth, growth = _measured(tracklet)
    near_enough = depth >= max(LEAST_TRAVEL, LEAST_STRAIGHTNESS * way) and growth >= LEAST_GROWTH
    return near_enough and abs(travel) < LEAST_SIDEWAYS * depth


class _Measured(NamedTuple):
    """Body heights gone to the right, sideways in all, and in depth; how many times as tall as the other one end is."""

    travel: float
    way: float
    depth: float
    growth: float


def _measured(tracklet: Tracklet) -> _Measured:
    """All zero for too few boxes."""
    frames = max(1, round(BLOCK_S * tracklet.fps))
    if len(tracklet) < 2 * frames:
        return _Measured(0.0, 0.0, 0.0, 0.0)
    x1, y1, x2, y2 = tracklet.boxes.astype(np.float64).T
    middles, heights = _medians((x1 + x2) / 2, frames), _medians(np.maximum(y2 - y1, 1.0), frames)
    steps = np.diff(middles) / ((heights[1:] + heights[:-1]) / 2)
    travel, way = float(steps.sum()), float(np.abs(steps).sum())
    # How many body heights nearer or farther somebody ended than they began. The focal length of the lens in pixels is
    # about as long as the picture's longer side, so no shorter than the boxes reach.
    focal = float(max(x2.max(), y2.max()))
    ends = float(np.median(heights[:ENDS])), float(np.median(heights[-ENDS:]))
    return _Measured(travel, way, focal * abs(1 / ends[0] - 1 / ends[1]), max(ends) / min(ends))


def _medians(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Medians of runs of `size` values; the last run takes what is left over."""
    runs = len(values) // size
    whole = np.median(values[: (runs - 1) * size].reshape(runs - 1, size), axis=1)
    return np.append(whole, np.median(values[(runs - 1) * size :]))
