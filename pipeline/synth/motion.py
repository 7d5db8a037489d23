"""How a made-up person walks: joint angles over the gait cycle, and the joints that they put in space.

Angles are Fourier series of order four. Their means, the differences between people and those between two walks of a
person are measured ones (walks.npz): means of pelvis and legs from 42 adults (Fukuchi et al. 2018, PeerJ 6:e4640, CC-BY
4.0), means of trunk and arms from 12 children (Dixon et al. 2017, doi 10.1016/j.cmpb.2016.11.007), differences from 14
adults (CMU Graphics Lab motion capture database, funding NSF EIA-0196217), each of them also mirrored. Cadence: 51
adults (H2A, BMClab, CC-BY 4.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CADENCE = 118.0, 9.5  # steps a minute at a comfortable speed: mean and standard deviation between people
CADENCE_WITHIN = 3.5  # … from one walk of a person to the next
OWN = 0.5  # every coefficient also varies by itself, by this share of its standard deviation: 14 people are few
POSTURE_WITHIN = 0.35  # of the differences in posture between people: sessions of one day understate them

JOINTS = (
    "pelvis", "hip_l", "knee_l", "ankle_l", "heel_l", "toe_l", "hip_r", "knee_r", "ankle_r", "heel_r", "toe_r",
    "waist", "chest", "neck", "head", "shoulder_l", "elbow_l", "wrist_l", "shoulder_r", "elbow_r", "wrist_r",
)  # fmt: skip
JOINT = {name: index for index, name in enumerate(JOINTS)}


@dataclass(frozen=True, slots=True)
class Gait:
    """coefficients: A×9 (a0, a1, b1, … b4) in degrees, by ANGLES; cadence in steps a minute."""

    coefficients: Array
    cadence: float


@dataclass(frozen=True, slots=True)
class Segments:
    """Lengths in metres."""

    stature: float
    thigh: float
    shank: float
    foot: float
    trunk: float  # hips to the base of the neck
    neck_head: float  # base of the neck to the middle of the head
    upper_arm: float
    forearm: float
    hip_width: float
    shoulder_width: float


@cache
def _measured() -> tuple[tuple[str, ...], Array, Array, Array]:
    with np.load(Path(__file__).with_name("walks.npz")) as file:
        names = tuple(str(name) for name in file["names"])
        return names, *(file[part].astype(np.float64) for part in ("mean", "people", "within"))


def draw_gait(rng: np.random.Generator) -> Gait:
    """Somebody's way of walking."""
    _, mean, people, _ = _measured()
    weights = rng.standard_normal(len(people)) / np.sqrt(len(people) - 1)
    own = OWN * people.std(axis=0) * rng.standard_normal(mean.shape)
    cadence = float(np.clip(rng.normal(*CADENCE), 90, 145))
    return Gait(mean + np.tensordot(weights, people, 1) + own, cadence)


def draw_walk(gait: Gait, rng: np.random.Generator) -> Gait:
    """The same person on another occasion."""
    _, _, people, within = _measured()
    change = np.tensordot(rng.standard_normal(len(within)), within, 1)
    posture = POSTURE_WITHIN * people[:, :, 0].std(axis=0) * rng.standard_normal(people.shape[1])
    change[:, 0] += posture
    return Gait(gait.coefficients + change, float(gait.cadence + rng.normal(0, CADENCE_WITHIN)))


def angles_at(gait: Gait, phases: Array) -> dict[str, Array]:
    """Joint angles in radians at `phases` (T; 0 and 1: right heel strikes), by name, T each."""
    names, *_ = _measured()
    turns = 2 * np.pi * np.arange(1, 5)[:, None] * phases
    waves = np.concatenate(
        [np.ones((1, len(phases))), np.stack([np.cos(turns), np.sin(turns)], 1).reshape(8, -1)]
    )  # 9×T
    return dict(zip(names, np.deg2rad(gait.coefficients @ waves), strict=True))


