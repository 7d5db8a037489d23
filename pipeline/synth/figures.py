"""Flat figures of limbs that walk across a street: enough of a person for a detector to find and follow.

They are for benchmarks and pictures. Their walk is two sine waves, so nothing can be learnt about gait from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.types import Image
from pipeline.video import VideoSink

Point = tuple[float, float]
Colour = tuple[int, int, int]

_BITS = 4  # of a pixel's fraction in OpenCV's coordinates
_SHIRTS: tuple[Colour, ...] = (
    (60, 60, 180),
    (170, 110, 50),
    (70, 150, 80),
    (40, 160, 200),
    (150, 70, 130),
    (90, 90, 90),
)
_TROUSERS: tuple[Colour, ...] = ((90, 60, 40), (50, 50, 50), (120, 90, 70), (60, 40, 80), (40, 70, 60), (110, 110, 120))
_SKIN: tuple[Colour, ...] = ((140, 170, 215), (90, 130, 180), (60, 90, 130))


@dataclass(frozen=True, slots=True)
class Figure:
    """One walker. stature in metres; pace in strides per second; stride: swing of the legs in radians; build: girth."""

    stature: float
    pace: float
    stride: float
    build: float
    shirt: Colour
    trousers: Colour
    skin: Colour


def figures(count: int, seed: int) -> list[Figure]:
    """`count` different people; the same seed gives the same."""
    rng = np.random.default_rng(seed)
    return [
        Figure(
            stature=float(rng.uniform(1.6, 1.9)),
            pace=float(rng.uniform(0.8, 1.05)),
            stride=float(rng.uniform(0.36, 0.46)),
            build=float(rng.uniform(0.9, 1.25)),
            shirt=_SHIRTS[k % len(_SHIRTS)],
            trousers=_TROUSERS[(k + seed) % len(_TROUSERS)],
            skin=_SKIN[k % len(_SKIN)],
        )
        for k in range(count)
    ]


def write_street(
    path: Path, people: Sequence[Figure], seconds: float, seed: int, size: tuple[int, int] = (854, 480), fps: float = 30
) -> None:
    """Film `people` walking to and fro, each in a lane, as an mp4 of `size` (width, height). Seeded."""
    width, height = size
    rng = np.random.default_rng(seed)
    ground, grain = _street(width, height, rng), rng.integers(0, 64, (8, height, width, 1), np.uint8) >> 4
    begin = rng.permutation(len(people)) / max(len(people), 1) + rng.uniform(0, 0.1, len(people))
    ways = rng.choice((-1, 1), len(people))
    with VideoSink(path, width, height, fps, crf=20) as sink:
        for index in range(round(seconds * fps)):
            time_s, picture = index / fps, ground.copy()
            for lane, (figure, start, way) in enumerate(zip(people, begin, ways, strict=True)):
                tall = height * (0.42 + 0.05 * lane) * figure.stature / 1.75
                speed = 2.2 * figure.stride * figure.pace * tall / figure.stature / width  # widths per second
                place = (
                    2 * start + way * speed * time_s
                ) % 2  # there in the first half of the cycle, back in the second
                share, facing = (place, way) if place < 1 else (2 - place, -way)
                feet = (width * (0.06 + 0.88 * share), height * (0.80 + 0.045 * lane))
                _draw(picture, figure, feet, tall, 2 * np.pi * (figure.pace * time_s + start), int(facing))
            sink.write(cv2.add(picture, np.repeat(grain[index % len(grain)], 3, axis=2)))


def _street(width: int, height: int, rng: np.random.Generator) -> Image:
    """A wall and a pavement with some texture, darker to the bottom."""
    horizon = int(0.45 * height)
    picture = np.empty((height, width, 3), np.float32)
    picture[:horizon] = (196, 200, 205)
    picture[horizon:] = (128, 134, 138)
    coarse = cv2.resize(
        rng.normal(0, 7, (14, 24, 1)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(rng.normal(0, 5, (height // 2, width // 2)).astype(np.float32), (width, height))
    picture += (coarse + fine)[..., None] - np.linspace(0, 18, height, dtype=np.float32)[:, None, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _draw(picture: Image, figure: Figure, feet: Point, tall: float, phase: float, way: int) -> None:
    """Draw one figure in profile; `way` is +1 to the right. Segment lengths are shares of stature (Winter, 2009)."""
    metre, girth = tall / figure.stature, figure.build * tall / 1.75
    hip = (feet[0], feet[1] - 0.53 * tall)
    neck = (hip[0] + 0.01 * tall * way, hip[1] - 0.29 * tall)
    head = (neck[0] + 0.01 * tall * way, neck[1] - 0.10 * tall)

    def leg(turn: float, shade: float) -> None:
        thigh = figure.stride * np.sin(turn) * way
        shank = thigh - 0.6 * max(0.0, np.sin(turn + 1.9)) * way
        knee = _from(hip, 0.245 * tall, thigh)
        ankle = _from(knee, 0.246 * tall, shank)
        colour = _shaded(figure.trousers, shade)
        _limb(picture, hip, knee, 0.19 * girth, 0.13 * girth, colour)
        _limb(picture, knee, ankle, 0.12 * girth, 0.08 * girth, colour)
        toe = (ankle[0] + 0.15 * metre * way, ankle[1] + 0.04 * metre)
        _limb(picture, ankle, toe, 0.08 * metre, 0.06 * metre, (30, 30, 35))

    def arm(turn: float, shade: float) -> None:
        shoulder = (neck[0], neck[1] + 0.04 * tall)
        swing = 1.1 * figure.stride * np.sin(turn) * way
        elbow = _from(shoulder, 0.186 * tall, swing)
        hand = _from(elbow, 0.17 * tall, swing + 0.35 * way)
        _limb(picture, shoulder, elbow, 0.11 * girth, 0.09 * girth, _shaded(figure.shirt, shade))
        _limb(picture, elbow, hand, 0.08 * girth, 0.06 * girth, _shaded(figure.skin, shade))

    arm(phase, 0.7)
    leg(phase + np.pi, 0.75)
    _limb(picture, (neck[0], neck[1] + 0.07 * tall), hip, 0.30 * girth, 0.27 * girth, figure.shirt)
    _limb(picture, neck, (neck[0], neck[1] - 0.04 * tall), 0.11 * metre, 0.11 * metre, figure.skin)
    _ellipse(picture, head, (0.085 * metre, 0.115 * metre), (0, 360), figure.skin)
    _ellipse(
        picture,
        (head[0] - 0.015 * metre * way, head[1] - 0.03 * metre),
        (0.095 * metre, 0.1 * metre),
        (180, 360),
        (25, 30, 40),
    )
    leg(phase, 1.0)
    arm(phase + np.pi, 1.0)


def _from(start: Point, length: float, angle: float) -> Point:
    """The end of a segment that hangs down from `start`, `angle` radians forward."""
    return start[0] + length * float(np.sin(angle)), start[1] + length * float(np.cos(angle))


def _shaded(colour: Colour, shade: float) -> Colour:
    blue, green, red = (int(value * shade) for value in colour)
    return blue, green, red


def _limb(picture: Image, start: Point, end: Point, start_width: float, end_width: float, colour: Colour) -> None:
    """A tapered segment with round ends."""
    a, b = np.array(start), np.array(end)
    along = b - a
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) / 2
    corners = [a + across * start_width, b + across * end_width, b - across * end_width, a - across * start_width]
    cv2.fillPoly(picture, [_fixed(np.array(corners))], colour, cv2.LINE_AA, _BITS)
    for centre, wide in ((a, start_width), (b, end_width)):
        x, y = _fixed(centre)
        cv2.circle(picture, (int(x), int(y)), int(wide / 2 * 2**_BITS), colour, -1, cv2.LINE_AA, _BITS)


def _ellipse(picture: Image, centre: Point, axes: Point, arc: tuple[int, int], colour: Colour) -> None:
    (x, y), (wide, high) = _fixed(np.array(centre)), _fixed(np.array(axes))
    cv2.ellipse(picture, (int(x), int(y)), (int(wide), int(high)), 0, *arc, colour, -1, cv2.LINE_AA, _BITS)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(points * 2**_BITS).astype(np.int32))
