"""Which videos a run is about, and under which names."""

from __future__ import annotations

from pathlib import Path

import clips
import pytest

from pipeline.errors import ConfigError, InputError
from pipeline.runs.job import Video, called, fingerprint, plan
from pipeline.video import sha256_of


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test has its own working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def names(job) -> list[str]:
    return [video.name for video in (job.gallery, *job.probes)]


def test_videos_are_named_after_their_files():
    job = plan("a/known.mp4", ["b/street one.mkv", "c/yard.MOV"])
    assert names(job) == ["known", "street one", "yard"]
    assert [video.source for video in job.videos] == ["a/known.mp4", "b/street one.mkv", "c/yard.MOV"]


def test_videos_of_one_name_are_told_apart():
    job = plan("known.mp4", ["a/cam.mp4", "b/cam.mkv", "c/Cam.mp4", "door.mp4"])
    assert job.namesakes == ["cam is a/cam.mp4", "cam-2 is b/cam.mkv", "Cam-3 is c/Cam.mp4"]
    assert plan("known.mp4", ["cam-2.mp4", "cam.mp4"]).namesakes == []


def test_without_arguments_the_inputs_folder_is_taken():
    put("inputs/gallery.mkv", "inputs/probe2.mp4", "inputs/Probe1.MP4", "inputs/README.md", "inputs/other.mp4")
    job = plan(None, [])
    assert names(job) == ["gallery", "Probe1", "probe2"]


@pytest.mark.parametrize(
    ("files", "missing"),
    [((), "gallery.mp4"), (("probe1.mp4",), "gallery.mp4"), (("gallery.mp4", "probe.txt"), "probe1.mp4")],
    ids=["nothing", "no gallery", "no probe"],
)
def test_an_inputs_folder_without_a_half_names_it(files, missing):
    put(*(f"inputs/{name}" for name in files))
    with pytest.raises(InputError, match=rf"inputs/{missing}: not found\. Put it there"):
        plan(None, [])


def test_two_galleries_are_one_too_many():
    put("inputs/gallery.mp4", "inputs/gallery.mkv", "inputs/probe.mp4")
    with pytest.raises(InputError, match=r"both galleries\. Keep one"):
        plan(None, [])


def test_one_half_alone_is_refused():
    with pytest.raises(ConfigError, match="--probe was given without --gallery"):
        plan(None, ["p.mp4"])
    with pytest.raises(ConfigError, match=r"--gallery g\.mp4 was given without --probe"):
        plan("g.mp4", [])


def test_a_pattern_is_every_match_but_the_gallery():
    put("v/a.mp4", "v/b.mp4", "v/gallery.mp4", "v/notes.txt")
    assert names(plan("v/gallery.mp4", ["v/*.mp4"])) == ["gallery", "a", "b"]


def test_a_pattern_without_a_match_says_so():
    with pytest.raises(InputError, match=r"--probe v/\*\.mp4: matches no file"):
        plan("g.mp4", ["v/*.mp4"])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file():
    put("a[1].mp4", "a1.mp4")
    assert plan("g.mp4", ["a[1].mp4"]).probes[0].source == "a[1].mp4"


def test_equal_stems_get_different_names():
    job = plan("day1/cam.mp4", ["day2/cam.mp4", "day3/CAM.mp4", "cam-2.mp4"])
    assert names(job) == ["cam", "cam-2", "CAM-3", "cam-2-2"]


def test_a_probe_that_is_the_gallery_is_the_same_video():
    put("g.mp4")
    job = plan("g.mp4", ["./g.mp4", "p.mp4"])
    assert job.probes[0].name == job.gallery.name == "g"
    assert [video.name for video in plan("g.mp4", ["g.mp4", "p.mp4"]).videos] == ["g", "p"]


def test_another_spelling_of_the_gallerys_path_is_not_worked_on_twice():
    put("g.mp4")
    assert len(plan("g.mp4", ["./g.mp4"]).videos) == 1


