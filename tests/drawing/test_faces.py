"""Heads are blurred in annotated videos and portraits, and nothing else is."""

from __future__ import annotations

import clips
import cv2
import numpy as np
import pytest

from pipeline.drawing.annotate import Label, Scene, Style, write_annotated
from pipeline.drawing.canvas import BgrCanvas
from pipeline.drawing.faces import blur_heads, heads_by_frame
from pipeline.drawing.portraits import Portraits, Shot, best_shots, take_portraits
from pipeline.types import Tracklet
from pipeline.video import open_video

SIZE = (160, 120)  # width, height
BOX = np.array([[60, 20, 100, 110]], np.float32)
HEAD, BODY = np.s_[18:36, 62:98], np.s_[60:100, 66:94]


def tracklet(frames: list[int], boxes: np.ndarray = BOX, track_id: int = 1) -> Tracklet:
    rows = np.repeat(boxes, len(frames), 0) if len(boxes) == 1 else boxes
    return Tracklet("v", track_id, np.array(frames), rows, np.full(len(frames), 0.9, np.float32), 10.0)


def pattern() -> np.ndarray:
    """Squares of 4 pixels, black and white: what is blurred is grey."""
    rows, columns = np.indices((SIZE[1], SIZE[0])) // 4
    return np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)


def contrast(image: np.ndarray, place) -> float:
    return float(image[place].std())


@pytest.fixture(params=["yuv420p", "yuv444p"])
def source(request, tmp_path):
    """Twenty frames, drawn in 4:2:0 or in BGR."""
    return clips.write(tmp_path / "in.mp4", [pattern()] * 20, pix_fmt=request.param, options={"crf": "4"})


def test_heads_of_annotated_videos_are_blurred_also_where_a_track_has_a_gap(source, tmp_path):
    walk = tracklet([6, 7, 14, 15])
    write_annotated(open_video(source), tmp_path / "out.mp4", Scene([walk], {1: Label("a")}), Style(crf=4, blur=True))
    with open_video(tmp_path / "out.mp4") as video:
        for frame in video:
            if 1 <= frame.index <= 19:  # held for five frames before and after
                assert contrast(frame.image, HEAD) < 20, frame.index
            else:
                assert contrast(frame.image, HEAD) > 90, frame.index
            assert contrast(frame.image, BODY) > 90


def test_without_being_asked_nothing_is_blurred(source, tmp_path):
    write_annotated(open_video(source), tmp_path / "out.mp4", Scene([tracklet(list(range(20)))], {}), Style(crf=4))
    with open_video(tmp_path / "out.mp4") as video:
        assert all(contrast(frame.image, np.s_[24:36, 64:96]) > 90 for frame in video)


def test_portraits_are_blurred_too_those_of_neighbours_included(source, tmp_path):
    near = tracklet([3], np.array([[96, 20, 136, 110]], np.float32), 2)
    walks, taken = [tracklet([3]), near], {}
    portraits = Portraits(best_shots(walks, {}), lambda track_id, data: taken.update({track_id: data}))
    take_portraits(str(source), portraits, heads_by_frame(walks))
    image = cv2.imdecode(np.frombuffer(taken[1], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == (104, 54)
    assert contrast(image, np.s_[5:22, 6:48]) < 25  # across the neighbour's head as well
    assert contrast(image, np.s_[50:90]) > 90


def test_portraits_taken_while_drawing_have_no_boxes_on_them(source, tmp_path):
    taken = {}
    portraits = Portraits([Shot(1, 3, BOX[0])], lambda track_id, data: taken.update({track_id: data}))
    label = Label("a", colour=(0, 0, 255))
    write_annotated(
        open_video(source), tmp_path / "out.mp4", Scene([tracklet([3])], {1: label}, portraits), Style(crf=4)
    )
    assert portraits.complete
    image = cv2.imdecode(np.frombuffer(taken[1], np.uint8), cv2.IMREAD_COLOR)
    assert np.ptp(image.astype(int), axis=2).max() < 60  # grey all over


def test_a_blurred_head_cannot_be_told_from_another():
    one, other = (np.random.default_rng(seed).integers(0, 256, (120, 160, 3), np.uint8) for seed in (1, 2))
    for image in (one, other):
        blur_heads(BgrCanvas(image), np.array([[60, 20, 100, 40]], np.float32), SIZE)
    assert np.abs(one[20:40, 60:100].astype(int) - other[20:40, 60:100]).mean() < 12  # two such noises: 85
    assert np.abs(one[50:].astype(int) - other[50:]).mean() > 80


@pytest.mark.parametrize("box", [(-30, -40, 20, 30), (150, 110, 300, 300), (500, 500, 600, 600)])
def test_heads_may_reach_outside_the_picture(box):
    image = pattern()
    blur_heads(BgrCanvas(image), np.array([box], np.float32), SIZE)
    x1, y1, x2, y2 = (max(0, side) for side in box)
    untouched = np.ones(image.shape[:2], bool)
    untouched[y1:y2, x1:x2] = False
    assert (image[untouched] == pattern()[untouched]).all()


def test_the_best_shot_is_large_usable_and_hidden_by_nobody():
    boxes = np.array([[60, 10, 100, 110], [60, 10, 100, 109], [60, 10, 100, 108], [60, 60, 80, 100]], np.float32)
    walk = tracklet([0, 1, 2, 3], boxes)
    other = tracklet([1], np.array([[62, 10, 110, 110]], np.float32), 2)
    first, _ = best_shots([walk, other], {1: np.array([1, 2, 3])})
    assert (first.track_id, first.frame_index) == (1, 2)  # 0 has no usable silhouette, 1 is hidden, 3 is small
    first, _ = best_shots([walk, other], {})
    assert first.frame_index == 0


def test_a_video_is_read_no_further_than_portraits_are_wanted(tmp_path):
    source = clips.truncated(tmp_path / "in.mp4")
    taken = []
    portraits = Portraits(
        [Shot(4, 2, np.array([10, 10, 40, 50], np.float32))], lambda track_id, _: taken.append(track_id)
    )
    take_portraits(str(source), portraits, {})
    assert taken == [4] and portraits.complete
