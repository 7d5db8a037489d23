"""The same probes against walks in their own and in the opposite direction."""

from __future__ import annotations

import numpy as np

from pipeline.research.evaluation.ranks import by_direction


def test_probes_meet_walks_of_one_direction_only():
    people = np.array([0, 0, 1, 1])
    gallery_headings = np.array([1.0, -1.0, 1.5, -1.5])
    distances = np.array(
        [
            [1, 9, 2, 3],  # person 0 to the right: right against the right-going, wrong against the left-going
            [5, 6, 4, 3],  # person 1 to the left
        ],
        float,
    )
    found = by_direction(distances, np.array([0, 1]), people, np.array([1.0, -2.0]), gallery_headings)
    assert found.rows.tolist() == [0, 1]
    assert found.same.within[:, 0].tolist() == [1, 1]
    assert found.opposite.within[:, 0].tolist() == [0, 1]


def test_people_who_were_seen_one_way_only_are_left_out_on_both_sides():
    people = np.array([0, 0, 3, 5, 5])
    gallery_headings = np.array([1.0, -1.0, 1.0, 2.0, -2.0])
    distances = np.array([[2, 2, 1, 9, 9], [9, 9, 1, 9, 9], [3, 3, 9, 2, 9]], float)
    distances[:, 4] = np.inf
    found = by_direction(distances, np.array([0, 3, 5]), people, np.array([1.0, 1.0, 1.0]), gallery_headings)
    # The last walk of person 5 is unusable: only person 0 was seen both ways, and is compared with nobody else.
    assert found.rows.tolist() == [0] and found.same.within.tolist() == [[1]]


def test_a_probe_without_a_direction_is_left_out():
    found = by_direction(np.ones((1, 2)), np.array([0]), np.array([0, 0]), np.array([0.0]), np.array([1.0, -1.0]))
    assert len(found.rows) == 0
