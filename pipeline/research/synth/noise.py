"""What real segmenters do to a silhouette: soft edges, filled gaps, lost heads, feet and arms, holes, spill, shadow.

Every fault belongs to a sequence (its size, its contrast, its ground), moves slowly from frame to frame and flickers a
little. The faults are those seen in PP-HumanSeg's masks of real walkers, not of any network in particular.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.motion import INDEX, drift
from pipeline.segmentation.clean import PIECE

Floats = NDArray[np.float64]
Masks = NDArray[np.uint8]

Stroke = tuple[NDArray[np.int32], int]  # a convex polygon in 1/16 pixels, and its grey level

CELLS, FINE = 14, 36  # of the fields that push edges in and out: patches, and ragged edges
MOST_CUT = 0.05  # of the height: the trackers' boxes leave out no more
PLACES = (0.0, 0.12, 0.25, 0.5, 0.65, 0.88, 1.0)  # down the body, where each has a bias of its own
USUAL_BIAS = (-14, -12, 12, 12, 0, -16, -28)
BITS = 4


@dataclass(frozen=True, slots=True)
class Style:
    """The faults of one sequence.

    softness: crop pixels (192) of blur that the network adds; pixels: blur in picture pixels; bias: grey levels by
    which edges lie outside (positive) or inside, at PLACES; waves, flicker: grey levels by which edges move slowly and
    from frame to frame; gap: how far down the gap between the legs is filled (0–1); lost, spilt: faults of which
    places, strength 0–1; bursts: share of the frames with a fault of their own; tightness: how much of the body's box
    the tracker's box leaves out (share of the height, negative where it is generous); fringe: share of the frames with
    lines at its edges.
    """

    softness: float
    pixels: float
    bias: tuple[float, ...]
    waves: float
    flicker: float
    gap: float
    lost: tuple[tuple[str, float], ...]
    spilt: tuple[tuple[str, float], ...]
    bursts: float
    tightness: float
    fringe: float


_LOST = ("head", "foot_L", "foot_R", "forearm_L", "forearm_R", "chest", "shank_L", "shank_R", "waist")
_SPILT = ("ground", "shadow", "beside", "crotch")


def draw_style(rng: np.random.Generator, height_px: float) -> Style:
    """Faults of a new sequence; small people (height_px in the picture) have more of them."""
    small = float(np.clip((150 - height_px) / 100, 0, 1))
    faulty = rng.random() < 0.35 + 0.3 * small
    lost = [(str(part), float(rng.uniform(0.2, 1))) for part in _LOST if faulty and rng.random() < 0.14]
    spilt = [(str(part), float(rng.uniform(0.2, 1))) for part in _SPILT if faulty and rng.random() < 0.17]
    whole = rng.normal(0, 16)
    bad = float(np.exp(np.clip(rng.normal(-0.1, 0.5), -1.2, 0.75)))  # a clean picture, or a poor one
    return Style(
        softness=float(rng.uniform(1.2, 3.0)),
        pixels=float(rng.uniform(0.5, 1.3)),
        bias=tuple(float(usual + whole + rng.normal(0, 14)) for usual in USUAL_BIAS),
        waves=float(rng.uniform(6, 34) * bad),
        flicker=float(rng.uniform(6, 44) * bad),
        gap=float(np.clip(rng.normal(0.12 + 0.35 * small, 0.22), 0, 0.95)),
        lost=tuple(lost),
        spilt=tuple(spilt),
        bursts=float(np.clip(rng.exponential(0.07 + 0.07 * small) * bad, 0, 0.4)),
        tightness=float(rng.normal(-0.035, 0.03)),
        fringe=float(np.clip(rng.exponential(0.04) - 0.02, 0, 0.3)),
    )


def milder(style: Style, share: float, rng: np.random.Generator) -> Style:
    """The faults with only a share of their strength, as networks have them that see better."""
    return replace(
        style,
        bias=tuple(share * bias for bias in style.bias),
        waves=share * style.waves,
        flicker=share * style.flicker,
        gap=share * style.gap,
        lost=style.lost if rng.random() < share else (),
        spilt=style.spilt if rng.random() < share else (),
        bursts=share * style.bursts,
    )


def spoil(masks: Masks, joints: Floats, boxes: Floats, scale: float, style: Style, rng: np.random.Generator) -> Masks:
    """Masks T×S×S (0–255) as a segmenter would have given them; `masks` is overwritten.

    joints: T×J×2 and boxes: T×4 (x1, y1, x2, y2 of the body) in mask pixels; scale: mask pixels per picture pixel.
    """
    count, size = len(masks), masks.shape[1]
    fields = _fields(count, boxes[:, [1, 3]] / size, style, rng)
    blur = float(np.hypot(style.softness * size / 192, style.pixels * scale))
    window = 2 * max(round(1.6 * blur), 1) + 1
    paint = _strokes(joints, style, rng)
    edges = _edges(boxes, style, rng)
    fringed = rng.random((count, 2)) < style.fringe
    spoilt = np.empty_like(masks)
    for frame in range(count):
        mask = masks[frame]
        for points, value in paint[frame]:
            cv2.fillConvexPoly(mask, points, value, cv2.LINE_8, BITS)
        soft = (
            cv2.blur(cv2.blur(mask, (window, window)), (window, window))
            if window > 3
            else cv2.GaussianBlur(mask, (0, 0), blur)
        )
        threshold = cv2.resize(fields[frame], (size, size), interpolation=cv2.INTER_LINEAR)
        cv2.compare(soft, threshold, cv2.CMP_GT, dst=spoilt[frame])
        _cut(spoilt[frame], edges[frame], fringed[frame], rng)
    return spoilt


def _edges(boxes: Floats, style: Style, rng: np.random.Generator) -> NDArray[np.int64]:
    """Beyond what the mask is cut off: T×4 pixels. The tracker's box follows the legs late and jitters."""
    weights = np.array([0.15, 0.2, 0.3, 0.2, 0.15])
    padded = np.pad(boxes, ((2, 2), (0, 0)), mode="edge")
    smooth = sum(weight * padded[k : k + len(boxes)] for k, weight in enumerate(weights))
    height = boxes[:, 3] - boxes[:, 1]
    inward = (style.tightness + 0.012 * rng.standard_normal((len(boxes), 4))) * height[:, None]
    inward[:, 1] -= 0.02 * height  # heads are found better than feet
    inside = np.array([1, 1, -1, -1])
    deepest = boxes + MOST_CUT * height[:, None] * inside
    cut = smooth + inward * inside
    cut = np.concatenate([np.minimum(cut[:, :2], deepest[:, :2]), np.maximum(cut[:, 2:], deepest[:, 2:])], 1)
    return np.asarray(np.round(cut), np.int64)


