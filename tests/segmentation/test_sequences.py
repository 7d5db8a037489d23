from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import SegmentationConfig
from pipeline.segmentation import Segmented, quality
from pipeline.segmentation.crop import View
from pipeline.segmentation.sequences import LOOSE, SequenceBuilder, Silhouette, cut_people, finish
from pipeline.types import Frame, TrackedBoxes

SIDE = 96
VIEW = View(SIDE)
DEFAULT = SegmentationConfig()
BODY = (60, 30, 100, 130)


def frame(index=0):
    return Frame(index, index / 25, np.full((160, 200, 3), 127, np.uint8))


def tracked(*boxes, index=0):
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return TrackedBoxes(index, np.arange(1, len(array) + 1), array, np.ones(len(array), np.float32))


def body(crop, certain=0.98):
    """What a network would answer to a person who stands in the middle of the crop's own box."""
    probability = np.full((SIDE, SIDE), 1 - certain, np.float32)
    if crop.crop is not None:
        x1, y1, x2, y2 = crop.crop.to_crop(crop.box[None])[0]
        third = (x2 - x1) / 4
        left, right = (max(int(value), 0) for value in (x1 + third, x2 - third))
        probability[max(int(y1), 0) : max(int(y2), 0), left:right] = certain
        probability[max(int(y1), 0) : max(int(y1 + 0.1 * (y2 - y1)), 0), : left + 3] = 1 - certain  # a narrower head
        middle = int((y1 + y2) / 2)
        probability[middle : middle + 8, left - 4 : right + 4] = certain  # hands
    return probability


def silhouettes(*boxes, config=DEFAULT, index=0, certain=0.98):
    crops = cut_people(frame(index), tracked(*boxes, index=index), config, VIEW)
    return finish(crops, Segmented(np.stack([body(crop, certain) for crop in crops])), config)


def test_a_good_frame_gives_an_aligned_silhouette_with_its_quality():
    (one,) = silhouettes(BODY)
    assert one.reason is None
    assert one.aligned.shape == (64, 44) and one.mask.shape == (SIDE, SIDE)
    assert one.quality["height_px"] == 100
    assert 0.9 < one.quality["extent"] < 1.1


@pytest.mark.parametrize(
    ("boxes", "reason"),
    [
        pytest.param([(300, 30, 340, 130)], quality.OUTSIDE, id="outside"),
        pytest.param([(60, 30, 60, 130)], quality.OUTSIDE, id="no width"),
        pytest.param([(60, 30, 70, 55)], quality.TOO_SMALL, id="small"),
        pytest.param([(60, 100, 100, 200)], quality.CUT, id="box below the picture"),
        pytest.param([(60, 62, 100, 162)], quality.CUT, id="feet at the edge"),
        pytest.param([BODY, (70, 34, 112, 136)], quality.OCCLUDED, id="somebody in front"),
    ],
)
def test_the_reason_names_what_is_wrong(boxes, reason):
    first = silhouettes(*boxes)[0]
    assert first.reason == reason
    assert first.aligned is None
    assert reason in quality.REASONS


def test_the_nearer_of_two_people_is_not_called_occluded():
    _, front = silhouettes((60, 10, 100, 110), (85, 30, 125, 130))
    assert front.quality["occluded"] == 0


def test_a_doubtful_network_is_low_confidence():
    assert silhouettes(BODY, certain=0.6)[0].reason == quality.LOW_CONFIDENCE


@pytest.mark.parametrize(
    ("rows", "columns", "reason"),
    [
        pytest.param(slice(0, 0), slice(0, 0), quality.NOBODY, id="nothing"),
        pytest.param(slice(5, 45), slice(40, 56), quality.INCOMPLETE, id="half a body"),
        pytest.param(slice(0, 96), slice(0, 96), quality.ODD_SHAPE, id="a block"),
    ],
)
def test_the_shape_of_the_mask_is_judged(rows, columns, reason):
    crops = cut_people(frame(), tracked(BODY), DEFAULT, VIEW)
    probability = np.zeros((1, SIDE, SIDE), np.float32)
    probability[0, rows, columns] = 1
    assert finish(crops, Segmented(probability), DEFAULT)[0].reason == reason


def test_without_reject_every_frame_with_a_mask_is_used():
    config = SegmentationConfig(reject=False)
    assert silhouettes(BODY, certain=0.6, config=config)[0].aligned is not None


def test_without_normalise_the_mask_itself_goes_on():
    (one,) = silhouettes(BODY, config=SegmentationConfig(normalise=False))
    np.testing.assert_array_equal(one.aligned, one.mask)


def test_every_leaves_frames_out():
    config = SegmentationConfig(every=4)
    cut = [len(cut_people(frame(index), tracked(BODY, index=index), config, VIEW)) for index in range(9)]
    assert cut == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_frame_without_tracks_gives_no_crops():
    assert cut_people(frame(), tracked(), DEFAULT, VIEW) == []
    assert finish([], Segmented(np.zeros((0, SIDE, SIDE), np.float32)), DEFAULT) == []


def test_only_people_who_reach_into_the_crop_are_kept_as_neighbours():
    near, far = (95, 30, 135, 130), (160, 30, 190, 130)
    crop = cut_people(frame(), tracked(BODY, near, far), DEFAULT, VIEW)[0]
    np.testing.assert_array_equal(crop.neighbours, np.array([near], np.float32))


def test_crops_and_probabilities_must_line_up():
    crops = cut_people(frame(), tracked(BODY), DEFAULT, VIEW)
    with pytest.raises(ValueError, match="same length"):
        finish(crops, Segmented(np.zeros((2, SIDE, SIDE), np.float32)), DEFAULT)


def test_the_builder_gathers_by_track_and_counts_what_was_left_out():
    builder = SequenceBuilder("gallery", DEFAULT)
    for index in range(4):
        for one in silhouettes(BODY, (160, 100, 195, 190), index=index):
            builder.add(one)
    good, cut, unseen = builder.finish([1, 2, 7])
    assert good.masks.shape == (4, 64, 44)
    assert good.frame_indices.tolist() == [0, 1, 2, 3]
    assert good.quality["usable_share"] == 1 and good.quality["median_height_px"] == 100
    assert good.quality["mean_confidence"] > 0.9
    assert len(cut) == 0 and cut.rejected == {quality.CUT: 4} and cut.quality["frames_tracked"] == 4
    assert len(unseen) == 0 and unseen.quality["frames_tracked"] == 0


@pytest.mark.parametrize("count", [1, LOOSE // 3, LOOSE, 2 * LOOSE + 1])
def test_masks_come_back_as_they_went_in_however_many(count: int) -> None:
    masks = np.random.default_rng(0).integers(0, 256, (count, 16, 16), np.uint8)
    builder = SequenceBuilder("street", DEFAULT)
    for frame, mask in enumerate(masks):
        for track_id in (1, 2, 3):
            if frame % track_id == 0:  # tracks of different length, compressed at different places
                builder.add(Silhouette(track_id, frame, mask, mask, None, {}))
    for step, sequence in enumerate(builder.finish([1, 2, 3]), start=1):
        np.testing.assert_array_equal(sequence.masks, masks[::step])
        np.testing.assert_array_equal(sequence.frame_indices, np.arange(0, count, step))
