"""`gait bench segmenters`: masks are judged by the pixels that are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.research.bench.segmenters import filmed, judged
from pipeline.research.synth.videos import Show
from pipeline.segmentation import Segmented, open_segmenter
from pipeline.weights.checkpoints import resolve


@pytest.fixture(scope="module")
def scenes():
    return filmed(Show(people=2, seed=3, seconds=2.0, size=(360, 202), posters=8), 0, every=10)


@pytest.fixture(scope="module")
def network(shared):
    lite = resolve("mediapipe_pose_lite", None, [shared / "checkpoints"], stage="segmenter")
    return open_segmenter(SegmentationConfig(), RuntimeConfig(device="cpu", threads=1), lite)


@dataclasses.dataclass
class Wrong:
    """The network's answer, moved to the side."""

    network: object

    @property
    def view(self):
        return self.network.view

    def segment(self, crops):
        answer = self.network.segment(crops)
        return Segmented(np.roll(answer.person, 40, axis=2), answer.presence, answer.joints, answer.limits)


def test_right_masks_overlap_with_the_truth_and_moved_ones_do_not(scenes, network):
    right, seconds = judged(network, scenes)
    moved, _ = judged(Wrong(network), scenes)
    assert seconds > 0 and len(right.overlaps) == len(moved.overlaps) >= 5
    assert right.as_json()["iou"] > 0.75
    assert moved.as_json()["iou"] < 0.5


def test_a_cluttered_wall_is_another_picture(scenes):
    plain = filmed(Show(people=2, seed=3, seconds=2.0, size=(360, 202)), 0, every=10)[0]
    cluttered = scenes[0]
    assert (plain.owner == cluttered.owner).mean() > 0.98, "the same people"
    assert np.abs(plain.frame.image.astype(int) - cluttered.frame.image).mean() > 3
