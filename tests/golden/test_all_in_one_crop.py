"""Parity with All-in-One-Gait's crops, and its rule from network output to mask, under the reference's settings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.config import SegmentationConfig
from pipeline.segmentation import Segmented
from pipeline.segmentation.crop import View
from pipeline.segmentation.sequences import cut_people, finish
from pipeline.types import Frame, TrackedBoxes

REFERENCE = SegmentationConfig(
    every=4, surroundings="blank", margin=0.1, threshold=80 / 255, clean=False, reject=False, normalise=False
)


@pytest.fixture(scope="module")
def people(golden):
    folder = golden("all_in_one_crop")
    frames = np.load(folder / "input.npz")["frames"]
    tracks = json.loads((folder / "info.json").read_text())["track_result_frame_to_[id,x,y,w,h]"]
    cut = []
    for key, rows in sorted(tracks.items(), key=lambda item: int(item[0])):
        index = int(key)
        boxes = np.array([[x, y, x + w, y + h] for _, x, y, w, h in rows], np.float32)
        ids = np.array([row[0] for row in rows], np.int64)
        tracked = TrackedBoxes(index, ids, boxes, np.ones(len(rows), np.float32))
        cut += cut_people(Frame(index, index / 25, frames[index]), tracked, REFERENCE, View(192))
    return cut


def test_crops_and_their_order_equal_the_reference(golden, people):
    expected = np.load(golden("all_in_one_crop") / "output.npz")
    names = [f"{place:02d}_{one.track_id:03d}-{one.frame_index:03d}" for place, one in enumerate(people)]
    assert names == list(expected.files)
    for name, person in zip(names, people, strict=True):
        np.testing.assert_array_equal(person.image, expected[name], err_msg=name)


def test_masks_are_cut_at_80_of_255_and_go_on_untouched(people):
    levels = np.arange(192 * 192, dtype=np.float32).reshape(192, 192) % 256
    silhouette = finish(people[:1], Segmented((levels / 255)[None]), REFERENCE)[0]
    np.testing.assert_array_equal(silhouette.mask, np.where(levels < 80, 0, 255))
    np.testing.assert_array_equal(silhouette.aligned, silhouette.mask)
    assert silhouette.reason is None
