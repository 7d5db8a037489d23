"""The profiles for skeletons on the demo, with weights that mean nothing, and what poses do to a run's folder."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_networks import BACKENDS, save_small_with_card

from pipeline.files import read_json
from pipeline.jobs.run import run
from pipeline.pose.storage import read_poses
from pipeline.profiles import load_config
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import plan

pytestmark = pytest.mark.slow

PROFILES = {  # profile → size of an embedding
    "skeletongait++": (8, 16), "skeletongait": (8, 16), "gaitgraph2": (384, 1),
}  # fmt: skip
PUBLISHED = "gaitgraph2_gait3d"


@pytest.fixture(scope="module")
def weights(golden, weight_rule, tmp_path_factory):
    """weights(PROFILE): settings that name a small network, and for gaitgraph2 one of the size of the published."""
    folder = tmp_path_factory.mktemp("weights")

    def make(profile):
        if profile != "gaitgraph2":
            encoder = profile.replace("++", "pp")
            return [f"recognition.checkpoint={save_small_with_card(BACKENDS[encoder], folder)}"]
        path = folder / f"{PUBLISHED}.pt"
        structural = np.load(golden(PUBLISHED) / "structural.npz")
        keys = json.loads((golden(PUBLISHED) / "state_dict_keys.json").read_text())
        state = {
            key: torch.from_numpy(
                np.asarray(structural.get(key, weight_rule.make(key, shape, dtype == "int64"))).reshape(shape)
            )
            for key, (shape, dtype) in keys.items()
        }
        torch.save({"model": state, "iteration": 1}, path)
        return [f"recognition.checkpoint={path}", f"recognition.card={PUBLISHED}"]

    return make


FRAMES = 14


@pytest.fixture(scope="module")
def videos(walkers):
    """A little of the gallery, twice: people are too small at the same place in the probes."""
    return walkers("gallery", 60, FRAMES), walkers("gallery", 100, FRAMES)


@pytest.fixture(scope="module")
def run_here(tmp_path_factory, checkpoints, videos):
    """run_here(profile, settings, output) does the job in this process, which spares starting one for each."""
    folder = tmp_path_factory.mktemp("poses")

    def once(profile, settings=(), output="output"):
        short = [
            "recognition.min_frames=8",
            "output.videos=false",
            "output.silhouettes=false",
            "runtime.threads=1",
            "matching.threshold=off",
        ]  # no look at made-up people, which no test here asks for
        config = load_config(profile, [*short, f"output.folder={folder / output}", *settings])
        path = run(plan(str(videos[0]), [str(videos[1])]), config, checkpoints)
        return SimpleNamespace(path=path, record=read_json(path / "run.json"), results=read_json(path / "results.json"))

    return once


@pytest.fixture(scope="module")
def runs(run_here, weights):
    """Every profile, one after another in one output folder."""
    return {profile: run_here(profile, weights(profile)) for profile in PROFILES}


def tracks(done):
    """Every track's entry in results.json, with its video and number."""
    videos = {**done.results["gallery"], **done.results["probes"]}
    return [(video, int(track), entry) for video, found in videos.items() for track, entry in found.items()]


@pytest.mark.parametrize("profile", PROFILES)
def test_everybody_with_enough_frames_gets_an_embedding(runs, profile):
    done = runs[profile]
    usable = [track for track in tracks(done) if track[2]["status"] != "unusable"]
    assert len(tracks(done)) >= 7 and len(usable) >= 6  # four people in each video
    for video, track, entry in usable:
        assert FRAMES >= entry["poses"] >= 8
        with np.load(done.path / f"features/{video}/{track:03d}.npz") as file:
            assert file["parts"].shape == PROFILES[profile] and np.isfinite(file["parts"]).all()
            both = min(entry["poses"], entry["silhouettes"])
            assert 8 <= file["frames_used"] <= both if profile == "skeletongait++" else entry["poses"]


def test_why_somebody_has_none_is_said_in_the_encoder_s_terms(runs):
    reasons = {profile: [e["reason"] for _, _, e in tracks(done)] for profile, done in runs.items()}
    assert not any("silhouettes" in reason for reason in reasons["gaitgraph2"] if "needed" in reason)
    short = [reason for reason in reasons["skeletongait++"] if "needed" in reason]
    assert all("frames with a usable silhouette and pose in" in reason for reason in short)


def test_the_run_says_that_the_weights_are_not_the_published_ones(runs):
    said = runs["gaitgraph2"].record["warnings"]
    assert any(f"{PUBLISHED}.pt: not the published {PUBLISHED}" in line for line in said)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_segmenter_finds_the_joints(runs, profile):
    assert "pose" not in runs[profile].record["checkpoints"]


