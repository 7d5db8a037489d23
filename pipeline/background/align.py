"""Where a picture of a slightly shaking camera lies on the background: a shift, a turn and a scale."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

Grey = NDArray[np.uint8]  # H×W
Motion = NDArray[np.float64]  # 2×3: takes x, y of the background to x, y of the picture
Pyramid = list[tuple[FloatArray, float]]  # pictures, finest first, with their scale

LARGEST_SIDE = 400  # px: pictures are aligned at no more than this
SMALLEST_SIDE = 24  # px of the shorter side at the coarsest level
LEVELS = 4
NEAR = 2  # levels that will do from one picture to the next
PIXELS = 8_000  # those with the strongest edges are looked at
ROUNDS = 12  # at most, on each level
CLOSE_ENOUGH = 0.01  # px: the last step moved no corner by more
TUKEY = 4.685  # standard deviations from which on a pixel is taken for somebody who walks
QUIETEST = 1.0  # levels of 255
FAINTEST = 1.5  # levels a pixel: weaker slopes are mostly noise
SMALLEST_SHARE = 0.4  # of the pixels that have to agree on a motion
ALIKE = 50  # pixels beside each other err together: so many count as one
SHIFT, GROW, TURN = 0.04, 0.01, 0.02  # standard deviations of a shake: of the longer side, of the scale, in radians


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of the pyramid. columns, rows: N pixels looked at; slopes: N×4, what each parameter changes there.

    The parameters are a shift (x, y) in pixels of the picture as it came, a growth and a turn about its middle.
    """

    grey: FloatArray
    scale: float
    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    slopes: NDArray[np.float64]


class Aligner:
    """Finds the motion of the camera from a reference picture to others, whatever walks through them.

    Robust direct alignment, coarse to fine: the motion that explains the most pixels, each of which counts the less the
    worse it fits (Odobez & Bouthemy, Robust Multiresolution Estimation of Parametric Motion Models, 1995; in the
    inverse compositional form of Baker & Matthews, Lucas–Kanade 20 Years On, 2004). Unlike corners it needs little
    texture: the edges of a wall will do, and what they leave open (the shift along them) stays as it was.
    """

    def __init__(self, reference: Grey) -> None:
        height, width = reference.shape
        self._middle = np.array([width / 2, height / 2])
        self._expected = 1 / np.array([SHIFT * max(height, width)] * 2 + [GROW, TURN]) ** 2
        self._levels = [_level(picture, scale, self._middle) for picture, scale in pyramid_of(reference)]

    def motion(self, picture: Grey | Pyramid, guess: Motion | None = None) -> Motion | None:
        """From the reference to `picture`, of the same size; None where it cannot be told.

        picture: as it is, or its pyramid, where it is looked at several times. guess: the motion of a neighbouring one.
        """
        pyramid = [shrunk for shrunk, _ in (picture if isinstance(picture, list) else pyramid_of(picture))]
        for levels in (NEAR, LEVELS) if guess is not None else (LEVELS,):
            motion, agreeing = guess if guess is not None else still(), 0.0
            for level, shrunk in reversed(list(zip(self._levels, pyramid, strict=True))[:levels]):
                motion, agreeing = self._refine(level, shrunk, motion)
            if agreeing >= SMALLEST_SHARE:
                return motion
        return None

    def _refine(self, level: _Level, picture: FloatArray, motion: Motion) -> tuple[Motion, float]:
        """A better motion, and the share of pixels that agree on it."""
        here = level.grey[level.rows, level.columns].astype(np.float64)
        height, width = (round(side / level.scale) for side in level.grey.shape)
        agreeing = 1.0  # where nothing can be seen, nothing moves
        for _ in range(ROUNDS):
            there, inside = _seen_from(level, picture, motion)
            if not inside.any():
                return motion, agreeing
            slopes, off = level.slopes, there - here
            if not inside.all():
                slopes, off = slopes[inside], off[inside]
            off -= np.median(off)  # exposure
            noise = max(1.4826 * float(np.median(np.abs(off))), QUIETEST)
            weight = np.clip(1 - (off / (TUKEY * noise)) ** 2, 0, None) ** 2
            agreeing = float(weight.mean())
            weighted = (slopes * weight[:, None]).T / (ALIKE * noise**2)
            pulled = weighted @ off + self._expected * _parameters(motion, self._middle)
            step = np.linalg.solve(weighted @ slopes + np.diag(self._expected), pulled)
            back = inverse(_motion(np.asarray(step, np.float64), self._middle))
            motion = after(motion, back)
            if farthest(back, height, width) < CLOSE_ENOUGH / level.scale:
                break
        return motion, agreeing


