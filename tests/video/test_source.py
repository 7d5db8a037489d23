"""Sources: what comes out of ordinary, awkward and hostile videos."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import threading
from fractions import Fraction
from pathlib import Path

import clips
import cv2
import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.types import Image
from pipeline.video import open_video, sha256_of

RED, BLUE = (0, 0, 255), (255, 0, 0)


def near(image: Image, x: int, y: int, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(image[y, x].astype(int) - colour).max() < 60)


def error_of(source: str | Path) -> str:
    with pytest.raises(InputError) as caught:
        open_video(source)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(source).name in message
    assert message.rstrip().endswith(".")
    return message


def test_frames_come_in_order_upright_contiguous_and_timed(tmp_path):
    with open_video(clips.plain(tmp_path / "plain.mp4", frames=30)) as video:
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time_s for frame in frames] == [index / 25 for index in range(30)]
    for frame in frames:
        assert frame.image.flags.c_contiguous
        assert frame.image.flags.writeable
        assert np.abs(frame.image.astype(int) - clips.picture(frame.index)).mean() < 6
    assert video.warning is None
    assert video.truncated_after is None


def test_info_is_known_before_reading(tmp_path):
    with open_video(clips.plain(tmp_path / "walk.mp4", fps=Fraction(30000, 1001))) as video:
        info = video.info
    assert (info.name, info.width, info.height, info.frame_count, info.codec) == ("walk", 96, 64, 20, "h264")
    assert info.fps == pytest.approx(30000 / 1001)
    assert info.duration_s == pytest.approx(20 * 1001 / 30000)
    assert info.rotation == 0


def test_a_name_can_be_given(tmp_path):
    with open_video(clips.plain(tmp_path / "walk.mp4"), name="gallery") as video:
        assert video.info.name == "gallery"


def test_demo_video_as_its_ground_truth_counts_it(shared):
    with open_video(shared / "videos/demo/gallery.mp4") as video:
        assert (video.info.width, video.info.height, video.info.fps) == (480, 854, 30)
        assert sum(1 for _ in video) == video.info.frame_count == 235


@pytest.mark.parametrize(
    ("degrees", "red", "blue"),
    [(0, "top left", "bottom right"), (90, "top right", "bottom left"),
     (180, "bottom right", "top left"), (270, "bottom left", "top right")],
)  # fmt: skip
def test_phone_videos_come_out_upright(tmp_path, degrees, red, blue):
    with open_video(clips.rotated(tmp_path / "phone.mp4", degrees)) as video:
        info, image = video.info, next(iter(video)).image
    assert (info.width, info.height) == ((64, 96) if degrees in (90, 270) else (96, 64))
    assert image.shape == (info.height, info.width, 3)
    assert info.rotation == degrees
    corners = {
        "top left": (4, 4), "top right": (info.width - 5, 4),
        "bottom left": (4, info.height - 5), "bottom right": (info.width - 5, info.height - 5),
    }  # fmt: skip
    assert near(image, *corners[red], RED)
    assert near(image, *corners[blue], BLUE)


def test_mirrored_videos_come_out_as_players_show_them(tmp_path):
    with open_video(clips.mirrored(tmp_path / "selfie.mp4")) as video:
        image = next(iter(video)).image
    assert near(image, 91, 4, RED)
    assert near(image, 4, 59, BLUE)


@pytest.mark.parametrize("planar", [False, True], ids=["bgr", "planar"])
@pytest.mark.parametrize(
    ("name", "pixel", "size"),
    [("dvr.mp4", Fraction(2), (192, 64)), ("dvr.mkv", Fraction(1, 2), (96, 128)),
     ("dv.ts", Fraction(64, 45), (136, 64)), ("raw.h264", Fraction(2), (192, 64)), ("dvr.avi", Fraction(2), (192, 64))],
)  # fmt: skip
def test_pixels_come_out_square(tmp_path, name, pixel, size, planar):
    codec = "mpeg4" if name.endswith(".avi") else "libx264"
    images = [clips.picture(index) for index in range(6)]
    with open_video(clips.write(tmp_path / name, images, codec=codec, pixel=pixel)) as video:
        assert (video.info.width, video.info.height) == size
        first = next(video.planar()).image(video.colours) if planar else next(iter(video)).image
    assert first.shape == (size[1], size[0], 3)
    wanted = cv2.resize(clips.picture(0), size, interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(first - wanted).mean() < 8
    assert video.warning is None


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_pixels_are_those_of_the_coded_picture_however_it_is_turned(tmp_path, degrees):
    images = [clips.picture(index) for index in range(6)]
    path = clips.write(tmp_path / "phone.mp4", images, pixel=Fraction(2))
    turned = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    with open_video(clips.set_display_matrix(path, turned)) as video:
        image = next(iter(video)).image
    assert image.shape == ((192, 64, 3) if degrees in (90, 270) else (64, 192, 3))


def test_pixels_of_an_absurd_shape_are_taken_as_square_and_said(tmp_path):
    path = clips.write(tmp_path / "wide.h264", [clips.picture(index) for index in range(6)], pixel=Fraction(60))
    with open_video(path) as video:
        assert {frame.image.shape for frame in video} == {(64, 96, 3)}
    assert video.warning == "wide.h264: pixels of 60:1 are not believed; used as square"


def test_shape_of_pixels_that_changes_midway_is_said(tmp_path):
    images = [clips.picture(index) for index in range(12)]
    first, second = (clips.write(tmp_path / f"{n}.h264", images, pixel=Fraction(n, 2)) for n in (4, 1))
    (tmp_path / "both.h264").write_bytes(first.read_bytes() + second.read_bytes())
    with open_video(tmp_path / "both.h264") as video:
        assert {frame.image.shape for frame in video} == {(64, 192, 3)}
    assert video.warning is not None
    assert "shape of its pixels changes" in video.warning


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("tagged", [0, 90, 180, 270])
def test_picture_is_turned_further_than_its_tag_says(tmp_path, tagged, turn):
    path = clips.rotated(tmp_path / "phone.mp4", tagged)
    with open_video(path) as video:
        as_shown = next(iter(video)).image
    with open_video(path, turn=turn) as video:
        image, planar = next(iter(video)).image, video.info
    assert np.array_equal(image, np.rot90(as_shown, -turn // 90))
    assert (planar.width, planar.height, planar.rotation) == (*image.shape[1::-1], (tagged + turn) % 360)


def test_folder_of_images_is_turned(tmp_path):
    with open_video(clips.image_folder(tmp_path / "frames", frames=2), turn=90) as video:
        images = [frame.image for frame in video]
    assert np.array_equal(images[0], np.rot90(clips.picture(0), -1))
    assert (video.info.width, video.info.height) == (64, 96)


def test_variable_frame_rate_keeps_every_time(tmp_path):
    with open_video(clips.vfr(tmp_path / "vfr.mp4")) as video:
        times = [frame.time_s for frame in video]
    assert times == [ms / 1000 for ms in clips.VFR_PTS]


def test_gaps_of_a_camera_that_records_on_motion_do_not_lower_the_frame_rate(tmp_path):
    ticks = [tick + gap for gap in (0, 900) for tick in range(10)]  # twice a third of a second, 30 s apart
    with open_video(
        clips.write(tmp_path / "gap.mp4", [clips.picture(i) for i in range(20)], fps=30, pts=ticks)
    ) as video:
        times = [frame.time_s for frame in video]
    assert video.info.fps == 30 and times[-1] == pytest.approx(909 / 30)


@pytest.mark.parametrize(
    ("make", "name", "size", "count"),
    [
        (clips.odd_size, "odd.mp4", (97, 65), 5),
        (clips.one_frame, "one.mp4", (96, 64), 1),
        (clips.one_pixel, "pixel.mkv", (1, 1), 3),
        (clips.gray, "gray.mp4", (96, 64), 5),
        (clips.ten_bit, "ten.mp4", (96, 64), 5),
        (clips.plain, "clock.ts", (96, 64), 20),
        (clips.plain, "raw.h264", (96, 64), 20),
        (clips.dropped, "dropped.avi", (96, 64), 20),
        (clips.plain, "rtsp:%03d we*ird.mp4", (96, 64), 20),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_awkward_videos_are_read_whole(tmp_path, make, name, size, count):
    with open_video(make(tmp_path / name)) as video:
        frames = list(video)
    assert (video.info.width, video.info.height) == size
    assert len(frames) == count
    assert frames[0].time_s == 0
    assert np.all(np.diff([frame.time_s for frame in frames]) > 0)
    assert video.warning is None


def test_truncated_video_gives_what_decodes_and_says_how_much(tmp_path):
    path = clips.truncated(tmp_path / "probe2.mp4", frames=40)
    with open_video(path) as video:
        assert video.warning is None  # not known before the end
        count = sum(1 for _ in video)
    assert 10 < count < 30
    assert video.truncated_after == count
    assert video.warning == f"probe2.mp4: damaged after frame {count} of 40; used what decodes"


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path):
    with open_video(clips.corrupted(tmp_path / "scratched.mp4", frames=40)) as video:
        frames = list(video)
    assert 25 < len(frames) < 40
    assert video.skipped > 0
    assert video.truncated_after is None
    assert video.warning is not None
    assert f"{len(frames)} used" in video.warning
    assert np.abs(frames[-1].image.astype(int) - frames[0].image).mean() < 40  # the end is whole again


def test_damaged_video_decodes_to_the_same_frames_twice(tmp_path):
    path = clips.corrupted(tmp_path / "scratched.mp4")
    once, again = [[frame.time_s for frame in open_video(path)] for _ in range(2)]
    assert once == again


@pytest.mark.parametrize("name", sorted(clips.UNREADABLE))
def test_files_without_video_are_one_line_errors(tmp_path, name):
    error_of(clips.UNREADABLE[name](tmp_path / name))


def test_errors_say_which_kind_of_wrong(tmp_path):
    assert "no such file" in error_of(tmp_path / "missing.mp4")
    assert "empty" in error_of(clips.empty(tmp_path / "empty.mp4"))
    assert "audio only" in error_of(clips.audio_only(tmp_path / "audio.mp4"))
    assert "index" in error_of(clips.truncated_without_index(tmp_path / "cut.mp4"))
    assert "not a video" in error_of(clips.text_renamed(tmp_path / "text.mp4"))
    assert "text" in error_of(clips.text_renamed(tmp_path / "notes.txt"))
    assert "cannot be reached (File name too long)" in error_of(tmp_path / ("n" * 300 + ".mp4"))
    assert "no such file" in error_of(Path("~nobody-at-all/a.mp4"))
    assert "without images" in error_of(_folder(tmp_path / "bare"))


@pytest.mark.parametrize("name", ["list", "named.mp4"])
@pytest.mark.parametrize(
    "listed",
    ["#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{folder}/other.mp4\n#EXT-X-ENDLIST\n",
     "ffconcat version 1.0\nfile other.mp4\n",
     "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
     '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{folder}/other.mp4</BaseURL></MPD>'],
    ids=["m3u8", "ffconcat", "sdp", "mpd"],
)  # fmt: skip
def test_lists_of_other_files_are_refused_whatever_they_are_called(tmp_path, listed, name):
    clips.plain(tmp_path / "other.mp4")
    suffix = {"#": ".m3u8", "f": ".ffconcat", "v": ".sdp", "<": ".mpd"}[listed[0]]
    path = tmp_path / (name if name != "list" else f"list{suffix}")
    path.write_text(listed.format(folder=tmp_path))
    assert "a list of other files" in error_of(path)


def test_name_that_is_a_pattern_opens_no_other_pictures(tmp_path):
    first = clips.write(tmp_path / "walk1.png", [clips.picture(1)], codec="png", pix_fmt="rgb24")
    shutil.copy(first, tmp_path / "walk%d.png")
    assert "not a video" in error_of(tmp_path / "walk%d.png")


def test_pictures_in_another_file_are_not_fetched(tmp_path):
    clips.plain(tmp_path / "other.mov")
    assert "another file" in error_of(clips.external(tmp_path / "alias.mov", tmp_path / "other.mov"))


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_video_without_one_whole_frame_is_an_error(tmp_path):
    assert "not one frame" in error_of(clips.truncated(tmp_path / "stub.mp4", keep=0.002))


def test_absurd_dimensions_are_refused(tmp_path):
    path = clips.write(tmp_path / "wide.mkv", [np.zeros((2, 17000, 3), np.uint8)], codec="ffv1", pix_fmt="bgr0")
    assert "17000×2" in error_of(path)


def test_unreachable_streams_and_cameras_are_errors_without_the_password():
    message = error_of("rtsp://user:secret@127.0.0.1:9/walk")
    assert "secret" not in message
    error_of("97")
    error_of("/dev/video97")


def test_network_address_is_read_like_a_file(tmp_path):
    clips.plain(tmp_path / "plain.mp4", frames=8)
    handler = functools.partial(_QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open_video(f"http://127.0.0.1:{server.server_address[1]}/plain.mp4", name="door") as video:
            times = [frame.time_s for frame in video]
        server.shutdown()
    assert times == [index / 25 for index in range(8)]
    assert video.info.frame_count is None


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_folder_of_images_is_sorted_as_people_count(tmp_path):
    with open_video(clips.image_folder(tmp_path / "frames", frames=12)) as video:
        frames = list(video)
    assert [frame.time_s for frame in frames] == [index / 25 for index in range(12)]
    for frame in frames:
        assert np.array_equal(frame.image, clips.picture(frame.index))
    assert (video.info.name, video.info.frame_count, video.info.fps) == ("frames", 12, 25)


def test_broken_and_differing_images_are_reported(tmp_path):
    folder = clips.image_folder(tmp_path / "frames", frames=4)
    clips.empty(folder / "frame_1.png")
    clips.empty(folder / "._frame_0.png")  # what macOS writes beside a file on a foreign disk is no frame
    cv2.imwrite(str(folder / "frame_2.png"), clips.picture(2, (48, 32)))
    with open_video(folder) as video:
        shapes = {frame.image.shape for frame in video}
    assert shapes == {(64, 96, 3)}
    assert video.frames_read == 3
    assert video.warning == "frames: 1 damaged frames left out, 3 used; 1 frames of another size scaled to 96×64"


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"gait")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"gait").hexdigest()
    with pytest.raises(InputError, match="cannot be read"):
        sha256_of(tmp_path / "b")


def test_closing_releases_the_file(tmp_path):
    path = clips.plain(tmp_path / "plain.mp4")
    video = open_video(path)
    video.close()
    video.close()
    shutil.rmtree(tmp_path)
