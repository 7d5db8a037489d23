"""The open set on distances whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.research.evaluation.openset import draw_splits, equal_error_rate, open_set_figures, search

PEOPLE, WALKS = 8, 6


def setting(separation, seed=0):
    """Distances of WALKS probes a person to two gallery walks a person: to oneself nearer by `separation`."""
    rng = np.random.default_rng(seed)
    probes, gallery = np.repeat(np.arange(PEOPLE), WALKS), np.repeat(np.arange(PEOPLE), 2)
    distances = 10 + rng.standard_normal((len(probes), len(gallery)))
    distances -= separation * (probes[:, None] == gallery[None])

    def enrolled_only(enrolled):
        return np.where(enrolled[gallery][None], distances, np.inf)

    return distances, enrolled_only, probes, gallery


def figures(separation):
    _, enrolled_only, probes, gallery = setting(separation)
    splits = draw_splits(PEOPLE, 20)
    return open_set_figures(search(enrolled_only, probes, gallery, splits), PEOPLE, 20)


def test_half_of_the_people_are_enrolled_in_every_draw():
    splits = draw_splits(9, 30, seed=1)
    assert {int(split.sum()) for split in splits} == {4}
    assert np.mean(splits, axis=0).min() > 0.2
    assert all((a == b).all() for a, b in zip(splits, draw_splits(9, 30, seed=1), strict=True))


def test_people_who_are_far_apart_are_named_and_strangers_are_not():
    found = figures(separation=9)
    for rate in ("0.01", "0.1"):
        assert found[f"tpir@fpir={rate}"]["tpir"] == 1
    assert found["det"]["fnir"][-1] == 0
    assert found["confidence"]["ece"] < 0.05


def test_where_distances_say_nothing_names_are_right_by_chance_only():
    found = figures(separation=0)
    assert found["tpir@fpir=0.1"]["tpir"] < 0.12  # a tenth may pass, one in four of them is right
    assert found["tpir@fpir=0.01"]["tpir"] <= found["tpir@fpir=0.1"]["tpir"]
    low, high = found["tpir@fpir=0.1"]["ci95"]
    assert low <= found["tpir@fpir=0.1"]["tpir"] <= high


def test_a_rate_that_one_draw_cannot_show_is_marked():
    found = figures(separation=2)
    assert found["strangers_clips"] == PEOPLE * WALKS / 2
    assert not found["tpir@fpir=0.01"]["enough"] and found["tpir@fpir=0.1"]["enough"]


def test_more_strangers_named_means_fewer_people_missed():
    missed = [value for value in figures(separation=2)["det"]["fnir"] if value is not None]
    assert missed == sorted(missed, reverse=True)


def test_clips_that_cannot_be_used_are_never_found_and_never_falsely():
    _, enrolled_only, probes, gallery = setting(9)

    def lost(enrolled):
        distances = enrolled_only(enrolled)
        distances[probes == 0] = np.inf
        return distances

    found = search(lost, probes, gallery, draw_splits(PEOPLE, 20))
    about = found.person == 0
    assert not found.right[about].any() and np.isinf(found.nearest[about]).all()
    assert open_set_figures(found, PEOPLE, 20)["tpir@fpir=0.1"]["tpir"] == pytest.approx(7 / 8, abs=0.05)


def test_the_equal_error_rate_is_known_for_two_normal_distributions():
    rng = np.random.default_rng(0)
    probes, gallery = np.repeat(np.arange(20), 200), np.arange(20)
    distances = rng.standard_normal((len(probes), 20))
    distances[np.arange(len(probes)), probes] -= 2
    assert equal_error_rate(distances, probes, gallery, 20) == pytest.approx(0.1587, abs=0.01)  # Φ(−1)
