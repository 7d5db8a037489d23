"""Stretches of a video hold the very frames of the whole, or the video is not cut."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import clips
import numpy as np
import pytest

from pipeline.cluster.video_stretch import Stretch, StretchSource, UnlikeError, cut
from pipeline.video import open_video

LENGTH = 20


def noisy(path: Path, frames: int = 89, pts: list[int] | None = None, **options: str) -> Path:
    """Pictures of which no two are alike."""
    rng = np.random.default_rng(2)
    images = [clips.picture(index) // 2 + rng.integers(0, 90, (64, 96, 3), np.uint8) for index in range(frames)]
    return clips.write(path, images, options={"g": "12", "crf": "30", "sc_threshold": "0", **options}, pts=pts)


def whole(path: Path) -> list[tuple[int, float, bytes]]:
    with open_video(path) as video:
        return [(frame.index, frame.time_s, frame.image.tobytes()) for frame in video]


def read(path: Path, stretches: list[Stretch]) -> list[tuple[int, float, bytes]]:
    """The frames of all stretches, which must agree on the pictures around their borders."""
    frames, sources = [], []
    for stretch in reversed(stretches):  # in any order
        with StretchSource(str(path), "walk", stretch) as source:
            frames = [(frame.index, frame.time_s, frame.image.tobytes()) for frame in source] + frames
            assert source.frames_read == stretch.frames
            assert source.warning is None
        sources.insert(0, source)
    assert all(one.beyond == other.own for one, other in pairwise(sources))
    return frames


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("between", ["0", "3"])
def test_stretches_are_the_whole(tmp_path, suffix, between):
    path = noisy(tmp_path / f"walk.{suffix}", bf=between)
    stretches = cut(path, LENGTH)
    assert [(one.first, one.frames) for one in stretches] == [(0, 20), (20, 20), (40, 20), (60, 29)]
    assert read(path, stretches) == whole(path)


def test_stretches_are_turned_and_in_square_pixels_as_the_whole(tmp_path):
    images = [clips.picture(index) for index in range(45)]
    path = clips.write(tmp_path / "walk.mp4", images, options={"g": "12"}, pixel=Fraction(2))
    with open_video(path, turn=90) as video:
        pictures = [frame.image for frame in video]
    assert pictures[0].shape == (192, 64, 3)
    for stretch in cut(path, LENGTH):
        with StretchSource(str(path), "walk", stretch, turn=90) as source:
            assert all(np.array_equal(frame.image, pictures[frame.index]) for frame in source)


@pytest.mark.parametrize("codec", ["libx265", "mpeg4", "libvpx-vp9", "mjpeg"])
def test_other_codecs(tmp_path, codec):
    images = [clips.picture(index, (96, 64)) for index in range(69)]
    options = {"libx265": {"x265-params": "keyint=12:open-gop=0:log-level=none"}}.get(codec, {"g": "12"})
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = clips.write(tmp_path / "walk.mkv", images, codec=codec, options=options, pix_fmt=pix_fmt)
    stretches = cut(path, LENGTH)
    assert len(stretches) == 3
    assert read(path, stretches) == whole(path)


def test_a_varying_frame_rate_changes_nothing(tmp_path):
    steps = np.random.default_rng(3).integers(1, 9, 89)
    path = noisy(tmp_path / "vfr.mp4", pts=np.cumsum(steps).tolist())
    stretches = cut(path, LENGTH)
    assert len(stretches) == 4
    assert read(path, stretches) == whole(path)


def test_phone_videos_come_out_upright(tmp_path):
    path = clips.set_display_matrix(noisy(tmp_path / "phone.mp4"), (0, 1, -1, 0))
    assert read(path, cut(path, LENGTH)) == whole(path)


def test_open_groups_of_pictures_are_no_entries(tmp_path):
    path = noisy(tmp_path / "open.mp4", bf="3", **{"x264-params": "open-gop=1:keyint=12:min-keyint=12:scenecut=0"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = [place for place, packet in enumerate(packets) if packet.is_keyframe]
    leading = [place for place in keys if any(later.pts < packets[place].pts for later in packets[place + 1 :])]
    assert len(leading) > 3, "this encoder closes its groups: the test says nothing"
    assert len(cut(path, LENGTH)) <= 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("refresh.mp4", {"bf": "0", "x264-params": "intra-refresh=1:keyint=12"}),  # no key frame refreshes the picture
        ("walk.avi", {"bf": "3"}),  # AVI knows no showing times
        ("walk.avi", {"bf": "0"}),
    ],
)
def test_doubtful_entries_are_found_out_or_do_no_harm(tmp_path, name, options):
    path = noisy(tmp_path / name, **options)
    try:
        frames = read(path, cut(path, LENGTH))
    except UnlikeError:
        return
    assert frames == whole(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: noisy(path, g="1000"),  # one key frame
        lambda path: noisy(path, frames=29),  # shorter than one and a half
        lambda path: clips.truncated(path, frames=90),
        lambda path: clips.plain(path, 1),
    ],
    ids=["one key frame", "short", "cut off", "one frame"],
)
def test_other_videos_stay_whole(tmp_path, make):
    assert len(cut(make(tmp_path / "walk.mp4"), LENGTH)) <= 1


def test_damage_is_found_out(tmp_path):
    path = clips.corrupted(tmp_path / "damaged.mp4", frames=90)
    stretches = cut(path, LENGTH)
    with pytest.raises(UnlikeError):
        read(path, stretches)


def test_a_file_that_was_replaced_is_found_out(tmp_path):
    path = noisy(tmp_path / "walk.mp4")
    stretches = cut(path, LENGTH)
    noisy(path, frames=50)
    with pytest.raises(UnlikeError, match="changes while it is read"):
        read(path, stretches)