def test_joints_lie_in_the_boxes_of_their_track(runs):
    done = next(iter(runs.values()))
    for video, track, _ in tracks(done):
        rows = np.loadtxt(done.path / f"tracks/{video}.txt", delimiter=",")
        boxes = {int(row[0]) - 1: row[2:6] for row in rows[rows[:, 1] == track]}
        poses = read_poses(done.path / f"poses/{video}/{track:03d}.npz", video, track)
        assert set(poses.frame_indices.tolist()) <= set(boxes)
        assert list(poses.frame_size) == done.record["inputs"]["gallery"]["size"][::-1]
        where = np.array([boxes[frame] for frame in poses.frame_indices.tolist()])
        share = (poses.keypoints[..., :2] - where[:, None, :2]) / where[:, None, 2:]
        assert ((share > -0.3) & (share < 1.3)).mean() > 0.99


def test_what_is_the_same_is_made_once(runs):
    first, *others = runs.values()
    assert first.record["stages"]["segment"]["crops"] >= 6 * FRAMES and "pose" not in first.record["stages"]
    for other in others:
        assert other.record["inputs"]["gallery"]["reused"] and "segment" not in other.record["stages"]
        for path in (first.path / "poses").rglob("*.npz"):
            assert (other.path / path.relative_to(first.path)).read_bytes() == path.read_bytes()


def test_a_resumed_run_makes_lost_features_from_the_poses_that_are_there(runs, checkpoints):
    done = runs["gaitgraph2"]
    kept = {path: path.stat().st_mtime_ns for path in (done.path / "poses").rglob("*.npz")}
    features = sorted((done.path / "features").rglob("*.npz"))
    before = [dict(np.load(path))["parts"] for path in features]
    for path in (done.path / ".done").glob("features-*"):
        path.unlink()
    noted = json.loads(RunFolder(done.path).resumption.read_text())
    gallery, *probes = (one["path"] for one in noted["videos"])
    job = plan(gallery, probes)
    config = load_config(noted["config"], ["output.cache_gb=0"])
    run(job, config, checkpoints, resume=done.path)
    assert {path: path.stat().st_mtime_ns for path in (done.path / "poses").rglob("*.npz")} == kept
    assert all(np.array_equal(dict(np.load(path))["parts"], old) for path, old in zip(features, before, strict=True))


def test_poses_can_be_had_for_their_own_sake_and_from_workers_too(runs, run_here):
    alone = run_here("light", ["pose.always=true", "runtime.workers=2"], "always")
    assert all("poses" not in entry for _, _, entry in tracks(alone))  # the encoder did not look at them
    paths = sorted((runs["gaitgraph2"].path / "poses").rglob("*.npz"))
    assert len(paths) >= 7
    for path in paths:
        here, there = np.load(path), np.load(alone.path / path.relative_to(runs["gaitgraph2"].path))
        assert all(np.array_equal(here[name], there[name]) for name in here.files)


def test_an_estimator_of_its_own_looks_at_the_same_people(runs, run_here):
    movenet = run_here("light", ["pose.always=true", "pose.estimator=movenet"], "movenet")
    assert movenet.record["checkpoints"]["pose"]["name"] == "movenet_singlepose_lightning_int8"
    assert movenet.record["stages"]["pose"]["crops"] == movenet.record["stages"]["segment"]["crops"]
    apart = []
    for path in sorted((runs["gaitgraph2"].path / "poses").rglob("*.npz")):
        here = np.load(path)
        there = np.load(movenet.path / path.relative_to(runs["gaitgraph2"].path))
        np.testing.assert_array_equal(here["frame_indices"], there["frame_indices"])
        tall = np.ptp(here["keypoints"][..., 1], axis=1)[:, None]
        apart.append(np.linalg.norm(here["keypoints"] - there["keypoints"], axis=2)[:, 5:] / tall)
    assert np.median(np.concatenate(apart)) < 0.05, "of a body's height, from the shoulders down"


def test_joints_of_a_segmenter_that_finds_none_are_refused_before_anything_is_made(gait, videos):
    done = gait(
        "run", "--gallery", videos[0], "--probe", videos[1], "--set", "pose.always=true",
        "--set", "segmentation.checkpoint=human_pp_humansegv1_lite_192x192",
    )  # fmt: skip
    assert done.returncode == 2 and "pose.estimator=segmenter" in done.stderr and "movenet" in done.stderr
    assert gait.runs() == []


def test_a_missing_estimator_is_refused_before_anything_is_made(gait, videos):
    done = gait(
        "run", "--gallery", videos[0], "--probe", videos[1],
        "--set", "pose.always=true", "--set", "pose.checkpoint=rtmpose_m", "--set", "pose.estimator=rtmpose",
    )  # fmt: skip
    assert done.returncode == 2 and "checkpoint rtmpose_m" in done.stderr and "fetch rtmpose_m" in done.stderr
    assert gait.runs() == []
