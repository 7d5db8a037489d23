"""The report of real runs: there after every run, renewed on --resume, and blurred when asked."""

from __future__ import annotations

import re
import shutil

import cv2
import handed_on
import pytest

from pipeline.video import open_video

pytestmark = pytest.mark.slow

FRAMES = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory, gait_in, walkers):
    """A run without annotated videos, and what started it."""
    gait = gait_in(tmp_path_factory.mktemp("report"))
    options = ["--set", "output.videos=false", "--set", "output.silhouettes=false"]
    return gait, gait.run(walkers("gallery", 60, FRAMES), walkers("probe2", 60, FRAMES), options=options)


def portraits_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("portraits/*/*.jpg")}


def detail(path, share: float) -> float:
    """How much fine structure there is in the upper share of a portrait."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return float(cv2.Laplacian(image[: round(share * len(image))], cv2.CV_64F).std())


def test_nothing_says_where_it_was_made_and_nothing_is_open_to_others(run, walkers):
    gait, run = run
    assert handed_on.saying(run.path, gait.cwd, gait.home, walkers("gallery", 60, FRAMES).parent) == []
    for folder in (run.path, run.path.parent / ".cache", run.path.parent / ".resume"):
        assert handed_on.open_to_others(folder) == []


def test_a_run_goes_on_from_another_working_directory_and_not_without_its_videos_paths(run, gait_in, tmp_path):
    gait, run = run
    tracks = {path: path.stat().st_mtime_ns for path in run.path.glob("tracks/*.txt")}
    done = gait_in(tmp_path)("run", "--resume", run.path)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in tracks} == tracks
    assert handed_on.saying(run.path, tmp_path, gait.cwd, gait.home) == []
    elsewhere = shutil.copytree(run.path, tmp_path / "sent" / run.path.name)
    done = gait("run", "--resume", elsewhere)
    assert done.returncode == 2 and "where its videos lie is kept beside the folder" in done.stderr.splitlines()[-1]


def test_everybody_has_a_portrait_and_a_card_without_videos_too(run):
    _, run = run
    html = (run.path / "report.html").read_text()
    entries = {**run.results["gallery"], **run.results["probes"]}
    expected = {f"portraits/{video}/{track}.jpg" for video, tracks in entries.items() for track in tracks}
    assert len(expected) >= 8 and set(portraits_of(run.path)) == expected
    assert all(cv2.imread(str(run.path / name)).shape[0] > 60 for name in expected)
    (probe,) = run.results["probes"].values()
    assert all(f'id="answer-1-{int(track)}"' in html and entry["reason"] in html for track, entry in probe.items())
    assert "<video" not in html


def test_resuming_blurs_heads_in_videos_and_report_and_tracks_nothing_again(run, tmp_path):
    gait, run = run
    sharp, tracks = portraits_of(run.path), {p: p.stat().st_mtime_ns for p in run.path.glob("tracks/*.txt")}
    before = {name: detail(run.path / name, 0.2) for name in sharp}
    options = ("--set", "output.blur_faces=true", "--set", "output.videos=true")
    done = gait("run", "--resume", run.path, *options)
    assert done.returncode == 0, done.stderr
    blurred = portraits_of(run.path)
    assert set(blurred) == set(sharp) and all(blurred[name] != sharp[name] for name in sharp)
    assert all(detail(run.path / name, 0.2) < 0.75 * before[name] for name in sharp)
    assert {p: p.stat().st_mtime_ns for p in tracks} == tracks
    html = (run.path / "report.html").read_text()
    assert "heads of tracked people are blurred" in html
    for source in re.findall(r'<video[^>]* src="([^"]+)"', html):
        with open_video(run.path / source) as video:
            assert sum(1 for _ in video) == FRAMES
    videos = {p: p.stat().st_mtime_ns for p in run.path.glob("videos/*.mp4")}
    assert len(videos) == 2
    assert gait("run", "--resume", run.path, *options).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in videos} == videos and portraits_of(run.path) == blurred


def test_why_and_other_formats_come_from_the_command_line(run, tmp_path):
    gait, run = run
    (gallery,), (probe,) = run.results["gallery"], run.results["probes"]
    track = next(int(track) for track, entry in run.results["probes"][probe].items() if entry["status"] != "unusable")
    known = next(
        int(track) for track, entry in run.results["gallery"][gallery].items() if entry["status"] == "enrolled"
    )
    done = gait("explain", run.path, f"{probe}/{track}", f"{gallery}/{known}", "--out", tmp_path / "why.png")
    assert done.returncode == 0, done.stderr
    assert "Most alike: " in done.stdout and cv2.imread(str(tmp_path / "why.png")) is not None
    refused = gait("explain", run.path, f"{probe}/999", f"{gallery}/{known}")
    assert refused.returncode == 2 and refused.stderr.startswith(f"gait: '{probe}/999': no track 999")
    done = gait("convert", run.path, "supervision", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / f"supervision/{video}.npz") for video in (gallery, probe)]


def test_no_report_is_made_where_none_is_wanted(gait, walkers):
    options = [part for name in ("report", "videos", "silhouettes") for part in ("--set", f"output.{name}=false")]
    run = gait.run(walkers("gallery", 60, 12), walkers("gallery", 60, 12), options=options)
    assert not (run.path / "report.html").exists() and not (run.path / "portraits").exists()
