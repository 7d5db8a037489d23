"""Distances part by part add up to the distance of the walks."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.matching.distance import distance_matrix
from pipeline.matching.parts import agreement, part_distances
from pipeline.types import Embedding


def walk(parts: np.ndarray, track_id: int = 1, video: str = "gallery", model: str = "m") -> Embedding:
    return Embedding(video, track_id, np.asarray(parts, np.float32), model, "", 30)


@pytest.fixture
def walks():
    rng = np.random.default_rng(3)
    return [walk(rng.normal(size=(12, 5)), number) for number in range(1, 6)]


@pytest.mark.parametrize(
    ("metric", "whole"),
    [
        ("euclidean", lambda parts: parts.mean(axis=1)),
        ("cosine", lambda parts: parts.mean(axis=1)),
        ("frobenius", lambda parts: np.sqrt((parts**2).sum(axis=1))),
    ],
)
def test_parts_add_up_to_the_distance(walks, metric, whole):
    parts = part_distances(walks[0], walks[1:], metric)
    assert parts.shape == (4, 5)
    np.testing.assert_allclose(whole(parts), distance_matrix(walks[:1], walks[1:], metric)[0], rtol=1e-5)


def test_usual_is_the_median_of_the_others_only(walks):
    probe = walk(walks[0].parts, 9, "probe")
    found = agreement(probe, walks[1], walks, "euclidean")
    others = part_distances(probe, [walks[0], *walks[2:]], "euclidean")
    np.testing.assert_allclose(found.typical, np.median(others, axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.ratios, found.distances / found.typical, rtol=1e-6)


def test_without_others_parts_are_compared_with_each_other(walks):
    found = agreement(walks[0], walks[1], walks[:2], "euclidean")
    assert found.typical is None
    assert found.ratios.mean() == pytest.approx(1, rel=1e-5)


def test_a_part_that_tells_nothing_is_neither_near_nor_far():
    one, other, third = (walk(np.array([[0.0, value]]), number) for number, value in enumerate((1.0, 2.0, 4.0), 1))
    assert agreement(one, other, [one, other, third], "euclidean").ratios.tolist() == pytest.approx([1, 1 / 3])
    assert np.isfinite(agreement(one, walk(one.parts, 5), [third], "cosine").ratios).all()


def test_walks_of_different_models_are_refused(walks):
    with pytest.raises(ConfigError, match="cannot be compared"):
        part_distances(walks[0], [walk(walks[1].parts, 7, model="other")], "euclidean")
