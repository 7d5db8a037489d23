"""Silhouette sequences of walkers who do not exist: drawn at the segmenter's size, spoilt as it would, normalised.

The same seed gives the same bytes, in whatever order and by however many workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.body import Body, Outfit, draw_body, draw_outfit
from pipeline.research.synth.camera import Shot, draw_shot, film, turned
from pipeline.research.synth.motion import Gait, draw_gait, population, vary, walk
from pipeline.research.synth.noise import draw_style, milder, spoil
from pipeline.research.synth.outlines import Outlines, outlines
from pipeline.segmentation.normalise import cut_width, normalise
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH

Floats = NDArray[np.float64]

CROP = 192  # pixels of the segmenter's crop
MARGIN = 0.1
BITS = 4
SIDEWAYS = 0.3  # of the sine of the azimuth: beyond it, a walk has a clear direction


@dataclass(frozen=True, slots=True)
class Person:
    """An identity: a body and its usual walk."""

    body: Body
    gait: Gait


@dataclass(frozen=True, slots=True)
class SyntheticSequence:
    """One walk. masks: T×64×44 uint8 with grey edges; kind: nm, bg or cl; shot and outfit used."""

    masks: NDArray[np.uint8]
    kind: str
    shot: Shot
    outfit: Outfit

    @property
    def view(self) -> int:
        """The camera's azimuth in degrees, 0–359."""
        return round(float(np.rad2deg(self.shot.azimuth))) % 360


def person(seed: Sequence[int]) -> Person:
    """The person with this seed."""
    rng = np.random.default_rng([*seed, 0])
    body = draw_body(rng)
    return Person(body, draw_gait(body, rng))


def sequences(
    seed: Sequence[int], count: int = 10, frames: int = 30, kinds: Sequence[str] = ("nm", "nm", "bg", "cl")
) -> Iterator[SyntheticSequence]:
    """`count` walks of the person with this seed; each has its own camera, clothes, faults, size and frame rate.

    kinds: taken in turn.
    """
    who = person(seed)
    for index in range(count):
        yield sequence(who, kinds[index % len(kinds)], frames, np.random.default_rng([*seed, index + 1]))


def sequence(who: Person, kind: str, frames: int, rng: np.random.Generator) -> SyntheticSequence:
    """One walk of a person."""
    outfit, shot = draw_outfit(rng, kind), draw_shot(rng)
    return SyntheticSequence(silhouettes(who, outfit, shot, frames, rng), kind, shot, outfit)


def varied_sequence(who: Person, kind: str, frames: int, side: float, rng: np.random.Generator) -> SyntheticSequence:
    """One walk of a person seen from about that side, in degrees (camera.py), with milder faults, facing right."""
    outfit, shot = draw_outfit(rng, kind), turned(draw_shot(rng), side, rng)
    masks = silhouettes(who, outfit, shot, frames, rng, float(rng.uniform(0.2, 1.0)))
    return SyntheticSequence(facing_right(masks, shot), kind, shot, outfit)


def facing_right(masks: NDArray[np.uint8], shot: Shot) -> NDArray[np.uint8]:
    """Who walks to the left, mirrored; who comes or goes stays."""
    return np.ascontiguousarray(masks[..., ::-1]) if np.sin(shot.azimuth) > SIDEWAYS else masks


def silhouettes(
    who: Person, outfit: Outfit, shot: Shot, frames: int, rng: np.random.Generator, faults: float = 1.0
) -> NDArray[np.uint8]:
    """frames×64×44 uint8 of one walk before one camera, with the faults of a segmenter, or a share of them."""
    shapes = film_outlines(who, outfit, shot, frames, rng)
    style = draw_style(rng, shot.height_px)
    style = style if faults == 1 else milder(style, faults, rng)
    placed, scale = _move_into_crop(shapes, rng)
    masks = fill(placed, CROP)
    masks = spoil(masks, placed.joints, placed.box(), scale, style, rng)
    return _normalise(masks)


def film_outlines(
    who: Person, outfit: Outfit, shot: Shot, frames: int, rng: np.random.Generator, detail: bool = False
) -> Outlines:
    """The outlines of one walk, pixels from the middle of a camera that follows. detail: the face's, too."""
    gait = hamper(vary(who.gait, rng), outfit)
    steps = walk(who.body, gait, np.arange(frames) / shot.fps, float(rng.random()), shot.bend)
    targets = steps.joints[:, 0].copy()
    targets[:, 2] = who.body.stature / 2
    view = film(shot, targets, float(steps.facing[frames // 2]), who.body.stature)
    return outlines(who.body, outfit, steps, view, detail)


def hamper(gait: Gait, outfit: Outfit) -> Gait:
    """The walk with what is carried: an arm with a bag swings less, one that holds something is bent and still."""
    if outfit.bag != "hand" and not outfit.held_arms:
        return gait
    coefficients = gait.coefficients.copy()

    def row(joint: str, side: str) -> Floats:
        return np.asarray(coefficients[population().angles.index(f"{joint}_flexion_{side}")])

    if outfit.bag == "hand":
        row("shoulder", outfit.bag_side)[1:] *= 0.5
        row("elbow", outfit.bag_side)[:] *= 0.4
    if outfit.held_arms:
        row("shoulder", outfit.held_arms)[1:] *= 0.3
        elbow = row("elbow", outfit.held_arms)
        elbow[0] += 65
        elbow[1:] *= 0.3
    return replace(gait, coefficients=coefficients)


def fill(shapes: Outlines, size: int) -> NDArray[np.uint8]:
    """T×size×size masks, 0 or 255, of all parts together."""
    fixed = [np.round(part.points * 2**BITS).astype(np.int32) for part in shapes.parts]
    masks = np.zeros((len(fixed[0]), size, size), np.uint8)
    for frame, mask in enumerate(masks):
        for points in fixed:
            cv2.fillConvexPoly(mask, points[frame], 255, cv2.LINE_8, BITS)
    return masks


def _move_into_crop(shapes: Outlines, rng: np.random.Generator) -> tuple[Outlines, float]:
    """Move every frame into the crop that the pipeline would cut (the box, a margin, square); also the mean scale."""
    boxes = shapes.box()
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    jitter = 0.012 * rng.standard_normal((len(boxes), 3)) + 0.015 * rng.standard_normal(3)
    side = np.maximum(width, height) * (1 + 2 * MARGIN) * (1 + jitter[:, 2])
    scale = CROP / side
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + jitter[:, :2] * height[:, None]

    def move(points: Floats) -> Floats:
        return np.asarray((points - centre[:, None]) * scale[:, None, None] + CROP / 2)

    return shapes.map(move), float(scale.mean())


def _normalise(masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Normalise as the pipeline does; a frame without anybody repeats the one before."""
    done = np.zeros((len(masks), SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH), np.uint8)
    for frame, mask in enumerate(masks):
        upright = normalise(mask)
        if upright is not None:
            done[frame] = cut_width(upright)
        elif frame:
            done[frame] = done[frame - 1]
    return done
