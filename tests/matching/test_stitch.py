"""Broken tracks are joined where time, place, height and gait agree, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.jobs.people import People
from pipeline.matching.stitch import goes_on, stitch_tracks
from pipeline.profiles import load_config
from pipeline.types import Embedding, Tracklet

FPS, TALL, PACE = 25.0, 100.0, 4.0  # pixels a frame


def track(number, first, last, x=0.0, y=50.0, tall=TALL, pace=PACE, video="street"):
    """Somebody who walks to the right from `x` at frame 0."""
    frames = np.arange(first, last)
    left, top = x + pace * frames, np.full(len(frames), y)
    boxes = np.stack([left, top, left + 0.4 * tall, top + tall], 1).astype(np.float32)
    return Tracklet(video, number, frames, boxes, np.ones(len(frames), np.float32), FPS)


def walk(number, seed, frames=30, video="street", noise=0.01):
    parts = np.random.default_rng(seed).random((8, 4)) + noise * np.random.default_rng([seed, number]).random((8, 4))
    return Embedding(video, number, parts.astype(np.float32), "gei-4", "", frames)


def groups(tracks, walks, threshold=0.3, seconds=2.0):
    exclusive = np.array(
        [[a is not b and bool(np.isin(a.frame_indices, b.frame_indices).any()) for b in tracks] for a in tracks]
    )
    return stitch_tracks(walks, tracks, exclusive, "euclidean", threshold, seconds)


def test_a_track_that_breaks_behind_a_pillar_is_one_person():
    tracks = [track(1, 0, 40), track(2, 60, 100)]
    assert groups(tracks, [walk(1, 0), walk(2, 0)]) == [[0, 1]]


def test_three_pieces_are_one_person():
    tracks = [track(1, 0, 30), track(2, 80, 120), track(3, 40, 70)]
    assert groups(tracks, [walk(number, 0) for number in (1, 2, 3)]) == [[0, 2, 1]]


@pytest.mark.parametrize(
    "after",
    [
        track(2, 120, 160),  # too late
        track(2, 60, 100, x=400),  # elsewhere
        track(2, 60, 100, tall=160),  # much taller
        track(2, 60, 100, video="yard"),
        track(2, 40, 80, y=400),  # somebody else who was seen at once
    ],
    ids=["late", "elsewhere", "taller", "another video", "far below"],
)
def test_what_does_not_fit_stays_apart(after):
    assert not goes_on(track(1, 0, 40), after, seconds=2.0)
    assert groups([track(1, 0, 40), after], [walk(1, 0), walk(2, 0, video=after.video)]) == [[0], [1]]


def test_another_gait_is_another_person():
    tracks = [track(1, 0, 40), track(2, 60, 100)]
    assert groups(tracks, [walk(1, 0), walk(2, 5)]) == [[0], [1]]


def test_two_who_may_both_be_the_continuation_are_left_alone():
    tracks = [track(1, 0, 40), track(2, 60, 100), track(3, 60, 100, y=70)]
    assert groups(tracks, [walk(number, 0) for number in (1, 2, 3)]) == [[0], [1], [2]]


def test_where_no_threshold_is_known_people_seen_together_say_how_far_apart_people_are():
    tracks = [track(1, 0, 40), track(2, 60, 100), track(3, 0, 100, y=400)]
    same, other = [walk(1, 0), walk(2, 0), walk(3, 9)], [walk(1, 0), walk(2, 5), walk(3, 0)]
    assert groups(tracks, same, threshold=np.inf) == [[0, 1], [2]]
    assert groups(tracks, other, threshold=np.inf) == [[0], [1], [2]]


def test_zero_seconds_join_nobody():
    assert groups([track(1, 0, 40), track(2, 60, 100)], [walk(1, 0), walk(2, 0)], seconds=0) == [[0], [1]]


@pytest.mark.parametrize(("seconds", "whose"), [(2.0, "known-001"), (0.0, "known-002")])
def test_the_pieces_get_one_answer_in_which_the_longer_counts_more(seconds, whose):
    """A short piece looks a little more like somebody else; with the long one beside it, it does not."""
    config = load_config("light", [f"matching.stitch_seconds={seconds}"]).matching
    own = np.random.default_rng(1).random((8, 4))
    other = own + 0.06 * np.random.default_rng(2).standard_normal((8, 4))
    short = 0.4 * own + 0.6 * other
    gallery = [made(1, own, video="known"), made(2, other, video="known")]
    probes = [made(1, own, frames=60), made(2, short, frames=10)]
    long_answer, short_answer = People.of_tracks(gallery, config).match(
        probes, [track(1, 0, 40), track(2, 60, 100)], {}
    )
    assert (long_answer.identity, short_answer.identity) == ("known-001", whose)
    assert ("one broken track with 1" in short_answer.reason) is (seconds > 0)


def made(number, parts, frames=30, video="street"):
    return Embedding(video, number, parts.astype(np.float32), "gei-4", "", frames)