def _cut(mask: Masks, edges: NDArray[np.int64], fringed: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Cut off what lies beyond the tracker's box, drop specks as the pipeline does, and light lines near the edges."""
    size = len(mask)
    left, top, right, bottom = (int(value) for value in np.clip(edges, 0, size))
    mask[:top], mask[bottom:], mask[:, :left], mask[:, right:] = 0, 0, 0, 0
    body = mask[top:bottom, left:right]
    if body.size:
        count, labels, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=4, ltype=cv2.CV_16U)
        if count > 2:
            area = stats[1:, cv2.CC_STAT_AREA]
            kept = np.concatenate([[False], area >= PIECE * area.max()]).astype(np.uint8) * np.uint8(255)
            body[:] = kept[labels]
    for lit, column in zip(fringed, (left + 6, right - 9), strict=True):
        if lit and 0 <= column < size - 3:
            for start in rng.integers(top, max(bottom - 10, top + 1), 3):
                mask[start : min(start + rng.integers(3, 25), bottom), column : column + 3] = 255


def _fields(count: int, rows: Floats, style: Style, rng: np.random.Generator) -> Masks:
    """Thresholds T×FINE×FINE: waves that hold for about a second, a bias of each part of the body, and flicker.

    rows: T×2, where the body begins and ends, as shares of the picture.
    """
    fresh = rng.standard_normal((count, CELLS, CELLS), np.float32)
    slow = drift(fresh, 0.93, 0.3676)
    fine = rng.standard_normal((count, FINE, FINE), np.float32)
    together = rng.normal(0, 0.5 * style.flicker, count).astype(np.float32)
    top, bottom = rows.mean(0)
    shares = (np.arange(FINE) / FINE - top) / max(bottom - top, 0.1)
    bias = np.interp(shares, PLACES, style.bias).astype(np.float32)[:, None]
    found = np.empty((count, FINE, FINE), np.float32)
    for frame in range(count):
        cv2.resize(style.waves * slow[frame], (FINE, FINE), dst=found[frame], interpolation=cv2.INTER_LINEAR)
        found[frame] += together[frame] + 127
    found += style.flicker * fine - bias
    return np.clip(found, 30, 225).astype(np.uint8)


