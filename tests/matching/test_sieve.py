"""Distances in float32 beside the exact ones."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.matching.discriminants import fit
from pipeline.matching.distance import distance_matrix
from pipeline.matching.sieve import Sieve
from pipeline.types import Embedding

SHAPE = (24, 6)


def walk(parts, track=1):
    return Embedding("v", track, np.asarray(parts, np.float32), "m", "", 60)


def walks(count, seed=0, offset=0.0):
    values = np.random.default_rng(seed).normal(offset, 1, (count, *SHAPE))
    return [walk(parts.astype(np.float16), number) for number, parts in enumerate(values)]


def flat(some):
    return np.stack([one.parts for one in some]).astype(np.float16).reshape(len(some), -1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "frobenius"])
@pytest.mark.parametrize("learnt", [False, True])
def test_they_are_the_exact_ones_up_to_float32(metric, learnt):
    others, probes = walks(60, 1, 0.5), walks(7, 2, 0.5)
    discriminant = fit(others, [n // 3 for n in range(60)], metric) if learnt else None
    exact = discriminant.between(probes, others, metric) if learnt else distance_matrix(probes, others, metric)
    apart = Sieve(probes, metric, discriminant).apart(flat(others))
    assert apart.shape == (7, 60) and apart.dtype == np.float32
    np.testing.assert_allclose(apart, exact, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("metric", ["euclidean", "frobenius"])
def test_near_copies_far_from_nothing_are_told_apart(metric):
    probe = walk(np.full(SHAPE, 1000.0))
    steps = [walk(np.where(np.arange(SHAPE[0])[:, None] < n, 1000.5, 1000.0) * np.ones(SHAPE)) for n in range(20)]
    apart = Sieve([probe], metric).apart(flat(steps))[0]  # 0.5 is a step of float16 there
    assert apart[0] == 0
    assert (np.diff(apart) > 0).all()
    np.testing.assert_allclose(apart, distance_matrix([probe], steps, metric)[0], rtol=1e-5)


def test_a_part_without_any_value_is_at_right_angles_to_everything():
    others = walks(5)
    for one in others:
        one.parts[:, 2] = 0
    probes = walks(3, 4)
    np.testing.assert_allclose(
        Sieve(probes, "cosine").apart(flat(others)), distance_matrix(probes, others, "cosine"), atol=1e-6
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "frobenius"])
def test_what_is_not_finite_shows(metric):
    values = flat(walks(3))
    values[1, 7] = np.inf
    apart = Sieve(walks(2, 5), metric).apart(values)
    assert np.isfinite(apart[:, [0, 2]]).all() and not np.isfinite(apart[:, 1]).any()
