"""Frames that nobody looks at: which ones, and where people are in them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.config import TrackingConfig
from pipeline.engine.meter import Meter
from pipeline.engine.progress import Silent
from pipeline.extraction.extract import detect_people, tracked_people
from pipeline.tracking import open_tracker
from pipeline.tracking.rate import Pace, fill_between
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, Frame, TrackedBoxes

FPS = 30.0
WIDTH, HEIGHT = 40, 100


class Walkers:
    """A detector that knows where people are, and remembers which frames it was shown. places: x of each, by frame."""

    batch = 4

    def __init__(self, places, looks_at="image"):
        self.places, self.looks_at, self.seen = places, looks_at, []

    def detect(self, frames):
        self.seen += [frame.index for frame in frames]
        return [self.people(frame.index) for frame in frames]

    def people(self, index):
        boxes = np.array([(x, 50, x + WIDTH, 50 + HEIGHT) for x in self.places(index)], np.float32).reshape(-1, 4)
        return Detections(index, boxes, np.full(len(boxes), 0.9, np.float32))


def look(detector, frames, to_end=True, first=0, **settings):
    """Everything that was said of a video's frames."""
    config = SimpleNamespace(tracking=TrackingConfig(**settings))
    work = SimpleNamespace(networks=SimpleNamespace(detector=detector), config=config, meter=Meter(), bars=Silent())
    video = (Frame(index, index / FPS, np.zeros((200, 600, 3), np.uint8)) for index in range(first, first + frames))
    return list(detect_people(video, work, FPS, to_end))


def slowly(index):
    return [100 + 2 * index]


def boxes(index, ids, *lefts):
    array = np.array([(x, 0, x + 10, 20) for x in lefts], np.float32).reshape(-1, 4)
    return TrackedBoxes(index, np.array(ids), array, np.full(len(ids), 0.8, np.float32))


@pytest.mark.parametrize(
    ("rate", "fps", "usual"),
    [
        *[("auto", fps, usual) for fps, usual in ((60, 7), (30, 3), (25, 3), (15, 1), (7, 1))],
        *[(10, 30, 3), (50, 30, 1), (0.5, 30, 60), ("all", 30, 1)],
    ],
)
def test_the_rate_says_how_many_frames_are_left_out(rate, fps, usual):
    assert Pace.of(TrackingConfig(rate=rate), fps, every=False).usual == usual
    assert Pace.of(TrackingConfig(rate=rate), fps, every=True).usual == 1


def test_every_third_frame_and_the_last_one_are_looked_at():
    detector = Walkers(slowly)
    found = look(detector, 12)
    assert detector.seen == [0, 3, 6, 9, 11]
    assert [frame.index for frame, _ in found] == list(range(12))
    assert [frame.index for frame, people in found if people is not None] == detector.seen
    assert all(people is None or people.frame_index == frame.index for frame, people in found)


def test_the_end_of_a_part_is_no_end():
    detector = Walkers(slowly)
    assert len(look(detector, 8, to_end=False)) == 8
    assert detector.seen == [0, 3, 6]


def test_each_stretch_begins_with_a_look_whoever_has_it():
    whole, part = Walkers(slowly), Walkers(slowly)
    look(whole, 40, stretch=20)
    look(part, 20, stretch=20, first=20)
    assert [index for index in whole.seen if index >= 20] == part.seen
    assert part.seen[0] == 20


def test_motion_looks_at_every_frame():
    detector = Walkers(slowly, looks_at="foreground")
    look(detector, 10)
    assert detector.seen == list(range(10))


def test_where_somebody_is_fast_every_frame_is_looked_at_for_a_second():
    detector = Walkers(lambda index: [100 + 2 * index] if index < 31 else [100 + 12 * index])
    look(detector, 120)
    steps = np.diff(detector.seen)
    assert set(steps[: 30 // 3 - 1]) == {3}
    assert (steps[(np.array(detector.seen[:-1]) > 50)] == 1).all()


def test_a_set_rate_stays():
    detector = Walkers(lambda index: [100 + 12 * index])
    look(detector, 30, rate=10)
    assert detector.seen == [*range(0, 30, 3), 29]


def test_whoever_leaves_does_not_count_as_fast():
    detector = Walkers(lambda index: [100 + 2 * index] if index < 20 else [])
    look(detector, 60)
    assert set(np.diff(detector.seen)) <= {2, 3}


def test_between_two_looks_people_move_on_a_straight_line():
    first, second = boxes(3, [1, 2], 0, 50), boxes(6, [2, 4], 80, 200)
    between = list(fill_between(first, second, range(4, 6)))
    assert [one.frame_index for one in between] == [4, 5]
    assert [one.track_ids.tolist() for one in between] == [[2], [2]]
    np.testing.assert_allclose([one.boxes[0, 0] for one in between], [60, 70], rtol=1e-5)


def test_before_the_first_look_there_is_nobody():
    assert [len(one) for one in fill_between(None, boxes(2, [1], 0), range(2))] == [0, 0]


def test_tracks_have_a_box_in_every_frame_near_the_truth():
    detector = Walkers(lambda index: [100 + 2 * index, 400 - 3 * index])
    config = TrackingConfig()
    tracks = TrackletBuilder("street", FPS, config)
    shown = list(tracked_people(iter(look(detector, 61)), open_tracker(config, FPS), tracks, Meter()))
    assert [frame.index for frame, _ in shown] == list(range(61))
    first, second = tracks.finish()
    assert first.frame_indices.tolist() == second.frame_indices.tolist() == list(range(61))
    late = first.frame_indices > 15  # the filter has learnt the speed
    np.testing.assert_allclose(first.boxes[late, 0], 100 + 2 * first.frame_indices[late], atol=3)
    assert len(detector.seen) < 25
