"""Whose body walks, and what it wears: lengths and girths of a person, and an outfit for one sequence.

Segment lengths are shares of stature (Drillis & Contini 1966, as in Winter, Biomechanics and Motor Control of Human
Movement, 4th ed. 2009, fig. 4.1) that vary as measured (51 adults of H2A: leg length 0.516 ± 0.016 of stature; breadths
and girths after the ANSUR II survey of 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# H2A, 51 adults: stature (m), leg length / stature, mass (kg), cadence (steps/min), step length (leg lengths).
_MEAN = np.array([1.6699, 0.51597, 68.496, 119.898, 0.71749])
_SD = np.array([0.11021, 0.01599, 12.100, 10.016, 0.05939])
_CORRELATION = np.array(
    [
        [1.000, 0.201, 0.521, -0.317, -0.169],
        [0.201, 1.000, 0.113, 0.073, 0.060],
        [0.521, 0.113, 1.000, -0.369, -0.129],
        [-0.317, 0.073, -0.369, 1.000, 0.202],
        [-0.169, 0.060, -0.129, 0.202, 1.000],
    ]
)
MEAN_LEG = 0.491  # thigh + shank over stature (Winter); H2A measures to the trochanter and the floor


@dataclass(frozen=True, slots=True)
class Body:
    """One person. Lengths and girths in metres (girths as half widths), angles in radians.

    step: usual step length in leg lengths; cadence: steps per minute. Breadths are side to side, depths front to back.
    """

    stature: float
    thigh: float
    shank: float
    ankle: float
    foot: float
    hips: float
    trunk: float
    neck_head: float
    head: float
    shoulders: float
    upper_arm: float
    forearm: float
    hand: float
    cadence: float
    step: float
    lean: float
    nod: float
    stance: float
    arms_out: float
    slope: float
    rounded: float
    head_breadth: float
    head_depth: float
    neck_girth: float
    shoulder_breadth: float
    chest_breadth: float
    chest_depth: float
    waist_breadth: float
    waist_depth: float
    hip_breadth: float
    hip_depth: float
    thigh_girth: float
    knee_girth: float
    calf_girth: float
    ankle_girth: float
    arm_girth: float
    wrist_girth: float
    hair: str
    hair_volume: float

    @property
    def leg(self) -> float:
        """Hip to knee to ankle."""
        return self.thigh + self.shank


@dataclass(frozen=True, slots=True)
class Outfit:
    """What one sequence adds to the body. Lengths in metres, added to the half widths, unless said otherwise."""

    top: float = 0.01
    sleeves: float = 0.008
    trousers: float = 0.01
    flare: float = 0.0
    hem: float = 0.0  # of a skirt or coat: how far down between hips (0) and ankles (1); 0: none
    hem_flare: float = 0.0
    jacket: float = 0.0  # how far the top hangs below the hips
    shoe: float = 0.02
    sole: float = 0.02
    heel: float = 0.0
    hat: str = ""  # "", cap, beanie, brim, hood
    backpack: float = 0.0  # depth
    backpack_length: float = 0.0  # share of the trunk
    bag: str = ""  # "", hand, shoulder, front
    bag_side: str = "R"
    bag_size: float = 0.0
    held_arms: str = ""  # "", L, R: an arm that holds a strap or a phone and hardly swings


def draw_body(rng: np.random.Generator) -> Body:
    """A new person."""
    z = np.clip(np.linalg.cholesky(_CORRELATION) @ rng.standard_normal(5), -2.3, 2.3)
    stature, leg_share, mass, cadence, step = (float(value) for value in _MEAN + _SD * z)
    leg = (MEAN_LEG + (leg_share - _MEAN[1])) * stature

    def about(share: float, spread: float) -> float:
        return float(share * (1 + spread * np.clip(rng.standard_normal(), -2.2, 2.2)))

    thigh_share = float(np.clip(rng.normal(0.499, 0.012), 0.47, 0.53))
    ankle, neck_head = about(0.039, 0.05) * stature, about(0.182, 0.04) * stature
    trunk = stature - leg - ankle - neck_head
    bulk = float(np.clip(np.sqrt(mass / (23.5 * stature**2)), 0.8, 1.35))  # girths grow with the root of the mass
    female = float(np.clip(rng.normal(0.5 - 2.2 * (stature - 1.67), 0.35), 0, 1))
    size = stature / 1.67
    shoulder_breadth = (0.232 - 0.018 * female) * size * (0.6 + 0.4 * bulk) * about(1, 0.04)
    belly = about(1, 0.09)
    return Body(
        stature=stature,
        thigh=thigh_share * leg,
        shank=(1 - thigh_share) * leg,
        ankle=ankle,
        foot=about(0.152, 0.035) * stature,
        hips=about(0.104 + 0.006 * female, 0.06) * stature,
        trunk=trunk,
        neck_head=neck_head,
        head=about(0.132, 0.035) * stature,
        shoulders=2 * shoulder_breadth - 0.10 * size * (0.5 + 0.5 * bulk),
        upper_arm=about(0.180, 0.035) * stature,
        forearm=about(0.148, 0.035) * stature,
        hand=about(0.108, 0.04) * stature,
        cadence=cadence,
        step=step,
        lean=float(np.clip(rng.normal(-0.015, 0.035), -0.1, 0.09)),
        nod=float(np.clip(rng.normal(-0.05, 0.05), -0.18, 0.12)),
        stance=float(rng.normal(0.005, 0.012)),
        arms_out=float(np.clip(rng.normal(-0.06 + 0.10 * (bulk - 1), 0.04), -0.14, 0.12)),
        slope=about(0.045, 0.2) * stature,
        rounded=float(rng.normal(-0.005, 0.012)),
        head_breadth=about(0.077, 0.04) * (0.4 + 0.6 * size),
        head_depth=about(0.099, 0.035) * (0.4 + 0.6 * size),
        neck_girth=about(0.060 - 0.008 * female, 0.06) * size * (0.5 + 0.5 * bulk),
        shoulder_breadth=shoulder_breadth,
        chest_breadth=about(0.152 - 0.014 * female, 0.04) * size * bulk,
        chest_depth=about(0.128 + 0.006 * female, 0.06) * size * bulk,
        waist_breadth=about(0.150 - 0.016 * female, 0.05) * size * bulk * (0.5 + 0.5 * belly),
        waist_depth=about(0.117 - 0.006 * female, 0.07) * size * bulk**1.2 * belly,
        hip_breadth=about(0.170 + 0.010 * female, 0.04) * size * (0.4 + 0.6 * bulk),
        hip_depth=about(0.118 + 0.008 * female, 0.06) * size * bulk,
        thigh_girth=about(0.083 + 0.005 * female, 0.05) * size * bulk,
        knee_girth=about(0.058, 0.05) * size * (0.4 + 0.6 * bulk),
        calf_girth=about(0.054, 0.06) * size * (0.3 + 0.7 * bulk),
        ankle_girth=about(0.038, 0.05) * size * (0.6 + 0.4 * bulk),
        arm_girth=about(0.048 - 0.004 * female, 0.07) * size * bulk,
        wrist_girth=about(0.029, 0.06) * size * (0.5 + 0.5 * bulk),
        hair=str(rng.choice(["short", "full", "long", "tail", "bun"], p=_hair(female))),
        hair_volume=float(rng.uniform(0.006, 0.03)),
    )


def draw_outfit(rng: np.random.Generator, kind: str = "nm") -> Outfit:
    """Clothes for one sequence. kind: nm everyday wear, bg with a bag or backpack, cl a coat, skirt or thick wear."""
    thick = float(rng.uniform(0.03, 0.065)) if kind == "cl" else float(rng.uniform(0.006, 0.040))
    long_hem, bag, backpack = 0.0, "", 0.0
    if kind == "cl":
        long_hem = float(rng.uniform(0.25, 0.75)) if rng.random() < 0.6 else 0.0
    elif rng.random() < 0.07:
        long_hem = float(rng.uniform(0.2, 0.8))  # a skirt or a dress
    if kind == "bg":
        if rng.random() < 0.45:
            backpack = float(rng.uniform(0.10, 0.26))
        else:
            bag = str(rng.choice(["hand", "shoulder", "front"], p=[0.45, 0.45, 0.10]))
    return Outfit(
        top=thick,
        sleeves=0.7 * thick,
        trousers=float(rng.uniform(0.0, 0.020)),
        flare=float(np.clip(rng.normal(0.004, 0.012), -0.01, 0.05)),
        hem=long_hem,
        hem_flare=float(rng.uniform(0.0, 0.09)),
        jacket=float(rng.uniform(0, 0.22 if kind == "cl" else 0.14)),
        shoe=float(rng.uniform(0.010, 0.022)),
        sole=float(rng.uniform(0.005, 0.03)),
        heel=float(rng.uniform(0, 0.05)) if rng.random() < 0.15 else 0.0,
        hat=str(rng.choice(["", "cap", "beanie", "brim", "hood"], p=[0.80, 0.06, 0.06, 0.02, 0.06])),
        backpack=backpack,
        backpack_length=float(rng.uniform(0.55, 0.95)),
        bag=bag,
        bag_side=str(rng.choice(["L", "R"])),
        bag_size=float(rng.uniform(0.10, 0.24)),
        held_arms=str(rng.choice(["", "L", "R"], p=[0.92, 0.04, 0.04])),
    )


def _hair(female: float) -> list[float]:
    short = 0.75 - 0.65 * female
    return [short, 0.17, (0.83 - short) * 0.5, (0.83 - short) * 0.25, (0.83 - short) * 0.25]
