"""Intervals over people."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.evaluation import ranks
from pipeline.research.evaluation.ranks import PeopleBootstrap


def test_people_are_drawn_not_walks():
    """Ten walks of each of 20 people, all alike within a person: the interval is as wide as that of 20 walks."""
    rng = np.random.default_rng(0)
    per_person = (rng.random(20) < 0.5).astype(float)
    each = PeopleBootstrap(np.arange(20)).interval(per_person)
    tenfold = PeopleBootstrap(np.repeat(np.arange(20), 10)).interval(np.repeat(per_person, 10))
    assert (each.low, each.high) == pytest.approx((tenfold.low, tenfold.high))
    assert each.high - each.low > 0.3


def test_the_interval_of_a_mean_is_the_one_that_theory_gives():
    rng = np.random.default_rng(1)
    values = rng.normal(3, 2, 400)
    found = PeopleBootstrap(np.arange(400)).interval(values)
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_people_with_more_walks_weigh_more():
    found = PeopleBootstrap(np.array([7, 7, 7, 3])).interval(np.array([1.0, 1, 1, 0]))
    assert (found.low, found.high) == (0, 1)  # drawn alone, either
    means = {0.0, 0.75, 1.0}
    half = PeopleBootstrap(np.array([7, 7, 7, 3]), draws=1).interval(np.array([1.0, 1, 1, 0]))
    assert {half.low, half.high} <= means


def test_figures_of_the_same_probes_are_drawn_alike():
    """Two encoders that differ by a constant differ by it in every draw."""
    rng = np.random.default_rng(2)
    values = rng.random(60)
    difference = PeopleBootstrap(np.arange(60) // 3).interval(values + 0.1 - values)
    assert (difference.low, difference.high) == pytest.approx((0.1, 0.1))


def test_one_person_has_no_interval():
    assert PeopleBootstrap(np.array([4, 4, 4])).interval(np.array([1.0, 0, 1])) is None


def test_drawing_in_blocks_draws_the_same(monkeypatch):
    values, people = np.random.default_rng(3).random(30), np.arange(30) // 2
    whole = PeopleBootstrap(people).interval(values)
    monkeypatch.setattr(ranks, "BLOCK_VALUES", 15 * 7)
    assert PeopleBootstrap(people).interval(values) == whole
