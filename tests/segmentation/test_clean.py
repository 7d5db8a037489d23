from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.segmentation.clean import clean

SIDE = 192
OWN = np.array([66, 16, 126, 176], np.float32)
NOBODY = np.zeros((0, 4), np.float32)


def walker(centre=96, top=20, bottom=172):
    """Head, torso, and two legs with a gap between them."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    height = bottom - top
    hip = top + height // 2
    cv2.circle(mask, (centre, top + 11), 11, 255, -1)
    cv2.rectangle(mask, (centre - 5, top + 18), (centre + 5, top + 30), 255, -1)
    cv2.rectangle(mask, (centre - 18, top + 26), (centre + 18, hip), 255, -1)
    cv2.rectangle(mask, (centre - 18, hip), (centre - 7, bottom), 255, -1)
    cv2.rectangle(mask, (centre + 7, hip), (centre + 18, bottom), 255, -1)
    return mask


def changed(cleaned, expected):
    return np.count_nonzero(cleaned.mask != expected) / np.count_nonzero(expected)


def test_a_clean_body_stays_as_it_is():
    cleaned = clean(walker(), OWN, NOBODY)
    assert changed(cleaned, walker()) < 0.01
    assert cleaned.dropped < 0.01 and cleaned.contact == 0


def test_a_neighbour_beside_the_body_is_removed():
    other = np.array([122, 16, 182, 176], np.float32)
    cleaned = clean(walker() | walker(152), OWN, other[None])
    assert changed(cleaned, walker()) < 0.01
    assert 0.4 < cleaned.dropped < 0.6


def test_a_neighbour_that_touches_is_cut_off_and_the_contact_is_told():
    other = np.array([100, 16, 160, 176], np.float32)
    marked = walker() | walker(130)
    cleaned = clean(marked, OWN, other[None])
    assert not cleaned.mask[:, 125:].any()
    assert cleaned.contact > 0.3


def test_an_untracked_bystander_at_the_side_of_the_box_is_removed():
    bystander = np.zeros((SIDE, SIDE), np.uint8)
    bystander[60:150, 122:140] = 255
    assert changed(clean(walker() | bystander, OWN, NOBODY), walker()) < 0.01


def test_the_frame_of_the_box_is_removed():
    lined = walker()
    cv2.rectangle(lined, (68, 18), (124, 174), 255, 2)
    cleaned = clean(lined, OWN, NOBODY)
    assert not cleaned.mask[80:160, 60:72].any() and not cleaned.mask[80:160, 122:].any()


def test_specks_go_and_pinholes_are_filled():
    marked = walker()
    marked[100:102, 72:74] = 255
    marked[60:64, 94:98] = 0
    assert changed(clean(marked, OWN, NOBODY), walker()) < 0.01


def test_the_gap_between_the_legs_stays_even_where_the_feet_touch():
    marked = walker()
    marked[166:172, 78:114] = 255
    assert not clean(marked, OWN, NOBODY).mask[110:160, 92:100].any()


def test_a_head_apart_from_the_body_is_kept():
    marked = walker()
    marked[42:47] = 0
    assert clean(marked, OWN, NOBODY).mask[22:40, 90:102].all()


@pytest.mark.parametrize("box", [OWN, np.array([300, 300, 310, 320], np.float32), np.zeros(4, np.float32)])
def test_nothing_marked_gives_an_empty_mask(box):
    cleaned = clean(np.zeros((SIDE, SIDE), np.uint8), box, OWN[None])
    assert not cleaned.mask.any() and cleaned.dropped == 0
