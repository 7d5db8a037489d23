"""From where a walk is seen: a path on the ground and a pinhole camera that looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.synth.motion import Array


@dataclass(frozen=True, slots=True)
class View:
    """Where the camera is, for the walker in mid-path.

    azimuth: degrees from the walking direction to the camera, to the left (0: comes towards it; 90: is seen from the
    left side, so walks to the left in the picture; 180: walks away). elevation: degrees above the walker's middle;
    distance: metres; turn: degrees by which the path bends a metre; height_px: how tall the person is in the picture.
    """

    azimuth: float
    elevation: float
    distance: float
    turn: float
    fps: float
    height_px: float


def draw_view(rng: np.random.Generator) -> View:
    """Three in five from the side, one in five at an angle, one in five from the front or the rear."""
    kind = rng.random()
    if kind < 0.6:
        azimuth = rng.choice((90, 270)) + rng.normal(0, 12)
    elif kind < 0.8:
        azimuth = rng.choice((45, 135, 225, 315)) + rng.uniform(-22, 22)
    else:
        azimuth = rng.choice((0, 180)) + rng.normal(0, 12)
    low = rng.random() < 0.75
    return View(
        azimuth=float(azimuth % 360),
        elevation=float(rng.uniform(0, 12) if low else rng.uniform(12, 35)),
        distance=float(np.exp(rng.uniform(np.log(4), np.log(20)))),
        turn=float(rng.choice((0.0, rng.normal(0, 4)), p=(0.7, 0.3))),
        fps=float(rng.choice((25.0, 30.0, 25.0, 15.0))),
        height_px=float(np.exp(rng.uniform(np.log(48), np.log(220)))),
    )


@dataclass(frozen=True, slots=True)
class Projection:
    """Where points are in the picture: metres at the walker's distance, x to the right, y down.

    scale: how much larger than at that distance things are, T; across: T×2, the walker's forward and left axes along
    the picture's x; they say which of breadth and depth of a body is seen.
    """

    points: Array  # T×N×2
    scale: Array
    across: Array


def project(points: Array, travel: Array, view: View) -> Projection:
    """points: T×N×3 about the walker (X forward); travel: T, metres walked, 0 in mid-path."""
    turned = np.deg2rad(view.turn) * travel
    heading = np.deg2rad(-view.azimuth) + turned  # in the camera's ground frame, whose X axis points at the camera
    step = np.gradient(travel) if len(travel) > 1 else np.zeros(1)
    place = np.stack([np.cumsum(np.cos(heading) * step), np.cumsum(np.sin(heading) * step)], -1)
    place -= place[len(place) // 2]
    cos, sin = np.cos(heading), np.sin(heading)
    x = points[..., 0] * cos[:, None] - points[..., 1] * sin[:, None] + place[:, None, 0]
    y = points[..., 0] * sin[:, None] + points[..., 1] * cos[:, None] + place[:, None, 1]
    up = np.deg2rad(view.elevation)
    z = points[..., 2] - 0.9  # the camera looks at the walker's middle
    depth = np.maximum(view.distance - x * np.cos(up) - z * np.sin(up), 0.5)
    ratio = view.distance / depth
    along = z * np.cos(up) - x * np.sin(up)
    # From the camera, which looks towards −X, the Y axis points to the right.
    picture = np.stack([y * ratio, -along * ratio], -1)
    to_camera = np.arctan2(-place[:, 1], view.distance * np.cos(up) - place[:, 0])  # it turns as the walker passes
    facing = heading - to_camera
    return Projection(picture, ratio.mean(axis=1), np.stack([np.sin(facing), np.cos(facing)], -1))
