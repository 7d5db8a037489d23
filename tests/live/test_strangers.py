"""One label for one stranger, on whatever camera; two in one picture are two."""

from __future__ import annotations

import made_people
import numpy as np
import pytest
import runs

from pipeline.live import strangers
from pipeline.live.strangers import Strangers
from pipeline.profiles import load_config
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.types import SilhouetteSequence, Tracklet


@pytest.fixture(scope="module")
def encoder():
    return GaitEnergyImageEncoder(load_config().recognition)


@pytest.fixture
def see(encoder):
    """The label of a walker of so many pixels' width on a camera's track; beside: other tracks there."""
    known = made_people.named({"Ada": "Ada"}, encoder.encode([sequence("g", 1, 22)]), threshold=0.1)
    all_of_them = Strangers()

    def seen(camera, track, width, beside=(), known=known):
        (embedding,) = encoder.encode([sequence(camera, track, width)])
        boxes = np.tile(np.array([0, 0, 40, 120], np.float32), (5, 1))
        tracklet = Tracklet(camera, track, np.arange(5), boxes, np.ones(5, np.float32), 25.0)
        return all_of_them.label(embedding, tracklet, {track, *beside}, known)

    return seen


def sequence(video, track, width):
    return SilhouetteSequence(video, track, runs.walker(width), np.arange(runs.FRAMES))


def test_a_stranger_has_one_label_at_every_camera_and_another_has_another(see):
    thin, broad = see("camera-1", 1, 5), see("camera-1", 2, 16, beside=[1])
    assert thin != broad and thin.startswith("unknown-")
    assert see("camera-2", 1, 16) == broad and see("camera-2", 2, 5, beside=[1]) == thin
    assert see("camera-1", 3, 5) == thin, "who comes back"


def test_who_is_at_two_cameras_at_once_may_be_one(see):
    assert see("camera-1", 1, 5) == see("camera-2", 1, 5)


def test_two_in_one_picture_are_two_however_alike(see):
    one = see("camera-1", 1, 5)
    other = see("camera-1", 2, 5, beside=[1])
    assert one != other
    assert see("camera-2", 1, 5) in (one, other)


def test_a_track_keeps_its_label(see):
    label = see("camera-1", 1, 5)
    assert see("camera-1", 1, 16) == label


def test_those_who_were_not_seen_for_longest_are_forgotten(see, monkeypatch):
    monkeypatch.setattr(strangers, "MOST_WALKS", 2)
    thin, broad = see("camera-1", 1, 5), see("camera-1", 2, 16, beside=[1])
    assert see("camera-1", 1, 5) == thin
    see("camera-1", 3, 9, beside=[1, 2])
    assert see("camera-2", 1, 5) == thin
    assert see("camera-2", 2, 16) != broad


def test_where_nothing_tells_one_from_two_nobody_is_the_same(see):
    nobody = made_people.named({})
    assert see("camera-1", 1, 5, known=nobody) != see("camera-2", 1, 5, known=nobody)
