from __future__ import annotations

import numpy as np
import pytest

from pipeline.segmentation.crop import cut_person, cut_surroundings


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
@pytest.mark.parametrize("cut", [cut_person, cut_surroundings])
def test_a_box_that_shows_nothing_gives_no_crop(cut, picture, corners):
    assert cut(picture, box(*corners), 64) is None


def test_a_box_partly_outside_is_clamped_and_centred_on_white(picture):
    crop = cut_person(picture, box(-20, 20, 20, 100), 96)
    assert crop.source == (0, 12, 24, 108)
    assert crop.offset == (36, 0)
    np.testing.assert_array_equal(crop.image[:, 36:60], picture[12:108, 0:24])
    assert (crop.image[:, :36] == 255).all() and (crop.image[:, 60:] == 255).all()


@pytest.mark.parametrize("cut", [cut_person, cut_surroundings])
def test_a_box_of_one_pixel_is_cut(cut, picture):
    assert cut(picture, box(5, 5, 6, 6), 32).image.shape == (32, 32, 3)


@pytest.mark.parametrize("cut", [cut_person, cut_surroundings])
def test_the_crop_is_a_copy_of_the_frame(cut, picture):
    crop = cut(picture, box(0, 0, 90, 120), 120, margin=0)
    before = crop.image.copy()
    picture[:] = 0
    np.testing.assert_array_equal(crop.image, before)


def test_surroundings_are_a_square_of_the_frame_about_the_box(picture):
    crop = cut_surroundings(picture, box(35, 30, 55, 90), 120, margin=0.0)
    assert (crop.source, crop.offset) == ((15, 30, 75, 90), (0, 0))
    assert crop.image.shape == (120, 120, 3)
    np.testing.assert_array_equal(cut_surroundings(picture, box(35, 30, 55, 90), 60, 0.0).image, picture[30:90, 15:75])


def test_the_margin_of_surroundings_is_of_the_longer_side(picture):
    crop = cut_surroundings(picture, box(35, 30, 55, 90), 72, margin=0.1)
    assert crop.source == (9, 24, 81, 96)
    np.testing.assert_array_equal(crop.image, picture[24:96, 9:81])


def test_surroundings_outside_of_the_frame_are_white(picture):
    crop = cut_surroundings(picture, box(-20, 20, 20, 100), 80, margin=0.0)
    assert (crop.source, crop.offset) == ((0, 20, 50, 100), (30, 0))  # about that part of the box which is inside
    np.testing.assert_array_equal(crop.image[:, 30:], picture[20:100, :50])
    assert (crop.image[:, :30] == 255).all()


def test_surroundings_of_a_box_far_larger_than_the_frame_stay_small(picture):
    crop = cut_surroundings(picture, box(-1e8, -1e8, 1e8, 1e8), 60, margin=0.5)
    assert crop.source == (0, 0, 90, 120)
    assert crop.scale == 60 / 240


@pytest.mark.parametrize(
    ("cut", "shows"), [(cut_person, (72, 0, 168, 240)), (cut_surroundings, (24, 0, 240, 240))], ids=["alone", "scene"]
)
def test_boxes_are_mapped_to_where_their_pixels_went(cut, shows, picture):
    picture[:] = 0
    picture[40:60, 30:50] = 255
    crop = cut(picture, box(20, 10, 60, 110), 240, margin=0)
    x1, y1, x2, y2 = crop.to_crop(box(30, 40, 50, 60)[None])[0].round().astype(int)
    assert crop.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() == 255
    left, top, right, bottom = crop.picture().round().astype(int)
    assert (left, top, right, bottom) == shows
    inside = crop.image[top + 2 : bottom - 2, left + 2 : right - 2].copy()
    inside[y1 - 4 - top : y2 - top, x1 - 4 - left : x2 - left] = 0
    assert inside.max() == 0
