"""Curves and coloured tables."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.drawing.colours import identity_colour
from pipeline.research.charts import HIGH, LOW, SCALE, as_png, curves, heat_map


def where(image, colour):
    """Rows and columns of the pixels of a colour."""
    return np.nonzero((image == colour).all(axis=2))


def test_a_better_curve_lies_higher():
    image = curves("CMC", {"good": np.linspace(80, 100, 20), "bad": np.linspace(40, 60, 20)})
    good, bad = (where(image[:, : -200 * SCALE // 2], identity_colour(number))[0] for number in (0, 1))
    assert len(good) > 500 and len(bad) > 500
    assert good.max() < bad.min()


def test_a_curve_with_nothing_known_is_no_fault():
    image = curves("CMC", {"none": np.full(20, np.nan), "some": np.array([50.0, np.nan, 70])})
    assert len(where(image, identity_colour(1))[0]) > 50


def test_one_rank_is_a_point():
    assert len(where(curves("CMC", {"all": np.array([50.0])}), identity_colour(0))[0]) > 10


def test_cells_are_the_darker_the_higher():
    image = heat_map("rank-1", ["a", "b"], ["x", "y"], np.array([[0.0, 100], [np.nan, 50]]))
    (low_rows, low_columns), (high_rows, high_columns) = where(image, LOW), where(image, HIGH)
    assert abs(low_rows.mean() - high_rows.mean()) < 3 * SCALE and low_columns.mean() < high_columns.mean()
    size = len(low_rows)
    half = tuple(round((a + b) / 2) for a, b in zip(LOW, HIGH, strict=True))
    rows, columns = where(image, half)
    assert len(rows) > size / 2 and rows.mean() > high_rows.mean()
    assert abs(columns.mean() - high_columns.mean()) < 3 * SCALE, "the empty cell keeps its place"


def test_a_picture_is_a_png():
    image = heat_map("rank-1", ["a"], ["x"], np.array([[50.0]]))
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(as_png(image), np.uint8), cv2.IMREAD_COLOR), image)
