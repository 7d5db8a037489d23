"""What agrees of the joints of two walks, and what makes a verification worth less."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.jobs.verification.agreement import joints_of
from pipeline.jobs.verification.answer import Walker
from pipeline.jobs.verification.verify import cautions
from pipeline.recognition.made_up import made_up_walks
from pipeline.types import GaitSequence, Modality, ModalityFrames


def test_a_walk_agrees_with_itself_in_every_joint_and_another_one_does_not():
    walk, *others = made_up_walks()[0]
    itself = joints_of([walk], [walk], 0.3)
    assert {one.joint for one in itself} == {"hip", "knee", "shoulder", "elbow"}
    assert all(one.first == one.second and one.difference == 0 and one.alike for one in itself)
    other = joints_of([walk], [others[100]], 0.3)
    assert any(not one.alike and one.difference > one.one_person for one in other)


def test_joints_that_were_not_seen_of_both_are_left_out():
    walk = made_up_walks()[0][0]
    hidden = walk.modalities[Modality.KEYPOINTS].data[:].copy()
    hidden[..., 2] = 0
    unseen = GaitSequence("v", 1, {Modality.KEYPOINTS: ModalityFrames(hidden, np.arange(len(hidden)))})
    assert joints_of([walk], [unseen], 0.3) == () == joints_of([walk], [], 0.3)


@pytest.mark.parametrize(
    ("first", "second", "mirrored", "warned"),
    [
        ("left", "front or back", True, True),
        ("left", "right", False, True),
        ("left", "right", True, False),
        ("left", "", True, False),
        ("left", "left", True, False),
    ],
)
def test_clips_from_different_sides_are_warned_of(first, second, mirrored, warned):
    walkers = [Walker(file, 1, 1, 90, view, 3) for file, view in (("a.mp4", first), ("b.mp4", second))]
    said = list(cautions(*walkers, alone=False, mirrored=mirrored))
    assert bool(said) == warned
    assert not warned or ("a.mp4: walks" in said[0] and "different sides" in said[0])


def test_lone_walkers_and_short_walks_are_warned_of():
    walkers = Walker("a.mp4", 1, 1, 90, "left", 3), Walker("b.mp4", 1, 1, 14, "left", 1)
    alone, short = cautions(*walkers, alone=True, mirrored=True)
    assert alone.startswith("Nobody else") and short.startswith("b.mp4: so short a walk (14 usable frames)")
