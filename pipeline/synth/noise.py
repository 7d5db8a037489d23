"""What real segmenters do to a silhouette: soft edges, filled gaps, lost heads, feet and arms, holes, spill, shadow.

Every fault belongs to a sequence (its size, its contrast, its ground), moves slowly from frame to frame and flickers a
little. The faults are those seen in PP-HumanSeg's masks of real walkers, not of any network in particular.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synth.motion import INDEX

Floats = NDArray[np.float64]
Masks = NDArray[np.uint8]

CELLS = 14  # of the coarse field that pushes edges in and out
BITS = 4


@dataclass(frozen=True, slots=True)
class Style:
    """The faults of one sequence.

    softness: crop pixels (192) of blur that the network adds; pixels: blur in picture pixels; bias: grey levels by which
    edges lie outside (positive) or inside; waves, flicker: grey levels of slow and of frame-wise displacement;
    gap: how far down the gap between the legs is filled (0–1); lost, spilt: faults of which places, strength 0–1.
    """

    softness: float
    pixels: float
    bias: float
    waves: float
    flicker: float
    gap: float
    lost: tuple[tuple[str, float], ...]
    spilt: tuple[tuple[str, float], ...]


_LOST = ("head", "foot_L", "foot_R", "forearm_L", "forearm_R", "chest", "shank_L", "shank_R", "waist")
_SPILT = ("ground", "shadow", "beside", "crotch")


def draw_style(rng: np.random.Generator, height_px: float) -> Style:
    """Faults of a new sequence; small people (height_px in the picture) have more of them."""
    small = float(np.clip((150 - height_px) / 100, 0, 1))
    faulty = rng.random() < 0.35 + 0.3 * small
    lost = [(str(part), float(rng.uniform(0.2, 1))) for part in _LOST if faulty and rng.random() < 0.14]
    spilt = [(str(part), float(rng.uniform(0.2, 1))) for part in _SPILT if faulty and rng.random() < 0.22]
    return Style(
        softness=float(rng.uniform(1.2, 3.0)),
        pixels=float(rng.uniform(0.5, 1.3)),
        bias=float(rng.normal(8, 22)),
        waves=float(rng.uniform(6, 34)),
        flicker=float(rng.uniform(2, 22)),
        gap=float(np.clip(rng.normal(0.12 + 0.35 * small, 0.22), 0, 0.95)),
        lost=tuple(lost),
        spilt=tuple(spilt),
    )


def spoil(masks: Masks, joints: Floats, scale: float, style: Style, rng: np.random.Generator) -> Masks:
    """Masks T×S×S (0–255) as a segmenter would have given them. joints: T×J×2 in mask pixels; scale: per picture pixel."""
    count, size = len(masks), masks.shape[1]
    fields = _fields(count, style, rng)
    blur = float(np.hypot(style.softness * size / 192, style.pixels * scale))
    window = 2 * max(round(1.6 * blur), 1) + 1
    paint = _strokes(joints, style, rng)
    spoilt = np.empty_like(masks)
    for frame in range(count):
        mask = masks[frame]
        for points, value in paint[frame]:
            cv2.fillConvexPoly(mask, points, value, cv2.LINE_8, BITS)
        soft = cv2.blur(cv2.blur(mask, (window, window)), (window, window)) if window > 3 else cv2.GaussianBlur(mask, (0, 0), blur)
        threshold = cv2.resize(fields[frame], (size, size), interpolation=cv2.INTER_LINEAR)
        cv2.compare(soft, threshold, cv2.CMP_GT, dst=spoilt[frame])
    return spoilt


def _fields(count: int, style: Style, rng: np.random.Generator) -> Masks:
    """Thresholds T×CELLS×CELLS: slow waves that hold for about a second, and flicker."""
    fresh = rng.standard_normal((count, CELLS, CELLS), np.float32)
    slow = np.empty_like(fresh)
    slow[0] = fresh[0]
    for frame in range(1, count):
        slow[frame] = 0.93 * slow[frame - 1] + 0.3676 * fresh[frame]
    fast = rng.standard_normal((count, CELLS, CELLS), np.float32)
    together = rng.normal(0, 0.5 * style.flicker, (count, 1, 1)).astype(np.float32)
    threshold = 127 - style.bias + style.waves * slow + style.flicker * fast + together
    return np.clip(threshold, 40, 215).astype(np.uint8)


Stroke = tuple[NDArray[np.int32], int]


def _strokes(joints: Floats, style: Style, rng: np.random.Generator) -> list[list[Stroke]]:
    """What is painted over each frame: gaps and spill in white, then what is lost in black."""
    count = len(joints)
    painted: list[list[Stroke]] = [[] for _ in range(count)]
    height = float(np.median(joints[..., 1].max(1) - joints[..., 1].min(1)))

    def at(joint: str) -> Floats:
        return np.asarray(joints[:, INDEX[joint]])

    def add(points: Floats, value: int, shown: NDArray[np.bool_] | None = None) -> None:
        fixed = np.round(points * 2**BITS).astype(np.int32)
        for frame in range(count):
            if shown is None or shown[frame]:
                painted[frame].append((fixed[frame], value))

    def blob(centre: Floats, wide: Floats | float, high: Floats | float, value: int, shown: NDArray[np.bool_] | None = None) -> None:
        turns = np.arange(10) * 2 * np.pi / 10
        shape = np.stack([np.cos(turns), np.sin(turns)], 1)
        size = np.stack([np.broadcast_to(wide, count), np.broadcast_to(high, count)], 1)
        add(centre[:, None] + size[:, None] * shape, value, shown)

    if style.gap > 0.02:
        depth = np.clip(style.gap + 0.10 * _slow(count, rng), 0, 1)[:, None]
        middle = (at("hip_L") + at("hip_R")) / 2
        ends = [at(f"hip_{s}") + np.minimum(2 * depth, 1) * (at(f"knee_{s}") - at(f"hip_{s}"))
                + np.clip(2 * depth - 1, 0, 1) * (at(f"ankle_{s}") - at(f"knee_{s}")) for s in "LR"]
        add(np.stack([middle, *ends], 1), 255)
    feet = np.stack([at("heel_L"), at("toe_L"), at("heel_R"), at("toe_R")], 1)
    ground = feet[..., 1].max(1)
    for part, strength in style.spilt:
        on = _slow(count, rng) > -0.6 - strength
        if part == "ground":
            centre = np.stack([feet[..., 0].mean(1) + 0.05 * height * _slow(count, rng), ground], 1)
            blob(centre, 0.04 * height + 0.12 * strength * height * np.abs(1 + 0.4 * _slow(count, rng)), 0.025 * height, 255, on)
        elif part == "shadow":
            way = 1.0 if rng.random() < 0.5 else -1.0
            start = feet.mean(1)
            tip = start + np.array([way * 0.4 * strength * height, 0.02 * height])
            add(np.stack([start + [0, -0.03 * height], tip, start + [0, 0.02 * height]], 1), 255, on)
        elif part == "beside":
            edge = at("hand_L") if rng.random() < 0.5 else at("knee_R")
            blob(edge, (0.03 + 0.05 * strength) * height, (0.04 + 0.08 * strength) * height, 255, on)
        else:
            blob((at("hand_L") + at("pelvis")) / 2, 0.05 * height, 0.06 * height, 255, on)
    for part, strength in style.lost:
        on = _slow(count, rng) > 0.5 - 1.2 * strength
        drift = 0.02 * height * np.stack([_slow(count, rng), _slow(count, rng)], 1)
        name, _, side = part.partition("_")
        if name == "head":
            blob(at("vertex") + drift, 0.09 * height, (0.02 + 0.07 * strength) * height, 0, on)
        elif name == "foot":
            blob(at(f"toe_{side}") + drift, (0.03 + 0.04 * strength) * height, 0.035 * height, 0, on)
        elif name == "forearm":
            blob((at(f"wrist_{side}") + at(f"hand_{side}")) / 2 + drift, 0.045 * height, (0.03 + 0.05 * strength) * height, 0, on)
        elif name == "shank":
            blob((at(f"knee_{side}") + 2 * at(f"ankle_{side}")) / 3 + drift, 0.045 * height, (0.03 + 0.05 * strength) * height, 0, on)
        elif name == "chest":
            blob(0.4 * at("pelvis") + 0.6 * at("neck") + 3 * drift, 0.05 * strength * height, 0.07 * strength * height, 0, on)
        else:
            blob(at("pelvis") + 4 * drift, 0.04 * strength * height, 0.05 * strength * height, 0, on)
    return painted


def _slow(count: int, rng: np.random.Generator) -> Floats:
    """T values of variance 1 that hold for about half a second."""
    fresh = rng.standard_normal(count)
    values = np.empty(count)
    values[0] = fresh[0]
    for frame in range(1, count):
        values[frame] = 0.9 * values[frame - 1] + 0.4359 * fresh[frame]
    return values
