"""Joint layouts, and how one becomes another."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.skeletons import BODY15, COCO17, COCO18, as_skeleton, sources

LAYOUTS = [COCO17, COCO18, BODY15]


@pytest.mark.parametrize("skeleton", LAYOUTS, ids=lambda skeleton: skeleton.name)
def test_its_tables_line_up(skeleton):
    count = len(skeleton.joints)
    assert len(set(skeleton.joints)) == len(skeleton.mirrored) == len(skeleton.parents) == count
    for joint, mirrored in enumerate(skeleton.mirrored):
        name = skeleton.joints[joint]
        there = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert skeleton.joints[mirrored] == there
    assert {skeleton.joints[hip] for hip in skeleton.hips} == {"left hip", "right hip"}
    assert np.isfinite(skeleton.hops).all()  # in one piece


def test_hops_count_the_bones_between_two_joints():
    nose, hip, ankle = (COCO18.joints.index(name) for name in ("nose", "right hip", "right ankle"))
    assert COCO18.hops[nose, hip] == 2
    assert COCO18.hops[hip, ankle] == COCO18.hops[ankle, hip] == 2
    assert COCO18.hops[nose, nose] == 0


def numbered(skeleton, frames=2):
    joints = len(skeleton.joints)
    keypoints = np.arange(1, frames * joints * 3 + 1, dtype=np.float32).reshape(frames, joints, 3)
    keypoints[..., 2] /= 1000
    return keypoints


@pytest.mark.parametrize("wanted", LAYOUTS, ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("given", [COCO17, COCO18], ids=lambda skeleton: skeleton.name)
def test_joints_of_one_name_stay_what_they_are(given, wanted):
    keypoints = numbered(given)
    found = as_skeleton(keypoints, wanted)
    assert found.shape == (2, len(wanted.joints), 3) and found.dtype == np.float32
    for place, (one, other) in enumerate(sources(wanted, given)):
        if one == other:
            assert np.array_equal(found[:, place], keypoints[:, one])


def test_the_neck_is_between_the_shoulders_and_as_sure_as_the_less_sure_one():
    keypoints = numbered(COCO17)
    keypoints[0, 5], keypoints[0, 6] = (10, 20, 0.9), (30, 40, 0.4)
    assert as_skeleton(keypoints, COCO18)[0, 1] == pytest.approx([20, 30, 0.4])


def test_between_a_joint_and_a_missing_one_there_is_none():
    keypoints = numbered(COCO17)
    keypoints[0, 5] = 0
    found = as_skeleton(keypoints, COCO18)
    assert not found[0, 1].any() and found[1, 1].any()


def test_other_numbers_of_joints_are_refused():
    with pytest.raises(ValueError, match="keypoints of 25 joints: known are 17, 18, 15"):
        as_skeleton(np.zeros((1, 25, 3), np.float32), COCO17)
