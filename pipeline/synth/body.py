"""Who is walking (lengths and girths of a body) and in what: clothes, bags and hair of one occasion.

Shares of stature: Drillis and Contini (1966) in Winter, "Biomechanics and Motor Control of Human Movement" (2009);
their spread: adults of the CMU database; stature and leg length: 51 adults (H2A, BMClab, CC-BY 4.0); girths and
breadths: ANSUR II (2012), rounded, as depth and breadth of ellipses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.synth.motion import Gait, Segments, draw_gait


@dataclass(frozen=True, slots=True)
class Shape:
    """Half breadths (side to side) and half depths (front to back) in metres, bare; `belly` and `seat` stick out."""

    head: tuple[float, float, float]  # half breadth, half depth, half height
    neck: float
    shoulders: float  # roundness above the joints
    chest: tuple[float, float]
    waist: tuple[float, float]
    hips: tuple[float, float]
    belly: float
    seat: float
    thigh: float
    knee: float
    calf: float
    ankle: float
    upper_arm: float
    forearm: float
    foot: float


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same from walk to walk."""

    gait: Gait
    segments: Segments
    shape: Shape
    hair: str  # short, bun, long, bald


@dataclass(frozen=True, slots=True)
class Outfit:
    """What changes from walk to walk. Widths are factors on the limbs' radii; lengths are shares of the leg."""

    trousers: float = 1.0
    flare: float = 1.0  # of the trousers at the ankle
    top: float = 1.0
    sleeves: float = 1.0
    coat: float = 0.0  # how far it reaches down the leg; 0: none
    coat_width: float = 1.0
    skirt: float = 0.0
    heel: float = 0.0  # metres
    hat: float = 0.0
    hood: float = 0.0
    backpack: float = 0.0  # depth in metres
    bag: str = ""  # "", left, right: carried in the hand; shoulder_left, shoulder_right
    bag_size: float = 0.0
    carried: float = 0.0  # something held in front with both hands: its size in metres


def draw_person(rng: np.random.Generator) -> Person:
    """Somebody."""
    woman = rng.random() < 0.5
    stature = float(np.clip(rng.normal(1.64 if woman else 1.76, 0.07), 1.45, 2.0))

    def share(mean: float, spread: float) -> float:
        return float(stature * mean * np.exp(rng.normal(0, spread)))

    leg = float(np.clip(rng.normal(0.516, 0.016), 0.475, 0.56)) * stature * 0.952  # hip joint to ankle
    thigh = leg * float(np.clip(rng.normal(0.5, 0.018), 0.45, 0.55))
    trunk = share(0.29, 0.035)
    segments = Segments(
        stature=stature,
        thigh=thigh,
        shank=leg - thigh,
        foot=share(0.152, 0.04),
        trunk=trunk,
        neck_head=share(0.115, 0.06),
        upper_arm=share(0.178, 0.05),
        forearm=share(0.15, 0.05),
        hip_width=share(0.104 if woman else 0.1, 0.08),
        shoulder_width=share(0.2 if woman else 0.215, 0.06),
    )
    weight = float(np.exp(rng.normal(0, 0.13)))  # of the whole body: √(mass for stature)
    muscle = float(np.exp(rng.normal(0, 0.06)))
    limb = weight * stature / 1.7

    def girth(metres: float, spread: float = 0.07) -> float:
        return float(metres * limb * np.exp(rng.normal(0, spread)))

    shape = Shape(
        head=(share(0.045, 0.05), share(0.056, 0.05), share(0.066, 0.05)),
        neck=girth(0.058) * weight**-0.5,
        shoulders=girth(0.06, 0.1),
        chest=(girth(0.142 if woman else 0.155), girth(0.115, 0.09)),
        waist=(girth(0.128 if woman else 0.145), girth(0.098, 0.09) * weight**0.8),
        hips=(girth(0.172 if woman else 0.16), girth(0.118, 0.09)),
        belly=float(max(rng.normal(0.0, 0.02) + 0.10 * (weight - 1), -0.02)),
        seat=float(np.clip(rng.normal(0.025, 0.012), 0, 0.07)),
        thigh=girth(0.083),
        knee=girth(0.059) * weight**-0.4,
        calf=girth(0.056) * muscle,
        ankle=girth(0.038) * weight**-0.5,
        upper_arm=girth(0.05, 0.09) * muscle,
        forearm=girth(0.04) * muscle,
        foot=share(0.0265, 0.08),
    )
    hair = str(rng.choice(("short", "bun", "long", "short") if woman else ("short", "short", "short", "bald")))
    return Person(draw_gait(rng), segments, shape, hair)


def draw_outfit(rng: np.random.Generator, kind: str) -> Outfit:
    """What somebody wears: kind nm (as usual), bg (with a bag) or cl (other, thicker or longer clothes)."""
    thick = kind == "cl"
    outfit = {
        "trousers": rng.uniform(1.0, 1.5 if thick else 1.35),
        "flare": rng.uniform(0.9, 1.9),
        "top": rng.uniform(1.0, 1.3 if thick else 1.15),
        "sleeves": rng.uniform(1.0, 1.8 if thick else 1.45),
        "heel": rng.choice((0.0, rng.uniform(0.01, 0.06)), p=(0.7, 0.3)),
        "hat": rng.choice((0.0, rng.uniform(0.02, 0.06)), p=(0.85, 0.15)),
        "hood": rng.choice((0.0, rng.uniform(0.02, 0.07)), p=(0.8, 0.2)),
    }
    if rng.random() < (0.6 if thick else 0.12):
        outfit |= {"coat": rng.uniform(0.05, 0.75), "coat_width": rng.uniform(1.0, 1.25)}
    if rng.random() < 0.08:
        outfit |= {"skirt": rng.uniform(0.25, 0.8)}
    numbers: dict[str, Any] = {name: float(value) for name, value in outfit.items()}
    if kind != "bg" and rng.random() > 0.05:
        return Outfit(**numbers)
    choice = rng.random()
    if choice < 0.4:
        return Outfit(**numbers, backpack=float(rng.uniform(0.1, 0.24)))
    if choice < 0.9:
        bag = str(rng.choice(("left", "right", "shoulder_left", "shoulder_right")))
        return Outfit(**numbers, bag=bag, bag_size=float(rng.uniform(0.18, 0.42)))
    return Outfit(**numbers, carried=float(rng.uniform(0.2, 0.4)))
