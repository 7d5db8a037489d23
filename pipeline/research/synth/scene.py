"""Pictures of several walkers in one street, who cross and hide each other, with the truth about every pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.body import Outfit
from pipeline.research.synth.camera import look_at
from pipeline.research.synth.motion import INDEX, Steps, drift, vary, walk
from pipeline.research.synth.outlines import Outlines, outlines
from pipeline.research.synth.painting import Looks, Street, paint_shadow, paint_street, paint_walker
from pipeline.research.synth.silhouette import Person, hamper
from pipeline.types import Image

Floats = NDArray[np.float64]
BITS = 4

COCO_JOINTS = (
    "nose", "eye_L", "eye_R", "ear_L", "ear_R", "shoulder_L", "shoulder_R", "elbow_L", "elbow_R",
    "wrist_L", "wrist_R", "hip_L", "hip_R", "knee_L", "knee_R", "ankle_L", "ankle_R",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody in a scene. place: X, Y in metres at time 0; heading: radians, 0 along X."""

    who: Person
    outfit: Outfit
    looks: Looks
    place: tuple[float, float]
    heading: float


@dataclass(frozen=True, slots=True)
class Setting:
    """Place and camera. position: metres; aim: the point in the middle of the picture; focal: pixels; size: w, h.

    shake: pixels by which a hand lets the picture wander (0: a tripod). noise: grey levels of the sensor.
    """

    street: Street
    position: tuple[float, float, float]
    aim: tuple[float, float, float]
    focal: float
    size: tuple[int, int] = (854, 480)
    fps: float = 25.0
    shake: float = 0.0
    noise: float = 2.5


@dataclass(frozen=True, slots=True)
class Truth:
    """Who is where in one picture, of P walkers.

    boxes: P×4 (x1, y1, x2, y2 px of the whole body, hidden parts too, cut at the picture's edges; 0 when outside).
    owner: H×W uint8, 0 or 1 + the walker whose pixel it is. visibility: P, share in sight of the body's pixels,
    of those in and out of the picture. joints: P×17×3: COCO's x, y px and 1 where they lie on pixels of their walker,
    0 where out of the picture or behind somebody.
    """

    boxes: Floats
    owner: NDArray[np.uint8]
    visibility: Floats
    joints: Floats


