"""What a real segmenter makes of a body: soft and wobbling edges, filled gaps, lost limbs, holes, spill, cuts, flicker.

A mask is turned into something like the network's probability: blurred as the picture's resolution blurs it, with
noise that lives for a few frames, and thresholded. Each walk has its own style, each frame its own accidents.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]

_CELLS, _FINE_CELLS = (11, 9), (48, 36)  # rows and columns of the noise over the picture: patches, and ragged edges
_REAL_ROWS = 160.0  # of a body in the network's 192×192 input, margin and all
Field = NDArray[np.float32]


class Segmenter:
    """The bad habits of one walk. Call it with the frames in order; the same generator gives the same masks."""

    def __init__(self, height_px: float, frames: int, rng: np.random.Generator) -> None:
        """height_px: how tall the person is in the picture that the segmenter sees."""
        self._rng = rng
        bad = float(np.exp(rng.normal(-0.15, 0.65)))  # 1: as usual; below: a clean picture
        small = float(np.clip(110 / height_px, 0.5, 2.2))
        self._blur = float(np.clip(1.2 * small * bad**0.4, 0.6, 3.5))
        self._halo = float(np.clip(rng.normal(0.25, 0.2) * bad, 0, 0.75))  # how near the surroundings are to a person
        self._threshold = float(np.clip(rng.normal(122, 20), 75, 175))
        self._flicker = float(abs(rng.normal(0, 8)) * bad)
        self._wobble, self._ragged = float(rng.uniform(8, 40) * bad**0.7), float(rng.uniform(5, 45) * bad**0.7)
        self._memory = float(rng.uniform(0.4, 0.92))
        self._field = rng.standard_normal(_CELLS)
        self._gap = float(rng.choice((0.0, rng.uniform(0.15, 1.0)), p=(0.5, 0.5)))  # between the legs is filled
        self._lost = [_draw_loss(rng, frames) for _ in range(rng.poisson(1.0 * bad))]
        self._spill = float(rng.choice((0.0, rng.uniform(0.05, 0.6)), p=(0.7, 0.3)))
        self._cut = _cut(rng)
        self._coarse = float(height_px / _REAL_ROWS)

    def __call__(self, mask: Canvas, index: int) -> Canvas:
        """The frame as this segmenter would give it: 0 or 255, or empty."""
        rng, shape = self._rng, mask.shape[::-1]
        if self._coarse < 0.75:  # few pixels on the person: details are gone before the network sees them
            size = max(round(shape[0] * self._coarse), 4), max(round(shape[1] * self._coarse), 8)
            mask = np.asarray(cv2.resize(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), shape), np.uint8)
        if self._gap and rng.random() < 0.3 + 0.7 * self._gap:
            mask = self._fill_gap(mask)
        soft = cv2.GaussianBlur(mask, (0, 0), self._blur).astype(np.float32)
        if self._halo:
            tiny = cv2.resize(mask, (shape[0] // 4, shape[1] // 4), interpolation=cv2.INTER_AREA)
            wide = cv2.resize(cv2.GaussianBlur(tiny, (0, 0), 2.0), shape)
            np.maximum(soft, self._halo * wide, out=soft)
        for loss in self._lost:
            loss.apply(soft, index)
        if self._spill and rng.random() < self._spill:
            self._add_spill(soft)
        keep = self._memory
        self._field = keep * self._field + np.sqrt(1 - keep**2) * rng.standard_normal(_CELLS)
        fine = self._ragged * rng.standard_normal(_FINE_CELLS, np.float32)
        noise = cv2.resize((self._wobble * self._field).astype(np.float32), shape, interpolation=cv2.INTER_CUBIC)
        noise += cv2.resize(fine, shape)
        soft += noise * (soft > 12)
        found = np.where(soft > self._threshold + self._flicker * rng.standard_normal(), 255, 0).astype(np.uint8)
        return self._cut_off(_largest(found))

    def _fill_gap(self, mask: Canvas) -> Canvas:
        """Between the legs, from the crotch down, the more so the nearer to the crotch."""
        rows = mask.shape[0]
        top, reach = int(0.5 * rows), int(rows * (0.1 + 0.45 * self._gap * self._rng.uniform(0.4, 1)))
        side = max(3, int(0.2 * rows * self._gap)) | 1
        filled = mask.copy()
        legs = cv2.morphologyEx(mask[top : top + reach], cv2.MORPH_CLOSE, np.ones((1, side), np.uint8))
        filled[top : top + reach] = legs
        return filled

    def _add_spill(self, soft: Field) -> None:
        """A patch of ground or shadow at the feet, or of something behind the body."""
        rows, columns = soft.shape
        rng = self._rng
        low = rng.random() < 0.6
        centre = int(columns * rng.uniform(0.25, 0.75)), int(rows * (rng.uniform(0.8, 0.9) if low else rng.random()))
        tall = rng.uniform(0.01, 0.035) if low else rng.uniform(0.02, 0.12)
        axes = max(int(columns * rng.uniform(0.05, 0.2)), 1), max(int(rows * tall), 1)
        cv2.ellipse(soft, centre, axes, 0, 0, 360, float(rng.uniform(100, 200)), -1)

    def _cut_off(self, found: Canvas) -> Canvas:
        """What the detector's box leaves out."""
        top, bottom, left, right = self._cut * self._rng.uniform(0.2, 1.8, 4)
        body = np.flatnonzero(found.any(axis=1))
        if not self._cut.any() or not len(body):
            return found
        tall = body[-1] - body[0] + 1
        found[: body[0] + int(top * tall)] = 0
        found[body[-1] + 1 - int(bottom * tall) :] = 0
        columns = np.flatnonzero(found.any(axis=0))
        if len(columns):
            found[:, : columns[0] + int(left * tall)] = 0
            found[:, columns[-1] + 1 - int(right * tall) :] = 0
        return found


