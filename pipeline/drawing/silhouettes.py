"""Walks as pictures: silhouettes in a row, their mean, and one coloured by how its parts agree with another walk's."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.colours import Colour
from pipeline.types import FloatArray, Image, IntArray

Grey = NDArray[np.uint8]

# Apart for every kind of eyes, and both at least 4.5 : 1 against GROUND: Okabe & Ito's sky blue and orange.
ALIKE: Colour = (233, 180, 86)
EQUAL: Colour = (190, 190, 190)
DIFFERENT: Colour = (0, 159, 230)
GROUND: Colour = (32, 24, 18)  # behind silhouettes, whatever the colours around them
LOOKED_AT = 80  # silhouettes from which one is chosen, evenly spread
TWICE = 2.0  # so many times nearer or farther than usual has the full colour

# Where the body's regions end, as shares of the height from the top (Winter, "Biomechanics and Motor Control of Human
# Movement": chin 0.13, shoulders 0.18, hips 0.47, knees 0.715, ankles 0.96).
REGIONS = (
    ("head", 0.14),
    ("shoulders", 0.25),
    ("trunk", 0.47),
    ("thighs", 0.66),
    ("knees", 0.77),
    ("shins", 0.92),
    ("feet", 1.0),
)


def moments(frame_indices: IntArray, fps: float, count: int, seconds: float = 1.2) -> IntArray:
    """Which of T silhouettes to show: `count` of them, even steps through about one gait cycle from the middle of the
    walk on; through all of it where that is shorter, or has gaps."""
    length = len(frame_indices)
    if length <= count:
        return np.arange(length)
    middle = length // 2
    most = max(count, round(seconds * fps))
    start = max(0, min(middle - most // 2, length - most))
    wanted = np.linspace(start, min(start + most, length) - 1, count)
    return np.unique(wanted.round().astype(np.int64))


def filmstrip(masks: Grey) -> Grey:
    """Masks T×H×W side by side, H×(T·W)."""
    return np.asarray(np.concatenate(list(masks), axis=1), np.uint8)


def energy(masks: Grey) -> Grey:
    """The gait energy image: the mean of masks T×H×W as H×W uint8."""
    return np.asarray(masks.mean(axis=0).round(), np.uint8)


def stride(masks: Grey) -> Grey:
    """One of masks T×H×W: of those with the legs wide apart, the one that is most like the mean of all."""
    masks = masks[:: 1 + len(masks) // LOOKED_AT]
    legs = masks[:, masks.shape[1] * 2 // 3 :] > 127
    spread = legs.any(axis=1).sum(axis=1)
    wide = masks[np.argsort(spread, kind="stable")[int(0.6 * (len(masks) - 1)) :]]
    away = np.abs(wide.astype(np.float32) - masks.mean(axis=0)).mean(axis=(1, 2))
    return np.asarray(wide[int(away.argmin())], np.uint8)


@lru_cache(maxsize=1024)
def compared_colour(ratio: float) -> Colour:
    """From ALIKE (half as far apart as usual, or less) over EQUAL to DIFFERENT (twice as far, or more)."""
    share = float(np.clip(np.log(max(ratio, 1e-6)) / np.log(TWICE), -1, 1))
    end = np.array(DIFFERENT if share > 0 else ALIKE, np.float64)
    blue, green, red = (np.array(EQUAL) + (end - np.array(EQUAL)) * abs(share)).round().astype(int).tolist()
    return blue, green, red


def colour_rows(mask: Grey, ratios: FloatArray | None, scale: int = 3) -> Image:
    """A mask H×W on GROUND, `scale` times as large, each row in the colour of its ratio (H); none: all EQUAL."""
    height, width = mask.shape
    colours = np.array([EQUAL if ratios is None else compared_colour(float(ratios[row])) for row in range(height)])
    large = cv2.resize(mask, (width * scale, height * scale), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(large, (0, 0), scale * 0.5).astype(np.float64) / 255
    alpha = np.clip((soft - 0.5) * scale + 0.5, 0, 1)[..., None]  # a smooth outline, no stairs
    rows = np.repeat(colours, scale, axis=0)[:, None]
    ground = np.array(GROUND)
    return np.asarray((ground + (rows - ground) * alpha).round().clip(0, 255), np.uint8)


def region_of(top: float, bottom: float) -> str:
    """The body's region around the middle of a strip (shares of the height): "trunk"."""
    middle = (top + bottom) / 2
    return next(name for name, end in REGIONS if middle <= end or end == 1.0)


def in_regions(ratios: FloatArray) -> dict[str, float]:
    """The mean of row ratios (H) in each region of the body."""
    middles = (np.arange(len(ratios)) + 0.5) / len(ratios)
    found, begin = {}, 0.0
    for name, end in REGIONS:
        inside = (middles > begin) & (middles <= end)
        found[name], begin = float(ratios[inside].mean()), end
    return found
