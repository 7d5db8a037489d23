"""`gait demo` without a network: one line about it, then it uses what is here, or makes people up."""

from __future__ import annotations

import pytest


@pytest.fixture
def offline(gait, without_network):
    return gait


def test_the_demo_uses_the_videos_in_inputs(offline, tmp_path, walkers):
    (tmp_path / "inputs").mkdir()
    for name in ("gallery", "probe1"):
        (tmp_path / f"inputs/{name}.mp4").write_bytes(walkers("gallery", 60, 20).read_bytes())
    done = offline("demo")
    assert done.returncode == 0, done.stderr
    about = [line for line in done.stderr.splitlines() if "out of reach" in line]
    assert len(about) == 1 and about[0].endswith("Using the videos in inputs/.")
    assert (offline.runs()[0] / "videos/G-gallery_P-probe1.mp4").is_file()
    assert sorted(path.name for path in (tmp_path / "inputs").iterdir()) == ["gallery.mp4", "probe1.mp4"]


def test_the_demo_uses_the_videos_that_were_fetched_before(offline, tmp_path, walkers):
    (tmp_path / "inputs/demo").mkdir(parents=True)
    for name in ("gallery", "probe2"):
        (tmp_path / f"inputs/demo/{name}.mp4").write_bytes(walkers("gallery", 60, 12).read_bytes())
    done = offline("demo")
    assert done.returncode == 0, done.stderr
    assert "Using the videos in inputs/demo/." in done.stderr
    assert (offline.runs()[0] / "videos/G-gallery_P-probe2.mp4").is_file()


def test_the_demo_of_a_profile_without_videos_leaves_nothing_behind(offline, tmp_path):
    done = offline("demo", "--config", "light")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("gait: no demo videos: raw.githubusercontent.com is out of reach, and inputs/gallery.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_of_a_profile_without_checkpoints_says_how_to_get_them(offline, tmp_path, walkers):
    (tmp_path / "inputs").mkdir()
    for name in ("gallery", "probe1"):
        (tmp_path / f"inputs/{name}.mp4").write_bytes(walkers("gallery", 60, 12).read_bytes())
    offline.checkpoints = None
    done = offline("demo", "--config", "light")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "out of reach" in line and "gait checkpoints fetch yolox_nano mediapipe_pose_full" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs"]
