"""The profiles of single networks, each from end to end on the demo, with small networks that know nobody."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from small_networks import BACKENDS, save_small, save_small_with_card

PROFILES = ("gaitset", "gaitpart", "gaitgl", "deepgaitv2")
FEW = ["recognition.max_frames=8", "segmentation.enough=12", "output.videos=false"]  # cut out once for all of them
MEANINGLESS = "weights for tests: its answers mean nothing"


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """small("gaitset") is a checkpoint of a small network of that profile's kind, with its card beside it."""
    folder = tmp_path_factory.mktemp("small")

    def make(profile):
        path = save_small_with_card(BACKENDS[profile], folder)
        card = path.with_suffix(".yaml")
        card.write_text(card.read_text() + yaml.safe_dump({"warning": MEANINGLESS}))
        return path

    return make


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_the_profile_runs_end_to_end(profile, full, gait_in, short_demo, small):
    weights = small(profile)
    gait = gait_in(full.path.parents[1])
    settings = [f"recognition.checkpoint={weights}", *FEW]
    honest = profile == PROFILES[0]  # for one of them: to look at 180 made-up walks takes up to half a minute
    settings += [] if honest else ["matching.threshold=off"]
    options = ["--config", profile, *(part for setting in settings for part in ("--set", setting))]
    run = gait.run(short_demo / "gallery.mp4", short_demo / "probe1.mp4", options=options)
    assert run.record["status"] == "done"
    assert any(MEANINGLESS in warning for warning in run.record["warnings"])
    answers = run.results["probes"]["probe1"].values()
    assert {answer["status"] for answer in answers} <= {"known", "unknown", "unusable"}
    assert sum(len(answer["candidates"]) >= 3 for answer in answers) >= 3
    if honest:
        assert sum(answer["status"] == "known" for answer in answers) <= 1  # such weights know nobody
    features = sorted((run.path / "features").rglob("*.npz"))
    assert len(features) >= 7
    for path in features:
        with np.load(path) as file:
            assert str(file["model"]) == profile
            assert int(file["frames_used"]) == 8


def test_an_encoder_without_weights_says_what_to_do(gait, demo):
    videos = ["--gallery", demo / "gallery.mp4", "--probe", demo / "probe1.mp4"]
    done = gait("run", *videos, "--set", "recognition.encoder=gaitgl")
    assert done.returncode == 2
    assert "gaitgl needs weights" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_an_exported_network_gives_the_same_answers(full, gait_in, short_demo, small):
    weights = small("gaitset")
    gait = gait_in(full.path.parents[1])
    exported = weights.with_name("gaitset_exported.onnx")
    done = gait("export", "gaitset", "--checkpoint", weights, "--to", "onnx", "--output", exported)
    assert done.returncode == 0, done.stderr

    def answers(checkpoint):
        settings = [f"recognition.checkpoint={checkpoint}", *FEW, "matching.threshold=off"]  # the nearest is named
        options = ["--config", "gaitset", *(part for setting in settings for part in ("--set", setting))]
        run = gait.run(short_demo / "gallery.mp4", short_demo / "probe1.mp4", options=options)
        assert run.record["checkpoints"]["encoder"]["file"] == checkpoint.name
        probe = run.results["probes"]["probe1"]
        return {track: (answer["identity"], answer["distance"]) for track, answer in probe.items()}

    by_torch, by_graph = answers(weights), answers(exported)
    assert {track: name for track, (name, _) in by_torch.items()} == {t: name for t, (name, _) in by_graph.items()}
    for track, (_, distance) in by_torch.items():
        assert by_graph[track][1] == (None if distance is None else pytest.approx(distance, rel=1e-4))


def test_a_modality_that_no_stage_makes_is_refused_before_anything_is_written(gait, demo):
    weights = gait.cwd / "smplgait.pt"
    save_small(BACKENDS["smplgait"], weights)
    weights.with_suffix(".yaml").write_text(
        "stage: encoder\nloader: opengait\nmodel: smplgait\narchitecture:\n"
        "  layers: [BC-4, BC-4, M, BC-8, BC-8, M, BC-16, BC-16]\n"
    )
    settings = ["recognition.encoder=smplgait", f"recognition.checkpoint={weights}"]
    options = [part for setting in settings for part in ("--set", setting)]
    done = gait("run", "--gallery", demo / "gallery.mp4", "--probe", demo / "probe1.mp4", *options)
    assert done.returncode == 2
    assert "smplgait needs SMPL, which this run has not produced" in done.stderr
    assert not gait.runs()