def still() -> Motion:
    """The motion of a camera that stands still."""
    return np.eye(2, 3)


def inverse(motion: Motion) -> Motion:
    """From the picture back to the background."""
    return np.asarray(cv2.invertAffineTransform(motion), np.float64)


def after(second: Motion, first: Motion) -> Motion:
    """The motion `first`, then `second`."""
    whole = np.vstack([second, [0, 0, 1]]) @ np.vstack([first, [0, 0, 1]])
    return np.asarray(whole[:2], np.float64)


def resize_motion(motion: Motion, scale: float) -> Motion:
    """The motion in a picture `scale` times as large."""
    return np.column_stack([motion[:, :2], motion[:, 2] * scale])


def pixelwise(motion: Motion) -> Motion:
    """The same for OpenCV, whose pixels have their centres at whole numbers instead of halves."""
    moved = motion.copy()
    moved[:, 2] += 0.5 * (motion[:, :2].sum(axis=1) - 1)
    return moved


def farthest(motion: Motion, height: int, width: int) -> float:
    """By how many pixels it moves that corner of the picture that it moves most."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    moved = corners @ motion[:, :2].T + motion[:, 2]
    return float(np.hypot(*(moved - corners).T).max())


def pyramid_of(picture: Grey) -> Pyramid:
    """The picture and its halves, finest first, with their scale; smoothed, for noise has no motion."""
    height, width = picture.shape
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    levels = []
    for level in range(LEVELS):
        size = round(width * scale / 2**level), round(height * scale / 2**level)
        if level and min(size) < SMALLEST_SIDE:
            break
        shrunk = cv2.resize(picture, (max(size[0], 1), max(size[1], 1)), interpolation=cv2.INTER_AREA)
        levels.append((cv2.GaussianBlur(shrunk.astype(np.float32), (5, 5), 1.0), size[0] / width))
    return levels


def _level(grey: FloatArray, scale: float, middle: NDArray[np.float64]) -> _Level:
    across = cv2.Sobel(grey, cv2.CV_64F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_64F, 0, 1, scale=1 / 8)
    strength = np.hypot(across, down)
    border = 2
    strength[:border], strength[-border:], strength[:, :border], strength[:, -border:] = 0, 0, 0, 0
    strength[strength < FAINTEST] = 0
    strongest = np.argsort(-strength, axis=None, kind="stable")[:PIXELS]
    rows, columns = np.unravel_index(np.sort(strongest[strength.ravel()[strongest] > 0]), strength.shape)
    x, y = (columns + 0.5) / scale - middle[0], (rows + 0.5) / scale - middle[1]
    gx, gy = across[rows, columns] * scale, down[rows, columns] * scale
    slopes = np.column_stack([gx, gy, gx * x + gy * y, gy * x - gx * y])
    return _Level(grey, scale, columns, rows, slopes)


def _seen_from(level: _Level, picture: FloatArray, motion: Motion) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The picture's values at the level's pixels after the motion, and which of them lie inside it."""
    scaled = pixelwise(resize_motion(motion, level.scale))  # in pixels of this level
    size = (level.grey.shape[1], level.grey.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, scaled, size, flags=flags, borderValue=(np.nan,) * 4)
    values = moved[level.rows, level.columns].astype(np.float64)
    return values, np.isfinite(values)


def _motion(parameters: NDArray[np.float64], middle: NDArray[np.float64]) -> Motion:
    """Shift, growth and turn about the middle as a matrix."""
    shift, grow, turn = parameters[:2], parameters[2], parameters[3]
    linear = np.array([[1 + grow, -turn], [turn, 1 + grow]])
    return np.column_stack([linear, middle + shift - linear @ middle])


def _parameters(motion: Motion, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The opposite of `_motion`."""
    shift = motion[:, :2] @ middle + motion[:, 2] - middle
    return np.array([*shift, motion[0, 0] - 1, motion[1, 0]])
