"""Tracklets from tracked boxes."""

import numpy as np

from pipeline.config import TrackingConfig
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import TrackedBoxes

PERSON = (10, 10, 30, 70)


def tracked(frame, ids, boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return TrackedBoxes(frame, np.array(ids, np.int64), boxes, np.full(len(ids), 0.9, np.float32))


def builder(**settings):
    return TrackletBuilder("walk", 25.0, TrackingConfig(min_frames=settings.pop("min_frames", 1), **settings))


def test_ids_are_dense_in_order_of_first_appearance():
    tracks = builder()
    assert tracks.add(tracked(0, [7], [PERSON])).track_ids.tolist() == [1]
    assert tracks.add(tracked(1, [12, 7], [PERSON, PERSON])).track_ids.tolist() == [2, 1]
    assert [t.track_id for t in tracks.finish()] == [1, 2]


def test_wide_and_tiny_boxes_are_left_out_and_use_no_id():
    tracks = builder(min_area=10, max_aspect=1.6)
    wide, tiny, exactly = (0, 0, 17, 10), (0, 0, 2, 5), (0, 0, 16, 10)
    kept = tracks.add(tracked(0, [1, 2, 3], [wide, tiny, exactly]))
    assert kept.track_ids.tolist() == [1]
    assert kept.boxes.tolist() == [list(exactly)]


def test_short_tracks_are_dropped_and_ids_stay():
    tracks = builder(min_frames=2)
    tracks.add(tracked(0, [1, 2], [PERSON, PERSON]))
    tracks.add(tracked(4, [2], [PERSON]))
    (track,) = tracks.finish()
    assert track.track_id == 2
    assert track.frame_indices.tolist() == [0, 4]
    assert (track.video, track.fps, track.boxes.dtype) == ("walk", 25.0, np.float32)


def test_boxes_beyond_the_picture_are_not_clipped():
    tracks = builder()
    tracks.add(tracked(0, [1], [(-20, -5, 10, 90)]))
    assert tracks.finish()[0].boxes.tolist() == [[-20, -5, 10, 90]]


def test_no_frames_give_no_tracklets():
    assert builder().finish() == []
    assert len(builder().add(tracked(0, [], []))) == 0
