"""Identity colours: distinct, and readable as a ground for text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.drawing import colours
from pipeline.drawing.colours import GREY, contrast, identity_colour, text_colour


def test_any_identity_has_a_colour_and_keeps_it():
    assert identity_colour(0) == identity_colour(0) == (0, 159, 230)
    assert all(0 <= channel <= 255 for k in (7, 47, 48, 10_000) for channel in identity_colour(k))


def test_the_first_48_differ():
    assert len({identity_colour(k) for k in range(48)} | {GREY}) == 49


@pytest.mark.parametrize(("count", "apart"), [(7, 14.0), (12, 9.0), (24, 6.0)])
def test_colours_stay_apart_for_colour_blind_eyes(count, apart):
    rgb = np.array([identity_colour(k)[::-1] for k in range(count)], float)
    for seen in colours._as_seen(rgb):
        distances = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
        assert min(distances) > apart


def test_text_stands_out_from_its_ground():
    grounds = [identity_colour(k) for k in range(48)]
    assert [ground for ground in grounds if contrast(ground, text_colour(ground)) < 4.5] == []


def test_contrast_of_black_on_white_is_the_highest_there_is():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
