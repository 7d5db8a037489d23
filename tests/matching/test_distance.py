"""Distances between embeddings, and what must never be compared."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.matching import distance
from pipeline.matching.distance import distance_matrix, distances_between
from pipeline.types import Embedding


def embeddings(parts, video="gallery", model="gei-4", checkpoint=""):
    return [Embedding(video, i + 1, part, model, checkpoint, 30) for i, part in enumerate(parts)]


@pytest.fixture
def walks():
    rng = np.random.default_rng(0)
    return rng.standard_normal((5, 8, 4)).astype(np.float32), rng.standard_normal((3, 8, 4)).astype(np.float32)


def one_by_one(probes, gallery, measure):
    return np.array([[measure(p.astype(float), g.astype(float)) for g in gallery] for p in probes])


def mean_part_distance(p, g):
    return np.linalg.norm(p - g, axis=0).mean()


def mean_part_cosine(p, g):
    return 1 - ((p * g).sum(axis=0) / np.linalg.norm(p, axis=0) / np.linalg.norm(g, axis=0)).mean()


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        ("euclidean", mean_part_distance),
        ("cosine", mean_part_cosine),
        ("frobenius", lambda p, g: np.linalg.norm(p - g)),
    ],
)
def test_every_pair_has_the_distance_of_the_definition(walks, metric, measure, monkeypatch, assert_close_to_rms):
    monkeypatch.setattr(distance, "BLOCK_VALUES", 64)  # two embeddings a block: the seams are looked at too
    found = distance_matrix(embeddings(walks[0]), embeddings(walks[1]), metric)
    assert found.dtype == np.float32
    assert_close_to_rms(found, one_by_one(*walks, measure), 1e-6)
    np.testing.assert_array_equal(distances_between(*walks, metric), found)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "frobenius"])
def test_a_walk_is_at_no_distance_from_itself(walks, metric):
    same = distance_matrix(embeddings(walks[0]), embeddings(walks[0]), metric)
    np.testing.assert_allclose(np.diag(same), 0, atol=1e-6)
    assert (same >= 0).all()


def test_empty_parts_have_a_finite_cosine_distance():
    nothing = embeddings([np.zeros((8, 4), np.float32)])
    assert distance_matrix(nothing, nothing, "cosine").tolist() == [[1.0]]


def test_huge_values_have_a_finite_distance():
    huge = [np.full((8, 4), value, np.float32) for value in (3e38, -3e38)]
    assert np.isfinite(distance_matrix(embeddings(huge), embeddings(huge), "euclidean")).all()


@pytest.mark.parametrize(("probes", "people"), [(0, 3), (5, 0), (0, 0)])
def test_nobody_on_one_side_gives_an_empty_matrix(walks, probes, people):
    found = distance_matrix(embeddings(walks[0][:probes]), embeddings(walks[1][:people]), "euclidean")
    assert found.shape == (probes, people)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"model": "gaitbase-4"}, "gaitbase-4"),
        ({"checkpoint": "f" * 64}, "checkpoint ffffffffffff"),
    ],
)
def test_embeddings_of_different_origin_are_refused_with_both_named(walks, other, named):
    with pytest.raises(ConfigError, match=f"probe track 1 .*gei-4.* and gallery track 1 .*{named}"):
        distance_matrix(embeddings(walks[0], "probe"), embeddings(walks[1], **other), "euclidean")


def test_embeddings_of_different_shape_are_refused_with_both_shapes(walks):
    with pytest.raises(ConfigError, match=r"8×4.*8×2"):
        distance_matrix(embeddings(walks[0]), embeddings(walks[1][:, :, :2]), "euclidean")