def film_scene(
    setting: Setting, walkers: Sequence[Walker], seconds: float, rng: np.random.Generator
) -> Iterator[tuple[Image, Truth]]:
    """Every picture of the scene with its truth. The same generator gives the same pictures."""
    width, height = setting.size
    count = round(seconds * setting.fps)
    times = np.arange(count) / setting.fps
    aim = np.repeat(np.array([setting.aim]), count, axis=0)
    view = look_at(np.array(setting.position), aim, setting.focal)
    margin = int(6 * setting.shake) + 4
    backdrop = paint_street(setting.street, view, width, height, margin, rng)
    sways = _sways(setting.shake, count, rng)
    cast = []
    for walker in walkers:
        steps = _walk(walker, times, rng)
        shapes = outlines(walker.who.body, walker.outfit, steps, view, detail=True)
        points, _ = view.project(_coco(walker, steps))
        sway = partial(_sway, sways=sways, size=setting.size)
        shapes = shapes.map(sway)
        cast.append((shapes, shapes.box(), sway(points)))
    grains = np.repeat(np.round(rng.normal(0, setting.noise, (4, height, 2 * width, 1))).astype(np.int16), 3, axis=3)
    for frame in range(count):
        move = sways[frame] + np.array([[0, 0, width / 2], [0, 0, height / 2]])
        move[:, 2] -= move[:, :2] @ np.array([width / 2 + margin, height / 2 + margin])
        picture = cv2.warpAffine(backdrop, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        truth = _paint(picture, cast, walkers, frame)
        first = int(rng.integers(width))
        grain = np.ascontiguousarray(grains[frame % len(grains), :, first : first + width])
        lens = cv2.GaussianBlur(picture, (3, 3), 0.55)
        yield np.asarray(cv2.add(lens, grain, dtype=cv2.CV_8U), np.uint8), truth


def _paint(
    picture: Image, cast: Sequence[tuple[Outlines, Floats, Floats]], walkers: Sequence[Walker], frame: int
) -> Truth:
    """cast: everybody's outlines, the boxes around them, and joints, in all pictures."""
    height, width = picture.shape[:2]
    count = len(cast)
    boxes, visibility = np.zeros((count, 4)), np.zeros(count)
    joints, owner = np.zeros((count, 17, 3)), np.zeros((height, width), np.uint8)
    pixels = np.zeros(count)
    far_first = sorted(range(count), key=lambda k: -float(cast[k][0].parts[0].depth[frame]))
    for k in far_first:
        paint_shadow(picture, cast[k][0], frame)
    for k in far_first:
        shapes, box = cast[k][0], cast[k][1][frame]
        mask, total = _mask(shapes, frame, box, (width, height))
        pixels[k] = total
        if mask.any():
            paint_walker(picture, mask, shapes, frame, walkers[k].looks)
            owner[mask > 0] = k + 1
            edges = np.array([width, height, width, height])
            boxes[k] = np.clip(box, 0, edges)
    for k in range(count):
        visibility[k] = np.count_nonzero(owner == k + 1) / max(pixels[k], 1)
        joints[k, :, :2] = cast[k][2][frame]
        x, y = np.floor(joints[k, :, 0]).astype(int), np.floor(joints[k, :, 1]).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        joints[k, inside, 2] = owner[y[inside], x[inside]] == k + 1
    return Truth(boxes, owner, visibility, joints)


def _mask(shapes: Outlines, frame: int, box: Floats, size: tuple[int, int]) -> tuple[NDArray[np.uint8], float]:
    """The walker's pixels in the picture (H×W), and how many they would be if the picture had no edges."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    x1, y1 = np.floor(box[:2]).astype(int) - 1
    x2, y2 = np.ceil(box[2:]).astype(int) + 2
    if x2 - x1 > 4 * width or y2 - y1 > 4 * height:  # somebody walks into the camera
        return mask, 1.0
    whole = np.zeros((y2 - y1, x2 - x1), np.uint8)
    for part in shapes.parts:
        points = np.round((part.points[frame] - (x1, y1)) * 2**BITS).astype(np.int32)
        cv2.fillConvexPoly(whole, points, 255, cv2.LINE_8, BITS)
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if left < right and top < bottom:
        mask[top:bottom, left:right] = whole[top - y1 : bottom - y1, left - x1 : right - x1]
    return mask, float(np.count_nonzero(whole))


def _walk(walker: Walker, times: Floats, rng: np.random.Generator) -> Steps:
    """The walk, moved to its place in the world."""
    gait = hamper(vary(walker.who.gait, rng), walker.outfit)
    steps = walk(walker.who.body, gait, times, float(rng.random()))
    cosine, sine = np.cos(walker.heading), np.sin(walker.heading)
    turn = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    lines = (line + walker.heading for line in (steps.facing, steps.shoulder_line, steps.pelvis_line))
    return Steps(steps.joints @ turn + np.array([*walker.place, 0.0]), *lines)


def _coco(walker: Walker, steps: Steps) -> Floats:
    """T×17×3 metres: COCO's joints; the face's follow from the head and where the walker faces."""
    body, head = walker.who.body, steps.joints[:, INDEX["head"]]
    zero = np.zeros_like(steps.facing)
    ahead = np.stack([np.cos(steps.facing), np.sin(steps.facing), zero], 1)
    left = np.stack([-np.sin(steps.facing), np.cos(steps.facing), zero], 1)
    up = np.array([0.0, 0.0, 1.0])
    face = {"nose": head + body.head_depth * ahead - 0.015 * up}
    for side, way in (("L", 1.0), ("R", -1.0)):
        face[f"eye_{side}"] = head + 0.85 * body.head_depth * ahead + way * 0.032 * left + 0.02 * up
        face[f"ear_{side}"] = head + way * body.head_breadth * left
    return np.stack([face[name] if name in face else steps.joints[:, INDEX[name]] for name in COCO_JOINTS], 1)


def _sways(shake: float, count: int, rng: np.random.Generator) -> Floats:
    """T×2×3 small turns and shifts about the middle of the picture: a hand that follows slowly and trembles."""
    sways = np.repeat(np.array([[[1.0, 0, 0], [0, 1.0, 0]]]), count, axis=0)
    if not shake or not count:
        return sways
    noise = rng.standard_normal((count, 4))
    noise[0] = 0
    slow = np.clip(drift(noise, 0.97, 0.243) + 0.05 * rng.standard_normal((count, 4)), -2.5, 2.5)
    angle, zoom = 0.0016 * shake * slow[:, 2] / 4, 1 + 0.002 * slow[:, 3] * shake / 4
    sways[:, 0, 0] = sways[:, 1, 1] = zoom * np.cos(angle)
    sways[:, 0, 1], sways[:, 1, 0] = -zoom * np.sin(angle), zoom * np.sin(angle)
    sways[:, :, 2] = shake * slow[:, :2]
    return sways


def _sway(points: Floats, sways: Floats, size: tuple[int, int]) -> Floats:
    """Points T×N×2 about the middle → pixels of the picture."""
    moved = np.einsum("tij,tnj->tni", sways[:, :, :2], points) + sways[:, None, :, 2]
    return np.asarray(moved + np.array(size) / 2)
