"""Annotated frames and videos."""

from __future__ import annotations

import clips
import numpy as np
import pytest

from pipeline.drawing.annotate import UNUSABLE, Label, Scene, boxes_by_frame, draw, write_annotated
from pipeline.drawing.colours import GREY, identity_colour
from pipeline.errors import InputError
from pipeline.types import Match, Tracklet
from pipeline.video import open_video

KNOWN = Label("gallery-001", "93 %", identity_colour(0))
UNKNOWN = Label("unknown", status="unknown")


def canvas(width: int = 480, height: int = 360) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def painted(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == colour).all(-1)


def tracklet(frames: list[int], boxes: np.ndarray | None = None, track_id: int = 1) -> Tracklet:
    count = len(frames)
    rows = np.tile(np.array([10, 10, 40, 60], np.float32), (count, 1)) if boxes is None else boxes
    return Tracklet("v", track_id, np.array(frames, np.int64), rows, np.ones(count, np.float32), 25.0)


def test_box_has_the_colour_of_its_label_and_the_inside_stays():
    image = draw(canvas(), np.array([[100, 100, 160, 250]], np.float32), [KNOWN])
    assert painted(image, KNOWN.colour)[100:251, 100].all()
    assert painted(image, KNOWN.colour)[250, 100:161].all()
    assert not image[110:240, 110:150].any()


def test_plate_stands_on_the_box():
    image = draw(canvas(), np.array([[100, 100, 160, 250]], np.float32), [KNOWN])
    rows, columns = np.nonzero(painted(image, KNOWN.colour)[:100])
    assert 80 <= rows.min() < 90
    assert columns.min() == 100
    assert columns.max() > 180  # name and confidence are wider than the box


@pytest.mark.parametrize(
    "box",
    [(-30, -40, 50, 200), (440, 100, 520, 200), (0, 0, 480, 360), (100, 300, 140, 500), (900, 900, 950, 950)],
    ids=["top left", "right", "all", "bottom", "outside"],
)
def test_plate_stays_whole_inside_the_picture(box):
    free = draw(canvas(), np.array([[200, 200, 260, 300]], np.float32), [KNOWN])
    ink = (free[150:199] != 0).any(-1).sum()
    image = draw(canvas(), np.array([box], np.float32), [KNOWN])
    assert (image != 0).any(-1).sum() >= ink * 0.95


def test_labels_of_neighbours_do_not_cover_each_other():
    labels = [Label(f"gallery-{k:03d}", "90 %", identity_colour(k)) for k in range(4)]
    boxes = np.array([[100 + 45 * k, 200, 140 + 45 * k, 320] for k in range(4)], np.float32)
    alone = [(draw(canvas(), boxes[k : k + 1], labels[k : k + 1])[:200] != 0).any(-1).sum() for k in range(4)]
    image = draw(canvas(), boxes, labels)
    for k, label in enumerate(labels):
        assert painted(image, label.colour).sum() > 0.6 * alone[k]


def test_unknown_is_dashed_grey_and_unusable_thin_grey():
    box = np.array([[100, 100, 200, 250]], np.float32)
    dashed = painted(draw(canvas(960, 960), box, [UNKNOWN]), GREY)[150:250, 100]
    assert 20 < dashed.sum() < 80
    thin = painted(draw(canvas(960, 960), box, [UNUSABLE]), GREY)[200, 90:150]
    assert thin.sum() < painted(draw(canvas(960, 960), box, [KNOWN]), KNOWN.colour)[200, 90:150].sum()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 90), (160, 120), (3840, 2160)], ids=str)
def test_any_picture_size_can_be_drawn_on(size):
    image = draw(canvas(*size), np.array([[0, 0, size[0], size[1]]], np.float32), [KNOWN])
    assert image.shape == (size[1], size[0], 3)


def test_no_people_leave_the_picture_alone():
    assert not draw(canvas(), np.zeros((0, 4), np.float32), []).any()


def test_boxes_and_labels_must_line_up():
    with pytest.raises(ValueError, match="same length"):
        draw(canvas(), np.zeros((2, 4), np.float32), [KNOWN])


def test_boxes_that_are_not_numbers_do_not_stop_the_drawing():
    draw(canvas(), np.array([[np.nan, 0, np.inf, 50]], np.float32), [KNOWN])


@pytest.mark.parametrize("title", ["", "Zoë Müller–李", "x" * 300])
def test_any_name_can_be_written(title):
    draw(canvas(), np.array([[10, 50, 60, 200]], np.float32), [Label(title, "5 %", identity_colour(3))])


@pytest.mark.parametrize(
    ("status", "identity", "confidence", "expected"),
    [
        ("known", "gallery-001", 0.93, Label("gallery-001", "93 %", (1, 2, 3))),
        ("known", "gallery-001", None, Label("gallery-001", "", (1, 2, 3))),
        ("unknown", None, None, UNKNOWN),
        ("unusable", None, None, UNUSABLE),
    ],
)
def test_label_of_a_match(status, identity, confidence, expected):
    match = Match("probe1", 1, status, identity, None, confidence, (), "reason")
    assert Label.of(match, "gallery-001", (1, 2, 3)) == expected


def test_short_gaps_are_bridged_and_long_ones_are_not():
    boxes = np.array([[0, 0, 10, 10], [40, 0, 50, 10], [40, 0, 50, 10]], np.float32)
    drawn = boxes_by_frame([tracklet([0, 4, 30], boxes)])
    assert sorted(drawn) == [0, 1, 2, 3, 4, 30]
    assert drawn[1][1].tolist() == [[10, 0, 20, 10]]


def test_all_tracks_of_a_frame_come_together():
    drawn = boxes_by_frame([tracklet([3]), tracklet([2, 3], track_id=7), tracklet([])])
    assert drawn[3][0] == [1, 7]
    assert drawn[3][1].shape == (2, 4)


def test_annotated_video_has_the_frames_of_its_source_and_the_boxes(tmp_path):
    source = clips.plain(tmp_path / "in.mp4", frames=20, size=(160, 120))
    done: list[int] = []
    count = write_annotated(
        open_video(source),
        tmp_path / "out.mp4",
        Scene([tracklet(list(range(5, 20)))], {1: KNOWN}),
        progress=done.append,
    )
    assert count == 20
    assert done == list(range(1, 21))
    with open_video(source) as before, open_video(tmp_path / "out.mp4") as after:
        for one, other in zip(before, after, strict=True):
            assert one.time_s == other.time_s
            edge = np.abs(other.image[30:50, 10].astype(int) - one.image[30:50, 10]).mean()
            assert (edge > 25) == (one.index >= 5)


def test_annotating_a_truncated_video_writes_the_frames_that_decode(tmp_path):
    source = clips.truncated(tmp_path / "in.mp4")
    with open_video(source) as video:
        whole = sum(1 for _ in video)
    assert write_annotated(open_video(source), tmp_path / "out.mp4", Scene([], {})) == whole


def test_unreadable_source_leaves_no_file(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError):
        write_annotated(open_video(clips.empty(tmp_path / "in" / "empty.mp4")), tmp_path / "out.mp4", Scene([], {}))
    assert not (tmp_path / "out.mp4").exists()
