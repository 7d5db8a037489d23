"""Answers: who it is, how sure, and why."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import MatchingConfig
from pipeline.jobs.people import People
from pipeline.matching.match import softmax
from pipeline.types import Embedding, Tracklet


def walk(track_id, value, video="probe", model="gaitbase-2"):
    """An embedding at `value` on a line: the distance between two of them is the difference of their values."""
    return Embedding(video, track_id, np.array([[value, value]], np.float32), model, "", 30)


def people(*values):
    return [walk(i + 1, value, "gallery") for i, value in enumerate(values)]


def seen(track_id, first, last, video="probe"):
    frames = np.arange(first, last)
    boxes, scores = np.zeros((len(frames), 4), np.float32), np.ones(len(frames), np.float32)
    return Tracklet(video, track_id, frames, boxes, scores, 25.0)


def match(probes, gallery, tracklets=(), unusable=None, **settings):
    return People.of_tracks(gallery, MatchingConfig(**settings)).match(probes, tracklets, unusable or {})


def test_the_nearest_person_is_the_answer_and_all_are_ranked():
    (answer,) = match([walk(1, 0.21)], people(5.0, 0.0, 0.45, 9.0), [seen(1, 0, 9)], threshold=0.35)
    assert (answer.status, answer.identity) == ("known", "gallery-002")
    assert answer.distance == pytest.approx(0.21)
    assert [c.identity for c in answer.candidates] == ["gallery-002", "gallery-003", "gallery-001", "gallery-004"]
    assert answer.reason == "nearest of 4 at 0.21, next gallery-003 at 0.24"


def test_beyond_the_threshold_a_track_is_unknown():
    (answer,) = match([walk(1, 1.0)], people(0.5, 0.0), [seen(1, 0, 9)], threshold=0.35)
    assert (answer.status, answer.identity, answer.distance) == ("unknown", None, 0.5)
    assert answer.reason == "nearest is gallery-001 at 0.5, beyond the threshold 0.35"


def test_a_name_taken_in_the_same_frames_goes_to_the_next_person_with_the_reason():
    probes = [walk(1, 0.1), walk(3, 0.05)]
    first, second = match(probes, people(0.0, 0.35), [seen(1, 0, 9), seen(3, 5, 20)], threshold=1)
    assert (first.identity, second.identity) == ("gallery-002", "gallery-001")
    assert first.reason == (
        "number 2 of 2 at 0.25: gallery-001 at 0.1 is nearer but belongs to track 3 seen in the same frames"
    )


def test_a_track_is_unknown_when_the_only_name_within_the_threshold_is_taken():
    probes = [walk(1, 0.1), walk(2, 0.05)]
    first, second = match(probes, people(0.0, 3.0), [seen(1, 0, 9), seen(2, 0, 9)], threshold=1)
    assert (first.status, second.identity) == ("unknown", "gallery-001")
    assert first.reason == (
        "nobody else is left within the threshold 1: "
        "gallery-001 at 0.1 is nearer but belongs to track 2 seen in the same frames"
    )


@pytest.mark.parametrize(
    "tracklets",
    [
        pytest.param([seen(1, 0, 9), seen(2, 9, 20)], id="one after the other"),
        pytest.param([], id="without tracklets"),
    ],
)
def test_tracks_that_never_met_may_be_one_person(tracklets):
    answers = match([walk(1, 0.1), walk(2, 0.05)], people(0.0, 3.0), tracklets, threshold=1)
    assert [answer.identity for answer in answers] == ["gallery-001", "gallery-001"]


def test_the_same_frames_of_different_videos_exclude_nobody():
    probes = [walk(1, 0.1, "probe1"), walk(1, 0.05, "probe2")]
    tracklets = [seen(1, 0, 9, "probe1"), seen(1, 0, 9, "probe2")]
    assert [m.identity for m in match(probes, people(0.0, 3.0), tracklets, threshold=1)] == ["gallery-001"] * 2


def test_without_one_to_one_everybody_gets_the_nearest():
    tracklets = [seen(1, 0, 9), seen(2, 0, 9)]
    answers = match([walk(1, 0.1), walk(2, 0.05)], people(0.0, 3.0), tracklets, threshold=1, one_to_one=False)
    assert [answer.identity for answer in answers] == ["gallery-001", "gallery-001"]


def test_the_gallery_as_its_own_probe_names_everybody_at_no_distance():
    probes = [walk(i, float(i)) for i in (1, 2, 3)]
    answers = match(probes, people(1.0, 2.0, 3.0), [seen(i, 0, 9) for i in (1, 2, 3)])
    assert [(a.identity, a.distance) for a in answers] == [(f"gallery-00{i}", 0.0) for i in (1, 2, 3)]
    assert all(answer.confidence > 0.99 for answer in answers)


def test_identical_people_are_told_apart_by_order_and_nothing_breaks():
    probes = [walk(i, 1.0) for i in (1, 2)]
    answers = match(probes, people(1.0, 1.0), [seen(1, 0, 9), seen(2, 0, 9)])
    assert sorted(answer.identity for answer in answers) == ["gallery-001", "gallery-002"]
    assert all(answer.reason.startswith("nearest of 2 at 0") for answer in answers)


def test_an_empty_gallery_gives_unknown_with_its_reason():
    (answer,) = match([walk(1, 0.1)], [], [seen(1, 0, 9)])
    assert (answer.status, answer.distance, answer.confidence, answer.candidates) == ("unknown", None, None, ())
    assert answer.reason == "no gallery person to compare with"


def test_a_single_candidate_says_that_it_is_the_only_one():
    (answer,) = match([walk(1, 0.1)], people(0.0), [seen(1, 0, 9)], threshold=1)
    assert answer.identity == "gallery-001"
    assert answer.reason == "only one person to compare with, at 0.1, within the threshold 1"


def test_a_single_candidate_without_a_threshold_is_always_the_answer_and_that_is_said():
    (answer,) = match([walk(1, 90.0)], people(0.0), [seen(1, 0, 9)])
    assert (answer.status, answer.confidence) == ("known", 1)
    assert answer.reason == "only one person to compare with, at 90, so it is always them"


def test_every_tracklet_gets_an_answer_in_order_and_unusable_ones_their_reason():
    tracklets = [seen(1, 0, 9), seen(2, 0, 9), seen(3, 0, 9)]
    unusable = {("probe", 1): "3 of 40 silhouettes usable, 10 needed"}
    answers = match([walk(2, 0.0)], people(0.0), tracklets, unusable)
    assert [(a.track_id, a.status, a.reason) for a in answers] == [
        (1, "unusable", "3 of 40 silhouettes usable, 10 needed"),
        (2, "known", "only one person to compare with, at 0, so it is always them"),
        (3, "unusable", "no embedding"),
    ]


def test_no_probes_give_no_answers():
    assert match([], people(0.0)) == []


@pytest.mark.parametrize("threshold", [0.3, np.inf])
def test_confidence_falls_with_the_distance_and_does_not_depend_on_the_scale(threshold):
    near, far = (softmax(np.array([d, 0.25]), threshold, 0.1) for d in (0.05, 0.2))
    assert near[0] > far[0]
    np.testing.assert_allclose([near.sum(), far.sum()], 1)
    np.testing.assert_allclose(softmax(np.array([50, 250]), 1000 * threshold, 0.1), near)


def test_confidence_is_even_between_a_candidate_at_the_threshold_and_nobody():
    np.testing.assert_allclose(softmax(np.array([0.3]), 0.3, 0.1), [0.5, 0.5])


def test_confidence_is_defined_where_all_distances_are_zero():
    np.testing.assert_allclose(softmax(np.zeros(2), np.inf, 0.1), [0.5, 0.5, 0])
