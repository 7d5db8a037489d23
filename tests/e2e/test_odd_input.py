"""Videos that are unusual but can be used: the run ends well, says what was odd, and draws what was there."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import av
import clips
import cv2
import numpy as np
import pytest

from pipeline.video import open_video

pytestmark = pytest.mark.slow


def times_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [float(frame.pts * stream.time_base) for frame in container.decode(stream)]


def images_of(path):
    with open_video(path) as video:
        return [frame.image for frame in video]


@pytest.mark.parametrize(
    ("make", "name", "size", "frames"),
    [
        (clips.plain, "nobody.mp4", (96, 64), 20),
        (clips.one_frame, "one.mp4", (96, 64), 1),
        (clips.one_pixel, "pixel.mkv", (2, 2), 3),
        (clips.odd_size, "odd.mp4", (98, 66), 5),
        (clips.gray, "gray.mp4", (96, 64), 5),
        (clips.ten_bit, "ten.mp4", (96, 64), 5),
        (clips.image_folder, "frames", (96, 64), 12),
        (clips.rotated, "phone.mp4", (64, 96), 6),
        (clips.vfr, "vfr.mp4", (96, 64), 10),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_videos_without_people_run_and_say_so(gait, tmp_path, make, name, size, frames):
    run = gait.run(make(tmp_path / name), tmp_path / name)
    stem = name.partition(".")[0]
    assert run.record["status"] == "done"
    assert run.record["warnings"] == [f"{stem}: nobody was found in {frames} frames"]
    assert run.results["gallery"] == run.results["probes"] == {stem: {}}
    for video in (stem, f"G-{stem}_P-{stem}"):
        with av.open(str(run.path / f"videos/{video}.mp4")) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt, (context.width, context.height)) == ("h264", "yuv420p", size)
        assert len(times_of(run.path / f"videos/{video}.mp4")) == frames
    assert (run.path / f"tracks/{stem}.txt").read_text() == ""


def test_a_phone_video_is_upright_in_the_output(gait, tmp_path):
    source = clips.rotated(tmp_path / "phone.mp4", 90, 6, (160, 96))
    run = gait.run(source, source)
    assert run.record["inputs"]["gallery"]["size"] == [96, 160] and run.record["inputs"]["gallery"]["rotation"] == 90
    upright = np.rot90(clips.picture(0, (160, 96)), -1)  # clockwise
    drawn = images_of(run.path / "videos/phone.mp4")[0]
    assert drawn.shape == upright.shape
    assert np.abs(drawn.astype(int) - upright).mean() < 12


@pytest.fixture(scope="module")
def odd_twins(tmp_path_factory, gait_in, walkers):
    """The same walk as it is, on its side without a tag, and squeezed as DV is, and tagged so."""
    gait = gait_in(tmp_path_factory.mktemp("odd"))
    plain, crf = walkers("gallery", 60, 24), {"crf": "10", "preset": "ultrafast"}
    images = images_of(plain)
    height, width = images[0].shape[:2]
    side = clips.write(gait.cwd / "side.mp4", [np.rot90(image) for image in images], options=crf)
    narrow = [cv2.resize(image, (width * 45 // 128 * 2, height), interpolation=cv2.INTER_AREA) for image in images]
    squeezed = clips.write(gait.cwd / "squeezed.mp4", narrow, options=crf, pixel=Fraction(width, narrow[0].shape[1]))
    return gait.run(plain, side, squeezed), images


@pytest.mark.parametrize("name", ["side", "squeezed"])
def test_odd_pictures_hold_the_same_people(odd_twins, name):
    run, images = odd_twins
    people = {row["identity"] for row in run.results["probes"][name].values() if row["status"] == "known"}
    enrolled = run.record["inputs"]["gallery"]
    assert len(people) == enrolled["tracks"] == 4
    probe = next(entry for entry in run.record["inputs"]["probes"] if entry["name"] == name)
    assert probe["size"] == enrolled["size"]
    assert probe["turn"] == (90 if name == "side" else 0)
    drawn = images_of(run.path / f"videos/G-{enrolled['name']}_P-{name}.mp4")
    assert len(drawn) == len(images)
    assert drawn[0].shape == images[0].shape
    assert np.median(np.abs(drawn[0].astype(int) - images[0])) < 12  # upright, and not squeezed


def test_a_turned_picture_is_said_in_one_line_and_kept_on_resuming(odd_twins, gait_in):
    run, _ = odd_twins
    said = [line for line in run.record["warnings"] if line.startswith("side: ")]
    assert said == ["side: the picture lies on its side; turned by 90° clockwise (--rotate 0 leaves it)"]
    found = run.record["stages"]["detect"]
    done = gait_in(run.path.parents[1])("run", "--resume", run.path)
    assert done.returncode == 0, done.stderr
    assert json.loads((run.path / "run.json").read_text())["stages"]["detect"] == found


def test_a_gallery_that_is_a_probe_too_stays_one_on_resuming(gait, tmp_path):
    source, other = (clips.plain(tmp_path / f"{name}.mp4", 5) for name in ("plain", "other"))
    run = gait.run(source, source, other)
    done = gait("run", "--resume", run.path)
    assert done.returncode == 0, done.stderr
    assert list(json.loads((run.path / "results.json").read_text())["probes"]) == ["plain", "other"]


def test_a_turn_can_be_told(gait, tmp_path):
    source = clips.plain(tmp_path / "plain.mp4", 5)
    run = gait.run(source, source, options=["--rotate", "90"])
    assert run.record["inputs"]["gallery"]["size"] == [64, 96]
    assert images_of(run.path / "videos/plain.mp4")[0].shape == (96, 64, 3)


def test_a_variable_frame_rate_keeps_every_time(gait, tmp_path):
    source = clips.vfr(tmp_path / "vfr.mp4")
    run = gait.run(source, source)
    assert times_of(run.path / "videos/vfr.mp4") == times_of(source)


def test_a_cut_video_is_used_as_far_as_it_goes(gait, tmp_path):
    source = clips.truncated(tmp_path / "cut.mp4")
    run = gait.run(source, clips.plain(tmp_path / "whole.mp4", 5))
    warning = next(line for line in run.record["warnings"] if "damaged" in line)
    used = run.record["inputs"]["gallery"]["frames"]
    assert 5 < used < 35
    assert warning.startswith("cut.mp4: ") and f"after frame {used} of 40; used what decodes" in warning
    assert len(times_of(run.path / "videos/cut.mp4")) == used
    assert warning in (run.path / "run.log").read_text()


def test_damage_in_the_middle_is_counted(gait, tmp_path):
    source = clips.corrupted(tmp_path / "hit.mp4")
    run = gait.run(source, source)
    used = run.record["inputs"]["gallery"]["frames"]
    assert len(times_of(run.path / "videos/hit.mp4")) == used


def test_a_probe_that_is_the_gallery_gives_everybody_their_own_name(gait, walkers):
    clip = walkers("gallery", 60, 16)
    run = gait.run(clip, clip)
    (name,) = run.results["gallery"]
    enrolled = {track for track, row in run.results["gallery"][name].items() if row["status"] == "enrolled"}
    answers = run.results["probes"][name]
    assert len(enrolled) >= 2
    assert {track: answers[track]["identity"] for track in enrolled} == {t: f"{name}-{t}" for t in enrolled}
    assert all(answers[track]["distance"] < 1e-4 for track in enrolled)
    assert {path.stem for path in (run.path / "videos").iterdir()} == {name, f"G-{name}_P-{name}"}


def test_a_gallery_without_people_leaves_everybody_unknown(gait, tmp_path, walkers):
    run = gait.run(clips.plain(tmp_path / "empty.mp4", 5), walkers("gallery", 60, 16))
    (answers,) = run.results["probes"].values()
    assert answers and {row["status"] for row in answers.values()} <= {"unknown", "unusable"}
    reasons = {row["reason"] for row in answers.values() if row["status"] == "unknown"}
    assert reasons == {"no gallery person to compare with"}


def test_a_probe_that_cannot_be_read_is_left_out_and_named(gait, tmp_path, walkers):
    clips.audio_only(tmp_path / "audio.mp4")
    gallery, probe = walkers("gallery", 60, 12), walkers("probe2", 60, 12)
    done = gait("run", "--gallery", gallery, "--probe", "audio.mp4", "--probe", probe)
    assert done.returncode == 2
    assert "audio.mp4: no video stream" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("gait: 1 of 2 probes could not be read and were left out")
    (path,) = gait.runs()
    record = json.loads((path / "run.json").read_text())
    assert record["status"] == "done"
    (left_out,) = record["unreadable"]
    assert left_out["name"] == "audio" and left_out["problem"] in record["warnings"]
    assert set(json.loads((path / "results.json").read_text())["probes"]) == {probe.stem}

    (tmp_path / "audio.mp4").write_bytes(probe.read_bytes())  # mended
    done = gait("run", "--resume", path)
    assert done.returncode == 0, done.stderr
    assert set(json.loads((path / "results.json").read_text())["probes"]) == {probe.stem, "audio"}
    assert json.loads((path / "run.json").read_text())["unreadable"] == []


def test_odd_names_reach_every_file(gait, tmp_path, walkers):
    clip = walkers("gallery", 60, 14)
    names = ["人 & co: 5%.mp4", "it's [1] {x}.mp4", b"caf\xe9.mp4".decode("utf-8", "surrogateescape")]
    for name in names:
        (tmp_path / name).write_bytes(clip.read_bytes())
    run = gait.run(names[0], *names[1:])
    assert set(run.results["probes"]) == {"it_s _1_ _x_", "caf_"}
    assert (run.path / "videos/G-人 _ co_ 5__P-caf_.mp4").is_file()
    done = gait("run", "--resume", run.path)
    assert done.returncode == 0, done.stderr


def test_inputs_are_found_without_options(gait, tmp_path, walkers):
    (tmp_path / "inputs").mkdir()
    for name in ("gallery", "probe_a", "probe_b"):
        (tmp_path / f"inputs/{name}.mp4").write_bytes(walkers("probe2", 60, 12).read_bytes())
    done = gait("run")
    assert done.returncode == 0, done.stderr
    assert (gait.runs()[0] / "videos/G-gallery_P-probe_b.mp4").is_file()
    paces = re.findall(
        r"^\w+: (\d) of 3 videos; \d+ frames/s, [\d.]+ × real time, about \d+ s left$", done.stderr, re.M
    )
    assert paces == ["1", "2", "3"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory, gait_in, walkers):
    """The same run three times: afresh, afresh in another folder, and again beside the first."""
    gait = gait_in(tmp_path_factory.mktemp("twins"))
    videos = walkers("gallery", 60, 12), walkers("probe2", 60, 12)
    return [gait.run(*videos, output=output) for output in ("one", "other", "one")]


def files_in(run):
    return {path.relative_to(run.path) for path in run.path.rglob("*") if path.is_file()}


def test_two_runs_give_the_same_results(twins):
    one, other, _ = twins
    assert (one.path / "results.json").read_bytes() == (other.path / "results.json").read_bytes()
    assert files_in(one) == files_in(other)
    for path in files_in(one):
        if path.suffix in (".txt", ".png", ".npz"):
            assert (one.path / path).read_bytes() == (other.path / path).read_bytes(), path


def test_what_an_earlier_run_found_is_taken_over(twins):
    one, _, again = twins
    assert "detect" in one.record["stages"] and "detect" not in again.record["stages"]
    assert again.record["inputs"]["gallery"]["reused"] and "reused" not in one.record["inputs"]["gallery"]
    assert one.path != again.path
    assert one.results == again.results
    assert files_in(one) == files_in(again)


def test_outputs_can_be_left_out(gait, walkers):
    clip = walkers("probe2", 60, 12)
    run = gait.run(clip, clip, options=["--set", "output.videos=false", "--set", "output.silhouettes=false"])
    assert not (run.path / "videos").exists() and not (run.path / "silhouettes").exists()
    assert run.record["status"] == "done"
