"""The empty scene before a fixed camera, and what is not part of it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.background import Background
from pipeline.config import BackgroundConfig
from pipeline.errors import InputError
from pipeline.segmentation.motion import MotionSegmenter
from pipeline.types import Frame

SIZE, FPS = (120, 160), 25.0


def scene(shake: int = 0, frames: int = 120, seed: int = 0, shadow: bool = False) -> list[Frame]:
    """A textured wall before which a block of 16×48 px walks from left to right."""
    rng = np.random.default_rng(seed)
    wall = np.kron(rng.integers(60, 190, (34, 44, 3)), np.ones((4, 4, 1))).astype(np.float32)
    shots = []
    for index in range(frames):
        dy, dx = rng.integers(-shake, shake + 1, 2) if shake else (0, 0)
        picture = wall[8 + dy : 8 + dy + SIZE[0], 8 + dx : 8 + dx + SIZE[1]].copy()
        left = block(index)
        if shadow:
            picture[96:104, left - 20 : left] *= 0.7
        picture[48:96, left : left + 16] = (20, 40, 220)
        noisy = picture + rng.normal(0, 3, picture.shape)
        shots.append(Frame(index, index / FPS, np.clip(noisy, 0, 255).astype(np.uint8)))
    return shots


def block(index: int) -> int:
    return 24 + index


def learned(frames: list[Frame]) -> Background:
    return Background(frames, "v", FPS, BackgroundConfig())


@pytest.mark.parametrize("shake", [0, 2], ids=["steady", "shaking"])
def test_the_walker_is_foreground_and_the_wall_is_not(shake):
    frames = scene(shake)
    background = learned(frames)
    for frame in frames[20:100:10]:
        likely = background.subtract(frame).foreground
        left = block(frame.index)
        assert (likely[52:92, left + 3 : left + 13] >= 128).mean() > 0.95
        away = likely.copy()
        away[42:102, left - 6 : left + 22] = 0
        assert (away >= 128).mean() < 0.02


def test_a_shadow_is_not_a_person():
    frames = scene(shadow=True)
    background = learned(frames)
    for frame in frames[30:90:20]:
        likely = background.subtract(frame).foreground
        left = block(frame.index)
        assert (likely[97:103, left - 17 : left - 3] >= 128).mean() < 0.3


def test_a_handful_of_frames_is_too_few():
    with pytest.raises(InputError, match="too few to learn a background from"):
        learned(scene(frames=1))


def test_a_short_video_is_doubted():
    frames = scene(frames=60)
    background = learned(frames)
    for frame in frames:
        background.subtract(frame)
    assert "2.4 s are little" in background.doubts


def test_a_scene_that_is_new_in_every_frame_is_doubted():
    rng = np.random.default_rng(0)
    frames = [Frame(i, i / FPS, rng.integers(0, 256, (*SIZE, 3), np.uint8)) for i in range(120)]
    background = learned(frames)
    for frame in frames:
        background.subtract(frame)
    assert "never stands still" in background.doubts


def test_the_segmenter_mends_cracks_and_leaves_the_ground_alone():
    crop = np.zeros((192, 192), np.uint8)
    crop[40:170, 80:112] = 255
    crop[100:104, 80:112] = 0
    (probability,) = MotionSegmenter(None, None).segment(crop[None]).person
    assert probability[102, 96] > 0.5
    assert probability[:30].max() < 0.01 and probability[:, :60].max() < 0.01
