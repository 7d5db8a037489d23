"""Thresholds for a false positive rate, and probabilities, on distances whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.matching.confidence import fit_confidence, reliability, share_at, threshold_at


def test_the_threshold_lets_as_many_strangers_pass_as_allowed():
    strangers = np.arange(1.0, 101.0)
    threshold = threshold_at(0.05, strangers)
    assert threshold == 5.5 and (strangers <= threshold).mean() == 0.05


def test_equal_distances_pass_together_or_not_at_all():
    strangers = np.array([1.0, 1.0, 1.0, *range(2, 19)])
    assert threshold_at(0.1, strangers) == pytest.approx(1.0)  # two may pass, but the first three are equal
    assert threshold_at(0.1, strangers) < 1.0
    assert threshold_at(0.15, strangers) == 1.5


def test_few_searches_cannot_show_a_small_rate():
    assert threshold_at(0.01, np.arange(99.0)) is None
    assert threshold_at(0.01, np.arange(100.0)) == 0.5
    assert threshold_at(0.5, np.zeros(0)) is None


def test_everybody_may_pass():
    assert threshold_at(1.0, np.arange(3.0)) == math.inf


def test_weights_count_as_repeated_searches():
    strangers, weights = np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 1.0, 0.0, 6.0])
    assert threshold_at(0.4, strangers, weights) == threshold_at(0.4, np.repeat(strangers, [3, 1, 0, 6]))


def test_the_share_counts_right_names_only():
    distances, right = np.array([1.0, 2.0, 3.0, 9.0]), np.array([True, False, True, True])
    assert share_at(4.0, distances, right) == 0.5
    assert math.isnan(share_at(None, distances, right)) and math.isnan(share_at(1.0, distances[:0], right[:0]))


def searches(rng, count):
    """Nearest distances and gaps of which the true probability of being right is known."""
    nearest, gap = rng.gamma(4, 2, count), rng.gamma(2, 1, count)
    truth = 1 / (1 + np.exp(-(3 - 0.5 * nearest + 0.6 * gap)))
    return nearest, gap, rng.random(count) < truth, truth


def test_probabilities_are_those_that_the_searches_were_made_with():
    rng = np.random.default_rng(0)
    nearest, gap, right, _ = searches(rng, 20_000)
    fitted = fit_confidence(nearest, gap, right)
    fresh_nearest, fresh_gap, fresh_right, truth = searches(rng, 5_000)
    found = fitted(fresh_nearest, fresh_gap)
    assert np.abs(found - truth).max() < 0.03
    assert reliability(found, fresh_right).error < 0.03


def test_overconfidence_shows_in_the_reliability():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.3, 0.7, 5_000)
    right = rng.random(5_000) < truth
    assert reliability(truth, right).error < 0.04
    bold = np.where(truth > 0.5, 0.99, 0.01)
    assert reliability(bold, right).error > 0.3
    assert reliability(bold, right).brier > reliability(truth, right).brier


def test_one_person_enrolled_leaves_no_gap():
    rng = np.random.default_rng(2)
    nearest, _, right, _ = searches(rng, 500)
    fitted = fit_confidence(nearest, np.full(500, np.inf), right)
    found = fitted(np.array([0.1, 30.0, np.inf]), np.full(3, np.inf))
    assert found[0] > found[1] >= found[2] and found[2] < 0.01


@pytest.mark.parametrize("right", [True, False])
def test_nothing_can_be_fitted_where_all_answers_are_alike(right):
    assert fit_confidence(np.arange(5.0), np.ones(5), np.full(5, right)) is None
