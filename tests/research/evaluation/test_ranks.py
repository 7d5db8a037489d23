"""Ranks among people, and average precision over their walks."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.evaluation.ranks import average_precision, mean_scores, person_distances, score

INF = np.inf
GALLERY = np.array([0, 0, 1, 2])  # whose the gallery's walks are


def scored(*rows, probes):
    return score(np.array(rows, float), np.array(probes), GALLERY, 3)


def test_a_person_is_as_far_as_the_nearest_of_their_walks():
    distances = person_distances(np.array([[5.0, 2.0, 3.0, INF]]), GALLERY, 4)
    np.testing.assert_array_equal(distances, [[2, 3, INF, INF]])


def test_ranks_count_people_not_walks():
    scores = scored([1, 2, 3, 4], [2, 1, 0.5, 4], [1, 2, 4, 3], probes=[0, 0, 1])
    np.testing.assert_array_equal(scores.within, [[1, 1, 1], [0, 1, 1], [0, 0, 1]])


def test_ties_count_against_us():
    scores = scored([1, 1, 1, 1], [2, 9, 2, 9], probes=[0, 0])
    np.testing.assert_array_equal(scores.within, [[0, 0, 1], [0, 1, 1]])


def test_who_could_not_be_used_is_never_found():
    scores = scored([INF] * 4, [INF, INF, 1, 2], [1, 1, 1, INF], probes=[0, 0, 2])
    assert not scores.within.any() and not scores.precision.any()
    assert scores.usable.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("distances", "right", "expected"),
    [
        ([1, 2, 3, 4], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        ([4, 3, 2, 1], [1, 0, 1, 0], (1 / 2 + 2 / 4) / 2),
        ([1, 1, 1, 1], [1, 0, 0, 0], 1 / 4),  # ties
        ([1, 2, INF, INF], [1, 0, 1, 0], 1 / 2),  # a right walk that could not be used is missed
        ([1, 2, 3, 4], [0, 0, 0, 0], 0),
    ],
)
def test_average_precision(distances, right, expected):
    found = average_precision(np.array([distances], float), np.array([right], bool))
    assert found == pytest.approx([expected])


def test_average_precision_is_that_of_its_definition_on_random_distances():
    rng = np.random.default_rng(0)
    distances, right = rng.random((40, 30)), rng.random((40, 30)) < 0.2
    right[:, 0] = True
    expected = []
    for row, wanted in zip(distances, right, strict=True):
        hits = wanted[np.argsort(row)]
        expected.append(np.mean([hits[: place + 1].mean() for place in np.flatnonzero(hits)]))
    np.testing.assert_allclose(average_precision(distances, right), expected)


def test_the_mean_over_seeds_is_taken_probe_by_probe():
    right, wrong = scored([1, 2, 3, 4], probes=[0]), scored([4, 5, 3, 2], probes=[0])
    mean = mean_scores([right, wrong])
    np.testing.assert_array_equal(mean.within, [[0.5, 0.5, 1]])
    assert mean.precision == (right.precision + wrong.precision) / 2
