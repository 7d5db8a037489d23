"""The walker as flat shapes in the picture: each part of body and outfit as one convex outline a frame.

Limbs are tapered capsules; the trunk, bags and skirts are chains of quadrilaterals whose half width follows from
breadth, depth and the side that the camera sees.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.research.synth.body import Body, Outfit
from pipeline.research.synth.camera import View
from pipeline.research.synth.motion import INDEX, Steps

Floats = NDArray[np.float64]

ARC = 5  # points on each round end
_ELLIPSE = np.stack([np.cos(np.arange(14) * 2 * np.pi / 14), np.sin(np.arange(14) * 2 * np.pi / 14)], 1)


@dataclass(frozen=True, slots=True)
class Outline:
    """One part. points: T×N×2 pixels, convex in each frame; depth: T metres from the camera, for who hides whom."""

    part: str
    points: Floats
    depth: Floats


@dataclass(frozen=True, slots=True)
class Outlines:
    """All parts of one walker, and the joints in the picture: T×J×2 pixels in the order of motion.JOINTS."""

    parts: tuple[Outline, ...]
    joints: Floats

    def box(self) -> Floats:
        """T×4: x1, y1, x2, y2 around all parts."""
        points = np.concatenate([part.points for part in self.parts], 1)
        return np.concatenate([points.min(1), points.max(1)], 1)

    def map(self, move: Callable[[Floats], Floats]) -> Outlines:
        """With every point T×N×2 where `move` puts it."""
        return Outlines(tuple(replace(part, points=move(part.points)) for part in self.parts), move(self.joints))


def outlines(body: Body, outfit: Outfit, steps: Steps, view: View, detail: bool = False) -> Outlines:
    """Project a walk: every part's outline, in no particular order.

    detail: also what lies within the others and only colour tells (the face).
    """
    artist = _Artist(body, outfit, steps, view)
    artist.legs()
    artist.trunk()
    artist.arms()
    artist.head()
    artist.things()
    if detail:
        artist.face()
    return Outlines(tuple(artist.parts), artist.flat)


class _Artist:
    def __init__(self, body: Body, outfit: Outfit, steps: Steps, view: View) -> None:
        self.body, self.outfit, self.view = body, outfit, view
        self.parts: list[Outline] = []
        self.joints = steps.joints
        self.flat, self.scale = view.project(steps.joints)
        self.depth = view.focal / self.scale
        zero = np.zeros_like(steps.facing)
        self.forward = np.stack([np.cos(steps.facing), np.sin(steps.facing), zero], 1)
        self.left = np.stack([-np.sin(steps.facing), np.cos(steps.facing), zero], 1)
        self.up = np.array([0.0, 0.0, 1.0])
        # How much of its breadth (across) and of its depth each part shows to the camera.
        self.seen_shoulders = _seen(steps.shoulder_line, view.right)
        self.seen_pelvis = _seen(steps.pelvis_line, view.right)
        self.seen_body = _seen(steps.facing, view.right)

    def at(self, joint: str) -> Floats:
        return np.asarray(self.joints[:, INDEX[joint]])

    def half_width(self, breadth: float, depth: float, seen: tuple[Floats, Floats] | None = None) -> Floats:
        """T: what the camera sees of a breadth and a depth; seen: their shares, by default the body's."""
        across, along = seen or self.seen_body
        return np.asarray(np.hypot(breadth * across, depth * along))

    def legs(self) -> None:
        body, wear = self.body, self.outfit
        for side in "LR":
            hip, knee, ankle = self.at(f"hip_{side}"), self.at(f"knee_{side}"), self.at(f"ankle_{side}")
            calf = knee + 0.33 * (ankle - knee)
            thigh_top = hip + 0.10 * (knee - hip)
            name = f"leg_{side}"
            self.capsule(name, thigh_top, body.thigh_girth + wear.trousers, knee, body.knee_girth + wear.trousers)
            self.capsule(name, knee, body.knee_girth + wear.trousers, calf, body.calf_girth + wear.trousers)
            cuff = body.ankle_girth + max(wear.trousers, 0.004) + wear.flare
            self.capsule(name, calf, body.calf_girth + wear.trousers, ankle, cuff)
            heel, toe = self.at(f"heel_{side}"), self.at(f"toe_{side}")
            raised = (0.022 + wear.sole / 3) * self.up
            along = (toe - heel) / np.linalg.norm(toe - heel, axis=1, keepdims=True)
            thick = 0.022 + wear.shoe / 4 + wear.sole / 3
            self.capsule(
                f"shoe_{side}", heel + raised + thick * along, thick, toe + raised - 0.02 * along, thick - 0.008
            )
            instep = heel + 0.55 * (toe - heel) + 0.05 * self.up
            self.capsule(f"shoe_{side}", ankle, 0.034 + wear.shoe / 2, instep, 0.028 + wear.shoe / 3)
            if wear.heel:
                self.capsule(
                    f"shoe_{side}", heel + 0.02 * along, 0.015, heel + 0.02 * along - wear.heel * self.up, 0.01
                )

    def trunk(self) -> None:
        body, wear = self.body, self.outfit
        pelvis, neck = self.at("pelvis"), self.at("neck")
        along = neck - pelvis
        up = along / np.linalg.norm(along, axis=1, keepdims=True)
        hips, shoulders = self.seen_pelvis, self.seen_shoulders
        stations = (
            (pelvis - (0.055 * body.stature + wear.jacket) * up, hips, 0.94, body.hip_breadth, body.hip_depth),
            (pelvis - 0.01 * body.stature * up, hips, 1.0, body.hip_breadth, body.hip_depth),
            (pelvis + 0.20 * along, hips, 1.0, 0.96 * body.hip_breadth, 0.96 * body.hip_depth),
            (pelvis + 0.42 * along, self.seen_body, 1.0, body.waist_breadth, body.waist_depth),
            (pelvis + 0.72 * along, shoulders, 1.0, body.chest_breadth, body.chest_depth),
            (pelvis + 0.86 * along, shoulders, 1.0, body.shoulder_breadth * 0.84, 0.92 * body.chest_depth),
            (pelvis + 0.95 * along, shoulders, 1.0, body.shoulder_breadth * 0.62, 0.72 * body.chest_depth),
            (pelvis + 1.03 * along, shoulders, 1.0, body.neck_girth * 1.15, body.neck_girth * 1.2),
        )
        bulges = (-0.10, -0.12, -0.05, 0.10, 0.10, 0.02, -0.10, -0.10)  # shares of the depth: seat back, chest forward
        rows = []
        for (place, seen, share, breadth, depth), bulge in zip(stations, bulges, strict=True):
            half = self.half_width(share * breadth + wear.top, share * depth + wear.top, seen)
            rows.append((place + bulge * depth * self.forward, half))
        self.chain("trunk", rows)
        if wear.hem:
            self.skirt()

    def skirt(self) -> None:
        body, wear = self.body, self.outfit
        level = 2 * wear.hem  # 0 hips, 1 knees, 2 ankles
        legs = []
        for side in "LR":
            hip, knee, ankle = (self.at(f"{joint}_{side}") for joint in ("hip", "knee", "ankle"))
            legs.append(hip + level * (knee - hip) if level < 1 else knee + (level - 1) * (ankle - knee))
        flat, scale = self.view.project(np.stack(legs, 1))
        girth = (body.thigh_girth if level < 1 else body.calf_girth + 0.02) + 0.02 + wear.hem_flare
        reach = girth * scale.mean(1)
        left, right = flat[..., 0].min(1) - reach, flat[..., 0].max(1) + reach
        bottom = flat[..., 1].mean(1)
        waist, waist_scale = self.view.project((self.at("pelvis") + 0.03 * self.up)[:, None])
        half = self.half_width(body.hip_breadth, body.hip_depth, self.seen_pelvis) + wear.top
        half = half * waist_scale[:, 0]
        x, y = waist[:, 0, 0], waist[:, 0, 1]
        points = np.stack([x - half, y, x + half, y, right, bottom, left, bottom], 1).reshape(-1, 4, 2)
        self.parts.append(Outline("skirt", points, self.depth[:, 0]))

    def arms(self) -> None:
        body, wear = self.body, self.outfit
        for side in "LR":
            shoulder, elbow = self.at(f"shoulder_{side}"), self.at(f"elbow_{side}")
            wrist, hand = self.at(f"wrist_{side}"), self.at(f"hand_{side}")
            girth = body.arm_girth + wear.sleeves
            self.capsule(f"sleeve_{side}", shoulder, girth + 0.012, elbow, 0.84 * girth)
            self.capsule(f"forearm_{side}", elbow, 0.84 * girth, wrist, body.wrist_girth + 0.6 * wear.sleeves)
            self.capsule(
                f"hand_{side}", wrist, body.wrist_girth, hand + 0.35 * (hand - wrist), body.wrist_girth + 0.005
            )

    def head(self) -> None:
        body, wear = self.body, self.outfit
        neck, middle, vertex = self.at("neck"), self.at("head"), self.at("vertex")
        self.capsule("neck", neck, body.neck_girth * 1.1, middle, body.neck_girth)
        up = vertex - middle
        half = self.half_width(body.head_breadth, body.head_depth)
        self.ellipse("face", middle + 0.012 * self.forward, half, body.head / 2)
        volume = body.hair_volume
        crown = middle + 0.25 * up - 0.018 * self.forward
        self.ellipse("hair", crown, half + 0.4 * volume, 0.76 * body.head / 2 + volume)
        back = middle - (0.8 * body.head_depth) * self.forward
        if body.hair == "long":
            self.capsule("hair", crown - 0.03 * self.forward, 0.075, neck - 0.06 * self.forward - 0.04 * self.up, 0.07)
        elif body.hair == "tail":
            self.capsule("hair", back + 0.03 * self.up, 0.035, back - 0.03 * self.forward - 0.16 * self.up, 0.03)
        elif body.hair == "bun":
            bun = back - 0.01 * self.forward + 0.05 * self.up
            self.capsule("hair", bun, 0.042, bun + 0.01 * self.up, 0.042)
        elif body.hair == "full":
            self.ellipse("hair", crown, half + volume, 0.8 * body.head / 2 + volume)
        if wear.hat in {"cap", "beanie"}:
            self.ellipse("hat", middle + 0.35 * up, half + 0.012, 0.62 * body.head / 2 + 0.02)
            if wear.hat == "cap":
                rim = middle + 0.35 * up + 0.06 * self.forward
                self.capsule("hat", rim, 0.02, rim + 0.11 * self.forward, 0.01)
        elif wear.hat == "brim":
            self.ellipse("hat", middle + 0.5 * up, half + 0.015, 0.6 * body.head / 2)
            self.ellipse("hat", middle + 0.45 * up, half + 0.075, 0.018)
        elif wear.hat == "hood":
            self.ellipse("hat", middle - 0.015 * self.forward, half + 0.022, body.head / 2 + 0.022)
            self.capsule("hat", middle - 0.03 * self.forward, 0.085, neck - 0.04 * self.forward, 0.10)

    def face(self) -> None:
        body = self.body
        half = 0.80 * self.half_width(0.9 * body.head_breadth, 0.6 * body.head_depth)
        front = self.at("head") + 0.38 * body.head_depth * self.forward - 0.018 * self.up
        self.ellipse("skin", front, half, 0.36 * body.head)
        skin = self.parts.pop()
        self.parts.append(Outline("skin", skin.points, skin.depth - 0.04))

    def things(self) -> None:
        body, wear = self.body, self.outfit
        if wear.backpack:
            pelvis, neck = self.at("pelvis"), self.at("neck")
            top, bottom = 0.95, 0.95 - wear.backpack_length
            behind = (body.chest_depth + wear.top + wear.backpack / 2 - 0.02) * self.forward
            half = self.half_width(0.13, 0.5 * wear.backpack, self.seen_shoulders)
            rows = [
                (pelvis + share * (neck - pelvis) - behind, width * half)
                for share, width in ((bottom, 0.85), (bottom + 0.06, 1.0), (top - 0.15, 0.95), (top, 0.6))
            ]
            self.chain("backpack", rows)
        if wear.bag:
            left = 1.0 if wear.bag_side == "L" else -1.0
            size = wear.bag_size
            if wear.bag == "hand":
                grip = self.at(f"hand_{wear.bag_side}") - 0.03 * self.up
                self.capsule("bag", grip, 0.012, grip - 0.06 * self.up, 0.03)
                rim = grip - 0.05 * self.up
            elif wear.bag == "shoulder":
                beside = left * (body.hip_breadth + 0.05) * self.left
                rim = self.at("pelvis") + beside - 0.05 * self.forward + 0.5 * size * self.up
            else:
                rim = self.at("pelvis") + (body.hip_depth + 0.06) * self.forward + 0.6 * size * self.up
            wide, long = (0.055, 0.85 * size) if wear.bag != "front" else (0.8 * size, 0.06)
            half = self.half_width(wide, long)
            rows = [
                (rim - share * size * self.up, width * half) for share, width in ((0, 0.7), (0.3, 0.95), (1.3, 1.0))
            ]
            self.chain("bag", rows)

    def capsule(self, part: str, start: Floats, start_radius: float, end: Floats, end_radius: float) -> None:
        """A tapered limb between two points (T×3), radii in metres."""
        flat, scale = self.view.project(np.stack([start, end], 1))
        radii = np.array([start_radius, end_radius]) * scale
        along = flat[:, 1] - flat[:, 0]
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
        direction = np.arctan2(along[:, 1], along[:, 0])
        taper = np.arccos(np.clip((radii[:, 0] - radii[:, 1]) / length, -1, 1))
        share = np.linspace(0, 1, ARC)
        first = direction[:, None] + taper[:, None] + share * (2 * np.pi - 2 * taper)[:, None]
        second = direction[:, None] - taper[:, None] + share * 2 * taper[:, None]
        turns, sizes = np.concatenate([first, second], 1), np.repeat(radii, ARC, 1)
        points = np.repeat(flat, ARC, 1) + sizes[..., None] * np.stack([np.cos(turns), np.sin(turns)], -1)
        self.parts.append(Outline(part, points, (self.view.focal / scale).mean(1)))

    def ellipse(self, part: str, centre: Floats, half_width: Floats | float, half_height: float) -> None:
        """An ellipse upright in the picture; half_width T metres."""
        flat, scale = self.view.project(centre[:, None])
        size = np.stack([half_width * scale[:, 0], half_height * scale[:, 0]], 1)
        self.parts.append(Outline(part, flat + size[:, None] * _ELLIPSE, self.view.focal / scale[:, 0]))

    def chain(self, part: str, rows: list[tuple[Floats, Floats]]) -> None:
        """A band through points (T×3) with half widths (T metres): one quadrilateral from each to the next."""
        flat, scale = self.view.project(np.stack([place for place, _ in rows], 1))
        half = np.stack([width for _, width in rows], 1) * scale
        axis = flat[:, -1] - flat[:, 0]
        axis = axis / np.maximum(np.hypot(axis[:, 0], axis[:, 1]), 1e-6)[:, None]
        across = np.stack([-axis[:, 1], axis[:, 0]], 1)[:, None] * half[..., None]
        one, other = flat - across, flat + across
        depth = self.view.focal / scale
        for k in range(len(rows) - 1):
            points = np.stack([one[:, k], other[:, k], other[:, k + 1], one[:, k + 1]], 1)
            self.parts.append(Outline(part, points, depth[:, k : k + 2].mean(1)))


def _seen(turn: Floats, right: Floats) -> tuple[Floats, Floats]:
    """|share| of a breadth (to the left of `turn`) and of a depth (along it) that lies across the picture: T, T."""
    breadth = -np.sin(turn) * right[:, 0] + np.cos(turn) * right[:, 1]
    depth = np.cos(turn) * right[:, 0] + np.sin(turn) * right[:, 1]
    return np.abs(breadth), np.abs(depth)