@dataclass(frozen=True, slots=True)
class _Loss:
    """A part of the picture with little contrast, in some frames: an ellipse, shares of the picture."""

    strength: float
    centre: tuple[float, float]
    axes: tuple[float, float]
    first: int
    last: int

    def apply(self, soft: Field, index: int) -> None:
        if not self.first <= index < self.last:
            return
        rows, columns = soft.shape
        y, x = np.ogrid[:rows, :columns]
        away = ((x / columns - self.centre[0]) / self.axes[0]) ** 2 + ((y / rows - self.centre[1]) / self.axes[1]) ** 2
        soft *= 1 - self.strength * np.clip(1.6 - away, 0, 1).astype(np.float32)


def _draw_loss(rng: np.random.Generator, frames: int) -> _Loss:
    place = rng.random()
    if place < 0.35:  # feet and shins
        centre, axes = (
            (rng.uniform(0.3, 0.7), rng.uniform(0.86, 0.95)),
            (rng.uniform(0.15, 0.5), rng.uniform(0.03, 0.1)),
        )
    elif place < 0.5:  # head
        centre, axes = (0.5, rng.uniform(0.1, 0.18)), (rng.uniform(0.15, 0.4), rng.uniform(0.03, 0.07))
    else:  # a part of trunk, arm or leg, or a hole
        centre = rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.8)
        axes = rng.uniform(0.05, 0.25), rng.uniform(0.02, 0.12)
    long = rng.random() < 0.3
    length = frames if long else int(rng.integers(1, max(frames // 3, 2)))
    first = 0 if long else int(rng.integers(0, max(frames - length, 1)))
    strength = rng.uniform(0.15, 0.6) if long else rng.uniform(0.3, 1.0)
    return _Loss(float(strength), (float(centre[0]), float(centre[1])), (float(axes[0]), float(axes[1])), first,
                 first + length)  # fmt: skip


def _cut(rng: np.random.Generator) -> NDArray[np.float64]:
    """What is cut off on an average frame, as shares of the body's height: head, feet, left, right."""
    most = np.array([0.03, 0.04, 0.05, 0.05])
    return np.where(rng.random(4) < (0.25, 0.25, 0.15, 0.15), most * rng.random(4), 0.0)


def _largest(found: Canvas) -> Canvas:
    """The body without specks, as segmentation/clean.py leaves it: parts from a twenty-fifth of the largest on."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=4, ltype=cv2.CV_16U)
    if count <= 2:
        return found
    area = stats[1:, cv2.CC_STAT_AREA]
    keep = np.concatenate([[False], area >= 0.04 * area.max()])
    return np.asarray(np.where(keep[labels], 255, 0), np.uint8)
