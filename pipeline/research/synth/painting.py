"""Paint a walker's parts into a picture: colours of a day, light from one side, folds of cloth, a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.motion import INDEX
from pipeline.research.synth.outlines import Outlines
from pipeline.types import Image

Colour = tuple[float, float, float]  # BGR, 0–255
BITS = 4
_LAYERS = ((1.0, 0.0, 0.70), (0.74, -0.06, 0.88), (0.42, -0.13, 1.06))  # width, shift towards the light, brightness

_SHIRTS: tuple[Colour, ...] = (
    (52, 52, 168), (150, 96, 48), (66, 132, 76), (48, 178, 205), (132, 66, 118), (82, 82, 84), (200, 196, 190),
    (46, 40, 38), (120, 150, 170), (170, 150, 90), (60, 90, 150), (98, 60, 40),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = (
    (96, 62, 42), (46, 46, 48), (118, 84, 62), (70, 66, 62), (120, 140, 156), (60, 76, 84), (130, 112, 96),
    (40, 52, 70),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((150, 178, 222), (128, 160, 210), (96, 132, 184), (62, 92, 138), (44, 62, 96))
_HAIR: tuple[Colour, ...] = ((24, 26, 30), (34, 48, 66), (52, 82, 118), (96, 142, 176), (122, 124, 128))


@dataclass(frozen=True, slots=True)
class Looks:
    """Colours and cloth. natural: skin and hair belong to the person, the rest to the day."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    bag: Colour
    bare_arms: bool
    cloth: NDArray[np.float32]  # 48×32, about 1: folds and pattern


def draw_looks(person: np.random.Generator, day: np.random.Generator) -> Looks:
    """`person` gives skin and hair, `day` the clothes."""

    def one(colours: tuple[Colour, ...], rng: np.random.Generator, spread: float) -> Colour:
        chosen = np.clip(np.array(colours[rng.integers(len(colours))]) + rng.normal(0, spread, 3), 8, 250)
        return float(chosen[0]), float(chosen[1]), float(chosen[2])

    cloth = 1 + 0.05 * day.standard_normal((48, 32)).astype(np.float32)
    cloth = cv2.GaussianBlur(cloth, (0, 0), 0.7)
    if day.random() < 0.35:  # a striped top
        period = int(day.integers(2, 4))
        cloth[9:24] *= np.where((np.arange(15) // period) % 2, 0.84, 1.1).astype(np.float32)[:, None]
    return Looks(
        skin=one(_SKIN, person, 4),
        hair=one(_HAIR, person, 4),
        shirt=one(_SHIRTS, day, 10),
        trousers=one(_TROUSERS, day, 8),
        shoes=one(((34, 34, 38), (60, 64, 80), (190, 190, 192)), day, 6),
        bag=one(((40, 44, 60), (60, 40, 36), (40, 70, 110), (96, 84, 40)), day, 8),
        bare_arms=bool(day.random() < 0.3),
        cloth=np.asarray(cloth, np.float32),
    )


def paint_shadow(picture: Image, shapes: Outlines, frame: int) -> None:
    """Darken the ground under the feet."""
    joints = shapes.joints[frame]
    tall = float(joints[:, 1].max() - joints[:, 1].min())
    feet = joints[[INDEX[name] for name in ("heel_L", "toe_L", "heel_R", "toe_R")]]
    level, centre = float(feet[:, 1].max()), float(feet[:, 0].mean())
    wide, high = (float(np.ptp(feet[:, 0])) / 2 + 0.13 * tall), 0.045 * tall
    x1, x2 = (int(np.clip(centre + side * 1.6 * wide, 0, picture.shape[1])) for side in (-1, 1))
    y1, y2 = (int(np.clip(level + side * 2.2 * high, 0, picture.shape[0])) for side in (-1, 1))
    if x2 <= x1 or y2 <= y1:
        return
    y, x = np.ogrid[y1:y2, x1:x2]
    depth = np.exp(-1.6 * (((x - centre) / wide) ** 2 + ((y - level) / high) ** 2)).astype(np.float32)
    picture[y1:y2, x1:x2] = picture[y1:y2, x1:x2] * (1 - 0.45 * depth[..., None])


def paint_walker(picture: Image, mask: NDArray[np.uint8], shapes: Outlines, frame: int, looks: Looks) -> None:
    """Paint one walker into the picture. mask: all their pixels (H×W, 255), as truth tells them."""
    near = float(shapes.parts[0].depth[frame])
    for part in sorted(shapes.parts, key=lambda part: -float(part.depth[frame])):
        colour = _colour(part.part, looks)
        points = part.points[frame]
        centre = points.mean(axis=0)
        shade = float(np.clip(1 - 0.35 * (float(part.depth[frame]) - near), 0.78, 1.1))
        small = float(np.ptp(points[:, 0])) < 5
        for width, shift, light in _LAYERS[: 1 if small else None]:
            layer = points.copy()
            layer[:, 0] = centre[0] + width * (points[:, 0] - centre[0]) + shift * np.ptp(points[:, 0])
            tone = tuple(float(np.clip(value * shade * (0.9 if small else light), 0, 255)) for value in colour)
            cv2.fillConvexPoly(picture, np.round(layer * 2**BITS).astype(np.int32), tone, cv2.LINE_AA, BITS)
    _soften(picture, mask, shapes, frame, looks)


def _soften(picture: Image, mask: NDArray[np.uint8], shapes: Outlines, frame: int, looks: Looks) -> None:
    """Blend the layers into round limbs, and lay the cloth's pattern over them."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    window = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    joints = shapes.joints[frame]
    top, bottom = joints[INDEX["vertex"]], joints[:, 1].max()
    tall = max(float(bottom - top[1]), 8.0)
    inner = cv2.erode(mask[window], np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(picture[window], (0, 0), max(0.007 * tall, 0.5)).astype(np.float32)
    scale_x, scale_y = 0.9 * tall / looks.cloth.shape[1], tall / looks.cloth.shape[0]
    pelvis = joints[INDEX["pelvis"]]
    left, above = pelvis[0] - 0.45 * tall - window[1].start, top[1] - window[0].start
    move = np.array([[scale_x, 0, left], [0, scale_y, above]], np.float64)
    size = soft.shape[1], soft.shape[0]
    cloth = cv2.warpAffine(looks.cloth, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    head = max(int(joints[INDEX["neck"], 1]) - window[0].start - 1, 0)
    cloth[:head] = 1
    soft *= cloth[..., None]
    cv2.copyTo(cv2.convertScaleAbs(soft), inner, picture[window])


def _colour(part: str, looks: Looks) -> Colour:
    name = part.partition("_")[0]
    if name == "forearm":
        return looks.skin if looks.bare_arms else looks.shirt
    return {
        "leg": looks.trousers,
        "shoe": looks.shoes,
        "trunk": looks.shirt,
        "skirt": looks.shirt,
        "sleeve": looks.shirt,
        "hand": looks.skin,
        "neck": looks.skin,
        "skin": looks.skin,
        "face": looks.hair,
        "hair": looks.hair,
        "hat": looks.bag,
    }.get(name, looks.bag)
