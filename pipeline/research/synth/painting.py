"""Paint a made-up street and the walkers in it.

Walkers: colours of a day, light from one side, folds of cloth, a shadow. The street: a wall with windows, a kerb,
paving stones and grain, seen by a camera in the world.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.camera import View
from pipeline.research.synth.motion import INDEX
from pipeline.research.synth.outlines import Outlines
from pipeline.types import Image

Floats32 = NDArray[np.float32]
Colour = tuple[float, float, float]  # BGR, 0–255
BITS = 4
_COLOUR_OF = {
    **dict.fromkeys(("trunk", "skirt", "sleeve"), "shirt"),
    **dict.fromkeys(("hand", "neck", "skin"), "skin"),
    **dict.fromkeys(("face", "hair"), "hair"),
    "leg": "trousers",
    "shoe": "shoes",
}
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
        blue, green, red = np.clip(np.array(colours[rng.integers(len(colours))]) + rng.normal(0, spread, 3), 8, 250)
        return float(blue), float(green), float(red)

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
        centre, wide = points[:, 0].mean(), np.ptp(points[:, 0])
        off = points[:, 0] - centre
        shade = min(max(1 - 0.35 * (float(part.depth[frame]) - near), 0.78), 1.1)
        small = float(wide) < 5
        layer = points.copy()
        for width, shift, light in _LAYERS[: 1 if small else None]:
            layer[:, 0] = centre + width * off + shift * wide
            tone = tuple(min(max(value * shade * (0.9 if small else light), 0.0), 255.0) for value in colour)
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
    return getattr(looks, _COLOUR_OF.get(name, "bag"))  # type: ignore[no-any-return]  # of those that are colours


Poster = tuple[float, float, float, float, Colour]  # X and Z of the lower left corner, width, height (m), BGR


@dataclass(frozen=True, slots=True)
class Street:
    """What stands where. wall: distance of the wall from the X axis in metres, on the far side; colours BGR 0–255."""

    wall: float
    wall_colour: tuple[float, float, float]
    ground_colour: tuple[float, float, float]
    bricks: bool
    windows: float  # metres from one to the next
    stones: float  # side of a paving stone, metres
    light: float
    posters: tuple[Poster, ...] = ()


def draw_street(rng: np.random.Generator, posters: int = 0) -> Street:
    """A new place. posters: how many coloured things, as tall as people, hang or stand at ten metres of its wall."""
    (beside,) = rng.spawn(1)  # who walks by does not depend on what hangs there
    grey, warm = rng.uniform(120, 190), rng.uniform(-22, 22)
    ground = rng.uniform(95, 150)
    return Street(
        wall=float(rng.uniform(2.2, 4.0)),
        wall_colour=(float(grey - warm), float(grey), float(grey + warm)),
        ground_colour=(float(ground + rng.uniform(-8, 8)), float(ground), float(ground + rng.uniform(-8, 8))),
        bricks=bool(rng.random() < 0.5),
        windows=float(rng.uniform(2.2, 3.4)),
        stones=float(rng.uniform(0.4, 0.9)),
        light=float(rng.uniform(0.9, 1.08)),
        posters=tuple(_draw_poster(beside) for _ in range(posters)),
    )


def _draw_poster(rng: np.random.Generator) -> Poster:
    wide, high = rng.uniform(0.15, 0.9), rng.uniform(0.5, 1.9)
    blue, green, red = rng.uniform(10, 245, 3)
    return float(rng.uniform(-5, 5)), float(rng.uniform(0, 0.6)), float(wide), float(high), (blue, green, red)


def paint_street(street: Street, view: View, width: int, height: int, margin: int, rng: np.random.Generator) -> Image:
    """The empty street as the camera's first picture shows it, with `margin` more pixels on every side."""
    rows, columns = height + 2 * margin, width + 2 * margin
    down, right = np.mgrid[:rows, :columns].astype(np.float32)
    down, right = down - rows / 2, right - columns / 2
    axes = [np.asarray(axis[0], np.float32) for axis in (view.right, view.down, view.ahead)]
    rays = right[..., None] * axes[0] + down[..., None] * axes[1] + np.float32(view.focal) * axes[2]
    eye = np.asarray(view.position, np.float32)
    to_ground = np.where(rays[..., 2] < -1e-3, -eye[2] / np.minimum(rays[..., 2], -1e-3), np.inf)
    away = street.wall - eye[1]
    to_wall = np.where(rays[..., 1] > 1e-3, away / np.maximum(rays[..., 1], 1e-3), np.inf)
    grain = _grain(rng)
    picture = np.empty((rows, columns, 3), np.float32)
    picture[:] = np.array((225, 210, 195), np.float32) - 0.03 * down[..., None]  # sky
    wall = (to_wall < to_ground) & np.isfinite(to_wall)
    hit = eye + rays * np.where(wall, to_wall, 0)[..., None]
    wall &= hit[..., 2] < 9
    picture[wall] = _wall(street, hit[..., 0], hit[..., 2], grain)[wall]
    ground = np.isfinite(to_ground) & (to_ground <= to_wall)
    hit = eye + rays * np.where(ground, to_ground, 0)[..., None]
    far = np.clip(np.hypot(hit[..., 0] - eye[0], hit[..., 1] - eye[1]) / 40, 0, 0.25)[..., None]
    stones = _ground(street, hit[..., 0], hit[..., 1], grain)
    picture[ground] = (stones * (1 - far) + 190 * far)[ground]
    return np.asarray(np.clip(street.light * picture, 0, 255).astype(np.uint8))