def test_a_probe_given_twice_is_taken_once():
    assert names(plan("g.mp4", ["p.mp4", "p.mp4"])) == ["g", "p"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("walk: 5%\n!.mp4", "walk_ 5___"),
        ("Straße 人.mp4", "Straße 人"),
        ("हिन्दी กิตติ.mp4", "हिन्दी กิตติ"),
        ("Zoe\u0308.mp4", "Zoë"),
        ("a\u202eb.mp4", "a_b"),
        ("Con.mp4", "_Con"),
        ("aux.walk.mp4", "_aux.walk"),
        ("a.b.c.mp4", "a.b.c"),
        (".hidden", "hidden"),
        ("...mp4", "video"),
        ("folder/", "folder"),
        ("-v.mp4", "-v"),
        ("..", "video"),
        ("0", "0"),
        ("rtsp://host:554/live/cam7", "cam7"),
        ("rtsp://user:secret@host:554", "host_554"),
        ("http://host/stream.m3u8?token=secret", "stream.m3u8"),
    ],
)
def test_names_are_safe_as_file_names(source, name):
    assert plan("g.mp4", [source]).probes[0].name == name


def test_long_names_leave_room_for_both_in_one_file_name():
    long = "人र्" * 80
    gallery, probe = names(plan(f"{long}.mp4", [f"other/{long}.mp4"]))
    assert gallery != probe
    assert len(f".partial-1234567-140000000000000-G-{gallery}_P-{probe}.mp4".encode()) <= 255


@pytest.mark.parametrize("name", ["..", "../outside", "/etc/passwd", "a/b", "", ".hidden", "a\\b", "a\0b"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="cannot be the name of a video"):
        Video(name, "p.mp4")


def test_addresses_are_no_patterns_and_no_paths():
    address = "http://host/cam[1].mjpg?x=*"
    video = plan("g.mp4", [address]).probes[0]
    assert video.source == video.absolute == address


def test_a_tilde_is_the_users_home(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    put("p.mp4", "g.mp4")
    job = plan("~/g.mp4", ["~/p*.mp4"])
    assert [video.source for video in job.videos] == [str(here / "g.mp4"), str(here / "p.mp4")]


def test_links_in_a_circle_and_endless_names_are_left_to_whoever_opens_the_video():
    Path("circle.mp4").symlink_to("circle.mp4")
    job = plan("circle.mp4", ["n" * 300 + ".mp4"])
    assert [video.absolute for video in job.videos] == ["circle.mp4", "n" * 300 + ".mp4"]


def test_a_relative_file_is_found_from_any_folder(here):
    put("p.mp4")
    assert Video("p", "p.mp4").absolute == str(here / "p.mp4")


def test_the_fingerprint_of_a_file_is_its_sha256(here):
    put("p.mp4")
    assert fingerprint(Video("p", "p.mp4")) == sha256_of(here / "p.mp4")


def test_the_fingerprint_of_a_folder_covers_names_and_bytes(here):
    clips.image_folder(here / "frames", 3)
    video = Video("frames", "frames")
    before = fingerprint(video)
    assert len(before) == 64 and fingerprint(video) == before
    (here / "frames/frame_0.png").rename(here / "frames/frame_9.png")
    renamed = fingerprint(video)
    (here / "frames/frame_1.png").write_bytes(b"other")
    assert len({before, renamed, fingerprint(video)}) == 3


def test_cameras_and_streams_have_no_fingerprint():
    assert fingerprint(Video("camera", "0")) == fingerprint(Video("s", "rtsp://host/s")) == ""


def test_videos_are_called_as_is_wanted_where_that_can_be_and_never_alike():
    names = {"Ada/1.mp4": "Ada-1", "Ada-1.mp4": "Ada-1", "odd.mp4": "a/b?", "dots.mp4": "..."}
    assert [(video.name, video.source) for video in called(names)] == [
        ("Ada-1", "Ada/1.mp4"), ("Ada-1-2", "Ada-1.mp4"), ("a_b_", "odd.mp4"), ("video", "dots.mp4"),
    ]  # fmt: skip
