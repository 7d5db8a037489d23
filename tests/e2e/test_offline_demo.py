"""`gait demo --offline`: no network, no download; made-up people, and how well they were found and named."""

from __future__ import annotations

import json
import time
from functools import partial

import clips
import numpy as np
import pytest
from processes import finish, killed

from pipeline.research.synth import videos
from pipeline.video import open_video


@pytest.fixture(scope="module")
def shown(tmp_path_factory, gait_in, without_network):
    """Of `gait demo` that has neither videos nor weights, and no way to fetch any."""
    gait = gait_in(tmp_path_factory.mktemp("offline"))
    gait.checkpoints = None
    with pytest.MonkeyPatch.context() as patch:  # half as wide and high, and 15 frames a second: a seventh of the work
        patch.setattr(videos, "Show", partial(videos.Show, size=(428, 240), fps=15))
        done = gait("demo", "--seconds", "4", "--set", "output.silhouettes=false")
    assert done.returncode == 0, done.stderr
    return gait, done, gait.runs()[0]


def test_without_a_network_three_lines_tell_what_is_missing_and_what_is_done_instead(shown):
    gait, done, _ = shown
    said = [line for line in done.stderr.splitlines() if line.startswith("gait: ") or "://" in line]
    missing, instead, result = said
    assert "yolox_nano and mediapipe_pose_full cannot be fetched: github.com is out of reach." in missing
    assert "people who do not exist" in instead
    assert result.endswith(f"see {gait.runs()[0].relative_to(gait.cwd)}/report.html")


def test_who_asks_for_it_gets_people_made_up_whatever_there_is(gait, walkers):
    (gait.cwd / "inputs").mkdir()
    for name in ("gallery", "probe1"):
        (gait.cwd / f"inputs/{name}.mp4").write_bytes(walkers("gallery", 60, 12).read_bytes())
    process = gait.start("demo", "--offline", "--seconds", "4")
    deadline = time.monotonic() + 180
    while not (gait.cwd / "inputs/made-up").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (gait.cwd / "inputs/made-up").is_dir(), killed(process)
    assert not gait.runs()  # it films first
    process.terminate()
    _, said = finish(process, status=130)
    assert "out of reach" not in said


@pytest.mark.slow
def test_people_are_followed_and_the_score_is_written(shown):
    _, done, folder = shown
    score = json.loads((folder / "score.json").read_text())
    assert sorted(score["idf1"]) == ["gallery", "probe1", "probe2", "probe3", "probe4"]
    assert score["idf1"]["gallery"] > 0.9
    assert sum(score["idf1"].values()) / 5 > 0.75
    assert score["people"] == 16 and 0 <= score["named_right"] <= score["likeliest_right"] <= 16
    given = json.loads((folder / "results.json").read_text())["probes"]
    named = [one for tracks in given.values() for one in tracks.values() if one["status"] == "known"]
    assert score["named_right"] + score["named_wrong"] == len(named) and all(one["confidence"] >= 0.5 for one in named)
    assert f"{score['named_right']} of 16 people got their own name" in done.stderr


@pytest.mark.slow
def test_only_shipped_weights_are_used_and_the_limits_are_said(shown):
    gait, done, folder = shown
    record = json.loads((folder / "run.json").read_text())
    assert {stage: one and one["name"] for stage, one in record["checkpoints"].items()} == {
        "detector": None, "segmenter": None, "encoder": "gaitbase_synth"
    }  # fmt: skip
    assert "a camera that stands still" in done.stderr
    assert not (gait.cwd / "checkpoints").exists()


@pytest.mark.slow
def test_the_report_shows_everybody(shown):
    _, _, folder = shown
    html = (folder / "report.html").read_text()
    probes = json.loads((folder / "results.json").read_text())["probes"]
    for number, tracks in enumerate(probes.values(), start=1):
        assert all(f'id="answer-{number}-{int(track)}"' in html for track in tracks)
    assert html.count("<video ") == 5
    assert len(html) < 2_000_000


@pytest.mark.slow
def test_the_annotated_videos_are_whole(shown):
    gait, _, folder = shown
    for name in ("gallery", "G-gallery_P-probe1"):
        source = gait.cwd / "inputs/made-up" / f"{name.rpartition('_P-')[2]}.mp4"
        with open_video(folder / f"videos/{name}.mp4") as after, open_video(source) as before:
            assert sum(1 for _ in after) == sum(1 for _ in before) == 60


def test_a_moving_camera_is_told_with_what_to_do_about_it(gait, tmp_path):
    rng = np.random.default_rng(0)
    video = clips.write(tmp_path / "shaken.mp4", [rng.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(120)])
    done = gait("run", "--config", "offline", "--gallery", video, "--probe", video)
    assert "never stands still" in done.stderr
    assert "Expect wrong tracks; --config light does not need a fixed camera" in done.stderr
