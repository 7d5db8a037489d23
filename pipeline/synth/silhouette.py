"""Silhouettes of a made-up walk: T×64×44 uint8, through the same alignment as real masks."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.segmentation.normalise import cut_width, normalise
from pipeline.synth.body import Outfit, Person, draw_outfit
from pipeline.synth.motion import Array, angles_at, draw_walk, joints_at
from pipeline.synth.noise import Canvas, Segmenter
from pipeline.synth.outline import outline
from pipeline.synth.view import View, draw_view

TALL = 96  # rows that a body takes on the canvas, before it is scaled to 64
MARGIN = 12
_BITS = 4  # of a pixel's fraction in OpenCV's coordinates


def walk_silhouettes(
    person: Person, kind: str, frames: int, rng: np.random.Generator, view: View | None = None
) -> NDArray[np.uint8]:
    """One walk of somebody: another day, other clothes (nm, bg or cl), another camera. T×64×44, T ≤ frames."""
    view = view or draw_view(rng)
    outfit = draw_outfit(rng, kind)
    joints, travel = walk_joints(person, outfit, frames, view.fps, rng)
    masks = _canvases(outline(person, outfit, joints, travel, view))
    noisy = Segmenter(view.height_px, frames, rng)
    aligned = [normalise(noisy(mask, index)) for index, mask in enumerate(masks)]
    squares = [square for square in aligned if square is not None]
    return np.ascontiguousarray(cut_width(np.stack(squares))) if squares else np.zeros((0, 64, 44), np.uint8)


def walk_joints(
    person: Person, outfit: Outfit, frames: int, fps: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Joints T×J×3 of one walk, and the metres walked (T, 0 in the middle)."""
    gait = draw_walk(person.gait, rng)
    strides = gait.cadence / 120 * np.arange(frames, dtype=np.float64) / fps + rng.random()
    angles = angles_at(gait, strides)
    segments = person.segments
    if outfit.carried:
        angles |= {f"elbow_flexion_{side}": np.full(frames, np.deg2rad(80)) for side in "LR"}
        angles |= {f"shoulder_flexion_{side}": np.full(frames, np.deg2rad(12)) for side in "LR"}
    elif outfit.bag:
        side = "L" if outfit.bag.endswith("left") else "R"
        calm = 0.35 if not outfit.bag.startswith("shoulder") else 0.7
        for name in (f"shoulder_flexion_{side}", f"elbow_flexion_{side}"):
            angles[name] = calm * angles[name] + (1 - calm) * angles[name].mean() * 0.5
    if outfit.heel:
        segments = replace(segments, shank=segments.shank + outfit.heel / 2)
    speed = 0.83 * (segments.thigh + segments.shank) * gait.cadence / 60
    travel = speed * np.arange(frames) / fps
    return joints_at(angles, segments), travel - travel.mean()


def _canvases(parts: list[Array]) -> list[Canvas]:
    """Each frame's polygons filled, scaled so that the body is TALL rows high."""
    everything = np.concatenate(parts, axis=1)
    low, high = everything.min(axis=1), everything.max(axis=1)
    scale = TALL / np.maximum(high[:, 1] - low[:, 1], 1e-6)
    width = int(np.ceil(((high[:, 0] - low[:, 0]) * scale).max())) + 2 * MARGIN
    shift = np.stack([width / 2 - (low[:, 0] + high[:, 0]) / 2 * scale, MARGIN - low[:, 1] * scale], -1)
    fixed = [np.round((part * scale[:, None, None] + shift[:, None]) * 2**_BITS).astype(np.int32) for part in parts]
    canvases = []
    for index in range(len(scale)):  # OpenCV fills one polygon at a time
        canvas = np.zeros((TALL + 2 * MARGIN, width), np.uint8)
        for part in fixed:
            cv2.fillConvexPoly(canvas, part[index], 255, cv2.LINE_8, _BITS)
        canvases.append(canvas)
    return canvases
