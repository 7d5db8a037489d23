"""ByteTrack on hostile and special input; parity with the reference is in tests/golden."""

import numpy as np
import pytest

from pipeline.config import ByteTrackConfig, TrackingConfig
from pipeline.errors import ConfigError
from pipeline.tracking import open_tracker
from pipeline.types import Detections

WALKER = (100.0, 100.0, 140.0, 220.0)


def tracker(fps=25.0, **settings):
    return open_tracker(TrackingConfig(bytetrack=ByteTrackConfig(**settings)), fps)


def seen(index, *boxes, score=0.9):
    return Detections(index, np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), score, np.float32))


def shifted(box, right):
    return (box[0] + right, box[1], box[2] + right, box[3])


def test_ids_start_at_1_in_every_tracker():
    for _ in range(2):
        follow = tracker()
        assert follow.update(seen(0, WALKER, shifted(WALKER, 200))).track_ids.tolist() == [1, 2]


def test_nobody_in_any_frame_gives_no_tracks():
    follow = tracker()
    assert all(len(follow.update(Detections.empty(index))) == 0 for index in range(5))


def test_boxes_that_are_not_finite_or_have_no_area_are_ignored():
    follow = tracker()
    bad = (np.nan, 0, 10, 10), (0, 0, np.inf, 10), (5, 5, 5, 50), (9, 9, 3, 30)
    boxes = np.array([*bad, WALKER, WALKER], np.float32)
    scores = np.array([0.9, 0.9, 0.9, 0.9, 0.9, np.nan], np.float32)
    tracked = follow.update(Detections(0, boxes, scores))
    np.testing.assert_allclose(tracked.boxes, [WALKER], rtol=1e-6)


def test_weak_detection_keeps_a_track_alive_but_starts_none():
    follow = tracker()
    follow.update(seen(0, WALKER))
    tracked = follow.update(seen(1, WALKER, shifted(WALKER, 300), score=0.3))
    assert tracked.track_ids.tolist() == [1]
    assert tracked.scores.tolist() == pytest.approx([0.3])


def test_newcomer_is_confirmed_by_its_second_detection():
    follow = tracker()
    follow.update(seen(0, WALKER))
    newcomer = shifted(WALKER, 300)
    assert follow.update(seen(1, WALKER, newcomer)).track_ids.tolist() == [1]
    assert follow.update(seen(2, WALKER, newcomer)).track_ids.tolist() == [1, 2]


@pytest.mark.parametrize(("fps", "same"), [(25.0, True), (5.0, False)], ids=["within", "after"])
def test_buffer_is_seconds_of_the_real_frame_rate(fps, same):
    follow = tracker(fps, buffer_seconds=1.0)
    follow.update(seen(0, WALKER))
    for index in range(1, 11):
        follow.update(Detections.empty(index))
    follow.update(seen(11, WALKER))
    assert (follow.update(seen(12, WALKER)).track_ids.tolist() == [1]) == same


def test_frames_without_detections_may_be_left_out_of_time():
    follow = tracker(5.0, empty_frames_advance=False)
    follow.update(seen(0, WALKER))
    for index in range(1, 50):
        assert len(follow.update(Detections.empty(index))) == 0
    assert follow.update(seen(50, WALKER)).track_ids.tolist() == [1]


def test_unknown_tracker_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'bytetrack'"):
        open_tracker(TrackingConfig(tracker="bytetrak"), 25.0)


def test_frames_that_were_left_out_are_time_in_which_people_walk_on():
    follow, blind = tracker(), tracker()
    for index in range(10):
        box = shifted(WALKER, 8 * index)
        follow.update(seen(index, box))
        blind.update(seen(index, box))
    ahead = shifted(WALKER, 8 * 17)  # eight frames later it does not overlap with the last box enough to be the same
    assert follow.update(seen(17, ahead), elapsed=8).track_ids.tolist() == [1]
    assert blind.update(seen(17, ahead)).track_ids.tolist() == []


def test_one_frame_after_the_other_is_the_same_with_elapsed_told():
    one, other = tracker(), tracker()
    for index in range(6):
        found = seen(index, shifted(WALKER, 5 * index))
        told, untold = one.update(found, elapsed=1), other.update(found)
        np.testing.assert_array_equal(told.boxes, untold.boxes)


def test_after_an_outage_longer_than_the_buffer_nobody_is_taken_for_who_stood_there():
    follow = tracker(buffer_seconds=1.0)
    for index in range(5):
        follow.update(seen(index, WALKER))
    assert follow.update(seen(500, WALKER), elapsed=496).track_ids.tolist() == []
    assert follow.update(seen(501, WALKER)).track_ids.tolist() == [2]


def test_time_does_not_run_backwards():
    with pytest.raises(ValueError, match="elapsed"):
        tracker().update(seen(0, WALKER), elapsed=0)


def test_who_is_expected_goes_on_as_before_and_nothing_is_remembered():
    follow, other = tracker(), tracker()
    for index in range(20):
        for one in (follow, other):
            last = one.update(seen(index, shifted(WALKER, 4 * index)))
    lefts = [follow.expect(20 + ahead, ahead + 1).boxes[0, 0] for ahead in range(3)]
    np.testing.assert_allclose(np.diff([last.boxes[0, 0], *lefts]), 4, atol=0.2)
    after = follow.update(seen(23, shifted(WALKER, 92)), elapsed=4)
    np.testing.assert_array_equal(after.boxes, other.update(seen(23, shifted(WALKER, 92)), elapsed=4).boxes)
