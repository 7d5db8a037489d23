"""The choice of how closely to look at a video."""

import numpy as np
import pytest

from pipeline.tracking.zoom import LOOK_EVERY, SEARCH_EVERY, ZoomChooser
from pipeline.types import Detections


def people(height, score=0.9):
    boxes = np.array([[0, 0, height / 3, height]], np.float32)
    return Detections(0, boxes, np.array([score], np.float32))


def zooms(chooser, frames, answer):
    chosen = []
    while len(chosen) < frames:
        zoom, count = chooser.plan(frames - len(chosen))
        chooser.record([answer] * count)
        chosen += [zoom] * count
    return chosen


@pytest.mark.parametrize(
    ("scale", "height", "zoom"),
    [(0.5, 120, 1), (0.5, 60, 2), (0.2, 60, 4), (0.2, 90, 3), (0.2, 10, 4)],
)
def test_smallest_zoom_at_which_people_are_tall_enough(scale, height, zoom):
    assert zooms(ZoomChooser(scale), 20, people(height))[1:] == [zoom] * 19


def test_close_look_comes_first_and_again_at_intervals():
    chosen = zooms(ZoomChooser(0.5), 2 * LOOK_EVERY + 1, people(200))
    assert [index for index, zoom in enumerate(chosen) if zoom == 2] == [0, LOOK_EVERY, 2 * LOOK_EVERY]


def test_search_is_closer_while_nobody_was_seen():
    chosen = zooms(ZoomChooser(0.5), SEARCH_EVERY + 1, people(200, score=0.2))
    assert [index for index, zoom in enumerate(chosen) if zoom == 2] == [0, SEARCH_EVERY]


def test_small_pictures_are_not_blown_up_further():
    assert set(zooms(ZoomChooser(2.6), 40, people(10))) == {1}


def test_choice_does_not_depend_on_how_frames_are_batched():
    chooser, alone = ZoomChooser(0.5), zooms(ZoomChooser(0.5), 70, people(60))
    batched = []
    for size in (16, 16, 16, 16, 6):
        batched += zooms(chooser, size, people(60))
    assert batched == alone
