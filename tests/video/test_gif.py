"""Animated GIFs."""

from __future__ import annotations

import av
import numpy as np
import pytest

from pipeline.errors import OutputError
from pipeline.video.sink import write_gif


def pictures(count=7, size=(61, 40)):
    width, height = size
    images = np.full((count, height, width, 3), 255, np.uint8)
    for number, image in enumerate(images):
        image[10:20, 5 * number : 5 * number + 8] = (200, 30 * number, 10)
    return images


def test_pictures_come_back_in_order_at_their_speed(tmp_path):
    images = pictures()
    write_gif(tmp_path / "a.gif", iter(images), 12.5)
    with av.open(str(tmp_path / "a.gif")) as container:
        frames = list(container.decode(video=0))
        found = np.stack([frame.to_ndarray(format="bgr24") for frame in frames])
    assert found.shape == images.shape
    assert np.abs(found.astype(int) - images).max() <= 8  # 256 colours
    assert [float(frame.time) for frame in frames] == pytest.approx(np.arange(7) / 12.5)


def test_it_loops(tmp_path):
    write_gif(tmp_path / "a.gif", pictures(), 10)
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in (tmp_path / "a.gif").read_bytes()


def test_nothing_to_show_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures"):
        write_gif(tmp_path / "a.gif", [], 10)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "a.gif").mkdir()
    with pytest.raises(OutputError, match=r"a\.gif"):
        write_gif(tmp_path / "a.gif", pictures(), 10)
