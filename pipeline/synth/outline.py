"""The outline of a clothed body in a picture, as polygons for all frames at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.synth.body import Outfit, Person
from pipeline.synth.motion import JOINT, Array
from pipeline.synth.view import Projection, View, project

_HALF_TURN = np.linspace(0, np.pi, 6)
_TURN = np.linspace(0, 2 * np.pi, 14, endpoint=False)
HAND = 0.1  # metres from the wrist to the middle of the fist, and a bit


@dataclass(frozen=True, slots=True)
class _Seen:
    """Joints in the picture: metres at the walker's distance, x to the right, y down."""

    points: Array  # T×J×2
    scale: Array  # T
    forward: Array  # T: how much of depth, and
    left: Array  # … of breadth is seen across the picture

    def at(self, name: str) -> Array:
        return self.points[:, JOINT[name]]

    def half_width(self, breadth: float, depth: float) -> Array:
        """Of an upright elliptic cylinder: T."""
        return np.asarray(self.scale * np.hypot(breadth * self.left, depth * self.forward))

    def shifted(self, where: Array, forward: float = 0.0, left: float = 0.0, down: float = 0.0) -> Array:
        """Points T×2 moved by metres along the walker's own axes."""
        across = self.scale * (forward * self.forward + left * self.left)
        return where + np.stack([across, self.scale * down], -1)


def outline(person: Person, outfit: Outfit, joints: Array, travel: Array, view: View) -> list[Array]:
    """Convex polygons, T×n×2 each, in metres of the picture; together they cover the body and what it carries."""
    seen = _seen(project(joints, travel, view))
    parts = [*_legs(seen, person, outfit), *_trunk(seen, person, outfit), *_head(seen, person, outfit)]
    parts += _arms(seen, person, outfit)
    parts += _clothes(seen, person, outfit)
    return parts + _luggage(seen, person, outfit)


def _seen(projection: Projection) -> _Seen:
    return _Seen(projection.points, projection.scale, projection.across[:, 0], projection.across[:, 1])


