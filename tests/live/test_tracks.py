"""When a name is shown, when it changes, and that nobody else bears it."""

from __future__ import annotations

import made_people
import numpy as np
import pytest
import runs

from pipeline.live.people import people_of_run
from pipeline.live.tracks import LOOKING, LiveTracks, Shown
from pipeline.profiles import load_config
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.segmentation.sequences import Silhouette
from pipeline.types import SilhouetteSequence, TrackedBoxes

ADA, BO = Shown("known", "Ada", 0.05, 0.9), Shown("known", "Bo", 0.06, 0.8)
UNKNOWN = Shown("unknown", None, 0.3, 0.7)
WIDTHS = {"Ada": 5, "Bo": 9}
FPS = 25.0


@pytest.fixture(scope="module")
def encoder():
    return GaitEnergyImageEncoder(load_config().recognition)


@pytest.fixture(scope="module")
def known(encoder):
    walks = encoder.encode(
        [SilhouetteSequence("g", n, runs.walker(w), np.arange(runs.FRAMES)) for n, w in enumerate(WIDTHS.values(), 1)]
    )
    return made_people.named({name: name for name in WIDTHS}, walks, threshold=0.1)


class Street:
    """LiveTracks fed frame by frame; widths: of who is on which track in a frame."""

    def __init__(self, encoder, known, *overrides):
        self.config = load_config(overrides=["matching.threshold=0.1", *overrides])
        self.walkers = LiveTracks(encoder, known, self.config, FPS)
        self.index = -1
        self.masks = {width: runs.walker(width, 200) for width in (5, 9, 16)}

    def frame(self, usable=True, **widths):
        self.index += 1
        ids = [int(track[1:]) for track in widths]
        boxes = np.array([[100 * i, 0, 100 * i + 40, 120] for i in ids], np.float32).reshape(-1, 4)
        tracked = TrackedBoxes(self.index, np.array(ids, np.int64), boxes, np.ones(len(ids), np.float32))
        gone = self.walkers.tracked(tracked)
        for track_id, width in zip(ids, widths.values(), strict=True):
            mask = self.masks[width][self.index]
            reason = None if usable else "too small"
            self.walkers.add(Silhouette(track_id, self.index, mask, mask if usable else None, reason, {}))
        self.walkers.answer(ids)
        return [self.walkers[track_id].shown for track_id in ids], gone


def shown_after(answers, agree=2):
    from collections import deque

    from pipeline.live.tracks import LiveTrack

    walker = LiveTrack("live", 1, deque(), deque(), deque())
    shown = []
    for answer in answers:
        walker.answered(answer, agree)
        shown.append(walker.shown.name or walker.shown.status)
    return shown


def test_the_first_name_takes_two_answers_that_agree():
    assert shown_after([ADA, ADA]) == ["looking", "Ada"]
    assert shown_after([ADA, BO, BO]) == ["looking", "looking", "Bo"]


def test_one_odd_answer_changes_nothing():
    assert shown_after([ADA, ADA, BO, ADA, UNKNOWN, ADA]) == ["looking", "Ada", "Ada", "Ada", "Ada", "Ada"]


def test_alternating_answers_never_flicker():
    assert set(shown_after([ADA, ADA, *[BO, UNKNOWN] * 10])[1:]) == {"Ada"}


def test_a_lasting_change_is_shown():
    assert shown_after([ADA, ADA, BO, BO]) == ["looking", "Ada", "Ada", "Bo"]
    assert shown_after([ADA, ADA, UNKNOWN, UNKNOWN]) == ["looking", "Ada", "Ada", "unknown"]
    assert shown_after([ADA, BO], agree=1) == ["Ada", "Bo"]


def test_people_are_looked_for_until_there_are_enough_silhouettes_and_then_named(encoder, known):
    street = Street(encoder, known)
    shown = [street.frame(t1=5, t2=9, t3=16)[0] for _ in range(40)]
    assert all(answer == LOOKING for answers in shown[:19] for answer in answers)
    assert [(answer.status, answer.name) for answer in shown[-1]] == [
        ("known", "Ada"),
        ("known", "Bo"),
        ("unknown", None),
    ]
    assert street.walkers.embedded == 3 * 4  # at 10, 20, 30 and 40 silhouettes


def test_silhouettes_that_are_not_good_enough_do_not_count(encoder, known):
    street = Street(encoder, known)
    for _ in range(60):
        (answer,), _ = street.frame(usable=False, t1=5)
    walker = street.walkers[1]
    assert answer == LOOKING and street.walkers.embedded == 0
    assert walker.usable == 0 and walker.rejected == {"too small": 60}
    assert street.walkers.progress(walker) == 0


def test_the_window_slides_so_that_the_present_decides(encoder, known):
    street = Street(encoder, known, "live.window=30")
    for _ in range(40):
        street.frame(t1=5)
    assert street.walkers[1].shown.name == "Ada"
    for _ in range(60):  # the tracker went over to somebody else
        street.frame(t1=9)
    assert street.walkers[1].shown.name == "Bo"
    assert len(street.walkers[1].masks) == 30


def test_two_in_one_picture_never_bear_one_name(encoder, known):
    street = Street(encoder, known)
    for index in range(80):  # two people of the same walk; the second comes later
        people = {"t1": 5} if index < 30 else {"t1": 5, "t2": 5}
        answers, _ = street.frame(**people)
        names = [answer.name for answer in answers if answer.name]
        assert len(set(names)) == len(names)
    assert "Ada" in names


def test_who_is_gone_for_longer_than_the_tracker_waits_is_forgotten(encoder, known):
    street = Street(encoder, known)
    for _ in range(25):
        street.frame(t1=5)
    left = [walker for _ in range(40) for walker in street.frame()[1]]
    assert [(walker.track_id, walker.shown.name) for walker in left] == [(1, "Ada")]
    assert list(street.walkers) == []


def test_an_empty_gallery_makes_everybody_unknown(encoder):
    street = Street(encoder, made_people.named({}, threshold=0.1))
    for _ in range(25):
        (answer,), _ = street.frame(t1=5)
    assert (answer.status, answer.name) == ("unknown", None)


def test_a_run_s_gallery_can_be_compared_with(tmp_path, encoder):
    config = load_config(overrides=["matching.threshold=0.1"])
    known = people_of_run(runs.made_up(tmp_path / "run", videos=False), encoder, config)
    assert list(known.names.values()) == ["gallery-001", "gallery-002"]
    street = Street(encoder, known)
    for _ in range(25):
        answers, _ = street.frame(t1=9, t2=5)
    assert [answer.name for answer in answers] == ["gallery-002", "gallery-001"]


def test_who_is_known_for_long_is_only_glanced_at(encoder, known):
    street = Street(encoder, known, "live.window=20")
    wanted = []
    for _ in range(150):
        street.frame(_1=5)
        wanted.append(bool(street.walkers.wanted([1], street.index)))
    first, last = np.flatnonzero(wanted[:20]), np.flatnonzero(wanted[100:])
    assert set(np.diff(first)) == {3}, "25 frames a second, 8 looks"
    assert set(np.diff(last)) == {12}
    assert street.walkers[1].shown.status == "known"


def test_encoders_of_motion_see_everybody_in_every_frame(encoder, known):
    street = Street(encoder, known, "recognition.window=5")
    for _ in range(5):
        street.frame(_1=5)
        assert street.walkers.wanted([1], street.index) == [1]
