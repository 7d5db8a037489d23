"""A made-up street: a wall with windows, a kerb, paving stones and grain, seen by a camera in the world."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.camera import View
from pipeline.types import Image

Floats = NDArray[np.float32]


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


def draw_street(rng: np.random.Generator) -> Street:
    """A new place."""
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
    )


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


def _wall(street: Street, x: Floats, z: Floats, grain: Floats) -> Floats:
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
    return np.asarray(np.where(plinth, 0.72 * colour, colour), np.float32)


def _ground(street: Street, x: Floats, y: Floats, grain: Floats) -> Floats:
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


def _grain(rng: np.random.Generator) -> Floats:
    """256×256 of noise at several scales, about −2 to 2; it repeats."""
    total = np.zeros((256, 256), np.float32)
    for cells in (8, 32, 128):
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        wrapped = np.pad(coarse, 2, mode="wrap")
        scale = 256 // cells
        large = cv2.resize(wrapped, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += large[2 * scale : -2 * scale, 2 * scale : -2 * scale]
    return np.asarray(total / total.std(), np.float32)


def _sample(grain: Floats, x: Floats, y: Floats) -> Floats:
    """The noise at places in units of 32 cells."""
    columns, rows = np.mod(32 * x, 256).astype(np.float32), np.mod(32 * y, 256).astype(np.float32)
    return np.asarray(cv2.remap(grain, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)
