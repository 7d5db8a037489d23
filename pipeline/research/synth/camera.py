"""From where a walker is seen: a pinhole camera on the path of a walk."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TURN = 75.0  # degrees by which a camera may be moved around somebody


@dataclass(frozen=True, slots=True)
class Shot:
    """How one sequence is filmed. Angles in radians, lengths in metres.

    azimuth: from the walking direction to the camera at the middle of the sequence (0: towards the camera, +90°: seen
    from the left, 180°: from behind). elevation: above the horizon of the walker's middle. distance: to it. height_px:
    of the person in the picture then. fps: pictures per second. bend: curvature of the path, 1/m.
    """

    azimuth: float
    elevation: float
    distance: float
    height_px: float
    fps: float
    bend: float


def draw_shot(rng: np.random.Generator) -> Shot:
    """A camera for a new sequence: 60 % from the side, 20 % obliquely, 20 % from the front or the back (along)."""
    view = str(rng.choice(["side", "oblique", "along"], p=[0.6, 0.2, 0.2]))
    sign = 1.0 if rng.random() < 0.5 else -1.0
    back = rng.random() < 0.5
    if view == "side":
        degrees = float(np.clip(rng.normal(90, 13), 60, 120))
    elif view == "oblique":
        degrees = float(rng.uniform(120, 155) if back else rng.uniform(25, 60))
    else:
        degrees = float(rng.uniform(155, 180) if back else rng.uniform(0, 25))
    high = rng.random() < 0.25
    return Shot(
        azimuth=sign * float(np.deg2rad(degrees)),
        elevation=float(np.deg2rad(rng.uniform(15, 35) if high else np.clip(rng.normal(4, 5), -3, 15))),
        distance=float(np.exp(rng.uniform(np.log(4.5), np.log(22)))),
        height_px=float(np.exp(rng.uniform(np.log(55), np.log(240)))),
        fps=float(rng.choice([25.0, 29.97, 30.0])),
        bend=float(rng.normal(0, 0.05)) if rng.random() < 0.3 else 0.0,
    )


def draw_side(rng: np.random.Generator) -> float:
    """From where somebody is mostly seen: degrees from the walking direction, 90 ± 25."""
    return float(np.clip(rng.normal(90, 25), 30, 150))


def turned(shot: Shot, side: float, rng: np.random.Generator, most: float = TURN) -> Shot:
    """The camera near that side, from the left or from the right, and every second picture of it.

    Three times of four it is moved around, by so many degrees at most.
    """
    moved = rng.uniform(-most, most) * (rng.random() < 0.75)
    azimuth = np.deg2rad(side + moved) * rng.choice([-1, 1])
    return replace(shot, azimuth=float(azimuth), fps=shot.fps / 2)


@dataclass(frozen=True, slots=True)
class View:
    """Where things are in the picture, the camera always turned towards the walker (as the crop follows them)."""

    position: Floats  # 3
    right: Floats  # T×3
    down: Floats  # T×3
    ahead: Floats  # T×3
    focal: float

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Points T×N×3 → T×N×2 pixels from the middle of the picture (y down), and T×N pixels per metre there."""
        seen = points - self.position
        depth = np.maximum(np.einsum("tnk,tk->tn", seen, self.ahead), 0.3)
        scale = self.focal / depth
        across = np.einsum("tnk,tk->tn", seen, self.right) * scale
        below = np.einsum("tnk,tk->tn", seen, self.down) * scale
        return np.stack([across, below], -1), scale


def film(shot: Shot, targets: Floats, facing: float, stature: float) -> View:
    """Set up the camera for a walker whose middle is at `targets` (T×3) and who faces `facing` half-way."""
    middle = targets[len(targets) // 2]
    bearing = facing + shot.azimuth
    level, up = np.cos(shot.elevation), np.sin(shot.elevation)
    position = middle + shot.distance * np.array([level * np.cos(bearing), level * np.sin(bearing), up])
    position[2] = max(position[2], 0.15)
    return look_at(position, targets, shot.height_px * shot.distance / (stature * max(level, 0.75)))


def look_at(position: Floats, targets: Floats, focal: float) -> View:
    """A level camera at `position` (3) towards `targets` (T×3), one for each picture. focal: pixels."""
    ahead = targets - position
    ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
    right = np.stack([ahead[:, 1], -ahead[:, 0], np.zeros(len(ahead))], 1)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    down = np.cross(ahead, right)
    return View(position, right, down, ahead, focal)
