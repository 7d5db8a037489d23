from __future__ import annotations

import numpy as np
import pytest

from pipeline.segmentation.crop import cut_person


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 255, (120, 90, 3), np.uint8)


def box(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param((200, 10, 230, 90), id="right of the picture"),
        pytest.param((-50, 10, -1, 90), id="left of it"),
        pytest.param((91, 10, 99, 90), id="only its margin shows"),
        pytest.param((10, 10, 10, 60), id="no width"),
        pytest.param((30, 60, 10, 20), id="corners swapped"),
        pytest.param((np.nan, 0, 10, 20), id="not a number"),
        pytest.param((0, 0, np.inf, 20), id="infinite"),
    ],
)
def test_a_box_that_shows_nothing_gives_no_crop(picture, corners):
    assert cut_person(picture, box(*corners), 64) is None


def test_a_box_partly_outside_is_clamped_and_centred_on_white(picture):
    crop = cut_person(picture, box(-20, 20, 20, 100), 96)
    assert crop.source == (0, 12, 24, 108)
    assert crop.offset == (36, 0)
    np.testing.assert_array_equal(crop.image[:, 36:60], picture[12:108, 0:24])
    assert (crop.image[:, :36] == 255).all() and (crop.image[:, 60:] == 255).all()


def test_a_box_of_one_pixel_is_cut(picture):
    assert cut_person(picture, box(5, 5, 6, 6), 32).image.shape == (32, 32, 3)


def test_the_crop_is_a_copy_of_the_frame(picture):
    crop = cut_person(picture, box(0, 0, 90, 120), 120, margin=0)
    before = crop.image.copy()
    picture[:] = 0
    np.testing.assert_array_equal(crop.image, before)


def test_boxes_are_mapped_to_where_their_pixels_went(picture):
    picture[:] = 0
    picture[40:60, 30:50] = 255
    crop = cut_person(picture, box(20, 10, 60, 110), 240, margin=0)
    x1, y1, x2, y2 = crop.to_crop(box(30, 40, 50, 60)[None])[0].round().astype(int)
    assert crop.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() == 255
    left, top, right, bottom = crop.picture().round().astype(int)
    assert crop.image[top + 2 : y1 - 2, left + 2 : right - 2].max() == 0
    assert (left, top, right, bottom) == (72, 0, 168, 240)


def test_a_mask_goes_back_to_the_pixels_of_the_frame(picture):
    picture[:] = 0
    picture[40:60, 30:50] = 255
    crop = cut_person(picture, box(20, 10, 60, 110), 200, margin=0.1)
    inner = crop.image[..., 0].copy()
    left, _, right, _ = crop.picture().round().astype(int)
    inner[:, :left] = inner[:, right:] = 0
    mask, (x, y) = crop.to_frame(inner)
    restored = np.zeros((120, 90), np.uint8)
    restored[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    assert ((restored > 127) != (picture[..., 0] > 127)).mean() < 0.01
