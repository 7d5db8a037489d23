from fractions import Fraction

import pytest

from pipeline.extraction.extract import frames_ahead
from pipeline.video import VideoInfo


@pytest.mark.parametrize(("width", "height", "frames"), [(320, 240, 32), (1920, 1080, 6), (7680, 4320, 4)])
def test_small_pictures_wait_in_dozens_and_large_ones_in_a_few_megabytes(width, height, frames):
    info = VideoInfo("a.mp4", "a", width, height, 25.0, Fraction(1, 25), 100, 0, 4.0, "h264")
    assert frames_ahead(info) == frames
