"""Which way somebody walked, from boxes alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.tracking.heading import along_the_axis, heading
from pipeline.types import Tracklet

HEIGHT, FPS = 100.0, 25.0


def tracklet(middles, heights=HEIGHT, tremble=0.0):
    rng = np.random.default_rng(0)
    middles = np.asarray(middles, np.float64)
    heights = np.broadcast_to(heights, middles.shape)
    x = middles + rng.normal(0, tremble * HEIGHT, middles.shape)
    boxes = np.stack([x - 0.2 * heights, 100 - heights, x + 0.2 * heights, np.full_like(x, 100)], axis=1)
    count = len(middles)
    return Tracklet("v", 1, np.arange(count), boxes.astype(np.float32), np.ones(count, np.float32), FPS)


@pytest.mark.parametrize("direction", [1, -1], ids=["right", "left"])
def test_the_travel_is_in_body_heights_and_positive_to_the_right(direction):
    found = heading(tracklet(direction * np.linspace(0, 300, 76)))
    assert found == pytest.approx(direction * 3, rel=0.1)


def test_boxes_that_tremble_do_not_hide_a_direction():
    assert heading(tracklet(np.linspace(0, 120, 75), tremble=0.1)) > 0.5


def test_who_trembles_on_the_spot_has_no_direction():
    assert heading(tracklet(np.zeros(200), tremble=0.2)) == 0


def test_who_turns_round_has_no_direction():
    there = np.linspace(0, 300, 75)
    assert heading(tracklet([*there, *there[::-1]])) == 0


def test_who_comes_at_the_camera_has_no_direction():
    assert heading(tracklet(np.linspace(0, 40, 100), heights=np.linspace(60, 240, 100))) == 0


@pytest.mark.parametrize("growth", [(80, 240), (240, 80)], ids=["towards", "away"])
def test_who_drifts_sideways_on_the_way_to_the_camera_has_no_direction(growth):
    heights = np.linspace(*growth, 100)
    assert heading(tracklet(400 + np.linspace(0, 200, 100), heights=heights)) == 0


def test_who_walks_obliquely_past_the_camera_has_a_direction():
    heights = np.linspace(100, 130, 100)
    assert heading(tracklet(np.linspace(0, 400, 100), heights=heights)) > 2


def test_who_turns_after_most_of_the_way_keeps_the_direction():
    assert heading(tracklet([*np.linspace(0, -300, 75), *np.linspace(-300, -270, 10)])) < -2


def test_a_few_boxes_tell_nothing():
    assert heading(tracklet([0, 200])) == 0
    assert not along_the_axis(tracklet([300, 300], heights=np.array([60, 240])))


@pytest.mark.parametrize("growth", [(80, 240), (240, 80)], ids=["towards", "away"])
def test_who_walks_towards_the_camera_or_away_is_seen_along_its_axis(growth):
    heights = np.linspace(*growth, 100)
    assert along_the_axis(tracklet(300 + np.linspace(0, 40, 100), heights=heights, tremble=0.02))


@pytest.mark.parametrize(
    ("middles", "heights"),
    [
        pytest.param(np.linspace(0, 300, 100), HEIGHT, id="across"),
        pytest.param(np.linspace(0, 400, 100), np.linspace(100, 130, 100), id="obliquely across"),
        pytest.param(np.full(100, 600.0), 60 + 3 * np.sin(np.arange(100) / 4), id="boxes that breathe"),
        pytest.param(
            np.full(100, 300.0), np.r_[np.linspace(80, 240, 50), np.linspace(240, 80, 50)], id="there and back"
        ),
        pytest.param(np.linspace(300, 500, 100), np.linspace(100, 160, 100), id="obliquely nearer"),
        pytest.param(300 + 100 * np.sin(np.arange(100) / 5), np.linspace(80, 160, 100), id="to and fro"),
        pytest.param(np.full(100, 60.0), np.linspace(50, 60, 100), id="a step"),
    ],
)
def test_who_walks_otherwise_is_not(middles, heights):
    assert not along_the_axis(tracklet(middles, heights=heights, tremble=0.02))
