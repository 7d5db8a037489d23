"""Looking at 8-bit codes, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gallery import scan
from pipeline.gallery.scan import Scan


def codes_of(count, dims, seed=0):
    """Codes whose first values vary most, as those of principal components do."""
    values = np.random.default_rng(seed).normal(size=(count, dims)) * (60 / np.sqrt(np.arange(1, dims + 1)))
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


@pytest.mark.parametrize(("count", "dims"), [(1, 4), (300, 7), (5000, 96), (70_000, 130), (2 * scan.SHARE + 7, 66)])
def test_the_nearest_codes_are_found(count, dims):
    codes = codes_of(count, dims)
    for probe in codes_of(5, dims, seed=1):
        apart = np.square(codes.astype(np.int64) - probe).sum(axis=1)
        positions, distances = Scan(codes).nearest(probe, 10)
        assert len(positions) == min(10, count)
        np.testing.assert_array_equal(np.sort(apart)[:10], distances)
        np.testing.assert_array_equal(apart[positions], distances)


def test_extreme_codes_do_not_run_over():
    codes = np.full((200, 256), 127, np.int8)
    codes[7] = -127
    positions, distances = Scan(codes).nearest(np.full(256, -127, np.int8), 2)
    assert positions[0] == 7
    assert list(distances) == [0, 256 * 254**2]


def test_many_that_are_alike_are_no_trouble():
    positions, distances = Scan(np.zeros((100_000, 16), np.int8)).nearest(np.zeros(16, np.int8), 48)
    assert len(set(positions.tolist())) == 48
    assert not distances.any()


def test_among_nobody_nobody_is_found():
    assert len(Scan(np.zeros((0, 16), np.int8)).nearest(np.zeros(16, np.int8), 48)[0]) == 0


@pytest.mark.parametrize("misled", ["sampled are near", "sampled are far", "no order", "all alike"])
def test_the_least_values_are_found_whatever_the_sample_suggests(misled):
    values = np.random.default_rng(3).integers(1000, 2000, 1 << 17).astype(np.float64)
    values[:: len(values) // scan.SAMPLED] = {"sampled are near": 1, "sampled are far": 10**6}.get(misled, 1500)
    if misled == "all alike":
        values[:] = 7
    for count in (1, 500, 20_000, len(values) - 1, len(values)):
        found = scan._least(values, count)
        assert len(set(found.tolist())) == count
        np.testing.assert_array_equal(np.sort(values[found]), np.sort(values)[:count])
