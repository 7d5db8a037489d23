"""IDF1 and names against the truth, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.research.evaluation.identities import Agreement, compare, count_right_names, read_truth
from pipeline.types import Tracklet

HERE, THERE = [0, 0, 10, 20], [50, 0, 60, 20]


def track(number, frames, box):
    frames = np.array(list(frames), np.int64)
    boxes = np.tile(np.array(box, np.float32), (len(frames), 1))
    return Tracklet("v", number, frames, boxes, np.ones(len(frames), np.float32), 25.0)


def truth(frames=10):
    return {frame: ([1, 2], np.array([HERE, THERE], np.float64)) for frame in range(frames)}


def test_everybody_followed_throughout_is_one():
    found = compare(truth(), [track(7, range(10), HERE), track(3, range(10), THERE)])
    assert found.idf1 == 1.0
    assert dict(found.person_of) == {7: 1, 3: 2}
    assert dict(found.frames) == {7: 10, 3: 10}


def test_a_track_that_breaks_counts_with_its_longer_part():
    found = compare(truth(), [track(1, range(6), HERE), track(2, range(6, 10), HERE), track(3, range(10), THERE)])
    assert found.idf1 == pytest.approx(2 * 16 / 40)
    assert found.person_of[2] == 1


def test_two_who_swap_their_tracks_halve_it():
    first = Tracklet("v", 1, np.arange(10), np.array([HERE] * 5 + [THERE] * 5, np.float32), np.ones(10, np.float32), 25)
    second = Tracklet(
        "v", 2, np.arange(10), np.array([THERE] * 5 + [HERE] * 5, np.float32), np.ones(10, np.float32), 25
    )
    assert compare(truth(), [first, second]).idf1 == 0.5


def test_boxes_that_hardly_overlap_do_not_agree():
    assert compare(truth(), [track(1, range(10), [6, 0, 16, 20])]).idf1 == 0.0


def test_nobody_followed_is_zero():
    assert compare(truth(), []).idf1 == 0.0


def test_a_name_is_right_when_the_longest_track_has_the_gallery_track_of_that_person():
    gallery = Agreement(1.0, {1: 2, 2: 1}, {1: 10, 2: 10})
    probe = Agreement(1.0, {1: 1, 2: 1, 3: 2}, {1: 9, 2: 3, 3: 5})
    identities = {1: "gallery-002", 2: "gallery-001", 3: None}
    assert count_right_names(identities, gallery, probe, [1, 2, 3]) == 1


def test_a_file_that_is_no_truth_is_refused(tmp_path):
    (path := tmp_path / "v.gt.txt").write_text("1,2,three\n")
    with pytest.raises(InputError, match=r"v\.gt\.txt: no ground truth"):
        read_truth(path)


def test_the_demo_videos_truth_is_read(shared):
    people, boxes = read_truth(shared / "videos/demo/gallery.gt.txt")[0]
    assert len(people) == len(boxes) > 0