def _legs(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    shape, loose, scale = person.shape, outfit.trousers, seen.scale
    parts = []
    for side in "lr":
        hip, knee, ankle = (seen.at(f"{name}_{side}") for name in ("hip", "knee", "ankle"))
        heel, toe = seen.at(f"heel_{side}"), seen.at(f"toe_{side}")
        calf = knee + 0.32 * (ankle - knee)
        hem = ankle + 0.04 * (ankle - knee)
        wide = loose * outfit.flare
        parts += [
            _limb(hip, knee, scale * shape.thigh * (0.5 + 0.5 * loose), scale * shape.knee * loose),
            _limb(knee, calf, scale * shape.knee * loose, scale * shape.calf * loose),
            _limb(calf, hem, scale * shape.calf * loose, scale * shape.ankle * wide),
            _limb(heel, toe, scale * (shape.foot * 1.15 + outfit.heel / 2), scale * shape.foot),
            _limb(ankle, heel + 0.3 * (toe - heel), scale * shape.ankle, scale * shape.foot * 1.2),
        ]
    return parts


def _trunk(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    shape, loose = person.shape, outfit.top
    pelvis, waist, chest, neck = (seen.at(name) for name in ("pelvis", "waist", "chest", "neck"))
    seat = seen.shifted(pelvis, forward=-shape.seat / 2, down=0.03)
    belly = seen.shifted(waist, forward=shape.belly / 2)
    hips = seen.half_width(shape.hips[0] * (0.5 + 0.5 * outfit.trousers), shape.hips[1] + shape.seat / 2)
    middle = loose * seen.half_width(shape.waist[0], shape.waist[1] + max(shape.belly, 0) / 2)
    upper = loose * seen.half_width(*shape.chest)
    collar = seen.half_width(shape.neck * 1.6, shape.neck * 1.3)
    top = neck + 0.12 * (chest - neck)
    crotch = seat + 0.35 * (pelvis - waist)
    round_ = seen.scale * shape.shoulders * loose
    parts = [
        _slab(crotch, seat, 0.85 * hips, hips),
        _slab(seat, belly, hips, middle),
        _slab(belly, chest, middle, upper),
        _slab(chest, top, upper, 0.8 * upper),
        _slab(top, neck + 0.1 * (neck - chest), 0.75 * upper, collar),
        _limb(seen.at("shoulder_l"), seen.at("shoulder_r"), round_, round_),
    ]
    if outfit.hood:
        parts.append(_oval(seen.shifted(neck, forward=-0.05, down=0.02), seen.half_width(0.1, outfit.hood), 0.07))
    return parts


def _head(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    breadth, depth, tall = person.shape.head
    head, neck = seen.at("head"), seen.at("neck")
    hair = 0.0 if person.hair == "bald" else 0.012
    middle = seen.shifted(head, forward=0.02)
    wide = seen.half_width(breadth + hair, depth + hair)
    parts = [
        _limb(neck, head, seen.scale * person.shape.neck, seen.scale * person.shape.neck * 0.95),
        _oval(middle, wide, seen.scale * (tall + hair)),
    ]
    if person.hair == "bun":
        parts.append(_oval(seen.shifted(head, forward=-depth - 0.03, down=-0.02), 0.045 * seen.scale, 0.045))
    if person.hair == "long":
        back = seen.shifted(head, forward=-depth * 0.7)
        parts.append(_slab(back, seen.shifted(neck, forward=-0.05), 0.8 * wide, 0.9 * wide))
    if outfit.hat:
        parts.append(_slab(seen.shifted(middle, down=-tall * 0.4), seen.shifted(middle, down=-tall - outfit.hat),
                           1.25 * wide, 0.9 * wide))  # fmt: skip
    return parts


def _arms(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    shape, loose, scale = person.shape, outfit.sleeves, seen.scale
    parts = []
    for side in "lr":
        shoulder, elbow, wrist = (seen.at(f"{name}_{side}") for name in ("shoulder", "elbow", "wrist"))
        hand = wrist + HAND / person.segments.forearm * (wrist - elbow)
        parts += [
            _limb(shoulder, elbow, scale * shape.upper_arm * loose, scale * shape.forearm * 1.05 * loose),
            _limb(elbow, wrist, scale * shape.forearm * loose, scale * shape.forearm * 0.75 * loose),
            _limb(wrist, hand, scale * 0.03, scale * 0.038),
        ]
    return parts


def _clothes(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    shape, parts = person.shape, []
    for length, width in ((outfit.coat, outfit.coat_width), (outfit.skirt, 1.1)):
        if not length:
            continue
        hems = []
        for side in "lr":
            hip, knee, ankle = (seen.at(f"{name}_{side}") for name in ("hip", "knee", "ankle"))
            low = hip + 2 * length * (knee - hip) if length < 0.5 else knee + (2 * length - 1) * (ankle - knee)
            hems.append(low)
        left = np.minimum(hems[0][:, 0], hems[1][:, 0])
        right = np.maximum(hems[0][:, 0], hems[1][:, 0])
        down = np.minimum(hems[0][:, 1], hems[1][:, 1]) * 0.5 + np.maximum(hems[0][:, 1], hems[1][:, 1]) * 0.5
        hang = seen.half_width(shape.hips[0], shape.hips[1] + shape.seat / 2) * width
        pelvis = seen.at("pelvis")
        wide = np.maximum((right - left) / 2 * 0.9 + seen.scale * shape.thigh, 0.9 * hang)
        middle = np.stack([(left + right) / 2, down], -1)
        parts.append(_slab(pelvis, middle, hang, wide))
    if outfit.coat:
        parts.append(_slab(seen.at("waist"), seen.at("pelvis"), *(
            outfit.coat_width * seen.half_width(*sides) for sides in ((shape.waist[0] * 1.08, shape.waist[1] * 1.15),
                                                                      (shape.hips[0], shape.hips[1] * 1.15))
        )))  # fmt: skip
    return parts


def _luggage(seen: _Seen, person: Person, outfit: Outfit) -> list[Array]:
    shape, parts = person.shape, []
    if outfit.backpack:
        behind = -(shape.chest[1] + outfit.backpack / 2)
        wide = seen.half_width(0.14, outfit.backpack / 2)
        high = seen.shifted(seen.at("neck"), forward=behind, down=0.06)
        parts.append(_slab(high, seen.shifted(seen.at("waist"), forward=behind, down=0.06), 0.9 * wide, wide))
    if outfit.bag:
        side, sign = outfit.bag[-5:].lstrip("_"), 1 if outfit.bag.endswith("left") else -1
        size = outfit.bag_size
        wide = seen.half_width(0.2 * size, 0.5 * size)
        if outfit.bag.startswith("shoulder"):
            high = seen.shifted(seen.at("pelvis"), left=sign * (shape.hips[0] + 0.06), down=-0.12)
        else:
            wrist, elbow = seen.at(f"wrist_{side[0]}"), seen.at(f"elbow_{side[0]}")
            high = wrist + 0.35 * (wrist - elbow)
        parts.append(_slab(high, seen.shifted(high, down=1.1 * size), 0.85 * wide, wide))
    if outfit.carried:
        size = outfit.carried
        high = seen.shifted(seen.at("waist"), forward=shape.waist[1] + size / 2, down=-0.1)
        wide = seen.half_width(size * 0.6, size / 2)
        parts.append(_slab(high, seen.shifted(high, down=size), wide, wide))
    return parts


def _limb(start: Array, end: Array, start_radius: Array, end_radius: Array) -> Array:
    """A tapered segment with round ends: T×12×2."""
    along = end - start
    along = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-6)
    normal = np.stack([-along[:, 1], along[:, 0]], -1)
    cos, sin = np.cos(_HALF_TURN)[:, None], np.sin(_HALF_TURN)[:, None]
    first = start[:, None] + np.reshape(start_radius, (-1, 1, 1)) * (normal[:, None] * cos - along[:, None] * sin)
    last = end[:, None] + np.reshape(end_radius, (-1, 1, 1)) * (-normal[:, None] * cos + along[:, None] * sin)
    return np.concatenate([first, last], axis=1)


def _slab(top: Array, bottom: Array, top_half: Array, bottom_half: Array) -> Array:
    """A trapezoid, level at both ends, with corners taken off a little: T×4×2."""
    zero = np.zeros_like(top_half)
    one, other = np.stack([top_half, zero], -1), np.stack([bottom_half, zero], -1)
    return np.stack([top - one, top + one, bottom + other, bottom - other], axis=1)


def _oval(middle: Array, half_width: Array, half_height: Array | float) -> Array:
    wide, high = np.reshape(half_width, (-1, 1)), np.reshape(half_height, (-1, 1))
    return middle[:, None] + np.stack([wide * np.cos(_TURN), high * np.sin(_TURN) + 0 * wide], -1)
