"""Overlapping tiles and the merging of what is seen in them."""

import numpy as np
import pytest

from pipeline.tracking.overlap import merge_views, tile_grid

WHOLE = (0, 0, 1000, 600)
LEFT, RIGHT = (0, 0, 556, 600), (444, 0, 1000, 600)


def found(*rows):
    values = np.array(rows, np.float32).reshape(-1, 5)
    return values[:, :4], values[:, 4]


def merged(*views):
    return merge_views(views, 600, 1000, 0.6)


@pytest.mark.parametrize(("rows", "columns", "overlap"), [(1, 1, 0.2), (2, 3, 0.2), (4, 1, 0.0), (8, 8, 0.5)])
def test_tiles_cover_the_picture_and_share_the_overlap(rows, columns, overlap):
    tiles = tile_grid(480, 854, rows, columns, overlap)
    seen = np.zeros((480, 854), int)
    for x1, y1, x2, y2 in tiles:
        assert 0 <= x1 < x2 <= 854 and 0 <= y1 < y2 <= 480
        seen[y1:y2, x1:x2] += 1
    assert len(tiles) == rows * columns and seen.min() == 1
    if columns > 1:
        shared = tiles[0][2] - tiles[1][0]
        assert shared == pytest.approx(overlap * (tiles[0][2] - tiles[0][0]), abs=1)


def test_one_pixel_picture_has_tiles():
    assert all(x2 > x1 and y2 > y1 for x1, y1, x2, y2 in tile_grid(1, 1, 2, 2, 0.2))


def test_person_cut_by_a_tile_goes_where_another_view_shows_all_of_it():
    person, half = (520, 100, 600, 300, 0.5), (520, 100, 556, 300, 0.9)
    boxes, scores = merged((WHOLE, found()), (LEFT, found(half)), (RIGHT, found(person)))
    assert boxes.tolist() == [list(person[:4])]
    assert scores.tolist() == [0.5]


def test_person_seen_whole_in_two_views_is_one():
    boxes, scores = merged(
        (WHOLE, found((460, 100, 500, 200, 0.4))), (LEFT, found((462, 104, 502, 206, 0.8))), (RIGHT, found())
    )
    assert len(boxes) == 1
    assert scores.tolist() == pytest.approx([0.8])


def test_cut_person_stays_where_nobody_saw_more():
    boxes, _ = merged((WHOLE, found()), (LEFT, found((520, 100, 556, 300, 0.9))), (RIGHT, found()))
    assert len(boxes) == 1


def test_two_people_side_by_side_stay_two():
    boxes, _ = merged((WHOLE, found((100, 100, 150, 250, 0.9), (130, 100, 180, 250, 0.8))), (LEFT, found()))
    assert len(boxes) == 2


def test_box_at_the_edge_of_the_picture_is_not_cut():
    at_edge, inside = (0, 100, 40, 300, 0.6), (0, 90, 120, 320, 0.5)
    boxes, _ = merged((WHOLE, found(inside)), (LEFT, found(at_edge)))
    assert len(boxes) == 2


def test_nobody_in_any_view():
    boxes, scores = merged((WHOLE, found()), (LEFT, found()))
    assert boxes.shape == (0, 4) and scores.shape == (0,)
