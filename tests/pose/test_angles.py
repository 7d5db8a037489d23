"""Angles of joints in the picture."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.angles import MEASURES, angle_measures, joint_angles
from pipeline.skeletons import COCO17


def standing(knee=180.0, frames=10):
    """Keypoints of somebody who stands straight, with knees bent to that angle (T values, or one)."""
    joints = np.ones((frames, 17, 3), np.float32)
    bent = np.radians(180 - np.broadcast_to(knee, frames))
    heights = {"shoulder": 0, "elbow": 30, "wrist": 60, "hip": 60, "knee": 100}
    for side, x in (("left", 10), ("right", -10)):
        for name, y in heights.items():
            joints[:, COCO17.joints.index(f"{side} {name}"), :2] = x, y
        ankle = COCO17.joints.index(f"{side} ankle")
        joints[:, ankle, 0], joints[:, ankle, 1] = x + 40 * np.sin(bent), 100 + 40 * np.cos(bent)
    return joints


def measured(joints):
    return dict(zip(MEASURES, angle_measures(joints, 0.3), strict=True))


@pytest.mark.parametrize("knee", [180.0, 135.0, 90.0])
def test_a_straight_leg_is_180_degrees_and_a_right_angle_90(knee):
    angles = joint_angles(standing(knee), 0.3)
    assert angles.shape == (10, 4, 2)
    assert angles[:, 1] == pytest.approx(knee, abs=1e-3) and angles[:, 0] == pytest.approx(180, abs=1e-3)


def test_median_and_range_are_those_of_the_walk():
    found = measured(standing(np.linspace(120, 180, 21), 21))
    assert found["knee", "median"] == pytest.approx(150, abs=0.01)
    assert found["knee", "range"] == pytest.approx(54, abs=0.01)  # the 5th to the 95th percentile
    assert found["elbow", "range"] == pytest.approx(0, abs=0.01)


def test_a_joint_that_is_hardly_seen_has_no_angle_and_one_side_does_for_both():
    joints = standing(120.0)
    joints[:, COCO17.joints.index("left knee"), 2] = 0.1
    assert measured(joints)["knee", "median"] == pytest.approx(120, abs=0.01)
    joints[5:, COCO17.joints.index("right ankle"), 2] = 0.1
    found = measured(joints)
    assert np.isnan(found["knee", "median"]) and np.isnan(found["knee", "range"])
    assert found["elbow", "median"] == pytest.approx(180, abs=0.01)
