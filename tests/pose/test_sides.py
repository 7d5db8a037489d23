"""Left and right limbs, exchanged now and then as estimators do, and really crossing."""

from __future__ import annotations

import numpy as np
import pytest
from modal_walks import Filmed

from pipeline.pose.crop import PoseCrop
from pipeline.pose.poses import PoseBuilder
from pipeline.pose.sides import consistent_sides
from pipeline.skeletons import COCO17

LEGS = [[COCO17.joints.index(f"{side} {joint}") for joint in ("hip", "knee", "ankle")] for side in ("left", "right")]
FRAMES = 60


@pytest.fixture(scope="module", params=[0, 60, 90, 270])
def walk(request):
    """T×17×3: the true joints of somebody seen from behind, obliquely and from both sides."""
    return Filmed(3, 1, request.param, FRAMES).keypoints()


def exchanged(keypoints, frames):
    spoilt = keypoints.copy()
    left, right = LEGS
    spoilt[np.ix_(frames, left)], spoilt[np.ix_(frames, right)] = (
        keypoints[np.ix_(frames, right)], keypoints[np.ix_(frames, left)],
    )  # fmt: skip
    return spoilt


def shaken(keypoints, share=0.01):
    """Every joint off by about so much of the body's height."""
    shaken = keypoints.copy()
    noise = np.random.default_rng(0).normal(0, share * np.ptp(keypoints[..., 1]), keypoints[..., :2].shape)
    shaken[..., :2] += noise
    return shaken


def test_legs_that_really_cross_are_left_alone(walk):
    seen = shaken(walk)
    assert np.array_equal(consistent_sides(seen, np.arange(FRAMES)), seen)


def test_legs_that_were_exchanged_are_put_back(walk):
    seen = shaken(walk)
    frames = np.r_[7, 15:19, 30, 31, 44:51]
    assert np.array_equal(consistent_sides(exchanged(seen, frames), np.arange(FRAMES)), seen)


def test_frames_that_were_left_out_are_allowed_for(walk):
    """Every second frame, with a hole in which nobody knows what the legs did."""
    seen = shaken(walk, 0.003)
    kept = np.r_[0:30:2, 45:60]
    spoilt = exchanged(seen, np.r_[8, 10, 52])[kept]
    assert np.array_equal(consistent_sides(spoilt, kept), seen[kept])


def test_joints_that_were_not_found_say_nothing(walk):
    seen = walk.copy()
    seen[20:23, [13, 16]] = 0
    assert np.array_equal(consistent_sides(seen, np.arange(FRAMES)), seen)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_walks_too_short_to_tell_stay_as_they_are(walk, count):
    few = walk[:count]
    assert np.array_equal(consistent_sides(few, np.arange(count)), few)


@pytest.mark.parametrize("steady", [True, False])
def test_a_run_puts_them_back_where_it_is_wanted(walk, steady):
    spoilt = exchanged(walk, [12, 13])
    builder = PoseBuilder("probe", (480, 640), steady)
    for index, joints in enumerate(spoilt):
        builder.add([PoseCrop(1, index, np.zeros((4, 4, 3), np.uint8), (0, 0), (1.0, 1.0))], joints[None])
    (poses,) = builder.finish([1])
    assert np.array_equal(poses.keypoints, walk if steady else spoilt)
