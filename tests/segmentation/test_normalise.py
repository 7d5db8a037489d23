from __future__ import annotations

import numpy as np
import pytest

from pipeline.segmentation.normalise import cut_width, normalise


def test_the_body_fills_the_height_and_its_mass_is_centred():
    mask = np.zeros((192, 192), np.uint8)
    mask[30:150, 20:60] = 255
    aligned = normalise(mask)
    assert aligned.shape == (64, 64)
    assert aligned[0].any() and aligned[-1].any()
    columns = np.flatnonzero(aligned.max(axis=0) > 127)
    assert abs((columns[0] + columns[-1]) / 2 - 32) <= 1


def test_position_in_the_crop_does_not_matter():
    mask = np.zeros((192, 192), np.uint8)
    mask[30:126, 40:80] = 255
    np.testing.assert_array_equal(normalise(mask), normalise(np.roll(mask, 30, axis=0)))


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(np.zeros((192, 192), np.uint8), id="empty"),
        pytest.param(np.full((500, 3), 255, np.uint8), id="a line too thin to scale"),
    ],
)
def test_what_cannot_be_aligned_is_none(mask):
    assert normalise(mask) is None


def test_one_pixel_is_aligned_without_a_fault():
    mask = np.zeros((1, 1), np.uint8)
    mask[0, 0] = 255
    assert normalise(mask).shape == (64, 64)


def test_anything_but_a_grey_mask_is_refused():
    with pytest.raises(ValueError, match="H×W uint8"):
        normalise(np.zeros((8, 8, 3), np.uint8))


def test_widths_below_64_are_not_cut():
    assert cut_width(np.zeros((5, 64, 44), np.uint8)).shape == (5, 64, 44)
