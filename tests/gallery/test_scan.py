"""Looking at 8-bit codes, against NumPy."""

from __future__ import annotations

import sys
import threading
import time

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
def test_the_nearest_beginnings_are_found_whatever_the_sample_suggests(misled):
    rng, total = np.random.default_rng(3), 1 << 17
    codes = rng.integers(40, 80, (total, 8)).astype(np.int8)
    codes[:: total // scan.SAMPLED] = {"sampled are near": 1, "sampled are far": 120}.get(misled, 60)
    if misled == "all alike":
        codes[:] = 7
    searched, probe = Scan(codes), np.zeros(8, np.int8)
    apart = np.square(codes.astype(np.int64)).sum(axis=1)
    for count in (1, 500, 20_000, total - 1, total):
        found = searched._likely(scan._unsigned(probe), count)
        assert len(set(found.tolist())) == count
        np.testing.assert_array_equal(np.sort(apart[found]), np.sort(apart)[:count])


def test_the_order_does_not_depend_on_which_thread_is_faster(monkeypatch):
    codes, probe = np.repeat(codes_of(3000, 16), 100, axis=0), codes_of(1, 16, seed=1)[0]  # many are as near
    first = Scan(codes).nearest(probe, 300)
    slow = scan._apart

    def at_times_slower(*arguments):
        if len(arguments[0]) == scan.AT_ONCE and threading.current_thread() is threading.main_thread():
            time.sleep(0.01)
        return slow(*arguments)

    monkeypatch.setattr(scan, "_apart", at_times_slower)
    monkeypatch.setattr(scan, "threads", lambda runtime: 4)
    again = Scan(codes).nearest(probe, 300)
    np.testing.assert_array_equal(again[0], first[0])
    np.testing.assert_array_equal(again[1], first[1])


def test_python_does_not_run_out_of_none():
    """simsimd's `out` loses a reference to None at every call: after some thousand searches Python ended."""
    searched = Scan(codes_of(2 * scan.SHARE, 96))
    before = sys.getrefcount(None)
    for probe in codes_of(100, 96, seed=1):
        searched.nearest(probe, 10)
    assert sys.getrefcount(None) > before - 100
