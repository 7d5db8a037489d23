"""Parity with OpenGait's pretreatment: the same pixels, and the same frames dropped."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.segmentation.normalise import cut_width, normalise

CASES = (
    "00_plain",
    "01_stride",
    "02_bag",
    "03_empty",
    "04_tiny_sum_9180_le_10000",
    "05_tiny_sum_10200_gt_10000",
    "06_touch_left",
    "07_touch_right",
    "08_wide_frame",
    "09_grey_edges",
    "10_mass_in_column0_no_center",
    "11_crop_192_square",
)


@pytest.fixture(scope="module")
def masks(golden):
    folder = golden("silhouette_normalisation")
    return np.load(folder / "input.npz"), np.load(folder / "output.npz")


@pytest.mark.parametrize("case", CASES)
def test_a_frame_equals_the_reference_or_is_dropped_as_there(masks, case):
    given, expected = masks
    aligned = normalise(given[case], reference=True)
    if expected[case].size == 0:
        assert aligned is None
    else:
        np.testing.assert_array_equal(aligned, expected[case])


@pytest.mark.parametrize("size", [64, 128])
def test_a_sequence_equals_the_reference_at_both_sizes(masks, size):
    given, expected = masks
    aligned = np.stack([normalise(mask, size, reference=True) for mask in given["seq6"]])
    np.testing.assert_array_equal(aligned, expected[f"seq6_size{size}"])


@pytest.mark.parametrize("case", ["04_tiny_sum_9180_le_10000", "10_mass_in_column0_no_center"])
def test_by_default_frames_that_the_reference_drops_by_its_quirks_are_kept(masks, case):
    given, _ = masks
    assert normalise(given[case]).shape == (64, 64)


def test_the_cut_takes_ten_columns_of_64_on_each_side(masks):
    _, expected = masks
    np.testing.assert_array_equal(cut_width(expected["seq6_size64"]), expected["seq6_size64"][:, :, 10:54])
    np.testing.assert_array_equal(cut_width(expected["seq6_size128"]), expected["seq6_size128"][:, :, 20:108])