def _strokes(joints: Floats, style: Style, rng: np.random.Generator) -> list[list[Stroke]]:
    """What is painted over each frame: gaps and spill in white or grey, then what is lost in black or grey."""
    painter = _Painter(joints, rng)
    if style.gap > 0.02:
        painter.fill_gap(style.gap)
    lit, dim = int(rng.integers(130, 235)), int(rng.integers(30, 120))
    for place, strength in style.spilt:
        painter.spill(place, strength, lit)
    for part, strength in style.lost:
        painter.lose(part, strength, dim)
    for frame in np.flatnonzero(rng.random(len(joints)) < style.bursts):
        painter.strokes[frame].append(_burst(joints[frame], painter.height, rng))
    return painter.strokes


class _Painter:
    """Faults that hold for a while. joints: T×J×2 mask pixels; strokes: of each frame."""

    def __init__(self, joints: Floats, rng: np.random.Generator) -> None:
        self.joints, self.rng, self.count = joints, rng, len(joints)
        self.strokes: list[list[Stroke]] = [[] for _ in joints]
        self.height = float(np.median(joints[..., 1].max(1) - joints[..., 1].min(1)))

    def fill_gap(self, share: float) -> None:
        """Between the legs, from the crotch down."""
        depth = np.clip(share + 0.10 * self.slow(), 0, 1)[:, None]
        ends = [
            self.at(f"hip_{side}")
            + np.minimum(2 * depth, 1) * (self.at(f"knee_{side}") - self.at(f"hip_{side}"))
            + np.clip(2 * depth - 1, 0, 1) * (self.at(f"ankle_{side}") - self.at(f"knee_{side}"))
            for side in "LR"
        ]
        self.add(np.stack([(self.at("hip_L") + self.at("hip_R")) / 2, *ends], 1), 255)

    def spill(self, place: str, strength: float, grey: int) -> None:
        """Surroundings taken for the person."""
        tall, on = self.height, self.slow() > -0.6 - strength
        feet = np.stack([self.at(name) for name in ("heel_L", "toe_L", "heel_R", "toe_R")], 1)
        if place == "ground":
            level = feet[..., 1].max(1) - 0.015 * tall
            centre = np.stack([feet[..., 0].mean(1) + 0.05 * tall * self.slow(), level], 1)
            wide = 0.04 * tall + 0.12 * strength * tall * np.abs(1 + 0.4 * self.slow())
            self.blob(centre, wide, 0.025 * tall, grey, on)
        elif place == "shadow":
            way = 1.0 if self.rng.random() < 0.5 else -1.0
            start = feet.mean(1)
            tip = start + tall * np.array([way * 0.4 * strength, 0.02])
            rise = tall * np.array([0, 0.03])
            self.add(np.stack([start - rise, tip, start + 0.7 * rise], 1), grey, on)
        elif place == "beside":
            edge = self.at("hand_L") if self.rng.random() < 0.5 else self.at("knee_R")
            self.blob(edge, (0.03 + 0.05 * strength) * tall, (0.04 + 0.08 * strength) * tall, grey, on)
        else:
            self.blob((self.at("hand_L") + self.at("pelvis")) / 2, 0.05 * tall, 0.06 * tall, grey, on)

    def lose(self, part: str, strength: float, grey: int) -> None:
        """A part of the body taken for its surroundings."""
        tall, on = self.height, self.slow() > 0.5 - 1.2 * strength
        name, _, side = part.partition("_")
        some = 0.03 + 0.05 * strength
        at = self.at
        if name == "head":
            centre, wide, high, roam = at("vertex"), 0.09, 0.02 + 0.07 * strength, 1
        elif name == "foot":
            centre, wide, high, roam = at(f"toe_{side}"), 0.03 + 0.04 * strength, 0.035, 1
        elif name == "forearm":
            centre, wide, high, roam = (at(f"wrist_{side}") + at(f"hand_{side}")) / 2, 0.045, some, 1
        elif name == "shank":
            centre, wide, high, roam = (at(f"knee_{side}") + 2 * at(f"ankle_{side}")) / 3, 0.045, some, 1
        elif name == "chest":
            centre, wide, high, roam = 0.4 * at("pelvis") + 0.6 * at("neck"), 0.05 * strength, 0.07 * strength, 3
        else:
            centre, wide, high, roam = at("pelvis"), 0.04 * strength, 0.05 * strength, 4
        moved = 0.02 * roam * tall * np.stack([self.slow(), self.slow()], 1)
        self.blob(centre + moved, wide * tall, high * tall, grey, on)

    def at(self, joint: str) -> Floats:
        return np.asarray(self.joints[:, INDEX[joint]])

    def slow(self) -> Floats:
        """T values of variance 1 that hold for about half a second."""
        return drift(self.rng.standard_normal(self.count), 0.9, 0.4359)

    def blob(self, centre: Floats, wide: Floats | float, high: float, grey: int, shown: NDArray[np.bool_]) -> None:
        """An ellipse; centre T×2, half axes in pixels."""
        turns = np.arange(10) * 2 * np.pi / 10
        size = np.stack([np.broadcast_to(wide, self.count), np.broadcast_to(high, self.count)], 1)
        self.add(centre[:, None] + size[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1), grey, shown)

    def add(self, points: Floats, grey: int, shown: NDArray[np.bool_] | None = None) -> None:
        """A convex polygon T×N×2 in all frames, or in those where it is shown."""
        fixed = np.round(points * 2**BITS).astype(np.int32)
        for frame in range(self.count):
            if shown is None or shown[frame]:
                self.strokes[frame].append((fixed[frame], grey))


