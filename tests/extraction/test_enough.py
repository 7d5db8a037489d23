"""As many silhouettes of a track as are wanted, from all of its way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.engine.meter import Meter
from pipeline.engine.progress import Silent
from pipeline.extraction import enough
from pipeline.extraction.crops import _cut_out_enough
from pipeline.extraction.enough import Due, Waiting, spread
from pipeline.extraction.networks import enough_silhouettes
from pipeline.profiles import load_config
from pipeline.segmentation import Segmented
from pipeline.segmentation.crop import View
from pipeline.segmentation.sequences import PersonCrop, cut_people
from pipeline.types import Frame, TrackedBoxes

SIDE = 64
VIEW = View(SIDE)
CONFIG = load_config("light")


def boxes(index, ids=(1,)):
    array = np.array([(60 + 150 * place, 30, 100 + 150 * place, 130) for place in range(len(ids))], np.float32)
    return TrackedBoxes(index, np.array(ids), array.reshape(-1, 4), np.ones(len(ids), np.float32))


def crops(index, ids=(1,), wanted=None) -> list[PersonCrop]:
    frame = Frame(index, index / 25, np.full((160, 60 + 150 * len(ids), 3), 127, np.uint8))
    return cut_people(frame, boxes(index, ids), CONFIG.segmentation, VIEW, wanted)


def walk(waiting: Waiting, frames, ids=(1,)) -> list[Due]:
    """What is due while people are in these frames."""
    due = []
    for index in frames:
        due += waiting.add(crops(index, ids, waiting.wants(boxes(index, ids))), index)
    return due


def places(due: Due, spare=False):
    return [crop.frame_index for crop in (due.spare if spare else due.first)]


@pytest.mark.parametrize("frames", [15, 40, 41, 79, 500, 5000])
def test_crops_are_spread_over_the_whole_way(frames):
    waiting = Waiting(20, patience=30)
    assert walk(waiting, range(frames)) == []
    (due,) = waiting.rest()
    assert len(due.first) == min(20, frames)
    assert len(due.first) + len(due.spare) <= 40
    gaps = np.diff([-1, *places(due), frames])
    assert gaps.max() <= 2.1 * frames / len(due.first) + 1


def test_few_frames_are_cut_of_somebody_who_stays():
    waiting = Waiting(20, patience=30)
    cut = [len(waiting.wants(boxes(index))) for index in range(40)]
    assert sum(cut) == 40, "nothing is left out before twice as many wait"
    walk(waiting, range(40, 5000))
    assert sum(len(waiting.wants(boxes(index))) for index in range(5000, 5256)) <= 2


def test_who_has_left_is_due_and_others_go_on_waiting():
    waiting = Waiting(5, patience=10)
    assert walk(waiting, range(20), ids=(1, 2)) == []
    due = walk(waiting, range(20, 40), ids=(2,))
    assert [one.first[0].track_id for one in due] == [1]
    assert [one.first[0].track_id for one in waiting.rest()] == [2]
    assert list(waiting.rest()) == []


def test_a_crowd_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(enough, "MOST_WAITING", 30)
    waiting = Waiting(20, patience=10)
    due = walk(waiting, range(40), ids=(1, 2, 3))
    assert due
    waiting_now = sum(len(one.first) + len(one.spare) for one in waiting.rest())
    assert waiting_now <= 30


def test_spread_takes_what_there_is():
    found = crops(0) + crops(1) + crops(2)
    assert spread(found, 5) == (found, [])
    assert [crop.frame_index for crop in spread(found, 1)[0]] == [1]
    assert spread([], 4) == ([], [])


class HalfBlind:
    """A segmenter that finds nobody in frames before `blind`."""

    view, finds_joints = VIEW, False

    def __init__(self, blind):
        self.blind, self.asked = blind, 0

    def segment(self, images):
        self.asked += len(images)
        person = np.full((len(images), SIDE, SIDE), 0.02, np.float32)
        person[:, 8:56, 26:38] = 0.98
        person[:, 30:34, 22:42] = 0.98
        person[images[:, 0, 0, 0] < self.blind] = 0.02  # the crops' first pixel tells the frame
        return Segmented(person)


def told_apart(crop: PersonCrop) -> PersonCrop:
    crop.image[0, 0] = crop.frame_index
    return crop


def cut(blind):
    segmenter = HalfBlind(blind)
    work = SimpleNamespace(networks=SimpleNamespace(segmenter=segmenter), config=CONFIG, meter=Meter(), bars=Silent())
    all_of_them = [told_apart(crop) for index in range(40) for crop in crops(index)]
    due = Due(*spread(all_of_them, 11))
    found = [silhouette for _, silhouette, _ in _cut_out_enough(iter([due]), 10, work)]
    return segmenter.asked, found


def test_where_all_are_usable_no_more_are_looked_at():
    asked, found = cut(blind=0)
    assert asked == len(found) == 11
    assert all(one.reason is None for one in found)


def test_where_too_few_are_usable_others_are_taken_in_their_place():
    asked, found = cut(blind=20)
    usable = [one.frame_index for one in found if one.reason is None]
    assert len(usable) >= 10 and min(usable) >= 20
    assert asked < 40
    assert [one.frame_index for one in found] == sorted(one.frame_index for one in found)


def test_where_nothing_is_usable_all_have_been_looked_at():
    asked, found = cut(blind=255)
    assert asked == len(found) == 40


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ([], 36),
        (["recognition.max_frames=30"], 30),
        (["recognition.max_frames=30", "recognition.min_frames=40"], 40),
        (["segmentation.enough=all"], None),
        (["segmentation.enough=7", "pose.always=true"], 7),
        (["pose.always=true"], None),
        (["recognition.window=20"], None),
        (["recognition.encoder=gei", "recognition.checkpoint=null", "matching.metric=euclidean"], 36),
        (["recognition.encoder=biggergait", "recognition.checkpoint=null"], 36),
        (["recognition.encoder=gaitgl", "recognition.checkpoint=null"], None),
        (["recognition.encoder=gaitgraph2", "recognition.checkpoint=null"], None),
    ],
)
def test_what_an_encoder_takes_is_what_is_cut_out(settings, wanted):
    assert enough_silhouettes(load_config("light", settings)) == wanted
