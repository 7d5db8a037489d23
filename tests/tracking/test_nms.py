"""Non-maximum suppression."""

import numpy as np

from pipeline.tracking.overlap import strongest


def test_weaker_of_two_overlapping_boxes_goes():
    boxes = np.array([[0, 0, 10, 20], [1, 0, 11, 20], [50, 0, 60, 20]], np.float32)
    assert strongest(boxes, np.array([0.5, 0.9, 0.3], np.float32), 0.5).tolist() == [1, 2]


def test_overlap_equal_to_the_threshold_stays():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)
    assert strongest(boxes, np.array([0.9, 0.8], np.float32), 0.5).tolist() == [0, 1]


def test_no_boxes():
    assert strongest(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []


def test_suppressed_box_suppresses_nobody():
    boxes = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    assert strongest(boxes, np.array([0.9, 0.8, 0.7], np.float32), 0.4).tolist() == [0, 2]
