"""The figures of an evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.evaluation.ranks import by_direction, score
from pipeline.research.evaluation.report import Compared, report

PEOPLE = np.array([0, 1, 0, 1])  # of the probes
GALLERY = np.array([0, 0, 1, 1])
CONDITIONS = ["d2", "d2", "d3", "d3"]
HEADINGS = np.array([1.0, -1.0, 1.0, -1.0])


def compared(name, *tables):
    tables = [np.array(table, float) for table in tables]
    scores = [score(table, PEOPLE, GALLERY, 2) for table in tables]
    ways = [by_direction(table, PEOPLE, GALLERY, HEADINGS, HEADINGS) for table in tables]
    return Compared(name, scores, ways, 4, 0)


RIGHT = [[1, 1, 9, 9], [9, 9, 1, 1], [1, 1, 9, 9], [9, 9, 1, 1]]
HALF = [[1, 1, 9, 9], [9, 9, 1, 1], [9, 9, 1, 1], [np.inf] * 4]  # right in d2, wrong and unusable in d3


@pytest.fixture
def tree():
    return report([compared("a", RIGHT), compared("b", HALF), compared("c", RIGHT, HALF)], CONDITIONS, PEOPLE)


def test_every_encoder_has_every_condition_and_all_of_them_together(tree):
    assert list(tree) == ["a", "b", "c"]
    assert all(list(entry) == ["d2", "d3", "pooled"] for entry in tree.values())
    assert [tree["b"][condition]["rank1"] for condition in tree["b"]] == [1, 0, 0.5]
    assert [tree["b"][condition]["n"] for condition in tree["b"]] == [2, 2, 4]
    assert [tree["b"][condition]["unusable"] for condition in tree["b"]] == [0, 1, 1]
    assert tree["b"]["pooled"]["ci95"] == [0.5, 0.5]  # one right of two, whoever is drawn
    assert tree["a"]["pooled"]["cmc"] == [1, 1] and tree["b"]["d3"]["cmc"] == [0, 0.5]


def test_with_fewer_than_five_people_the_fifth_rank_is_the_last(tree):
    assert tree["b"]["d3"]["rank5"] == 0.5


def test_differences_are_paired_and_go_both_ways(tree):
    assert tree["a"]["pooled"]["against"]["b"]["rank1"] == 0.5
    difference = tree["b"]["pooled"]["against"]["a"]
    assert (difference["rank1"], difference["ci95"]) == (-0.5, [-0.5, -0.5])
    # In d3 person 0's walks are third and fourth of four, person 1's are not reached at all.
    assert difference["map"] == pytest.approx(((1 / 3 + 2 / 4) / 2 - 1 - 1) / 4, abs=1e-6)
    assert difference["map_ci95"] == pytest.approx([-1 / 2, ((1 / 3 + 2 / 4) / 2 - 1) / 2], abs=1e-6)
    assert "a" not in tree["a"]["pooled"]["against"]


def test_several_seeds_count_as_their_mean(tree):
    assert tree["c"]["pooled"]["rank1"] == 0.75
    assert tree["c"]["pooled"]["rank1_of_each"] == [1, 0.5]
    assert "rank1_of_each" not in tree["a"]["pooled"]


def test_directions_are_told_apart(tree):
    ways = tree["a"]["pooled"]["directions"]
    assert ways["n"] == 4
    assert ways["same"]["rank1"] == ways["opposite"]["rank1"] == 1
    assert ways["difference"] == {"rank1": 0, "ci95": [0, 0]}


def test_where_nobody_was_seen_both_ways_there_are_no_directions():
    table = np.array(RIGHT, float)
    one_way = by_direction(table, PEOPLE, GALLERY, HEADINGS, np.ones(4))
    one = Compared("a", [score(table, PEOPLE, GALLERY, 2)], [one_way], 4, 0)
    assert report([one], CONDITIONS, PEOPLE)["a"]["d2"]["directions"] is None
