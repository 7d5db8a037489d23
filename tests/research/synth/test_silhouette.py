"""Silhouettes: bytes by seed, shape, clothes, the faults of a segmenter, the views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.research.synth.body import Outfit, draw_body, draw_outfit
from pipeline.research.synth.camera import Shot, draw_shot, film
from pipeline.research.synth.motion import INDEX, walk
from pipeline.research.synth.noise import draw_style, spoil
from pipeline.research.synth.outlines import Outlines, outlines
from pipeline.research.synth.silhouette import fill, person, sequence, sequences

SIDE = Shot(azimuth=np.pi / 2, elevation=0.0, distance=12.0, height_px=160.0, fps=25.0, bend=0.0)


def shapes_of(outfit: Outfit, shot: Shot = SIDE, frames: int = 25) -> Outlines:
    """One person, always in the middle of a picture of 200×200."""
    who = person((1, 1))
    steps = walk(who.body, who.gait, np.arange(frames) / shot.fps, 0.0)
    targets = steps.joints[:, INDEX["pelvis"]].copy()
    targets[:, 2] = who.body.stature / 2
    shapes = outlines(who.body, outfit, steps, film(shot, targets, 0.0, who.body.stature))
    parts = tuple(replace(part, points=part.points + 100) for part in shapes.parts)
    return Outlines(parts, shapes.joints + 100)


def drawn(outfit: Outfit, shot: Shot = SIDE) -> np.ndarray:
    return fill(shapes_of(outfit, shot), 200)


def test_same_seed_same_bytes_in_any_order() -> None:
    first = list(sequences((5, 2), 3, frames=8))
    again = list(sequences((5, 2), 3, frames=8))
    assert all((one.masks == other.masks).all() for one, other in zip(first, again, strict=True))
    alone = sequence(person((5, 2)), "bg", 8, np.random.default_rng([5, 2, 3]))
    assert (alone.masks == first[2].masks).all()
    assert (first[0].masks != first[1].masks).any()


def test_masks_are_what_encoders_take() -> None:
    for one in sequences((9, 9), 6, frames=12):
        assert one.masks.shape == (12, 64, 44) and one.masks.dtype == np.uint8
        area = (one.masks > 127).mean(axis=(1, 2))
        assert (area > 0.08).all() and (area < 0.7).all()
        assert 0.005 < ((one.masks > 0) & (one.masks < 255)).mean() < 0.12  # grey edges
        assert one.kind in {"nm", "bg", "cl"} and 0 <= one.view < 360


def test_three_of_five_views_are_from_the_side() -> None:
    rng = np.random.default_rng(3)
    degrees = np.array([abs(np.rad2deg(draw_shot(rng).azimuth)) for _ in range(600)])
    side, along = (degrees >= 60) & (degrees <= 120), (degrees <= 25) | (degrees >= 155)
    assert 0.55 < side.mean() < 0.65 and 0.15 < along.mean() < 0.25 and degrees.max() <= 180


def test_the_default_mix_is_mostly_sideways_and_both_ways() -> None:
    rng = np.random.default_rng(4)
    azimuths = np.rad2deg([draw_shot(rng).azimuth for _ in range(1500)])
    assert 0.57 < (np.abs(np.abs(azimuths) - 90) < 30).mean() < 0.72  # 60 %, a few oblique ones lie at the limit
    assert 0.45 < (azimuths > 0).mean() < 0.55


def test_seen_from_the_left_the_walker_goes_to_the_left() -> None:
    who = person((1, 1))
    steps = walk(who.body, who.gait, np.arange(10) / 25, 0.0)
    fixed = np.repeat(steps.joints[:1, INDEX["pelvis"]], 10, axis=0)
    for azimuth, sign in ((np.pi / 2, -1), (-np.pi / 2, 1)):
        flat, _ = film(replace(SIDE, azimuth=azimuth), fixed, 0.0, who.body.stature).project(steps.joints)
        assert np.sign(flat[-1, 0, 0] - flat[0, 0, 0]) == sign
        assert (flat[:, INDEX["vertex"], 1] < flat[:, INDEX["toe_L"], 1]).all()  # heads up


def test_the_height_in_the_picture_is_the_one_asked_for() -> None:
    rows = [np.flatnonzero(mask.any(axis=1)) for mask in drawn(Outfit(sole=0.0))]
    heights = np.array([row[-1] - row[0] + 1 for row in rows])
    assert np.abs(heights - SIDE.height_px).max() < 8


def test_legs_open_and_close_from_the_side_and_not_from_the_front() -> None:
    def change(masks: np.ndarray) -> float:
        return float(np.ptp(masks[:, 140:].any(axis=1).sum(axis=1)))

    assert change(drawn(Outfit())) > 2 * change(drawn(Outfit(), replace(SIDE, azimuth=0.0)))


@pytest.mark.parametrize(
    "outfit",
    [
        Outfit(backpack=0.22, backpack_length=0.8),
        Outfit(bag="hand", bag_size=0.2),
        Outfit(bag="shoulder", bag_size=0.24),
        Outfit(bag="front", bag_size=0.25),
        Outfit(hem=0.5, hem_flare=0.05),
        Outfit(hat="brim"),
        Outfit(top=0.05, trousers=0.03),
    ],
)
def test_what_is_worn_adds_to_the_silhouette(outfit: Outfit) -> None:
    plain, dressed = drawn(Outfit()), drawn(outfit)
    assert np.count_nonzero(dressed) > 1.005 * np.count_nonzero(plain)  # a brim is small
    assert np.count_nonzero((plain > 0) & (dressed == 0)) < 0.01 * np.count_nonzero(plain)


def test_a_segmenters_faults_change_edges_but_keep_the_person() -> None:
    shapes = shapes_of(Outfit())
    clean = fill(shapes, 200)
    overlaps = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        spoilt = spoil(clean.copy(), shapes.joints, shapes.box(), 1.0, draw_style(rng, 150), rng)
        assert set(np.unique(spoilt)) <= {0, 255}
        both = np.count_nonzero((spoilt > 0) & (clean > 0))
        overlaps.append(both / np.count_nonzero((spoilt > 0) | (clean > 0)))
    assert min(overlaps) > 0.6 and max(overlaps) < 0.99
    assert np.ptp(overlaps) > 0.03  # some are cleaner than others


def test_small_people_come_out_worse() -> None:
    shapes = shapes_of(Outfit())
    clean = fill(shapes, 200)

    def overlap(height: float, seed: int) -> float:
        rng = np.random.default_rng(seed)
        spoilt = spoil(clean.copy(), shapes.joints, shapes.box(), 160 / height, draw_style(rng, height), rng)
        return np.count_nonzero((spoilt > 0) & (clean > 0)) / np.count_nonzero((spoilt > 0) | (clean > 0))

    assert (
        np.mean([overlap(220, seed) for seed in range(20)]) > np.mean([overlap(55, seed) for seed in range(20)]) + 0.03
    )


def test_bodies_are_people() -> None:
    bodies = [draw_body(np.random.default_rng(seed)) for seed in range(200)]
    stature = np.array([body.stature for body in bodies])
    assert 1.63 < stature.mean() < 1.71 and 0.08 < stature.std() < 0.13
    for body in bodies:
        assert body.ankle + body.leg + body.trunk + body.neck_head == pytest.approx(body.stature)
        assert 0.44 < body.leg / body.stature < 0.54
        assert 0.22 < body.trunk / body.stature < 0.35
        assert body.shoulder_breadth > body.neck_girth and body.thigh_girth > body.ankle_girth


def test_outfits_follow_their_kind() -> None:
    rng = np.random.default_rng(8)
    for _ in range(50):
        carried, everyday = draw_outfit(rng, "bg"), draw_outfit(rng, "nm")
        assert carried.bag or carried.backpack
        assert not everyday.bag and not everyday.backpack
        assert draw_outfit(rng, "cl").top >= 0.03
