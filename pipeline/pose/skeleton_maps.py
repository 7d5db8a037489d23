"""Skeleton maps: limbs and joints drawn as soft lines and dots (Fan et al., "SkeletonGait", AAAI 2024).

Reference: golden/skeleton_maps (OpenGait datasets/pretreatment_heatmap.py, configs/skeletongait).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.skeletons import COCO17, as_skeleton
from pipeline.types import FloatArray

CANVAS = 128  # pixels; the body is drawn BODY of them high, its hips in the middle, then cut out and scaled to SIZE
BODY = CANVAS // 1.5
SIZE = 64
FAINTEST = 1e-3  # joints with a lower score are not drawn
REACH = 3  # of a dot or line, in sigmas
LIMBS = (
    *((0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10)),
    *((5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12)),
)
# The reference turns values into grey levels by a colour table that is one too low at these places of 256.
_LEVELS = (np.linspace(0, 1, 256) * 255).astype(np.uint8)

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkeletonMaps:
    """The maps of a walk, drawn when they are asked for: `maps[frames]` is N×2×64×64 uint8, limbs and joints.

    points: T×17×2 on the canvas. scores: T×17 in [0, 1], how bright each joint is drawn. sigma: of the lines, pixels of
    the canvas. align: cut to the height of what is drawn.
    """

    points: Points
    scores: Points
    sigma: float = 8.0
    align: bool = True

    @classmethod
    def of(
        cls, keypoints: FloatArray | Points, sigma: float = 8.0, use_score: bool = True, align: bool = True
    ) -> SkeletonMaps:
        """Keypoints T×J×3, COCO's 17 or OpenPose's 18; (0, 0) for joints that were not found.

        Those are filled in, which the place and scale of the others depend on, but not drawn as long as use_score.
        """
        joints: Points = as_skeleton(np.asarray(keypoints, np.float64), COCO17)
        count = len(joints)
        filled = impute(joints[..., :2].reshape(count, -1)).reshape(count, -1, 2)
        scores: Points = joints[..., 2] if use_score else np.ones(joints.shape[:2])
        return cls(on_canvas(filled), scores, sigma, align)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), 2, SIZE, SIZE

    def __getitem__(self, frames: slice | NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.uint8]:
        points, scores = self.points[frames], self.scores[frames]
        maps = np.empty((len(points), 2, SIZE, SIZE), np.uint8)
        for each, where, how_bright in zip(maps, points, scores, strict=True):  # every frame is cut to its own height
            each[0] = self._finished(draw_limbs(where, how_bright, self.sigma))
            each[1] = self._finished(draw_joints(where, how_bright, self.sigma))
        return maps

    def _finished(self, drawn: FloatArray) -> NDArray[np.uint8]:
        levels = _LEVELS[np.minimum(drawn * np.float32(256), 255).astype(np.int64)]
        return scaled(levels, self.align)


def on_canvas(points: Points) -> Points:
    """Points T×17×2 with the hips in the middle of the canvas and the body BODY pixels high, in every frame."""
    left, right = COCO17.hips
    centred = points - ((points[:, left] + points[:, right]) / 2.0)[:, None]
    height = centred[..., 1].max(axis=1) - centred[..., 1].min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        placed = centred * (BODY / height)[:, None, None] + CANVAS // 2
    return np.where(np.isfinite(placed), placed, CANVAS // 2)


def draw_joints(points: Points, scores: Points, sigma: float = 8.0) -> FloatArray:
    """One frame's joints (17×2, 17) as dots: CANVAS×CANVAS float32, the brightest wins."""
    canvas = np.zeros((CANVAS, CANVAS), np.float32)
    for (x, y), score in zip(points, scores, strict=True):
        _draw(canvas, np.array([[x, y]]), score, sigma)
    return canvas


def draw_limbs(points: Points, scores: Points, sigma: float = 8.0) -> FloatArray:
    """One frame's limbs (17×2, 17) as lines, as bright as the fainter end: CANVAS×CANVAS float32."""
    canvas = np.zeros((CANVAS, CANVAS), np.float32)
    for one, other in LIMBS:
        ends = points[[one, other]]
        short = float(((ends[1] - ends[0]) ** 2).sum()) < 1
        _draw(canvas, ends[:1] if short else ends, min(scores[one], scores[other]), sigma)
    return canvas


def _draw(canvas: FloatArray, ends: Points, brightness: float, sigma: float) -> None:
    """A dot (one end) or a line (two): a Gaussian of the distance to it, within REACH."""
    if brightness < FAINTEST:
        return
    left, top = (max(int(value - REACH * sigma), 0) for value in ends.min(axis=0))
    right, bottom = (min(int(value + REACH * sigma) + 1, CANVAS) for value in ends.max(axis=0))
    if left >= right or top >= bottom:
        return
    dx, dy = np.arange(left, right) - ends[0, 0], (np.arange(top, bottom) - ends[0, 1])[:, None]
    if len(ends) == 2:
        along = ends[1] - ends[0]
        share = np.clip((dx * along[0] + dy * along[1]) / (along**2).sum(), 0, 1)
        squared = (dx - share * along[0]) ** 2 + (dy - share * along[1]) ** 2
    else:
        squared = dx**2 + dy**2
    patch = canvas[top:bottom, left:right]
    np.maximum(patch, (np.exp(squared * (-0.5 / sigma**2)) * brightness).astype(np.float32), out=patch)


def scaled(levels: NDArray[np.uint8], align: bool = True) -> NDArray[np.uint8]:
    """The canvas, cut to the rows that are drawn on and a square around the middle column, at SIZE×SIZE."""
    picture = levels / 255.0
    if align:
        rows = np.flatnonzero(levels.any(axis=1))
        top, bottom = (int(rows[0]), int(rows[-1])) if len(rows) else (0, 0)
        half = (bottom - top + 1) // 2
        picture = picture[top : bottom + 1, CANVAS // 2 - half : CANVAS // 2 + half + 1]
    return np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA) * 255, np.uint8)


Matrix = NDArray[np.float64]

NEIGHBOURS = 4


def impute(rows: Matrix, neighbours: int = NEIGHBOURS) -> Matrix:
    """Rows T×C with every 0 filled by the mean of that column in the most alike rows that have it.

    They are weighted by 1 / distance, which is taken over the columns that both rows have and scaled to all of them;
    a row that shares none with any other gets the column's mean. Where a column is 0 in every row, nothing is filled:
    OpenGait's pretreatment, with scikit-learn's KNNImputer, then leaves everything as it is.
    """
    there = rows != 0
    if there.all() or not there.any(axis=0).all():
        return rows
    filled = rows.copy()
    for receiver in np.flatnonzero(~there.all(axis=1)):
        shared = there & there[receiver]
        count = shared.sum(axis=1)
        squared = np.where(shared, rows - rows[receiver], 0) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.sqrt(squared.sum(axis=1) * (rows.shape[1] / count))  # NaN where nothing is shared
        for column in np.flatnonzero(~there[receiver]):
            donors = np.flatnonzero(there[:, column])
            filled[receiver, column] = _mean(rows[donors, column], distance[donors], neighbours)
    return filled


def _mean(values: Matrix, distances: Matrix, neighbours: int) -> float:
    known = ~np.isnan(distances)
    if not known.any():
        return float(values.mean())
    nearest = np.argsort(distances, kind="stable")[:neighbours]  # NaN comes last
    values, distances = values[nearest], distances[nearest]
    if (distances == 0).any():
        return float(values[distances == 0].mean())
    weights = np.where(np.isnan(distances), 0, 1 / distances)
    return float(np.average(values, weights=weights))