def _wall(street: Street, x: Floats32, z: Floats32, grain: Floats32) -> Floats32:
    colour = np.array(street.wall_colour, np.float32) + 4 * _sample(grain, 0.12 * x, 0.12 * z)[..., None]
    colour = colour + 5 * _sample(grain, 3.1 * x, 3.1 * z)[..., None]
    if street.bricks:
        course = np.floor(z / 0.16)
        joint = (np.mod(z, 0.16) < 0.018) | (np.mod(x + 0.16 * np.mod(course, 2), 0.32) < 0.018)
        tint = _sample(grain, 7.3 * np.floor((x + 0.16 * np.mod(course, 2)) / 0.32), 5.7 * course)
        colour = np.where(joint[..., None], colour + 16, colour + 12 * tint[..., None])
    across, up = np.mod(x, street.windows) - street.windows / 2, z
    frame = (np.abs(across) < 0.66) & (up > 1.12) & (up < 2.62)
    pane = (np.abs(across) < 0.58) & (np.abs(across) > 0.03) & (up > 1.2) & (up < 2.54)
    glass = (
        np.array((88, 76, 66), np.float32)
        + 9 * _sample(grain, 0.14 * x + 9, 0.1 * z)[..., None]
        + 24 * up[..., None]
        - 20
    )
    colour = np.where(frame[..., None], np.float32(205), colour)
    colour = np.where(pane[..., None], glass, colour)
    plinth = (z < 0.4)[..., None]
    colour = np.where(plinth, 0.72 * colour, colour)
    for left, low, wide, high, paint in street.posters:
        inside = (x >= left) & (x < left + wide) & (z >= low) & (z < low + high)
        striped = np.where(np.mod(z, 0.3) < 0.12, np.float32(0.8), np.float32(1))[..., None]
        colour = np.where(inside[..., None], striped * np.array(paint, np.float32), colour)
    return np.asarray(colour, np.float32)


def _ground(street: Street, x: Floats32, y: Floats32, grain: Floats32) -> Floats32:
    colour = np.array(street.ground_colour, np.float32) + 5 * _sample(grain, 0.2 * x, 0.2 * y)[..., None]
    colour = colour + 8 * _sample(grain, 5.3 * x, 5.3 * y)[..., None]
    side = street.stones
    joint = (np.mod(x + side / 2 * np.mod(np.floor(y / side), 2), side) < 0.02) | (np.mod(y, side) < 0.02)
    paved = y > -2.6
    tint = _sample(grain, 3.3 * np.floor(x / side), 4.1 * np.floor(y / side))[..., None]
    stones = np.where(joint[..., None], colour - 26, colour + 5 * tint)
    road = 0.62 * colour
    colour = np.where(paved[..., None], stones, road)
    kerb = (y < -2.5) & (y > -2.7)
    return np.asarray(np.where(kerb[..., None], np.float32(178) + 0 * colour, colour), np.float32)


def _grain(rng: np.random.Generator) -> Floats32:
    """256×256 of noise at several scales, about −2 to 2; it repeats."""
    total = np.zeros((256, 256), np.float32)
    for cells in (8, 32, 128):
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.pad(coarse, 2, mode="wrap")
        scale = 256 // cells
        large = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += large[2 * scale : -2 * scale, 2 * scale : -2 * scale]
    return np.asarray(total / total.std(), np.float32)


def _sample(grain: Floats32, x: Floats32, y: Floats32) -> Floats32:
    """The noise at places in units of 32 cells."""
    columns, rows = np.mod(32 * x, 256).astype(np.float32), np.mod(32 * y, 256).astype(np.float32)
    return np.asarray(cv2.remap(grain, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
