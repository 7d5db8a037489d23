"""What a pose estimator is shown of a person."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.pose.crop import View, cut_pose

SQUARE = View((96, 96), 0.0, None)


def gradient(height=120, width=160):
    """A picture whose blue is the column, whose green is the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = np.arange(width), np.arange(height)[:, None], 255
    return image


def cut(box, view, image=None):
    return cut_pose(gradient() if image is None else image, np.array(box, np.float32), view, 3, 17)


@pytest.mark.parametrize("box", [(40, 20, 70, 100), (33.4, 21.7, 61.2, 99.8), (20, 30, 120, 60), (50, 40, 52, 44)])
@pytest.mark.parametrize("size", [(96, 96), (256, 192), (64, 128)])
def test_points_of_the_crop_lead_back_to_the_frame(box, size):
    crop = cut(box, View(size, 0.2, None))
    assert crop.image.shape == (*size, 3) and (crop.track_id, crop.frame_index) == (3, 17)
    middle = crop.to_frame(np.array([[size[1] / 2, size[0] / 2, 0.7]], np.float32))[0]
    assert middle == pytest.approx([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 0.7], abs=1)
    inside = crop.image[..., 2] == 255  # what shows the frame shows it where the mapping says
    rows, columns = np.nonzero(inside)
    points = np.stack([columns + 0.5, rows + 0.5, np.zeros(len(rows))], axis=1).astype(np.float32)
    there = crop.to_frame(points)
    seen = crop.image[rows, columns]
    assert np.abs(seen[:, 0] - (there[:, 0] - 0.5)).max() < 1.5
    assert np.abs(seen[:, 1] - (there[:, 1] - 0.5)).max() < 1.5


def test_the_whole_box_is_shown_with_room_around_it():
    crop = cut((40, 20, 70, 100), View((100, 100), 0.25, None))
    corners = (np.array([[40, 20], [70, 100]]) - crop.origin) / crop.scale
    assert corners.ravel() == pytest.approx([35, 10, 65, 90], abs=1)


def test_neighbours_are_blacked_out_where_the_estimator_wants_that():
    crop = cut((60, 20, 90, 100), View((96, 96), 0.1, 0.1))
    shown = np.flatnonzero(crop.image[..., 2].any(axis=0))
    first, last = shown[0] * crop.scale[0] + crop.origin[0], (shown[-1] + 1) * crop.scale[0] + crop.origin[0]
    assert (first, last) == (pytest.approx(57, abs=1), pytest.approx(93, abs=1))


def test_beyond_the_frame_it_is_black():
    crop = cut((-20, 20, 40, 100), SQUARE)
    edge = round((0 - crop.origin[0]) / crop.scale[0])
    assert not crop.image[:, : edge - 1].any() and crop.image[48, edge + 2, 2] == 255


@pytest.mark.parametrize(
    "box",
    [(-50, 0, -10, 40), (200, 0, 240, 40), (10, 10, 10, 50), (np.nan, 0, 10, 10), (0, 0, np.inf, 10), (5, 9, 9, 2)],
)
def test_boxes_that_show_nothing_are_left_out(box):
    assert cut(box, SQUARE) is None


def test_the_crop_is_a_copy():
    image = gradient()
    crop = cut((40, 20, 70, 100), SQUARE, image)
    before = crop.image.copy()
    image[:] = 0
    assert np.array_equal(crop.image, before)
