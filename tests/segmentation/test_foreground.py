"""What differs from the empty scene, joined with what the network says."""

from __future__ import annotations

import clips
import numpy as np
import pytest

from pipeline.config import SegmentationConfig
from pipeline.errors import InputError
from pipeline.extraction.extract import learn_background
from pipeline.profiles import load_config
from pipeline.research.bench.segmenters import overlap
from pipeline.research.synth.videos import Show, write_video
from pipeline.runs.job import Video
from pipeline.segmentation.crop import View
from pipeline.segmentation.motion import with_foreground
from pipeline.segmentation.sequences import cut_people, finish
from pipeline.types import Frame, TrackedBoxes
from pipeline.video import open_video

CAMERA = {"light": load_config("light"), "fixed": load_config("fixed")}


@pytest.mark.parametrize(
    ("network", "ground", "person"),
    [
        pytest.param(0.5, 250, True, id="the network does not know, something is there"),
        pytest.param(0.5, 5, False, id="the network does not know, nothing is there"),
        pytest.param(1.0, 128, True, id="sure of a person, the foreground does not know"),
        pytest.param(0.0, 128, False, id="sure of none, the foreground does not know"),
        pytest.param(0.8, 5, False, id="a patch of ground that looks like a person"),
        pytest.param(0.2, 250, True, id="a person in front of what is like them"),
    ],
)
def test_the_surer_of_the_two_decides(network, ground, person):
    joined = with_foreground(np.full((4, 4), network, np.float32), np.full((4, 4), ground, np.uint8), 0.5)
    assert joined.dtype == np.float32
    assert ((joined > 0.5) == person).all()


def frame(foreground):
    return Frame(0, 0.0, np.full((160, 200, 3), 127, np.uint8), foreground)


def people(config, foreground):
    boxes = np.array([(60, 30, 100, 130)], np.float32)
    return cut_people(
        frame(foreground), TrackedBoxes(0, np.array([1]), boxes, np.ones(1, np.float32)), config, View(96)
    )


def test_the_foreground_is_cut_at_the_place_of_the_picture():
    ground = np.zeros((160, 200), np.uint8)
    ground[30:130, 60:100] = 255
    (one,) = people(SegmentationConfig(background=True), ground)
    x1, y1, x2, y2 = one.crop.to_crop(one.box[None])[0].round().astype(int)
    assert one.foreground[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].min() == 255
    assert one.foreground[:, : x1 - 1].max() == one.foreground[: y1 - 1].max() == 0


def test_without_the_setting_nobody_looks_at_the_foreground():
    (one,) = people(SegmentationConfig(), np.full((160, 200), 255, np.uint8))
    assert one.foreground is None


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """Small walkers before a fixed camera, with the truth."""
    path = tmp_path_factory.mktemp("street") / "probe4.mp4"
    write_video(path, Show(seed=21, seconds=5, size=(320, 180), fps=15), 4)
    return path


def test_small_people_before_a_fixed_camera_are_cut_out_better(segmenter, street):
    overlaps = {name: list(_overlaps(street, segmenter, config)) for name, config in CAMERA.items()}
    assert len(overlaps["fixed"]) >= 20
    assert np.mean(overlaps["fixed"]) > np.mean(overlaps["light"]) + 0.03
    assert np.mean(overlaps["fixed"]) > 0.65


def _overlaps(path, segmenter, config):
    """Intersection over union of mask and truth, of those who are in full view in every 6th frame."""
    truth = np.load(path.with_suffix(".truth.npz"))
    background = learn_background(Video("street", str(path)), config, needed=False)
    with open_video(path) as video:
        for picture in map(background.subtract, video):
            if picture.index % 6:
                continue
            seen = np.flatnonzero(truth["visibility"][picture.index] > 0.95)
            boxes = truth["boxes"][picture.index][seen]
            tracked = TrackedBoxes(picture.index, seen + 1, boxes, np.ones(len(seen), np.float32))
            crops = cut_people(picture, tracked, config.segmentation, segmenter.view)
            if not crops:
                continue
            answers = segmenter.segment(np.stack([crop.image for crop in crops]))
            for crop, one in zip(crops, finish(crops, answers, config.segmentation), strict=True):
                yield overlap(crop, one, truth["owner"][picture.index])


def test_a_moving_camera_has_no_background(tmp_path):
    rng = np.random.default_rng(0)
    path = clips.write(tmp_path / "shaken.mp4", [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(120)])
    said = learn_background(Video("shaken", str(path)), CAMERA["fixed"], needed=False)
    assert "never stands still" in said and said.endswith("segmentation.background is not used")


def test_a_video_too_short_for_a_background_is_followed_without(tmp_path):
    path = clips.write(tmp_path / "short.mp4", [clips.picture(0), clips.picture(1)])
    said = learn_background(Video("short", str(path)), CAMERA["fixed"], needed=False)
    assert "too few" in said and said.endswith("segmentation.background is not used")


def test_a_video_too_short_for_a_background_is_refused_where_it_needs_one(tmp_path):
    path = clips.write(tmp_path / "short.mp4", [clips.picture(0), clips.picture(1)])
    with pytest.raises(InputError, match=r"too few .* Pass a longer video, or choose .* --config light"):
        learn_background(Video("short", str(path)), CAMERA["fixed"], needed=True)


def test_a_stream_is_followed_without_a_background():
    said = learn_background(Video("camera", "rtsp://camera.example.org/1"), CAMERA["fixed"], needed=False)
    assert said == "camera: what can be read only once has no background to learn; segmentation.background is not used"
