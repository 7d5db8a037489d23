"""Annotated videos are drawn in 4:2:0 where the source is: they must look like those that are drawn in BGR."""

from __future__ import annotations

from pathlib import Path

import clips
import numpy as np
import pytest

from pipeline.drawing.annotate import Label, Scene, Style, draw, write_annotated
from pipeline.drawing.colours import identity_colour
from pipeline.types import Tracklet
from pipeline.video import open_video

LABEL = Label("gallery-001", "93 %", identity_colour(0))
BOX = np.array([[21, 45, 70, 131]], np.float32)
FRAMES = 4


def coded(path: Path, pix_fmt: str, size: tuple[int, int], options: dict[str, str] | None = None) -> Path:
    images = [clips.picture(index, size) for index in range(FRAMES)]
    return clips.write(path, images, pix_fmt=pix_fmt, options={"crf": "1", **(options or {})})


SOURCES = {
    "4:2:0": lambda path: coded(path, "yuv420p", (160, 120)),
    "a height that is no multiple of 16": lambda path: coded(path, "yuv420p", (96, 170)),
    "HD, BT.709 said": lambda path: coded(path, "yuv420p", (1280, 720), {"x264-params": "colormatrix=bt709"}),
    "portrait by display matrix": lambda path: clips.set_display_matrix(
        coded(path, "yuv420p", (170, 96)), (0, 1, -1, 0)
    ),
    "upside down": lambda path: clips.set_display_matrix(coded(path, "yuv420p", (96, 170)), (-1, 0, 0, -1)),
    "full range": lambda path: coded(path, "yuvj420p", (160, 120)),
    "4:4:4 with odd sides": lambda path: coded(path, "yuv444p", (161, 131)),
}
DRAWN_AS_CODED = [name for name in SOURCES if name not in ("full range", "4:4:4 with odd sides")]


@pytest.mark.parametrize("name", SOURCES)
def test_the_picture_is_that_of_the_source_with_boxes_and_labels(tmp_path, name):
    source = SOURCES[name](tmp_path / "in.mp4")
    walk = Tracklet("v", 1, np.arange(FRAMES), np.repeat(BOX, FRAMES, 0), np.ones(FRAMES, np.float32), 25.0)
    assert write_annotated(open_video(source), tmp_path / "out.mp4", Scene([walk], {1: LABEL}), Style(crf=4)) == FRAMES
    with open_video(source) as before, open_video(tmp_path / "out.mp4") as after:
        assert (before.colours is not None) == (name in DRAWN_AS_CODED)
        for one, other in zip(before, after, strict=True):
            expected = draw(one.image.copy(), BOX, [LABEL])
            shown = other.image[: one.image.shape[0], : one.image.shape[1]]  # odd sides gain a pixel
            difference = np.abs(shown.astype(int) - expected)
            assert difference.mean() < 3.0  # colours of edges are shared by four pixels
            inside = np.s_[60:80, 30:60]  # no edge, no letter: nothing may have moved or changed its colour
            assert difference[inside].mean() < 2.5


def test_an_edge_has_the_colour_of_its_label(tmp_path):
    source = SOURCES["4:2:0"](tmp_path / "in.mp4")
    thick = np.array([[20, 44, 70, 118]], np.float32)
    walk = Tracklet("v", 1, np.arange(FRAMES), np.repeat(thick, FRAMES, 0), np.ones(FRAMES, np.float32), 25.0)
    write_annotated(open_video(source), tmp_path / "out.mp4", Scene([walk], {1: LABEL}), Style(crf=1))
    with open_video(tmp_path / "out.mp4") as video:
        plate = next(iter(video)).image[30:43, 22:24].reshape(-1, 3)  # the margin of the label's plate
    assert np.abs(np.median(plate, axis=0) - np.array(LABEL.colour)).max() <= 6
