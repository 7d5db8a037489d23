"""Real people, filmed with a phone, in the boxes that a person drew: what share of the frames is usable?"""

from __future__ import annotations

import av
import numpy as np
import pytest

from pipeline.config import SegmentationConfig
from pipeline.segmentation.sequences import SequenceBuilder, cut_people, finish
from pipeline.types import Frame, TrackedBoxes


@pytest.mark.parametrize("video", ["gallery", "probe2", "probe3"])
def test_most_frames_of_people_who_walk_side_by_side_are_usable(shared, segmenter, video):
    config = SegmentationConfig(every=12)
    rows = np.loadtxt(shared / "videos/demo" / f"{video}.gt.txt", delimiter=",")
    builder = SequenceBuilder(video, config)
    with av.open(str(shared / "videos/demo" / f"{video}.mp4")) as container:
        for index, picture in enumerate(container.decode(video=0)):
            here = rows[rows[:, 0] == index + 1]
            if index % config.every or not len(here):
                continue
            boxes = np.concatenate([here[:, 2:4], here[:, 2:4] + here[:, 4:6]], axis=1).astype(np.float32)
            tracked = TrackedBoxes(index, here[:, 1].astype(np.int64), boxes, np.ones(len(here), np.float32))
            frame = Frame(index, index / 30, picture.to_ndarray(format="bgr24"))
            crops = cut_people(frame, tracked, config, segmenter.view)
            for silhouette in finish(crops, segmenter.segment(np.stack([one.image for one in crops])), config):
                builder.add(silhouette)
    sequences = list(builder.finish([1, 2, 3, 4]))
    usable = sum(one.quality["frames_usable"] for one in sequences)
    tracked_frames = sum(one.quality["frames_tracked"] for one in sequences)
    assert usable / tracked_frames >= 0.85
    for one in sequences:
        legs_to_head = one.masks[:, 44:].mean() / one.masks[:, :8].mean()
        assert legs_to_head > 0.5, "a walker has legs, and a head that is no block"
