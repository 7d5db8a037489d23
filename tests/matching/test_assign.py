"""One-to-one assignment: never two of one frame under one name, and as cheap as can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.matching.assign import UNKNOWN, assign, covisible
from pipeline.types import Tracklet


def tracklet(track_id, frames, video="probe"):
    count = len(frames)
    frames = np.asarray(frames, np.int64)
    return Tracklet(video, track_id, frames, np.zeros((count, 4), np.float32), np.ones(count, np.float32), 25.0)


def total(answer, distances, threshold):
    return sum(threshold if g == UNKNOWN else distances[i, g] for i, g in enumerate(answer))


def clashes(answer, exclusive):
    return [(i, j) for i, j in np.argwhere(exclusive) if answer[i] == answer[j] != UNKNOWN]


def cheapest_by_trying_all(distances, exclusive, threshold):
    tracks, people = distances.shape
    choices = itertools.product([UNKNOWN, *range(people)], repeat=tracks)
    return min(total(answer, distances, threshold) for answer in choices if not clashes(answer, exclusive))


def graph(edges, count):
    exclusive = np.zeros((count, count), bool)
    for i, j in edges:
        exclusive[i, j] = exclusive[j, i] = True
    return exclusive


def test_the_total_is_the_least_possible():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tracks, people = int(rng.integers(1, 7)), int(rng.integers(1, 5))
        distances = rng.random((tracks, people)).astype(np.float32)
        exclusive = np.triu(rng.random((tracks, tracks)) < rng.random(), 1)
        exclusive |= exclusive.T
        threshold = float(rng.choice([0.3, 0.7, 2.0]))
        answer = assign(distances, exclusive, threshold)
        assert not clashes(answer, exclusive), seed
        least = cheapest_by_trying_all(distances, exclusive, threshold)
        assert total(answer, distances, threshold) == pytest.approx(least), seed
        assert all(g == UNKNOWN or distances[i, g] <= threshold for i, g in enumerate(answer)), seed


@pytest.mark.parametrize("seed", range(3))
def test_large_crowds_never_share_a_name_within_a_frame(seed):
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 3000, 200)
    crowd = [tracklet(i + 1, np.arange(start, start + 100)) for i, start in enumerate(starts)]
    exclusive = covisible(crowd)
    distances = rng.random((200, 30)).astype(np.float32)
    answer = assign(distances, exclusive, 0.5)
    assert not clashes(answer, exclusive)
    cheapest = np.minimum(distances.min(axis=1), 0.5).sum()  # what it would cost were nobody in anybody's way
    assert total(answer, distances, 0.5) <= 1.5 * cheapest + 1


def test_a_spent_budget_still_gives_a_valid_answer():
    rng = np.random.default_rng(1)
    exclusive = graph([(i, i + 1) for i in range(29)] + [(i, i + 2) for i in range(28)], 30)
    distances = rng.random((30, 4)).astype(np.float32)
    hasty, patient = (assign(distances, exclusive, 0.9, budget) for budget in (0, 50_000))
    assert not clashes(hasty, exclusive)
    assert total(patient, distances, 0.9) <= total(hasty, distances, 0.9)


def test_tracks_that_never_meet_may_share_an_identity():
    distances = np.array([[0.1, 0.9], [0.2, 0.3], [0.1, 0.9]], np.float32)
    assert assign(distances, graph([(0, 1), (1, 2)], 3), 1.0) == [0, 1, 0]


def test_tracks_seen_together_get_different_identities():
    distances = np.array([[0.1, 0.5], [0.2, 0.9]], np.float32)
    assert assign(distances, graph([(0, 1)], 2), 1.0) == [1, 0]


def test_without_anybody_left_a_track_is_unknown():
    distances = np.array([[0.1], [0.2]], np.float32)
    assert assign(distances, graph([(0, 1)], 2), np.inf) == [0, UNKNOWN]


def test_an_infinite_threshold_names_as_many_as_possible():
    distances = np.array([[0.1, 900.0], [0.2, 1000.0]], np.float32)
    assert sorted(assign(distances, graph([(0, 1)], 2), np.inf)) == [0, 1]


def test_at_the_very_threshold_a_track_is_known_and_beyond_it_is_not():
    distances = np.array([[0.5], [0.5000001]], np.float32)
    assert assign(distances, graph([], 2), 0.5) == [0, UNKNOWN]


def test_an_empty_gallery_leaves_everybody_unknown():
    assert assign(np.zeros((2, 0), np.float32), graph([(0, 1)], 2), 1.0) == [UNKNOWN, UNKNOWN]


def test_no_tracks_give_no_answers():
    assert assign(np.zeros((0, 3), np.float32), graph([], 0), 1.0) == []


def test_ties_are_settled_the_same_way_every_time():
    distances = np.full((4, 4), 0.5, np.float32)
    exclusive = graph(itertools.combinations(range(4), 2), 4)
    answers = {tuple(assign(distances, exclusive, 1.0)) for _ in range(5)}
    assert len(answers) == 1
    assert sorted(answers.pop()) == [0, 1, 2, 3]


def test_covisible_tracks_share_a_frame_of_the_same_video():
    tracks = [
        tracklet(1, [0, 1, 2]),
        tracklet(2, [2, 3]),
        tracklet(3, [3, 4]),
        tracklet(1, [0, 1, 2, 3, 4], video="other"),
        tracklet(4, []),
        tracklet(5, [1, 9]),  # overlaps the spans of 2 and 3 without sharing a frame with them
    ]
    expected = graph([(0, 1), (1, 2), (0, 5)], 6)
    np.testing.assert_array_equal(covisible(tracks), expected)


def test_nobody_is_covisible_without_tracks():
    assert covisible([]).shape == (0, 0)


def test_mismatched_sizes_are_refused_with_both_named():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(1, 1\)"):
        assign(np.zeros((2, 3), np.float32), graph([], 1), 1.0)


@pytest.mark.parametrize("together", [False, True])
def test_who_it_is_not_is_never_the_answer_however_far_one_may_be(together):
    exclusive = np.full((2, 2), together) & ~np.eye(2, dtype=bool)
    assert assign(np.array([[np.inf, 9.0], [2.0, np.inf]]), exclusive, np.inf) == [1, 0]
    assert assign(np.array([[np.inf, np.inf], [2.0, 3.0]]), exclusive, np.inf) == [UNKNOWN, 0]
