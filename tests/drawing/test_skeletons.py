"""Drawings of skeletons: what stands where, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.drawing.skeletons import Film, colour_joints, film_of_activations, heat_maps, on_the_spot, walkers_in_rows
from pipeline.skeletons import COCO17

BLUE, RED = (255, 0, 0), (0, 0, 255)


def standing(frames=6):
    """A walker who crosses the picture, T×17×3: as tall as 170 pixels."""
    body = np.zeros((17, 3), np.float32)
    body[:, 2] = 0.9
    body[:5, 1], body[5:7, 1], body[7:11, 1], body[11:13, 1], body[13:15, 1], body[15:17, 1] = 0, 30, 60, 90, 130, 170
    body[5::2, 0], body[6::2, 0] = -15, 15
    points = np.repeat(body[None], frames, axis=0)
    points[..., 0] += 100 + 40 * np.arange(frames)[:, None]
    return points


def film(activations, points=None):
    points = standing() if points is None else points
    return Film(points, np.asarray(activations, np.float32), [f"frame {t}" for t in range(len(points))])


def test_walkers_stay_in_the_middle():
    where = on_the_spot(standing(), COCO17, 400)
    hips = where[:, list(COCO17.hips)].mean(axis=1)
    assert np.allclose(hips, hips[0], atol=1e-3) and hips[0, 0] == pytest.approx(200)
    assert 0.6 * 400 < np.ptp(where[0, :, 1]) < 0.8 * 400
    assert where.min() > 0 and where.max() < 400


def test_the_joint_that_counts_most_is_largest_and_brightest():
    strengths = np.zeros((6, 17), np.float32)
    strengths[:, 9] = 1  # left wrist
    images = list(film_of_activations(film(strengths), 400))
    assert len(images) == 6 and images[0].shape == (400, 400, 3)
    where = on_the_spot(standing(), COCO17, 400)[0]
    bright, dark = colour_joints(np.array([[1.0, 0.0]]))[0]
    for joint, colour, least, most in ((9, bright, 300, 600), (15, dark, 5, 40)):
        x, y = where[joint].round().astype(int)
        near = images[0][y - 14 : y + 15, x - 14 : x + 15]
        assert (images[0][y, x] == colour).all()
        assert least <= (near == colour).all(axis=2).sum() <= most


def test_joints_that_were_not_found_are_not_drawn():
    points = standing()
    points[:, 15, 2] = 0
    seen = next(iter(film_of_activations(film(np.zeros((6, 17))), 400)))
    hidden = next(iter(film_of_activations(film(np.zeros((6, 17)), points), 400)))
    x, y = on_the_spot(points, COCO17, 400)[0, 15].round().astype(int)
    assert (hidden[y, x] == 255).all() and not (seen[y, x] == 255).all()


def test_films_of_unequal_parts_are_refused():
    with pytest.raises(ValueError, match="must have the same frames and joints"):
        film(np.zeros((5, 17)))


def test_heat_maps_have_one_scale_a_column():
    low, high = np.zeros((8, 10), np.float32), np.ones((8, 10), np.float32)
    image = heat_maps(("motion", "body"), [[low, high], [high, high]], ("one", "two"))
    dark, bright = colour_joints(np.array([[0.0, 1.0]]))[0]
    height, width = image.shape[:2]
    rows, columns = (height // 3, 2 * height // 3 + 60), (width // 3, 3 * width // 4)
    found = [[tuple(image[y, x]) for x in columns] for y in rows]
    assert found[0][0] == tuple(dark) and found[1][0] == tuple(bright)
    assert found[0][1] == found[1][1]


def test_walkers_in_rows_have_a_row_each():
    points = standing(20)[..., :2]
    image = walkers_in_rows([("one", points, BLUE), ("two\nlines", points / 2, RED)], COCO17, frames=5)
    blue, red = ((image == colour).all(axis=2) for colour in (BLUE, RED))
    assert blue.sum() > 500 and red.sum() > 250
    assert np.flatnonzero(blue.any(axis=1)).max() < np.flatnonzero(red.any(axis=1)).min()
    tall, small = (np.ptp(np.flatnonzero(part[:, 220:].any(axis=1))) for part in (blue, red))
    assert tall == pytest.approx(2 * small, rel=0.1)  # one scale for all
