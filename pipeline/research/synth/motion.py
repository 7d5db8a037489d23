"""How people walk: joint angles as Fourier series with measured means and variances, and the joints that follow.

Means of the pelvis and the legs: 42 adults (Fukuchi, Fukuchi & Duarte 2018, CC-BY 4.0). Means of trunk, arms and head:
12 children (biomechZoo sample data). How one person differs from another, and one walk of a person from the next: 14
adults of the CMU Graphics Lab motion capture database (NSF EIA-0196217), for the legs also the 42. Stature, leg length,
mass, cadence and step length: 51 adults (H2A, BMClab, CC-BY 4.0). docs/synth.md tells what is taken from where.

World: X forward along the path, Y to the walker's left, Z up, metres. Phase 0 is a strike of the right heel.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.body import Body

Floats = NDArray[np.float64]

ORDERS = 4  # of the Fourier series
COEFFICIENTS = 2 * ORDERS + 1  # a0, a1, b1, … a4, b4
LEGS_OF_42 = 0.5  # share of the variance of the legs between people that comes from the 42 adults, the rest from the 14
LARGEST_DEVIATION = 2.2  # standard deviations
MEAN_STEP = 0.71749  # leg lengths (H2A)

JOINTS = (
    "pelvis",
    "neck",
    "head",
    "vertex",
    *(f"{joint}_{side}" for side in "LR" for joint in ("hip", "knee", "ankle", "heel", "toe")),
    *(f"{joint}_{side}" for side in "LR" for joint in ("shoulder", "elbow", "wrist", "hand")),
)
"""head: middle of the head; toe: tip of the shoe; heel: its back edge; hand: middle of the hand."""

INDEX: Mapping[str, int] = {joint: index for index, joint in enumerate(JOINTS)}


@dataclass(frozen=True, slots=True)
class Gait:
    """One way to walk. coefficients: angles × 9, degrees (pelvis_lateral: leg lengths); cadence: steps per minute."""

    coefficients: Floats
    cadence: float


@dataclass(frozen=True, slots=True)
class Steps:
    """The walk over time. joints: T×J×3 metres in JOINTS' order, in the world; facing: T radians, 0 along X.

    shoulder_line, pelvis_line: T radians, where the walker faces by these lines; they swing to both sides of `facing`.
    """

    joints: Floats
    facing: Floats
    shoulder_line: Floats
    pelvis_line: Floats


@dataclass(frozen=True, slots=True)
class _Population:
    angles: tuple[str, ...]
    mean: Floats
    between: Floats
    within: Floats
    legs: Floats
    leg_rows: tuple[tuple[int, ...], tuple[int, ...]]  # for the right, for the left: rows of `mean`


@functools.cache
def population() -> _Population:
    """The measured means and factors (population.npz, beside this file)."""
    with np.load(Path(__file__).with_name("population.npz"), allow_pickle=False) as stored:
        angles = tuple(str(name) for name in stored["angles"])
        names = [str(name) for name in stored["leg_angles"]]
        rows = tuple(
            tuple(angles.index(f"{name}_{side}" if f"{name}_{side}" in angles else name) for name in names)
            for side in "RL"
        )
        mean, between, within, legs = (stored[key].astype(np.float64) for key in ("mean", "between", "within", "legs"))
    return _Population(angles, mean, between, within, legs, (rows[0], rows[1]))


def draw_gait(body: Body, rng: np.random.Generator) -> Gait:
    """The usual walk of a new person with this body."""
    people = population()
    deviation = np.einsum("k,kac->ac", _normal(rng, len(people.between)), people.between)
    deviation[people.angles.index("neck_flexion")] *= 0.6  # its measure includes how the markers sat on the head
    # Of the 42 adults, pelvis and right leg were measured in one stride: one draw for both legs, a fifth of it apart.
    common = _normal(rng, len(people.legs))
    own = np.sqrt(1 - LEGS_OF_42)
    for rows, mirrored in zip(people.leg_rows, (False, True), strict=True):
        apart = _normal(rng, len(people.legs))
        drawn = np.einsum("k,kac->ac", np.sqrt(0.8) * common + np.sqrt(0.2) * apart, people.legs)
        for row, change in zip(rows, drawn, strict=True):
            central = people.angles[row][-2:] not in ("_L", "_R")
            if mirrored and central:
                continue
            other = change * _HALF_CYCLE if mirrored else change
            deviation[row] = own * deviation[row] + np.sqrt(LEGS_OF_42) * other
    return Gait(_striding(people.mean + deviation, body.step / MEAN_STEP), body.cadence)


def vary(gait: Gait, rng: np.random.Generator) -> Gait:
    """Another walk of the same person: faster or slower, and with the measured differences from walk to walk."""
    people = population()
    faster = float(np.clip(rng.normal(0, 0.07), -0.18, 0.18))  # log speed
    change = np.einsum("k,kac->ac", _normal(rng, len(people.within)), people.within)
    coefficients = _striding(gait.coefficients + change, float(np.exp(0.53 * faster)))
    return Gait(coefficients, gait.cadence * float(np.exp(0.47 * faster + rng.normal(0, 0.025))))


def walk(body: Body, gait: Gait, times: Floats, start: float, bend: float = 0.0) -> Steps:
    """The joints at `times` (T seconds). start: phase at time 0; bend: curvature of the path, 1/m, to the left.

    The path begins at the origin along X and is as fast as the standing feet say.
    """
    cycles_per_second = gait.cadence / 120
    phases = start + cycles_per_second * times
    joints, shoulder_turn, pelvis_turn = _in_place(body, gait, phases)
    speed = stride(body, gait) * cycles_per_second
    along = speed * times
    facing = bend * along
    x, y = (np.sin(facing) / bend, (1 - np.cos(facing)) / bend) if abs(bend) > 1e-6 else (along, np.zeros_like(along))
    cosine, sine = np.cos(facing)[:, None], np.sin(facing)[:, None]
    world = np.empty_like(joints)
    world[..., 0] = cosine * joints[..., 0] - sine * joints[..., 1] + x[:, None]
    world[..., 1] = sine * joints[..., 0] + cosine * joints[..., 1] + y[:, None]
    world[..., 2] = joints[..., 2]
    return Steps(world, facing, facing + shoulder_turn, facing + pelvis_turn)


def stride(body: Body, gait: Gait) -> float:
    """Metres per cycle: how far a foot on the ground moves back under the body."""
    joints, _, _ = _in_place(body, gait, np.arange(32) / 32)
    back = [joints[:, INDEX["ankle_R"], 0], np.roll(joints[:, INDEX["ankle_L"], 0], -16)]
    # From heel strike to the other's heel strike is one step; both steps make the stride.
    return float(sum(foot[1] - foot[15] for foot in back) * 16 / 14)


def angles_at(gait: Gait, phases: Floats) -> dict[str, Floats]:
    """Every joint angle at T phases, in radians (pelvis_lateral: leg lengths)."""
    values = gait.coefficients @ _waves(phases)
    people = population()
    found = {
        name: values[row] if name == "pelvis_lateral" else np.deg2rad(values[row])
        for row, name in enumerate(people.angles)
    }
    for side in "LR":  # no joint bends the wrong way, however rare the draw
        found[f"knee_flexion_{side}"] = np.maximum(found[f"knee_flexion_{side}"], 0.0)
        found[f"elbow_flexion_{side}"] = np.maximum(found[f"elbow_flexion_{side}"], 0.02)
    return found


def _in_place(body: Body, gait: Gait, phases: Floats) -> tuple[Floats, Floats, Floats]:
    """Joints T×J×3 of a walker on the spot, the lowest foot on the ground, and the turns of shoulders and pelvis."""
    angle = angles_at(gait, phases)
    joints = np.zeros((len(phases), len(JOINTS), 3))
    tilt, obliquity, turn = angle["pelvis_tilt"], angle["pelvis_obliquity"], angle["pelvis_rotation"]
    pelvis = joints[:, INDEX["pelvis"]]
    pelvis[:, 1] = angle["pelvis_lateral"] * body.leg
    for side, left in (("L", 1.0), ("R", -1.0)):
        hip = pelvis + left * body.hips / 2 * _line(turn, obliquity)
        thigh = angle[f"hip_flexion_{side}"] - tilt
        # Abduction is measured from the pelvis; a pelvis with this side up turns both legs to the other side.
        outward = np.clip(left * (angle[f"hip_abduction_{side}"] + body.stance) + obliquity, -0.45, 0.45)
        knee = hip + body.thigh * _hanging(thigh, outward)
        shank = thigh - angle[f"knee_flexion_{side}"]
        ankle = knee + body.shank * _hanging(shank, outward)
        pitch = shank + angle[f"ankle_dorsiflexion_{side}"]
        toe_out = left * angle[f"foot_progression_{side}"] + 0.3 * turn
        ahead = np.stack([np.cos(pitch) * np.cos(toe_out), np.cos(pitch) * np.sin(toe_out), np.sin(pitch)], 1)
        down = np.stack([np.sin(pitch) * np.cos(toe_out), np.sin(pitch) * np.sin(toe_out), -np.cos(pitch)], 1)
        sole = ankle + body.ankle * down
        places = hip, knee, ankle, sole - 0.24 * body.foot * ahead, sole + 0.76 * body.foot * ahead
        for joint, place in zip(("hip", "knee", "ankle", "heel", "toe"), places, strict=True):
            joints[:, INDEX[f"{joint}_{side}"]] = place
    lean, aside = angle["trunk_flexion"] + body.lean, angle["trunk_lateral"]
    shoulders_turn = angle["trunk_rotation"]
    trunk = _standing(lean, aside)
    neck = pelvis + body.trunk * trunk
    nod = lean + angle["neck_flexion"] + body.nod
    head_up = _standing(nod, aside + angle["neck_lateral"])
    joints[:, INDEX["neck"]] = neck
    joints[:, INDEX["head"]] = neck + (body.neck_head - body.head / 2) * head_up
    joints[:, INDEX["vertex"]] = neck + body.neck_head * head_up
    for side, left in (("L", 1.0), ("R", -1.0)):
        shoulder = neck - body.slope * trunk + left * body.shoulders / 2 * _line(shoulders_turn, 0 * turn)
        shoulder[:, 0] -= body.rounded
        raised = np.clip(angle[f"shoulder_abduction_{side}"] + body.arms_out, -0.02, 0.6)
        swing = angle[f"shoulder_flexion_{side}"] - lean
        upper = _hanging(swing, left * raised)
        forward = np.stack([np.cos(swing), np.zeros_like(swing), np.sin(swing)], 1)
        outward = np.stack([-np.sin(left * raised) * np.sin(swing), np.cos(raised), left * np.sin(raised)], 1)
        bent, inward = angle[f"elbow_flexion_{side}"], angle[f"shoulder_rotation_{side}"]
        ahead = np.cos(inward)[:, None] * forward - (left * np.sin(inward))[:, None] * outward
        fore = np.cos(bent)[:, None] * upper + np.sin(bent)[:, None] * ahead
        fore /= np.linalg.norm(fore, axis=1, keepdims=True)
        elbow = shoulder + body.upper_arm * upper
        wrist = elbow + body.forearm * fore
        arm = shoulder, elbow, wrist, wrist + 0.5 * body.hand * fore
        for joint, place in zip(("shoulder", "elbow", "wrist", "hand"), arm, strict=True):
            joints[:, INDEX[f"{joint}_{side}"]] = place
    feet = [INDEX[f"{joint}_{side}"] for side in "LR" for joint in ("heel", "toe")]
    joints[..., 2] -= joints[:, feet, 2].min(axis=1)[:, None]
    return joints, shoulders_turn, turn


def drift(noise: NDArray[Any], keep: float, gain: float) -> NDArray[Any]:
    """T×… noise, each value `keep` of the one before and `gain` of what is new: it moves slowly from frame to frame."""
    slow = noise.copy()
    for frame in range(1, len(slow)):
        slow[frame] = keep * slow[frame - 1] + gain * noise[frame]
    return slow


def _waves(phases: Floats) -> Floats:
    """9×T: 1, cos, sin, cos 2, … of the phase."""
    waves = np.ones((COEFFICIENTS, len(phases)))
    turns = 2 * np.pi * np.arange(1, ORDERS + 1)[:, None] * phases
    waves[1::2], waves[2::2] = np.cos(turns), np.sin(turns)
    return waves


def _striding(coefficients: Floats, longer: float) -> Floats:
    """Steps longer by a factor: the swings of hips, pelvis and arms grow with them, their means stay."""
    changed = coefficients.copy()
    for row, name in enumerate(population().angles):
        if name[:-2] in ("hip_flexion", "shoulder_flexion") or name == "pelvis_rotation":
            changed[row, 1:] *= longer
    return changed


def _hanging(forward: Floats, left: Floats) -> Floats:
    """T×3 unit vectors that hang down, swung forward and to the left."""
    return np.stack([np.sin(forward) * np.cos(left), np.sin(left), -np.cos(forward) * np.cos(left)], 1)


def _standing(forward: Floats, left: Floats) -> Floats:
    """T×3 unit vectors that point up, leaned forward and to the left."""
    return np.stack([np.sin(forward) * np.cos(left), np.sin(left), np.cos(forward) * np.cos(left)], 1)


def _line(turn: Floats, up: Floats) -> Floats:
    """T×3 unit vectors to the left, turned about the vertical (to the left is positive) and raised."""
    return np.stack([-np.sin(turn) * np.cos(up), np.cos(turn) * np.cos(up), np.sin(up)], 1)


def _normal(rng: np.random.Generator, count: int) -> Floats:
    return np.clip(rng.standard_normal(count), -LARGEST_DEVIATION, LARGEST_DEVIATION)


_HALF_CYCLE = np.array([1.0, -1, -1, 1, 1, -1, -1, 1, 1])  # turns a right side's series into a left side's