def joints_at(angles: dict[str, Array], segments: Segments) -> Array:
    """T×J×3 in metres: X forward, Y left, Z up; the lower foot stands on Z = 0, the pelvis is over the origin."""
    frames = len(next(iter(angles.values())))
    place = np.zeros((frames, len(JOINTS), 3))
    tilt, lean = angles["pelvis_tilt"], angles["trunk_flexion"]
    across = _yawed(_rolled(_vector(0, 1, 0, frames), -angles["pelvis_obliquity"]), angles["pelvis_rotation"])
    for side, sign in (("l", 1), ("r", -1)):
        upper = side.upper()
        hip = sign * segments.hip_width / 2 * across
        thigh = angles[f"hip_flexion_{upper}"] - tilt
        shank = thigh - np.maximum(angles[f"knee_flexion_{upper}"], np.deg2rad(-3))
        sole = shank + angles[f"ankle_dorsiflexion_{upper}"]
        outward, toe_out = sign * angles[f"hip_abduction_{upper}"], sign * angles[f"foot_progression_{upper}"]
        knee = hip + segments.thigh * _hanging(thigh, outward)
        ankle = knee + segments.shank * _hanging(shank, outward)
        forward = _yawed(np.stack([np.cos(sole), 0 * sole, np.sin(sole)], -1), toe_out)
        down = _yawed(np.stack([np.sin(sole), 0 * sole, -np.cos(sole)], -1), toe_out)
        heel = ankle - 0.22 * segments.foot * forward + 0.25 * segments.foot * down
        toe = ankle + 0.72 * segments.foot * forward + 0.25 * segments.foot * down
        for name, where in (("hip", hip), ("knee", knee), ("ankle", ankle), ("heel", heel), ("toe", toe)):
            place[:, JOINT[f"{name}_{side}"]] = where
    trunk = _rolled(np.stack([np.sin(lean), 0 * lean, np.cos(lean)], -1), angles["trunk_lateral"])
    for name, share in (("waist", 0.38), ("chest", 0.72), ("neck", 1.0)):
        place[:, JOINT[name]] = share * segments.trunk * trunk
    nod = lean + angles["neck_flexion"]
    place[:, JOINT["head"]] = place[:, JOINT["neck"]] + segments.neck_head * np.stack(
        [np.sin(nod), 0 * nod, np.cos(nod)], -1
    )
    shoulders = _yawed(_rolled(_vector(0, 1, 0, frames), angles["trunk_lateral"]), angles["trunk_rotation"])
    for side, sign in (("l", 1), ("r", -1)):
        upper = side.upper()
        shoulder = 0.93 * segments.trunk * trunk + sign * segments.shoulder_width / 2 * shoulders
        swing = angles[f"shoulder_flexion_{upper}"] - lean
        outward = sign * np.maximum(angles[f"shoulder_abduction_{upper}"], np.deg2rad(1))
        inward = outward - sign * 0.35 * np.maximum(angles[f"elbow_flexion_{upper}"], 0)  # forearms turn in when bent
        elbow = shoulder + segments.upper_arm * _hanging(swing, outward)
        wrist = elbow + segments.forearm * _hanging(swing + np.maximum(angles[f"elbow_flexion_{upper}"], 0), inward)
        for name, where in (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist)):
            place[:, JOINT[f"{name}_{side}"]] = where
    feet = [JOINT[name] for name in ("heel_l", "toe_l", "heel_r", "toe_r")]
    place[..., 2] -= place[:, feet, 2].min(axis=1, keepdims=True)
    return place


def _hanging(forward: Array, left: Array) -> Array:
    """Unit vectors that hang down, swung forward and to the left by angles: T×3."""
    return np.stack([np.sin(forward) * np.cos(left), np.sin(left), -np.cos(forward) * np.cos(left)], -1)


def _vector(x: float, y: float, z: float, frames: int) -> Array:
    return np.tile(np.array([x, y, z], np.float64), (frames, 1))


def _yawed(vectors: Array, turn: Array) -> Array:
    """Turned about the upright axis, to the left."""
    cos, sin = np.cos(turn), np.sin(turn)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], -1)


def _rolled(vectors: Array, lean: Array) -> Array:
    """Turned about the forward axis: what points up goes to the left… of somebody who leans there."""
    cos, sin = np.cos(lean), np.sin(lean)
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([x, cos * y + sin * z, -sin * y + cos * z], -1)
