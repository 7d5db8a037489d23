"""GaitEdge gets a run's crops as it was trained: the box stretched to a square, and its silhouette beside it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.recognition.models.gaitedge import stretched
from pipeline.segmentation.crop import cut_person
from pipeline.segmentation.rgb import BODY, body_in_crop, cut_rgb


def seen(box):
    """A frame with a person in the box, and where they are."""
    frame, mask = np.full((240, 320, 3), 90, np.uint8), np.zeros((240, 320), np.uint8)
    x1, y1, x2, y2 = box
    for canvas, colour in ((frame, (200, 40, 0)), (mask, 255)):
        cv2.ellipse(
            canvas, ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 3, (y2 - y1) // 2 - 4), 0, 0, 360, colour, -1
        )
    return frame, mask


@pytest.mark.parametrize("box", [(100, 40, 150, 200), (60, 30, 160, 210)], ids=["narrow", "wider than the crop"])
def test_a_crop_becomes_the_stretched_box_and_its_silhouette(box):
    frame, mask = seen(box)
    corners = np.array(box, np.float32)
    crop = cut_rgb(frame, corners)
    picture = cv2.imdecode(np.frombuffer(crop.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB).transpose(2, 0, 1)
    person = cut_person(frame, corners, 192, 0.1)
    of_person = cut_person(np.repeat(mask[..., None], 3, 2), corners, 192, 0.1).image[..., 0]
    body = np.unpackbits(body_in_crop(of_person, person, corners)).reshape(1, *BODY) * np.uint8(255)
    pictures, ratios, silhouettes = stretched((picture[None], np.array([crop.ratio], np.float32), body))

    x1, y1, x2, y2 = box
    spare = max(0, (x2 - x1) - (y2 - y1) // 2) // 2  # that the crop has cut off at either side
    wanted = [canvas[y1:y2, x1 + spare : x2 - spare] for canvas in (frame[..., ::-1], mask)]
    wanted = [cv2.resize(canvas, (128, 128)) for canvas in wanted]
    assert pictures.shape == (3, 1, 128, 128) and silhouettes.shape == (1, 128, 128)
    assert np.abs(pictures[:, 0].transpose(1, 2, 0).astype(int) - wanted[0]).mean() < 3
    assert set(np.unique(silhouettes)) == {0, 255}
    assert ((silhouettes[0] > 127) != (wanted[1] > 127)).mean() < 0.03
    assert ratios[0] == pytest.approx(min((x2 - x1) / (y2 - y1), 0.5))


def test_squares_are_taken_as_stretched_already():
    draw = np.random.default_rng(0)
    given = draw.integers(0, 256, (2, 3, 128, 128), dtype=np.uint8), np.array([0.7, 0.3]), draw.random((2, 128, 128))
    pictures, ratios, silhouettes = stretched(given)
    np.testing.assert_array_equal(pictures, given[0].transpose(1, 0, 2, 3))
    assert ratios is given[1] and silhouettes is given[2]