def _burst(joints: Floats, height: float, rng: np.random.Generator) -> Stroke:
    """A large fault of a single frame: legs run together, a side of the body bulges, or a part is missing."""

    def at(joint: str) -> Floats:
        return np.asarray(joints[INDEX[joint]])

    kind = rng.random()
    if kind < 0.4:  # between the legs
        points = np.stack([at("hip_L"), at("knee_L"), at("ankle_L"), at("ankle_R"), at("knee_R"), at("hip_R")])
        hull = cv2.convexHull(points.astype(np.float32))[:, 0]
        return np.round(hull * 2**BITS).astype(np.int32), 255
    if kind < 0.7:  # beside the body
        upper = at("shoulder_L" if rng.random() < 0.5 else "hip_R")
        lower = at(str(rng.choice(["pelvis", "knee_L", "ankle_R"])))
        way = 1 if rng.random() < 0.5 else -1
        edge = way * max(way * upper[0], way * lower[0]) + way * rng.uniform(0.05, 0.13) * height
        # The far side is upright: the picture's own edges and posts are what spills in.
        corners = np.array([upper, lower, (edge, lower[1]), (edge, upper[1] + rng.uniform(0, 0.1) * height)])
        return np.round(cv2.convexHull(corners.astype(np.float32))[:, 0] * 2**BITS).astype(np.int32), 255
    lost = at(str(rng.choice(["vertex", "toe_L", "toe_R", "ankle_L", "ankle_R", "wrist_L", "neck", "knee_R"])))
    turns = np.arange(8) * np.pi / 4
    size = rng.uniform(0.02, 0.06, 2) * height
    shape = lost + size * np.stack([np.cos(turns), np.sin(turns)], 1)
    return np.round(shape * 2**BITS).astype(np.int32), 0
