"""The sink: what is written is what was given, whole or not at all."""

from __future__ import annotations

import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import clips
import numpy as np
import pytest
from processes import run_program

from pipeline.errors import OutputError
from pipeline.video import VideoSink, open_video


def copy(source: Path, target: Path, frames: int | None = None) -> None:
    with open_video(source) as video:
        info = video.info
        with VideoSink(target, info.width, info.height, info.fps, info.time_base) as sink:
            for frame in islice(video, frames):
                sink.write(frame.image, frame.time_s)


def stream_of(path: Path) -> dict[str, object]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        return {
            "codec": context.name, "format": context.pix_fmt, "size": (context.width, context.height),
            "rate": stream.average_rate, "frames": stream.frames,
            "times": [float(frame.pts * stream.time_base) for frame in container.decode(stream)],
        }  # fmt: skip


@pytest.mark.parametrize(
    ("make", "name", "size"),
    [
        (clips.plain, "plain.mp4", (96, 64)),
        (clips.vfr, "vfr.mp4", (96, 64)),
        (clips.odd_size, "odd.mp4", (98, 66)),
        (clips.one_pixel, "pixel.mkv", (2, 2)),
        (clips.one_frame, "one.mp4", (96, 64)),
        (clips.rotated, "phone.mp4", (64, 96)),
        (clips.plain, "clock.ts", (96, 64)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_frames_times_and_size_are_those_of_the_input(tmp_path, make, name, size):
    source, target = make(tmp_path / name), tmp_path / "out.mp4"
    copy(source, target)
    with open_video(source) as video:
        times = [frame.time_s for frame in video]
    written = stream_of(target)
    assert (written["codec"], written["format"]) == ("h264", "yuv420p")
    assert written["size"] == size
    assert written["times"] == times
    if "vfr" not in name:
        assert float(written["rate"]) == pytest.approx(video.info.fps)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), 25, 60], ids=str)
def test_frame_rates_survive_exactly(tmp_path, fps):
    copy(clips.plain(tmp_path / "in.mp4", fps=fps), tmp_path / "out.mp4")
    assert stream_of(tmp_path / "out.mp4")["rate"] == fps


def test_demo_video_keeps_frames_rate_and_colour(shared, tmp_path):
    source, target = shared / "videos/demo/probe3.mp4", tmp_path / "probe3.mp4"
    copy(source, target, 60)
    with open_video(source) as before, open_video(target) as after:
        assert (after.info.frame_count, after.info.fps) == (60, before.info.fps)
        for one, other in zip(islice(before, 60), after, strict=True):
            assert one.time_s == other.time_s
            if one.index % 25 == 0:
                assert np.abs(other.image.mean((0, 1)) - one.image.mean((0, 1))).max() < 2


@pytest.mark.parametrize("size", [(320, 180), (1280, 720)], ids=["SD", "HD"])
def test_colours_survive_and_are_tagged(tmp_path, size):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2], image[:, size[0] // 2 :] = (30, 160, 220), (200, 60, 90)
    with VideoSink(tmp_path / "out.mp4", *size, fps=25) as sink:
        sink.write(image)
    with open_video(tmp_path / "out.mp4") as video:
        seen = next(iter(video)).image.astype(int)
    assert np.abs(seen[:, 8 : size[0] // 2 - 8] - image[:, 8 : size[0] // 2 - 8]).max() <= 4
    assert np.abs(seen[:, size[0] // 2 + 8 : -8] - image[:, size[0] // 2 + 8 : -8]).max() <= 4
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.colorspace == (1 if size[1] == 720 else 6)


def test_index_comes_first_so_that_playing_starts_at_once(tmp_path):
    copy(clips.plain(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_clock_that_jumps_back_loses_no_frame(tmp_path):
    with VideoSink(tmp_path / "out.mp4", 96, 64, 25, Fraction(1, 1000)) as sink:
        for index, time_s in enumerate([0.0, 0.04, 0.04, 0.01, 0.2]):
            sink.write(clips.picture(index), time_s)
    assert len(stream_of(tmp_path / "out.mp4")["times"]) == 5


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_when_writing_is_interrupted(tmp_path, stop):
    with pytest.raises(stop), VideoSink(tmp_path / "out.mp4", 96, 64, 25) as sink:
        sink.write(clips.picture(0))
        raise stop
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_survives_an_interrupted_rewrite(tmp_path):
    path = clips.plain(tmp_path / "out.mp4")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), VideoSink(path, 96, 64, 25) as sink:
        sink.write(clips.picture(0))
        raise RuntimeError
    assert path.read_bytes() == before


def test_missing_folder_is_a_one_line_error(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        VideoSink(tmp_path / "nowhere" / "out.mp4", 96, 64, 25)


def test_a_sink_without_frames_is_an_error_and_no_file(tmp_path):
    with pytest.raises(OutputError, match="no frame"), VideoSink(tmp_path / "out.mp4", 96, 64, 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_picture_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match="same shape"), VideoSink(tmp_path / "out.mp4", 96, 64, 25) as sink:
        sink.write(np.zeros((64, 95, 3), np.uint8))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_running_out_of_space_is_a_one_line_error_and_no_file(tmp_path):
    target = tmp_path / "out.mp4"
    done = run_program("write_too_much", target, "video")  # the system refuses, as a full disk does
    assert done.stdout.startswith(f"{target}: ")
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
