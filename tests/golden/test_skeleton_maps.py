"""Skeleton maps equal OpenGait's, step by step: golden/skeleton_maps."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.skeleton_maps import SkeletonMaps, draw_joints, draw_limbs, impute, on_canvas
from pipeline.skeletons import COCO17, as_skeleton

WALKS = {"A": "A_clean_17", "M": "M_missing_17", "B18": "B_18"}
SHOWN = {"A": 0, "M": 2, "B18": 0}  # the frame whose raw drawing the reference kept


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("skeleton_maps")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        yield {name: given[name] for name in given.files}, {name: output[name] for name in output.files}


@pytest.mark.parametrize("walk", WALKS)
def test_eighteen_joints_become_seventeen(walk, reference):
    given, output = reference
    assert np.array_equal(as_skeleton(given[WALKS[walk]], COCO17), output[f"{walk}_17"])


@pytest.mark.parametrize("walk", ["A", "M", "B18"])
def test_missing_joints_are_filled_in(walk, reference):
    _, output = reference
    filled = impute(output[f"{walk}_17"][..., :2].reshape(-1, 34)).reshape(-1, 17, 2)
    # A frame that repeats another is at distance 0 here, and by rounding almost so in the reference.
    np.testing.assert_allclose(filled, output[f"{walk}_padded"][..., :2], rtol=1e-7)


def test_nothing_is_filled_in_where_a_joint_is_never_seen(reference):
    given, output = reference
    never = given["Z_joint9_never_seen"][..., :2].reshape(-1, 34)
    assert np.array_equal(impute(never).reshape(-1, 17, 2), output["Z_padded"][..., :2])


@pytest.mark.parametrize("walk", WALKS)
def test_bodies_are_placed_and_scaled(walk, reference):
    _, output = reference
    np.testing.assert_allclose(
        on_canvas(output[f"{walk}_padded"][..., :2]), output[f"{walk}_normalised"][..., :2], atol=1e-9
    )


@pytest.mark.parametrize("walk", WALKS)
def test_limbs_and_joints_are_drawn(walk, reference):
    _, output = reference
    points, scores = np.split(output[f"{walk}_normalised"][SHOWN[walk]], [2], axis=1)
    for draw, name in ((draw_limbs, "limb"), (draw_joints, "joint")):
        drawn = draw(points, scores[:, 0])
        np.testing.assert_allclose(drawn, output[f"{walk}_{name}_raw_f0"][0].max(axis=0), atol=1e-6)


@pytest.mark.parametrize("walk", WALKS)
def test_maps_equal_the_reference(walk, reference):
    given, output = reference
    maps = SkeletonMaps.of(given[WALKS[walk]])
    assert np.array_equal(maps[:], output[f"{walk}_final"])
    some = np.array([3, 1, 7])
    assert np.array_equal(maps[some], output[f"{walk}_final"][some])
    assert maps.shape == output[f"{walk}_final"].shape


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"align": False}, "A_final_align_False"),
        ({"use_score": False}, "A_final_use_score_False"),
        ({"sigma": 2.0}, "A_final_sigma2"),
    ],
)
def test_their_options_equal_the_reference(options, name, reference):
    given, output = reference
    assert np.array_equal(SkeletonMaps.of(given["A_clean_17"], **options)[:], output[name])


def test_a_walk_with_a_joint_never_seen_equals_the_reference(reference):
    given, output = reference
    assert np.array_equal(SkeletonMaps.of(given["Z_joint9_never_seen"])[:], output["Z_final"])
